# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model file: found in order, damaged ones refused with a sentence, downloads that leave nothing half done."""

import hashlib
import http.server
import os
import subprocess
import sys
import textwrap
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mimica.capture.model import (
    OFFICIAL_NAME,
    OFFLINE_NAME,
    ModelError,
    download_model,
    find_model,
    verify_model,
)


def make_bundle(path: Path, *, scores: bool = True, members: tuple[str, ...] | None = None) -> Path:
    """Write a zip that has a bundle's members and their identifiers, without their networks."""
    names = members or ("face_detector.tflite", "face_landmarks_detector.tflite")
    with zipfile.ZipFile(path, "w") as bundle:
        for name in names + (("face_blendshapes.tflite",) if scores else ()):
            bundle.writestr(name, b"\x18\0\0\0TFL3" + name.encode() * 500)
    return path


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MIMICA_MODEL", raising=False)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    extension, user = tmp_path / "extension", tmp_path / "user"
    extension.mkdir()
    user.mkdir()
    return extension, user


def test_search_order(folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extension, user = folders

    def found(explicit: Path | None = None) -> tuple[Path, str] | None:
        model = find_model(explicit=explicit, extension_folder=extension, user_folder=user)
        return None if model is None else (model.path, model.origin)

    assert found() is None
    offline = make_bundle(user / OFFLINE_NAME, scores=False)
    assert found() == (offline, "offline")
    official = make_bundle(user / OFFICIAL_NAME)
    assert found() == (official, "user")
    inside = make_bundle(extension / OFFICIAL_NAME)
    assert found() == (inside, "extension")
    named = make_bundle(tmp_path / "named.task")
    monkeypatch.setenv("MIMICA_MODEL", str(named))
    assert found() == (named, "environment")
    chosen = make_bundle(tmp_path / "chosen.task")
    assert found(chosen) == (chosen, "path")


def test_what_was_asked_for_is_never_replaced(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    extension, user = folders
    make_bundle(extension / OFFICIAL_NAME)
    with pytest.raises(ModelError, match="does not exist"):
        find_model(explicit=user / "gone.task", extension_folder=extension, user_folder=user)
    monkeypatch.setenv("MIMICA_MODEL", str(user / "gone.task"))
    with pytest.raises(ModelError, match="does not exist"):
        find_model(explicit=None, extension_folder=extension, user_folder=user)


def test_scores_are_told_by_the_members(tmp_path: Path) -> None:
    assert verify_model(make_bundle(tmp_path / "a.task")).has_scores
    assert not verify_model(make_bundle(tmp_path / "b.task", scores=False)).has_scores


def test_the_real_model_is_accepted(model_path: Path) -> None:
    model = verify_model(model_path)
    assert model.sha256 == hashlib.sha256(model_path.read_bytes()).hexdigest()
    assert model.official == model.has_scores  # the other one is the offline bundle


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def flip_a_byte(path: Path) -> None:
    contents = bytearray(path.read_bytes())
    contents[300] ^= 0xFF
    path.write_bytes(contents)


DAMAGE = {
    "truncated": truncate,
    "a byte flipped": flip_a_byte,
    "empty": lambda path: path.write_bytes(b""),
    "a web page": lambda path: path.write_bytes(b"<html>Sign in to this network</html>" * 100),
    "other members": lambda path: make_bundle(path, members=("hand_detector.tflite",)),
    "no models inside": lambda path: zipfile.ZipFile(path, "w").close(),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_files_are_refused(tmp_path: Path, damage: str) -> None:
    path = make_bundle(tmp_path / "model.task")
    verify_model(path)
    DAMAGE[damage](path)
    with pytest.raises(ModelError) as error:
        verify_model(path)
    assert str(path) in str(error.value)
    assert str(error.value).endswith(".")


def test_a_member_that_is_no_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.task"
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr("face_detector.tflite", b"nothing of use")
        bundle.writestr("face_landmarks_detector.tflite", b"\x18\0\0\0TFL3")
    with pytest.raises(ModelError, match="face_detector"):
        verify_model(path)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="folder"):
        verify_model(tmp_path)


class Server:
    """Answers on the loopback interface."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes] = {}
        self.announced: int | None = None
        self.requests: list[str] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests.append(self.path)
                contents = outer.answers.get(self.path)
                self.send_response(404 if contents is None else 200)
                self.send_header("Content-Length", str(outer.announced or len(contents or b"")))
                self.end_headers()
                self.wfile.write(contents or b"")

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"


@contextmanager
def serving() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.server.shutdown()
        server.server.server_close()
        thread.join()


def test_download(tmp_path: Path) -> None:
    contents = make_bundle(tmp_path / "source.task").read_bytes() + b""
    seen: list[float] = []
    with serving() as server:
        server.answers["/m.task"] = contents
        model = download_model(
            tmp_path / "new" / "user",
            seen.append,
            address=f"{server.address}/m.task",
            sha256=hashlib.sha256(contents).hexdigest(),
        )
    assert model.origin == "download"
    assert model.path.read_bytes() == contents
    assert seen == sorted(seen) and seen[-1] == 1.0
    found = find_model(explicit=None, extension_folder=None, user_folder=tmp_path / "new" / "user")
    assert found is not None and found.path == model.path
    assert os.listdir(model.path.parent) == [OFFICIAL_NAME]


@pytest.mark.parametrize("failure", ["hash", "short", "missing", "unreachable"])
def test_a_failed_download_changes_nothing(tmp_path: Path, failure: str) -> None:
    old = make_bundle(tmp_path / OFFICIAL_NAME).read_bytes()
    contents = b"x" * 300_000
    sha256 = hashlib.sha256(contents).hexdigest()
    expected = {"hash": "SHA-256", "short": "stopped after", "missing": "HTTP 404", "unreachable": "cannot be reached"}
    with serving() as server:
        address = f"{server.address}/m.task"
        if failure != "missing":
            server.answers["/m.task"] = contents
        if failure == "hash":
            sha256 = "0" * 64
        if failure == "short":
            server.announced = 400_000
        if failure == "unreachable":
            address = "http://127.0.0.1:9/m.task"
        with pytest.raises(ModelError, match=expected[failure]):
            download_model(tmp_path, address=address, sha256=sha256)
    assert (tmp_path / OFFICIAL_NAME).read_bytes() == old
    assert os.listdir(tmp_path) == [OFFICIAL_NAME]


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX resource limits")
def test_a_full_disk_is_said(tmp_path: Path) -> None:
    """The file may not grow beyond 100 kB, which the system reports to the writer as it does a full disk."""
    contents = b"x" * 1_000_000
    program = f"""
        import resource, sys
        from pathlib import Path
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        from mimica.capture.model import ModelError, download_model
        try:
            download_model(Path(sys.argv[1]), address=sys.argv[2], sha256={hashlib.sha256(contents).hexdigest()!r})
        except ModelError as error:
            print(error)
    """
    with serving() as server:
        server.answers["/m.task"] = contents
        result = run_python(program, str(tmp_path / "user"), f"{server.address}/m.task")
    assert "not enough room" in result.stdout, result.stderr
    assert os.listdir(tmp_path / "user") == []


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelError, match="cannot be written"):
        download_model(tmp_path / "file" / "user", address="http://127.0.0.1:9/", sha256="0" * 64)


def run_python(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a Python of its own, which finds `mimica` as this one did."""
    import mimica

    bootstrap = f"""
        import importlib.util, sys
        spec = importlib.util.spec_from_file_location("mimica", {mimica.__file__!r},
            submodule_search_locations={list(mimica.__path__)!r})
        sys.modules["mimica"] = importlib.util.module_from_spec(spec)
    """
    code = textwrap.dedent(bootstrap) + textwrap.dedent(program)
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=120, check=False
    )

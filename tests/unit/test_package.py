# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes into the extension zips, without downloading or packing anything."""

import re
import tomllib
import zipfile
from pathlib import Path

import pytest

from mimica.tools import lock, package
from mimica.tools.environment import ToolError
from mimica.tools.lean import lean_copy


@pytest.mark.parametrize("platform", lock.PLATFORMS)
def test_each_platform_has_every_package_for_every_python(platform: str) -> None:
    expected = set(lock.pinned_versions()) | (set(lock.MACOS_ONLY) if platform.startswith("macos") else set())
    for python in lock.PYTHONS:
        names = [wheel.name for wheel in lock.select(platform, (python,))]
        assert sorted(names) == sorted(expected)


def test_the_lock_has_the_versions_of_pyproject() -> None:
    pins = lock.pinned_versions() | lock.MACOS_ONLY
    for wheel in lock.read_lock():
        assert wheel.version == pins[wheel.name]
        assert wheel.file.split("-")[1] == wheel.version


def test_numpy_is_never_bundled() -> None:
    assert not [wheel for wheel in lock.read_lock() if wheel.file.startswith("numpy-")]


def test_hashes_and_sizes_are_whole() -> None:
    for wheel in lock.read_lock():
        assert re.fullmatch(r"[0-9a-f]{64}", wheel.sha256) and wheel.size > 1000


@pytest.mark.parametrize(
    ("platform", "pattern"),
    [
        ("windows-x64", r"any|win_amd64"),
        ("macos-arm64", r"any|(macosx_\d+_\d+_x86_64\.)?macosx_\d+_\d+_(arm64|universal2)"),
        ("linux-x64", r"any|(manylinux\w*_x86_64\.?)+"),
    ],
)
def test_wheels_fit_the_platform_as_blender_reads_their_names(platform: str, pattern: str) -> None:
    for wheel in lock.select(platform, lock.PYTHONS):
        assert re.fullmatch(pattern, wheel.file.removesuffix(".whl").split("-")[-1]), wheel.file


@pytest.mark.parametrize(
    ("file", "python"),
    [
        ("a-1.0-cp311-cp311-win_amd64.whl", "3.11"),
        ("a-1.0-cp37-abi3-win_amd64.whl", None),
        ("a-1.0-py3-none-any.whl", None),
        ("a-1.0-py2.py3-none-any.whl", None),
    ],
)
def test_which_python_a_wheel_is_for(file: str, python: str | None) -> None:
    assert lock.python_of(file) == python


@pytest.mark.parametrize(("platform", "pythons"), [("solaris-sparc", ("3.11",)), ("linux-x64", ("3.9",))])
def test_what_is_not_locked_is_said(platform: str, pythons: tuple[str, ...]) -> None:
    with pytest.raises(ToolError, match=r"^(There is no zip for solaris|No wheels are locked for Python 3\.9)"):
        lock.select(platform, pythons)


def test_no_steinberg_and_no_other_systems_portaudio(tmp_path: Path) -> None:
    """A wheel as sounddevice's are: one build of PortAudio for each system, and others with ASIO."""
    folder, info = "_sounddevice_data/portaudio-binaries", "sounddevice-1.dist-info"
    builds = ["libportaudio.dylib", "libportaudio64bit.dll", "libportaudio64bit-asio.dll", "libportaudio32bit.dll"]
    members = ["sounddevice.py", f"{folder}/README.md", *(f"{folder}/{name}" for name in builds), f"{info}/RECORD"]
    wheel = tmp_path / "sounddevice.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in members:
            archive.writestr(name, "".join(f"{each},sha256=x,1\n" for each in members))
    for platform, kept in (("windows-x64", "libportaudio64bit.dll"), ("macos-arm64", "libportaudio.dylib")):
        leans = [tmp_path / f"{platform}-{i}.whl" for i in range(2)]
        for lean in leans:
            assert lean_copy(wheel, "sounddevice", platform, lean)
        expected = ["sounddevice.py", f"{folder}/README.md", f"{folder}/{kept}", f"{info}/RECORD"]
        with zipfile.ZipFile(leans[0]) as archive:
            assert archive.namelist() == expected
            record = archive.read(f"{info}/RECORD").decode().splitlines()
        assert [line.split(",")[0] for line in record] == expected
        assert leans[0].read_bytes() == leans[1].read_bytes()
    assert not lean_copy(wheel, "sounddevice", "linux-x64", tmp_path / "same.whl")
    assert not lean_copy(wheel, "cffi", "windows-x64", tmp_path / "same.whl")


def test_only_the_extension_goes_in(root: Path) -> None:
    files = package.source_files(root)
    assert {"__init__.py", "LICENSE", "mapping/data/controls.json"} <= set(files)
    tops = {name.split("/")[0] for name in files}
    assert tops == {"LICENSE", "LICENSES", "NOTICE.md", "__init__.py", *package.PACKAGES}
    assert not [name for name in files if "__pycache__" in name or "/." in name]


def test_a_file_of_an_unknown_kind_stops_the_build(tmp_path: Path) -> None:
    (tmp_path / "ui").mkdir()
    (tmp_path / "ui" / "notes.txt").write_text("x")
    with pytest.raises(ToolError, match=r"ui/notes\.txt"):
        package.source_files(tmp_path)


def test_the_manifest_of_a_zip(root: Path) -> None:
    wheels = ["b-1-py3-none-any.whl", "a-1-py3-none-any.whl"]
    manifest = tomllib.loads(package.manifest_for("linux-x64", wheels, ["__init__.py"], root))
    assert manifest["platforms"] == ["linux-x64"]
    assert manifest["wheels"] == ["./wheels/a-1-py3-none-any.whl", "./wheels/b-1-py3-none-any.whl"]
    assert manifest["build"] == {"paths": ["__init__.py"]}
    assert manifest["permissions"] and manifest["id"] == "mimica"


def test_a_zip_with_other_contents_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("__init__.py", "")
        archive.writestr("tests/test_x.py", "")
    with pytest.raises(ToolError, match=r"tests/test_x\.py"):
        package.check_contents(path, ["__init__.py"])

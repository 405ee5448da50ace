# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each check of the self-test says of a computer where something is wrong."""

import math
import sqlite3
import sys
import time
from importlib import metadata
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from mimica.capture import self_test_system
from mimica.capture.camera_reasons import Environment, why_no_camera
from mimica.capture.model import ModelError, ModelFile, verify_model
from mimica.capture.self_test import BUNDLED
from mimica.capture.self_test_camera import (
    LIMIT,
    OPEN_LIMIT,
    Sample,
    check_camera,
    check_microphone,
    look_here,
    look_in_helper,
)
from mimica.capture.self_test_libraries import LIBRARIES, check_libraries, pinned_versions
from mimica.capture.self_test_plan import PICTURE, check_mimica
from mimica.capture.self_test_system import Trial, check_disk, check_system, nearest_folder, try_folder
from mimica.capture.self_test_tracker import check_helper, check_model, check_tracker
from mimica.capture.sound_devices import MicrophoneError
from mimica.capture.source import Image, SourceError, SourceInfo, SourceSpec

# Libraries

WHEELS = Path("/wheels")
VERSIONS = {library.distribution: "1.2.3" for library in LIBRARIES}


def module(name: str, folder: Path = WHEELS, version: str | None = "1.2.3") -> ModuleType:
    made = ModuleType(name)
    made.__file__ = str(folder / name / "__init__.py")
    if version is not None:
        made.__dict__["__version__"] = version
    return made


def libraries(pinned=VERSIONS, load=module, version=VERSIONS.__getitem__, bundled=True, wheels=WHEELS, extras=()):
    return check_libraries(pinned, [(BUNDLED, wheels)], bundled=bundled, extras=extras, load=load, version=version)


@pytest.fixture
def no_sounddevice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: SimpleNamespace(origin="/wheels/sounddevice.py"))


@pytest.mark.usefixtures("no_sounddevice")
class TestLibraries:
    def test_all_is_well(self) -> None:
        found = libraries()
        assert found.outcome == "ok"
        assert dict(found.details)["cv2"] == f"1.2.3, from {BUNDLED}"

    def test_one_is_missing(self) -> None:
        def load(name: str) -> ModuleType:
            if name == "mediapipe":
                raise ModuleNotFoundError("No module named 'mediapipe'", name="mediapipe")
            return module(name)

        found = libraries(load=load)
        assert found.outcome == "failure" and "mediapipe" in found.sentence and found.advice
        assert dict(found.details)["mediapipe"] == "not there"
        assert dict(found.details)["scipy"].startswith("1.2.3"), "the others are told all the same"

    def test_one_is_broken(self) -> None:
        def load(name: str) -> ModuleType:
            if name == "cv2":
                raise OSError("libGL.so.1: cannot open shared object file")
            return module(name)

        found = libraries(load=load)
        assert found.outcome == "failure" and "libGL" in dict(found.details)["cv2"]

    def test_another_version_than_was_pinned(self) -> None:
        found = libraries(pinned=VERSIONS | {"scipy": "1.3.0"})
        assert found.outcome == "warning" and "scipy 1.2.3" in found.sentence
        assert "made for 1.3.0" in dict(found.details)["scipy"]

    def test_a_module_that_is_not_what_is_installed(self) -> None:
        # Another add-on's copy is found first: what is installed beside says nothing of it.
        found = libraries(load=lambda name: module(name, version="9.9.9" if name == "cv2" else "1.2.3"))
        assert found.outcome == "warning" and "cv2 9.9.9" in found.sentence

    def test_a_version_of_four_numbers_is_that_of_three(self) -> None:
        versions = VERSIONS | {"opencv-python-headless": "1.2.3.86"}
        assert libraries(pinned=versions, version=versions.__getitem__).outcome == "ok"

    def test_one_of_somebody_else(self) -> None:
        def load(name: str) -> ModuleType:
            return module(name, Path("/elsewhere") if name in ("cv2", "numpy") else WHEELS)

        found = libraries(load=load)
        assert found.outcome == "warning" and found.sentence == "Not from Mimica's own wheels: cv2.", (
            "numpy is Blender's"
        )
        assert "/elsewhere" not in str(found)
        assert libraries(load=load, bundled=False).outcome == "ok"

    def test_what_is_optional_may_be_missing_and_is_not_loaded(self) -> None:
        loaded = []

        def version(name: str) -> str:
            if name == "sounddevice":
                raise metadata.PackageNotFoundError(name)
            return "1.2.3"

        found = libraries(load=lambda name: loaded.append(name) or module(name), version=version)
        assert found.outcome == "ok" and dict(found.details)["sounddevice"] == "not there"
        assert "sounddevice" not in loaded

    def test_packages_of_optional_parts_are_told_and_no_fault(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def version(name: str) -> str:
            if name == "rerun-sdk":
                raise metadata.PackageNotFoundError(name)
            return "1.2.3"

        def find_spec(name: str) -> SimpleNamespace:
            return SimpleNamespace(origin=f"{'/elsewhere' if name == 'aiohttp' else WHEELS}/{name}.py")

        monkeypatch.setattr("importlib.util.find_spec", find_spec)
        found = libraries(extras=[("aiohttp", "aiohttp"), ("rerun", "rerun-sdk")], version=version)
        assert found.outcome == "ok"
        told = dict(found.details)
        assert told["aiohttp"] == "1.2.3, from another folder" and told["rerun"] == "not there"


def test_versions_are_pinned_by_a_release_and_by_a_checkout(root: Path, tmp_path: Path) -> None:
    assert pinned_versions(root)["mediapipe"] == "0.10.31"
    assert pinned_versions(tmp_path) == {}
    manifest = tmp_path / "blender_manifest.toml"
    manifest.write_text('wheels = ["./wheels/cv2_enumerate_cameras-1.4.0-cp32-abi3-linux_x86_64.whl"]')
    assert pinned_versions(tmp_path) == {"cv2-enumerate-cameras": "1.4.0"}
    manifest.write_text("wheels = [")
    assert pinned_versions(tmp_path) == {}


# Model, tracker, helper


def test_no_model_and_a_damaged_one(root: Path) -> None:
    def damaged() -> ModelFile:
        raise ModelError("The face model 'x' is empty.")

    assert check_model(lambda: None).outcome == check_model(damaged).outcome == "failure"
    assert check_model(lambda: None).advice
    for check in (check_tracker, lambda find, picture: check_helper(find, picture, wanted=True)):
        assert check(lambda: None, root / PICTURE).outcome == "skipped"
        assert check(damaged, root / PICTURE).outcome == "skipped"


def test_the_kind_of_the_model_is_told(model_path: Path) -> None:
    found = check_model(lambda: verify_model(model_path))
    assert found.outcome == "ok" and len(dict(found.details)["sha256"]) == 64
    own = ModelFile(Path("own.task"), "path", "ab" * 32, True)
    assert dict(check_model(lambda: own).details)["kind"] == "own"
    offline = ModelFile(Path("face_landmarker_offline.task"), "offline", "ab" * 32, False)
    assert dict(check_model(lambda: offline).details)["kind"] == "offline"


def test_the_tracker_finds_the_face_in_the_picture(root: Path, model_path: Path) -> None:
    pytest.importorskip("mediapipe")
    found = check_tracker(lambda: verify_model(model_path), root / PICTURE)
    # A machine that is busy may be too slow for 30 images a second.
    assert found.outcome == "ok" or "too slow" in found.sentence
    assert dict(found.details)["face found"] == "yes" and "ms" in found.sentence


def test_a_picture_without_a_face_and_one_that_is_none(model_path: Path, tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    pytest.importorskip("mediapipe")
    grey = tmp_path / "grey.png"
    cv2.imwrite(str(grey), np.full((192, 192, 3), 128, np.uint8))
    found = check_tracker(lambda: verify_model(model_path), grey)
    assert found.outcome == "failure" and "finds no face" in found.sentence
    grey.write_bytes(b"no picture")
    assert check_tracker(lambda: verify_model(model_path), grey).outcome == "failure"


def test_a_closed_mouth_is_not_what_the_picture_shows(root: Path, model_path: Path) -> None:
    pytest.importorskip("mediapipe")
    model = verify_model(model_path)
    if not model.has_scores:
        pytest.skip("a model without scores says nothing of mouths")
    found = check_tracker(lambda: model, root / PICTURE.with_name("mouthSmileLeft.png"))
    assert found.outcome == "warning" and "mouth" in found.sentence


def test_the_helper_starts_answers_and_ends(root: Path, model_path: Path) -> None:
    pytest.importorskip("mediapipe")
    found = check_helper(lambda: verify_model(model_path), root / PICTURE, wanted=True)
    assert found.outcome == "ok", found
    assert dict(found.details)["used by captures"] == "yes"


@pytest.mark.parametrize(("wanted", "outcome"), [(True, "failure"), (False, "warning")])
def test_a_helper_that_does_not_start(
    root: Path, model_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: bool, outcome: str
) -> None:
    monkeypatch.setattr(sys, "prefix", str(root / "nowhere"))
    monkeypatch.setattr(sys, "executable", "blender")
    found = check_helper(lambda: verify_model(model_path), root / PICTURE, wanted=wanted)
    assert found.outcome == outcome and "cannot be started" in found.sentence and found.advice


# Camera

SPEC = SourceSpec("camera", width=640, height=480, rate=30.0)
GOOD = Sample(640, 480, 29.9, 30.0, 0.4, 0.5)


def camera(sample: Sample | SourceError = GOOD, spec: SourceSpec = SPEC, names=("Webcam", "Anna's iPhone"), **more):
    asked = []

    def look(spec: SourceSpec) -> Sample:
        asked.append(spec)
        if isinstance(sample, SourceError):
            raise sample
        return sample

    return check_camera(spec, look, where="in this process", cameras=lambda: names, **more), asked


class TestCamera:
    def test_a_good_one(self) -> None:
        found, asked = camera()
        assert found.outcome == "ok" and "30 images a second" in found.sentence
        assert dict(found.details)["cameras"] == "Webcam (tested), <owner> iPhone"
        assert asked[0].name == "Webcam" and asked[0].open_timeout == OPEN_LIMIT < LIMIT

    def test_none_at_all(self) -> None:
        found, asked = camera(names=(), reason=lambda: why_no_camera(Environment("Windows", denied=("user",))))
        assert found.outcome == "warning" and found.advice and not asked
        assert dict(found.details)["cause"] == "user"

    def test_a_running_capture_keeps_its_camera(self) -> None:
        found, asked = camera(capturing=lambda: True)
        assert found.outcome == "skipped" and not asked

    def test_one_that_does_not_open_is_told_without_its_owner(self) -> None:
        error = SourceError("The camera 'Anna's iPhone' did not answer within 10 seconds. Unplug it.")
        found, _ = camera(error, SourceSpec("camera", name="Anna's iPhone"))
        assert found.outcome == "failure"
        assert found.sentence == "The camera '<owner> iPhone' did not answer within 10 seconds. Unplug it."

    def test_another_than_the_chosen_one(self) -> None:
        found, asked = camera(spec=SourceSpec("camera", name="Gone Cam"))
        assert found.outcome == "warning" and "not connected" in found.sentence
        assert asked[0].name == "Webcam" and "Gone Cam" not in str(found)

    @pytest.mark.parametrize(
        ("sample", "said"),
        [
            (Sample(640, 480, 30.0, 30.0, 0.4, 0.0), "black"),
            (Sample(640, 480, 30.0, 30.0, 0.4, 0.08), "dark"),
            (Sample(640, 480, 11.0, 30.0, 0.4, 0.5), "few images"),
            (Sample(640, 480, math.nan, None, 0.4, 0.5), "few images"),
        ],
    )
    def test_one_that_could_be_better(self, sample: Sample, said: str) -> None:
        found, _ = camera(sample)
        assert found.outcome == "warning" and said in found.sentence and found.advice


@pytest.mark.parametrize(
    ("asked", "sent", "outcome"),
    [(15.0, 15.0, "ok"), (15.0, 13.0, "ok"), (15.0, 8.0, "warning"), (60.0, 25.0, "ok"), (0.0, 15.0, "warning")],
)
def test_a_camera_is_slow_for_what_it_was_asked(asked: float, sent: float, outcome: str) -> None:
    found, _ = camera(Sample(640, 480, sent, asked or None, 0.4, 0.5), SourceSpec("camera", rate=asked))
    assert found.outcome == outcome, found


class Pictures:
    """A source that gives so many images a second, half bright."""

    def __init__(self, rate: float, fails: bool = False) -> None:
        self.rate, self.fails, self.closed, self.count = rate, fails, False, 0

    def open(self) -> SourceInfo:
        if self.fails:
            raise SourceError("It does not open.")
        return SourceInfo("Webcam", "camera", 64, 48, 30.0, None, None, True)

    def read(self) -> Image:
        time.sleep(0.01)
        self.count += 1
        return Image(np.full((48, 64, 3), 128, np.uint8), 0.0, self.count, self.count / self.rate)

    def close(self) -> None:
        self.closed = True


def test_a_look_measures_what_comes() -> None:
    source = Pictures(25.0)
    sample = look_here(SPEC, 0.1, lambda spec: source)  # type: ignore[arg-type]
    assert source.closed
    assert (sample.width, sample.height, sample.nominal) == (64, 48, 30.0)
    assert sample.rate == pytest.approx(25.0) and sample.brightness == pytest.approx(0.5, abs=0.01)


def test_a_look_at_what_does_not_open_lets_go_of_it() -> None:
    source = Pictures(25.0, fails=True)
    with pytest.raises(SourceError):
        look_here(SPEC, 0.1, lambda spec: source)  # type: ignore[arg-type]
    assert source.closed


def test_a_look_in_the_helper_process(root: Path, model_path: Path) -> None:
    pytest.importorskip("mediapipe")
    # A picture again and again, in the camera's place.
    spec = SourceSpec("images", path=str(root / PICTURE), rate=30.0, loop=True)
    sample = look_in_helper(spec, lambda: verify_model(model_path), 0.5)
    assert (sample.width, sample.height) == (192, 192)
    assert sample.rate > 0 and 0.1 < sample.brightness < 0.9


def test_a_look_in_the_helper_process_that_fails(root: Path, model_path: Path) -> None:
    with pytest.raises(SourceError, match="face model"):
        look_in_helper(SPEC, lambda: None)
    with pytest.raises(SourceError):
        look_in_helper(SourceSpec("video", path=str(root / "none.mp4")), lambda: verify_model(model_path))


# Microphone


def test_microphones() -> None:
    def broken() -> list[str]:
        raise MicrophoneError("The library PortAudio is missing.")

    assert check_microphone(False, "", broken).outcome == "skipped"
    assert check_microphone(True, "", broken).outcome == "failure"
    assert check_microphone(True, "", list).outcome == "failure"
    found = check_microphone(True, "", lambda: ["Desk", "Anna's AirPods"], lambda: None)
    assert found.outcome == "ok" and dict(found.details)["microphones"] == "Desk, <owner> AirPods"
    assert check_microphone(True, "Gone", lambda: ["Desk"], lambda: None).outcome == "failure"


# Disk and system


def test_a_folder_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    trial = try_folder(tmp_path, 2**20)
    assert trial.rate > 0 and trial.free > 0 and trial.journal == "wal"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    wanted = tmp_path / "a" / "b"
    assert nearest_folder(wanted) == tmp_path
    found = check_disk({"takes folder": wanted})
    assert "not made yet" in dict(found.details)["takes folder"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("trial", "outcome", "said"),
    [
        (Trial("wal", 1e8, 10**11), "ok", "fast enough"),
        (Trial("delete", 1e8, 10**11), "warning", "crash"),
        (Trial("wal", 1e8, 10**8), "warning", "nearly full"),
        (Trial("wal", 1e5, 10**11), "warning", "slow"),
        (PermissionError(13, "Permission denied"), "failure", "Permission denied"),
        (sqlite3.OperationalError("disk I/O error"), "failure", "disk I/O error"),
    ],
)
def test_disks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trial, outcome: str, said: str) -> None:
    def tried(folder: Path) -> Trial:
        if isinstance(trial, Exception):
            raise trial
        return trial

    monkeypatch.setattr(self_test_system, "try_folder", tried)
    found = check_disk({"takes folder": tmp_path, "user folder": tmp_path})
    assert found.outcome == outcome and said in found.sentence
    assert bool(found.advice) == (outcome != "ok") and len(found.details) == 2
    assert str(tmp_path) not in str(found)


def test_the_computer_is_told_without_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.node", lambda: "wils-tower")
    found = check_system()
    details = dict(found.details)
    assert details["memory"].endswith("GB") and "cores" in details["processor"] and details["system"]
    assert "wils-tower" not in str(found)
    monkeypatch.setattr(self_test_system, "memory_bytes", lambda: 2 * 10**9)
    assert check_system().outcome == "warning"


def test_which_mimica_it_is(root: Path, tmp_path: Path) -> None:
    assert "0." in check_mimica(root, installed=True).sentence
    with pytest.raises(OSError):
        check_mimica(tmp_path, installed=True)

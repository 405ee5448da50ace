# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tracker on a real photograph and the real model: what it finds, keeps apart, and says when it cannot."""

import logging
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import mimica
from mimica.capture import landmarker as landmarker_module
from mimica.capture.landmarker import Landmarker, same_detections
from mimica.capture.model import ModelFile, verify_model
from mimica.capture.source import Image
from mimica.capture.tracker import Tracker, TrackerError, TrackerSettings
from mimica.mapping.frame import ARKIT_SHAPES

STEP = 1 / 30


@pytest.fixture(scope="module")
def model(model_path: Path) -> ModelFile:
    return verify_model(model_path)


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    """A face 91 pixels wide in 220 x 220."""
    data = pytest.importorskip("skimage.data", reason="the photograph comes with scikit-image")
    return np.ascontiguousarray(data.astronaut()[10:230, 115:335])


@pytest.fixture
def make_tracker(model: ModelFile) -> Iterator[Callable[..., Tracker]]:
    made: list[Tracker] = []

    def make(**settings: float) -> Tracker:
        made.append(Tracker(model, TrackerSettings(**settings)))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for tracker in made:
        tracker.close()


def place(portrait: np.ndarray, *positions: tuple[int, int], size: tuple[int, int] = (520, 240)) -> np.ndarray:
    """A grey picture of width and height `size` with the portrait at each (x, y)."""
    picture = np.full((size[1], size[0], 3), 128, np.uint8)
    height, width = portrait.shape[:2]
    for x, y in positions:
        picture[y : y + height, x : x + width] = portrait
    return picture


def test_a_face_is_found(make_tracker: Callable[..., Tracker], portrait: np.ndarray) -> None:
    tracker = make_tracker()
    (face,) = tracker.track(Image(portrait, 1.5, 0))
    assert (face.time, face.image_size, face.face_id, face.found) == (1.5, (220, 220), 0, True)
    assert face.landmarks is not None and np.isfinite(face.landmarks).all()
    assert ((face.landmarks[:, :2] > 0) & (face.landmarks[:, :2] < 1)).all()
    # Subject's right eye at the left of the picture, brow over eye over mouth over chin, nose nearest.
    x, y, z = face.landmarks.T
    assert x[33] < x[133] < x[362] < x[263]
    assert y[10] < y[105] < y[159] < y[13] < y[152]
    assert z[4] < z[234] and z[4] < z[454]
    # The irises are in the eyes.
    assert x[33] < x[468] < x[133] and x[362] < x[473] < x[263]
    assert face.quality == 1.0
    assert (face.scores is not None) == tracker.has_scores


def test_scores_by_name(make_tracker: Callable[..., Tracker], portrait: np.ndarray) -> None:
    """The astronaut smiles with open eyes; MediaPipe's own order and its _neutral would put other values there."""
    tracker = make_tracker()
    if not tracker.has_scores:
        pytest.skip("the offline bundle has no scores")
    (face,) = tracker.track(Image(portrait, 0.0, 0))
    assert face.scores is not None
    scores = dict(zip(ARKIT_SHAPES, face.scores.tolist(), strict=True))
    assert scores["mouthSmileLeft"] > 0.5 and scores["mouthSmileRight"] > 0.5
    assert scores["mouthFrownLeft"] < 0.1 and scores["eyeBlinkLeft"] < 0.3 and scores["jawOpen"] < 0.3
    assert (scores.pop("tongueOut") < 0.3) == tracker.model.official  # NaN from any other model
    assert all(0 <= value <= 1 for value in scores.values())


def test_direct_reading_is_the_librarys_bit_for_bit(model: ModelFile, portrait: np.ndarray) -> None:
    contents = model.path.read_bytes()
    settings = dict(faces=2, detection=0.5, presence=0.5, tracking=0.5, scores=model.has_scores)
    direct, plain = Landmarker(contents, **settings), Landmarker(contents, **settings)  # type: ignore[arg-type]
    assert direct._reader is not direct._plain
    plain._reader = plain._plain
    try:
        for i in range(6):
            picture = place(portrait, (4 * i, 2 * i), (280 + i, 0)) if i != 3 else place(portrait)
            faces = direct.detect(picture, (i + 1) * 333_333)
            assert same_detections(faces, plain.detect(picture, (i + 1) * 333_333))
            assert len(faces) == (0 if i == 3 else 2)
    finally:
        direct.close()
        plain.close()


def test_a_library_with_other_structures_is_read_the_plain_way(
    model: ModelFile, portrait: np.ndarray, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with Tracker(model) as tracker:
        (expected,) = tracker.track(Image(portrait, 0.0, 0))
    from mimica.capture.landmarker import _DirectReader

    def renamed(self: object, *arguments: object) -> None:
        raise AttributeError("no such field")

    original = landmarker_module._records
    shifted = lambda pointer, count, record: np.roll(original(pointer, count, record), 1)  # noqa: E731
    for owner, name, substitute in ((_DirectReader, "__init__", renamed), (landmarker_module, "_records", shifted)):
        caplog.clear()
        with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
            patch.setattr(owner, name, substitute)
            with Tracker(model) as tracker:
                (face,) = tracker.track(Image(portrait, 0.0, 0))
                tracker.track(Image(portrait, STEP, 1))
        assert face.landmarks is not None and expected.landmarks is not None
        assert face.landmarks.tobytes() == expected.landmarks.tobytes()
        assert len(caplog.records) == 1 and "slower conversion" in caplog.text


def test_no_face(make_tracker: Callable[..., Tracker]) -> None:
    for faces in (1, 3):
        tracker = make_tracker(faces=faces)
        for i in range(3):
            (frame,) = tracker.track(Image(np.full((240, 320, 3), 90, np.uint8), i * STEP, i))
            assert not frame.found and frame.face_id == 0 and frame.time == i * STEP


def test_a_jump_cut_loses_no_frame(make_tracker: Callable[..., Tracker], portrait: np.ndarray) -> None:
    tracker = make_tracker()
    for i in range(12):
        x = 0 if i // 3 % 2 == 0 else 300
        (face,) = tracker.track(Image(place(portrait, (x, 0)), i * STEP, i))
        assert face.found, i
        assert face.landmarks is not None
        assert (face.landmarks[4, 0] < 0.5) == (x == 0)


def test_a_face_that_leaves_is_lost_and_comes_back(make_tracker: Callable[..., Tracker], portrait: np.ndarray) -> None:
    tracker = make_tracker()
    found = [
        tracker.track(Image(portrait if there else np.zeros_like(portrait), i * STEP, i))[0].found
        for i, there in enumerate([1, 1, 0, 0, 1, 0, 1, 1])
    ]
    assert found == [True, True, False, False, True, False, True, True]


def test_motion_is_not_smoothed(make_tracker: Callable[..., Tracker], portrait: np.ndarray) -> None:
    """MediaPipe's own filter would let a shift of a few pixels arrive over several images."""
    tracker = make_tracker()
    still = place(portrait, (100, 20), size=(480, 320))
    before = [tracker.track(Image(still, i * STEP, i))[0] for i in range(10)][-1]
    (after,) = tracker.track(Image(place(portrait, (104, 20), size=(480, 320)), 10 * STEP, 10))
    assert before.landmarks is not None and after.landmarks is not None
    shift = float(np.mean(after.landmarks[:, 0] - before.landmarks[:, 0])) * 480
    assert 3.6 < shift < 4.4


@pytest.mark.parametrize(
    "times", [[5.0, 5.0, 5.0], [9.0, 3.0, 0.0], [0.0, 1e9, 2e9], [0.0, float("nan"), 0.1], [-5.0, -4.9, 1e-9]]
)
def test_any_times_are_taken(make_tracker: Callable[..., Tracker], portrait: np.ndarray, times: list[float]) -> None:
    """A seek, a loop, a camera whose clock stands still: the frames carry the source's times, and tracking goes on."""
    tracker = make_tracker()
    for i, time in enumerate(times):
        (face,) = tracker.track(Image(portrait, time, i))
        assert face.found
        assert face.time == time or (np.isnan(face.time) and np.isnan(time))


def test_two_faces_keep_their_numbers(make_tracker: Callable[..., Tracker], portrait: np.ndarray) -> None:
    tracker = make_tracker(faces=2)
    tracker.track(Image(place(portrait, (0, 0)), 0.0, 0))
    sides: dict[int, list[float]] = {0: [], 1: []}
    for i in range(1, 9):
        positions = [(4 * i, 0), (300 - 4 * i, 0)]
        there = [positions[1]] if i in (4, 5) else positions
        frames = tracker.track(Image(place(portrait, *there), i * STEP, i))
        assert [frame.face_id for frame in frames] == [0, 1]
        assert [frame.found for frame in frames] == [i not in (4, 5), True]
        for frame in frames:
            if frame.landmarks is not None:
                sides[frame.face_id].append(float(frame.landmarks[4, 0]))
    assert max(sides[0]) < 0.5 < min(sides[1])


def test_images_that_share_memory_or_change_size(make_tracker: Callable[..., Tracker], portrait: np.ndarray) -> None:
    """A crop of a larger picture has gaps in memory; a source may change its size."""
    tracker = make_tracker()
    (whole,) = tracker.track(Image(portrait.copy(), 0.0, 0))
    big = np.zeros((500, 700, 3), np.uint8)
    big[100:320, 200:420] = portrait
    (crop,) = make_tracker().track(Image(big[100:320, 200:420], 0.0, 0))
    assert whole.landmarks is not None and crop.landmarks is not None
    assert np.array_equal(whole.landmarks, crop.landmarks)
    (other,) = tracker.track(Image(big, STEP, 1))
    assert other.found and other.image_size == (700, 500)


@pytest.mark.parametrize(
    "pixels", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 3), np.float32), np.zeros((0, 9, 3), np.uint8)]
)
def test_images_of_another_kind_are_refused(make_tracker: Callable[..., Tracker], pixels: np.ndarray) -> None:
    with pytest.raises(TrackerError, match="cannot use"):
        make_tracker().track(Image(pixels, 0.0, 0))


def test_a_model_that_is_none(tmp_path: Path, model: ModelFile) -> None:
    path = tmp_path / "bad.task"
    with zipfile.ZipFile(path, "w") as bundle:
        for name in ("face_detector.tflite", "face_landmarks_detector.tflite"):
            bundle.writestr(name, b"\x18\0\0\0TFL3" + b"\0" * 1000)
    with pytest.raises(TrackerError, match="cannot use this model"):
        Tracker(verify_model(path))
    with pytest.raises(TrackerError, match="cannot be read"):
        Tracker(replace(model, path=tmp_path / "gone.task"))


def test_a_model_in_a_folder_with_any_name(tmp_path: Path, model: ModelFile, portrait: np.ndarray) -> None:
    path = tmp_path / "Übung 表情" / "modèle.task"
    path.parent.mkdir()
    path.write_bytes(model.path.read_bytes())
    with Tracker(verify_model(path)) as tracker:
        assert tracker.track(Image(portrait, 0.0, 0))[0].found


def test_it_can_be_made_again(model: ModelFile, portrait: np.ndarray) -> None:
    for _ in range(3):
        with Tracker(model) as tracker:
            assert tracker.track(Image(portrait, 0.0, 0))[0].found
        tracker.close()


WITHOUT_NETWORK = """
    import os, socket, sys
    from pathlib import Path
    import numpy as np

    def refuse(*arguments, **options):
        os._exit(7)

    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "create_connection"):
        setattr(socket, name, refuse)
    socket.socket.connect = refuse
    from mimica.capture.model import verify_model
    from mimica.capture.source import Image
    from mimica.capture.tracker import Tracker

    with Tracker(verify_model(Path(sys.argv[1]))) as tracker:
        for i in range(3):
            tracker.track(Image(np.load(sys.argv[2]), i / 30, i))
        if os.path.isdir("/proc/self/fd"):
            links = [os.readlink(entry.path) for entry in os.scandir("/proc/self/fd") if os.path.exists(entry.path)]
            assert not [link for link in links if link.startswith("socket:")], links
    print("done")
"""


def test_nothing_is_sent(model: ModelFile, portrait: np.ndarray, tmp_path: Path) -> None:
    """No name is looked up and no socket opened by making and running a tracker; nor could the library do it.

    MediaPipe 0.10.35 and later look up a Google address as soon as a tracker is made, below Python, where no hook of
    Python sees it. A library that imports no function for it cannot.
    """
    np.save(tmp_path / "portrait.npy", portrait)
    bootstrap = f"""
        import importlib.util, sys
        spec = importlib.util.spec_from_file_location("mimica", {mimica.__file__!r},
            submodule_search_locations={list(mimica.__path__)!r})
        sys.modules["mimica"] = importlib.util.module_from_spec(spec)
    """
    result = subprocess.run(
        [
            sys.executable,
            "-c",
            textwrap.dedent(bootstrap) + textwrap.dedent(WITHOUT_NETWORK),
            str(model.path),
            str(tmp_path / "portrait.npy"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0 and result.stdout.strip() == "done", result.stderr

    import mediapipe

    libraries = [p for p in (Path(mediapipe.__file__).parent / "tasks" / "c").iterdir() if p.stem == "libmediapipe"]
    (library,) = libraries
    contents = library.read_bytes()
    for name in (b"getaddrinfo", b"gethostbyname", b"play.googleapis.com"):
        assert name not in contents, f"{library.name} names {name.decode()}"

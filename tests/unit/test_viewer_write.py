# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A take as a recording of Rerun: what its own reader finds is what the take holds."""

import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from mimica.bridges.viewer import pictures, write
from mimica.bridges.viewer.classes import KEY_POINT_LANDMARKS, face_classes, landmark_classes
from mimica.bridges.viewer.entities import FacePaths
from mimica.bridges.viewer.pictures import PicturesError, jpeg_size, jpegs_of_avi
from mimica.bridges.viewer.write import ViewerError, read_content, write_file
from mimica.capture.control_takes import write_control_take
from mimica.capture.take import Take, TakeError, TakeInfo
from mimica.cli import main
from mimica.mapping.control_take import ControlTake
from mimica.mapping.frame import ARKIT_SHAPES
from mimica.mapping.mapper import head_angles
from mimica.tests.unit.viewer_takes import COUNT, LOST, SECOND_FROM, SIZE, Recording, write_faces

pytest.importorskip("rerun")

FACE = FacePaths.of(0)
IN_SIGHT = [i for i in range(COUNT) if not LOST.start <= i < LOST.stop]


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_faces(tmp_path_factory.mktemp("take"))


@pytest.fixture(scope="module")
def recording(take: Path) -> Recording:
    path = take.with_suffix(".rrd")
    assert write_file(path, read_content(take)).images == COUNT
    return Recording(path)


def test_all_entities_are_there(recording: Recording) -> None:
    seen = {FACE.landmarks_2d, FACE.box, FACE.key_points, FACE.landmarks_3d, FACE.tracked}
    solved = {FACE.head, FACE.solved, *(f"{FACE.angles}/{name}" for name in ("yaw", "pitch", "roll"))}
    solved |= {f"{FACE.gaze}/{eye}_{name}" for eye in ("left", "right") for name in ("yaw", "pitch")}
    solved |= {f"{FACE.way}/{axis}" for axis in "xyz"}
    shapes = {*FACE.every_shape(FACE.scores), *FACE.every_shape(FACE.controls)}
    assert recording.temporal == seen | solved | shapes
    assert len(recording.entries) == 1 and len(recording.blueprints) == 1


def test_both_timelines_say_when(recording: Recording, take: Path) -> None:
    times = Take.open(take).frames().times
    for path in (FACE.landmarks_2d, FACE.landmarks_3d, FACE.head, FACE.control("jawOpen"), FACE.tracked):
        moments, frames = recording.times(path)
        assert frames.tolist() == list(range(COUNT)), path
        assert moments == pytest.approx(times, abs=1e-9), path


def test_points_are_the_takes_and_gone_while_it_is_lost(recording: Recording, take: Path) -> None:
    frames = Take.open(take).frames()
    flat = recording.values(FACE.landmarks_2d, "Points2D:positions")
    deep = recording.values(FACE.landmarks_3d, "Points3D:positions")
    for i in range(COUNT):
        if i in IN_SIGHT:
            assert np.array(flat[i]) == pytest.approx(frames.landmarks[i, :, :2] * SIZE, abs=1e-3)
            # Face space: centimetres about the head, whose height is known.
            assert np.ptp(np.array(deep[i])[:, 1]) == pytest.approx(17.5, abs=4.0)
        else:
            assert flat[i] == [] and deep[i] == []
    boxes = recording.values(FACE.box, "Boxes2D:half_sizes")
    assert boxes[LOST.start] == []
    assert np.array(boxes[0][0]) == pytest.approx(np.ptp(frames.landmarks[0, :, :2] * SIZE, axis=0) / 2, abs=1e-2)
    points = recording.values(FACE.key_points, "Points2D:positions")[0]
    assert np.array(points[2]) == pytest.approx(frames.landmarks[0, KEY_POINT_LANDMARKS["nose"], :2] * SIZE, abs=1e-3)


def test_curves_are_the_takes(recording: Recording, take: Path) -> None:
    content = read_content(take)
    (face,) = content.faces
    motion, scores = face.motion, face.frames.scores
    assert scores is not None
    for row, shape in enumerate(ARKIT_SHAPES):
        told = recording.values(FACE.score(shape), "Scalars:scalars")
        assert [told[i] for i in range(LOST.start, LOST.stop)] == [[]] * (LOST.stop - LOST.start)
        assert [told[i][0] for i in IN_SIGHT] == pytest.approx(scores[IN_SIGHT, row])
        made = recording.values(FACE.control(shape), "Scalars:scalars")
        assert [made[i][0] for i in range(COUNT)] == pytest.approx(motion.controls[:, row])
    tracked = recording.values(FACE.tracked, "Scalars:scalars")
    assert [tracked[i][0] for i in range(COUNT)] == pytest.approx(face.frames.quality)
    solved = recording.values(FACE.solved, "Scalars:scalars")
    assert [solved[i][0] for i in range(COUNT)] == pytest.approx(motion.confidence)
    yaw = recording.values(f"{FACE.angles}/yaw", "Scalars:scalars")
    assert [yaw[i][0] for i in range(COUNT)] == pytest.approx(head_angles(motion)[:, 0])
    turned = recording.values(FACE.head, "Transform3D:quaternion")
    assert np.array([turned[i][0] for i in range(COUNT)])[:, 3] == pytest.approx(motion.head_rotation[:, 0], abs=1e-6)


def test_landmarks_have_classes_labels_and_connections(recording: Recording) -> None:
    assert recording.static(FACE.landmarks_2d, "Points2D:class_ids") == landmark_classes().tolist()
    assert recording.static(FACE.landmarks_3d, "Points3D:keypoint_ids") == list(range(478))
    (described,) = recording.static(FACE.root, "AnnotationContext:context")
    named = {one["class_description"]["info"]["label"]: one["class_description"] for one in described}
    assert {"lips", "left eye", "right iris", "left brow", "oval", "nose"} <= set(named)
    for part in face_classes():
        joined = named[part.name]["keypoint_connections"]
        assert [(pair["keypoint0"], pair["keypoint1"]) for pair in joined] == list(part.connections)
        labels = {point["id"]: point["label"] for point in named[part.name]["keypoint_annotations"]}
        assert set(labels) == set(part.members) and all(part.name in label for label in labels.values())


def test_no_landmark_is_of_two_classes() -> None:
    members = [point for part in face_classes() for point in part.members]
    assert len(members) == len(set(members))
    assert all({a, b} <= set(part.members) for part in face_classes() for a, b in part.connections)


def test_each_face_has_its_own_path(tmp_path: Path) -> None:
    take = write_faces(tmp_path, 2)
    path = tmp_path / "two.rrd"
    assert write_file(path, read_content(take)).faces == 2
    found = Recording(path)
    second = FacePaths.of(1)
    assert {p.replace("face_1", "face_2") for p in found.temporal if "face_1" in p} == {
        p for p in found.temporal if "face_2" in p
    }
    flat = found.values(second.landmarks_2d, "Points2D:positions")
    assert [i for i in range(COUNT) if not flat[i]] == list(range(SECOND_FROM))
    first = found.values(FACE.landmarks_2d, "Points2D:positions")
    assert np.array(flat[30])[:, 0] - np.array(first[30])[:, 0] == pytest.approx(0.1 * SIZE[0], abs=1e-2)


def test_without_scores_there_are_none(tmp_path: Path) -> None:
    take = write_faces(tmp_path, scores=False)
    write_file(tmp_path / "a.rrd", read_content(take))
    paths = Recording(tmp_path / "a.rrd").paths
    assert not any(path.startswith(FACE.scores) for path in paths) and FACE.control("jawOpen") in paths


@pytest.mark.parametrize(("width", "shown"), [(640, SIZE), (160, (160, 120))])
def test_pictures_of_the_film_are_there(tmp_path: Path, width: int, shown: tuple[int, int]) -> None:
    cv2 = pytest.importorskip("cv2")
    take = write_faces(tmp_path, film_from=6)
    path = tmp_path / "a.rrd"
    assert write_file(path, read_content(take, width)).pictures == COUNT - 6
    found = Recording(path)
    blobs = found.values("/picture", "EncodedImage:blob")
    assert sorted(blobs) == list(range(6, COUNT))
    for i in (6, 30, COUNT - 1):
        picture = cv2.imdecode(np.array(blobs[i][0], np.uint8), cv2.IMREAD_COLOR)
        assert picture.shape[1::-1] == shown and picture.mean() == pytest.approx(4 * i, abs=4)
    # What is smaller is shown at the image's own size, under the landmarks.
    assert found.static("/picture", "Transform3D:scale")[0] == pytest.approx([SIZE[0] / shown[0]] * 2 + [1.0])
    moments, _ = found.times("/picture")
    assert moments[0] == pytest.approx(6 / 30.0)


def test_no_picture_without_a_film_or_when_none_is_wanted(tmp_path: Path, recording: Recording) -> None:
    assert "/picture" not in recording.paths
    take = write_faces(tmp_path, film_from=0)
    assert read_content(take, 0).pictures is None
    take.with_suffix(".avi").unlink()
    assert read_content(take).pictures is None


def test_after_the_end_of_a_film_no_picture_stays(tmp_path: Path) -> None:
    take = write_faces(tmp_path, film_from=0)
    film = take.with_suffix(".avi")
    whole = list(jpegs_of_avi(film))
    data = film.read_bytes()
    film.write_bytes(data[: data.index(whole[20])])
    assert len(list(jpegs_of_avi(film))) == 20
    write_file(tmp_path / "a.rrd", read_content(take))
    blobs = Recording(tmp_path / "a.rrd").values("/picture", "EncodedImage:blob")
    assert sorted(blobs) == list(range(21)) and blobs[20] == [] and blobs[19]


@pytest.mark.parametrize("data", [b"", b"RIFF", b"no film at all", b"RIFF\0\0\0\0AVI 00dc\xff\xff\xff\xff\xff\xd8"])
def test_what_is_no_film_has_no_pictures(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.avi"
    path.write_bytes(data)
    assert list(jpegs_of_avi(path)) == []
    assert jpeg_size(data) is None


def test_a_video_that_is_another_one_is_refused(tmp_path: Path, take: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    other = tmp_path / "other.avi"
    out = cv2.VideoWriter(str(other), cv2.VideoWriter.fourcc(*"MJPG"), 24.0, (64, 48))
    for _ in range(30):
        out.write(np.zeros((48, 64, 3), np.uint8))
    out.release()
    with pytest.raises(PicturesError, match="other times"):
        read_content(take, video=other)
    same = tmp_path / "same.avi"
    out = cv2.VideoWriter(str(same), cv2.VideoWriter.fourcc(*"MJPG"), 30.0, (64, 48))
    for _ in range(COUNT):
        out.write(np.zeros((48, 64, 3), np.uint8))
    out.release()
    found = read_content(take, video=same).pictures
    assert isinstance(found, pictures.VideoPictures) and [n for n, _ in found] == list(range(COUNT))


@pytest.mark.parametrize("whole", [True, False])
def test_a_take_of_controls_has_controls_head_and_gaze_only(tmp_path: Path, whole: bool) -> None:
    rng = np.random.default_rng(2)
    held = ControlTake(
        "phone",
        np.arange(30) / 60.0,
        rng.random((30, 52)),
        60.0,
        rng.normal(size=(30, 3)) / 9 if whole else None,
        rng.normal(size=(30, 2, 2)) / 9 if whole else None,
    )
    take = tmp_path / "phone.mimica"
    write_control_take(take, TakeInfo("phone"), held)
    write_file(tmp_path / "a.rrd", read_content(take))
    found = Recording(tmp_path / "a.rrd")
    assert not any(part in path for path in found.paths for part in ("landmarks", "image", "scores", "picture"))
    made = found.values(FACE.control("jawOpen"), "Scalars:scalars")
    assert [made[i][0] for i in range(30)] == pytest.approx(held.controls[:, ARKIT_SHAPES.index("jawOpen")])
    if held.head is not None:
        pitch = found.values(f"{FACE.angles}/pitch", "Scalars:scalars")
        assert [pitch[i][0] for i in range(30)] == pytest.approx(np.degrees(held.head[:, 1]))


def test_a_take_without_a_face_is_said(tmp_path: Path) -> None:
    from mimica.capture.take import TakeWriter
    from mimica.mapping.frame import FaceFrame

    path = tmp_path / "empty.mimica"
    with TakeWriter(path, TakeInfo("empty")) as writer:
        writer.append((FaceFrame.lost(0.0, SIZE),))
    with pytest.raises(ViewerError, match="holds no face"):
        read_content(path)


def test_a_damaged_take_is_said(tmp_path: Path, take: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damaged = tmp_path / "damaged.mimica"
    data = bytearray(take.read_bytes())
    data[40000:90000] = bytes(50000)
    damaged.write_bytes(data)
    with pytest.raises(TakeError):
        read_content(damaged)
    assert main(["view", str(damaged), "--output", str(tmp_path / "a.rrd")]) == 1
    assert "damaged" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["damaged.mimica"]


def test_a_full_disk_is_said_and_what_was_there_stays(tmp_path: Path, take: Path) -> None:
    """By a limit on the size of files, in a process of its own: Rerun writes on a thread that raises nothing."""
    kept = tmp_path / "a.rrd"
    kept.write_bytes(b"what was there")
    script = """
        import resource, signal, sys
        from pathlib import Path
        from mimica.bridges.viewer.write import ViewerError, read_content, write_file
        import rerun.chunk
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        content = read_content(Path(sys.argv[1]))
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
        try:
            write_file(Path(sys.argv[2]), content)
        except ViewerError as error:
            print(error)
    """
    if sys.platform == "win32":
        pytest.skip("no limits on the size of files")
    command = [sys.executable, "-c", textwrap.dedent(script), str(take), str(kept)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "takes no more" in done.stdout
    assert kept.read_bytes() == b"what was there" and len(list(tmp_path.iterdir())) == 1


def test_too_little_room_is_said_before_anything_is_written(
    tmp_path: Path, take: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(write.shutil, "disk_usage", lambda _path: usage)
    with pytest.raises(ViewerError, match="Free some space"):
        write_file(tmp_path / "a.rrd", read_content(take))
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path, take: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ViewerError, match="cannot be written"):
        write_file(tmp_path / "file" / "a.rrd", read_content(take))


def test_the_command_writes_and_does_not_replace(
    tmp_path: Path, take: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.rrd"
    assert main(["view", str(take), "-o", str(path)]) == 0
    assert FACE.head in Recording(path).paths
    assert str(COUNT) in capsys.readouterr().out
    before = path.read_bytes()
    assert main(["view", str(take), "-o", str(path)]) == 1
    assert path.read_bytes() == before
    assert main(["view", str(take), "-o", str(path), "--overwrite"]) == 0


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (["-o", "a.txt"], 2, "does not end in .rrd"),
        (["--no-open"], 2, "Add --output"),
        (["--address", "no such place"], 2, "is no address"),
        (["--address", "127.0.0.1:9"], 1, "There is no Rerun viewer at 127.0.0.1:9"),
        (["--address", "127.0.0.1:9", "--open"], 2, "leave out"),
    ],
)
def test_the_command_says_what_is_wrong(
    take: Path, more: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["view", str(take), *more]) == code
    assert said in capsys.readouterr().err

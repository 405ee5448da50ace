# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line as its users meet it: what it says, what it writes, how it ends. Without Blender."""

import csv
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mimica.capture.source import SourceInfo
from mimica.capture.take import Take, TakeInfo, TakeWriter
from mimica.cli.commands import Places, main
from mimica.cli.console import Console
from mimica.cli.film import FilmWriter
from mimica.mapping.frame import ARKIT_SHAPES, FaceFrame
from mimica.mapping.landmarks import average_face

Command = Callable[..., int]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def mimica(tmp_path: Path) -> Command:
    """The command line, with no model of its own."""

    def run(*arguments: object) -> int:
        places = Places(extension=tmp_path / "extension", user=tmp_path / "user")
        return main([str(argument) for argument in arguments], places=places)

    return run


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MIMICA_MODEL", raising=False)


@pytest.fixture
def take(tmp_path: Path) -> Path:
    """Two seconds of the average face nodding, 30 images a second, the face lost in one of them."""
    face = average_face()
    path = tmp_path / "nod.mimica"
    source = SourceInfo("nod.mp4", "video", 640, 480, 30.0, 2.0, 60, live=False)
    with TakeWriter(path, TakeInfo("nod", source, created="2026-01-02T03:04:05+00:00", note="first try")) as writer:
        for i in range(60):
            if i == 30:
                writer.append((FaceFrame.lost(i / 30, (640, 480)),))
                continue
            points = np.column_stack([0.5 + face[:, 0] / 40, 0.5 - face[:, 1] / 30, -face[:, 2] / 40])
            points[:, 1] += 0.02 * np.sin(i / 5)
            writer.append((FaceFrame(i / 30, points.astype(np.float32), None, (640, 480)),))
    assert writer.error is None
    return path


def grey_film(path: Path, count: int, picture: np.ndarray | None = None) -> Path:
    picture = np.full((240, 320, 3), 128, np.uint8) if picture is None else picture
    with FilmWriter(path, 30.0, (picture.shape[1], picture.shape[0])) as film:
        for _ in range(count):
            film.write(picture)
    return path


def read_table(path: Path) -> tuple[list[str], np.ndarray]:
    with path.open(encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    return header, np.array(rows, float)


@pytest.mark.parametrize("command", ["", "run", "solve", "demo", "take", "performer", "performer learn", "model"])
def test_help_ends_well_and_explains_the_exit_codes(
    mimica: Command, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert mimica(*command.split(), "--help") == 0
    said = capsys.readouterr().out
    assert said.startswith("usage: mimica")
    assert "exit codes:" in said and "130" in said


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("dance",),
        ("solve", "x.mp4"),
        ("solve", "--csv", "x.csv"),
        ("run", "x.mp4", "--output", "x.blend", "--fps", "0"),
        ("solve", "x.mp4", "--csv", "x.csv", "--camera-fov", "200"),
        ("model", "--download", "--offline"),
    ],
)
def test_wrong_command_line(mimica: Command, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    assert mimica(*arguments) == 2
    assert "usage:" in capsys.readouterr().err


def make_missing(path: Path) -> None:
    pass


def make_empty(path: Path) -> None:
    path.touch()


def make_text(path: Path) -> None:
    path.write_text("This is a letter, not a video.")


def make_truncated(path: Path) -> None:
    whole = grey_film(path, 20).read_bytes()
    path.write_bytes(whole[: len(whole) // 3])


def make_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("make", [make_missing, make_empty, make_text, make_truncated, make_folder])
def test_bad_video_gives_one_sentence_and_no_file(
    mimica: Command,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    model_path: Path,
    make: Callable[[Path], None],
) -> None:
    video, table, take = tmp_path / "video.mp4", tmp_path / "out.csv", tmp_path / "out.mimica"
    make(video)
    assert mimica("solve", video, "--csv", table, "--take", take, "--model", model_path) == 1
    said = capfd.readouterr().err
    assert "Traceback" not in said
    sentences = [line for line in said.splitlines() if line.startswith("mimica: ")]
    assert len(sentences) == 1 and sentences[0].endswith(".") and "video.mp4" in sentences[0]
    assert not table.exists() and not take.exists()


def test_bad_take_gives_one_sentence(mimica: Command, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    broken = tmp_path / "broken.mimica"
    broken.write_bytes(b"no database")
    assert mimica("take", "info", broken) == 1
    assert mimica("solve", broken, "--csv", tmp_path / "out.csv") == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2 and all(line.startswith("mimica: ") and line.endswith(".") for line in said)


def test_a_performer_is_learned_described_and_used(
    mimica: Command, capsys: pytest.CaptureFixture[str], take: Path, tmp_path: Path
) -> None:
    profile, table = tmp_path / "new" / "Ann.json", tmp_path / "out.csv"
    assert mimica("performer", "learn", take, "--out", profile) == 0
    assert mimica("performer", "learn", take, "--out", profile) == 1, "it is there already"
    assert mimica("performer", "info", profile) == 0
    said = capsys.readouterr()
    assert "Ann" in said.out and "learned" in said.out and "--overwrite" in said.err
    assert mimica("solve", take, "--csv", table, "--performer", profile) == 0
    assert np.isfinite(read_table(table)[1]).all()
    assert mimica("solve", take, "--csv", table, "--overwrite", "--no-learn") == 0


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.csv", "name,start,end\nneutral,0,0.5\njaw_open,0.6,1.0\nbrows up,1.2,1.6\n"),
        ("p.csv", "jawOpen,0.6,1.0\nmouthPucker,1.2,1.6\n"),
        (
            "p.json",
            '[{"name": "mine", "start": 0.6, "end": 1, "controls": {"jawOpen": 0.5}},'
            ' {"name": "smile", "start": 1.2, "end": 1.6}]',
        ),
    ],
)
def test_a_performer_is_learned_from_prompts(
    mimica: Command, capsys: pytest.CaptureFixture[str], take: Path, tmp_path: Path, name: str, text: str
) -> None:
    prompts, profile = tmp_path / name, tmp_path / "Ann.json"
    prompts.write_text(text)
    assert mimica("performer", "learn", take, "--out", profile, "--prompts", prompts) == 0
    said = capsys.readouterr()
    assert "of 2 seen" in said.out
    assert "Not seen:" in said.err, "a nodding head shows no pose"
    assert mimica("performer", "info", profile) == 0


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("p.csv", "name,start,end\n", "hold no pose"),
        ("p.csv", "dance,0,1\n", "'dance' is neither"),
        ("p.csv", "smile,1,0.5\n", "ends before it starts"),
        ("p.csv", "smile,1\n", "too few columns"),
        ("p.csv", "smile,soon,later\n", "not understood"),
        ("p.json", "{", "not understood"),
        ("p.json", '[{"name": "x", "start": 0, "end": 1, "controls": {"nose": 1}}]', "no shape 'nose'"),
        ("missing/p.csv", None, "cannot be read"),
    ],
)
def test_prompts_that_are_not_understood_are_said(
    mimica: Command,
    capsys: pytest.CaptureFixture[str],
    take: Path,
    tmp_path: Path,
    name: str,
    text: str | None,
    why: str,
) -> None:
    prompts, profile = tmp_path / name, tmp_path / "Ann.json"
    if text is not None:
        prompts.write_text(text)
    assert mimica("performer", "learn", take, "--out", profile, "--prompts", prompts) == 1
    said = capsys.readouterr().err
    assert why in said and "Traceback" not in said
    assert not profile.exists()


def test_a_damaged_performer_is_said(
    mimica: Command, capsys: pytest.CaptureFixture[str], take: Path, tmp_path: Path
) -> None:
    profile = tmp_path / "Ann.json"
    profile.write_text("{}")
    assert mimica("performer", "info", profile) == 1
    assert mimica("solve", take, "--csv", tmp_path / "out.csv", "--performer", profile) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2 and all("Ann.json" in line for line in said)


@pytest.mark.usefixtures("no_model")
def test_no_model_is_said_with_the_ways_to_one(
    mimica: Command, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    video = grey_film(tmp_path / "video.mp4", 5)
    assert mimica("solve", video, "--csv", tmp_path / "out.csv") == 3
    assert mimica("model") == 3
    for sentence in capsys.readouterr().err.splitlines():
        assert "--download" in sentence and "--offline" in sentence and "MIMICA_MODEL" in sentence


def test_damaged_model_is_refused(mimica: Command, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    damaged = tmp_path / "face_landmarker.task"
    damaged.write_bytes(b"not a bundle")
    assert mimica("model", "--model", damaged) == 3
    assert "damaged" in capsys.readouterr().err


def test_model_path_is_printed_alone(mimica: Command, capsys: pytest.CaptureFixture[str], model_path: Path) -> None:
    assert mimica("model", "--where", "--model", model_path) == 0
    assert capsys.readouterr().out == f"{model_path}\n"


def test_without_blender_only_what_needs_it_is_refused(
    mimica: Command, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, take: Path, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "bpy", None)
    assert mimica("run", take, "--output", tmp_path / "out.blend") == 3
    assert mimica("demo", take, "--output", tmp_path) == 3
    assert all("needs Blender" in line for line in capsys.readouterr().err.splitlines())
    assert mimica("solve", take, "--csv", tmp_path / "out.csv") == 0
    assert mimica("take", "info", take) == 0


def test_missing_package_is_named(
    mimica: Command, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, take: Path, tmp_path: Path
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "scipy"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "scipy", None)
    assert mimica("solve", take, "--csv", tmp_path / "out.csv") == 3
    assert "'scipy" in capsys.readouterr().err


def test_take_becomes_a_table_without_a_model(mimica: Command, take: Path, tmp_path: Path) -> None:
    table = tmp_path / "new" / "out.csv"
    assert mimica("solve", take, "--csv", table) == 0
    header, rows = read_table(table)
    gaze = [f"gaze_{angle}_{side}" for side in ("left", "right") for angle in ("yaw", "pitch")]
    assert header == ["frame", "time", *ARKIT_SHAPES, "head_yaw", "head_pitch", "head_roll", *gaze]
    assert np.array_equal(rows[:, 0], np.arange(60))
    assert np.allclose(rows[:, 1], np.arange(60) / 30, atol=1e-4)
    assert np.isfinite(rows).all()
    assert ((rows[:, 2:54] >= 0) & (rows[:, 2:54] <= 1)).all()


def test_files_that_are_there_are_kept_unless_told(
    mimica: Command, capsys: pytest.CaptureFixture[str], take: Path, tmp_path: Path
) -> None:
    table = tmp_path / "out.csv"
    table.write_text("my work of yesterday")
    assert mimica("solve", take, "--csv", table) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert table.read_text() == "my work of yesterday"
    assert mimica("solve", take, "--csv", table, "--overwrite") == 0
    assert table.read_text() != "my work of yesterday"


def test_what_is_read_is_never_written(mimica: Command, take: Path) -> None:
    before = take.read_bytes()
    assert mimica("solve", take, "--csv", take, "--overwrite") == 2
    assert take.read_bytes() == before


def test_only_a_take_is_overwritten_by_a_take(mimica: Command, tmp_path: Path, model_path: Path) -> None:
    video, other = grey_film(tmp_path / "video.mp4", 5), tmp_path / "notes.txt"
    other.write_text("not a take")
    arguments = ("solve", video, "--csv", tmp_path / "out.csv", "--take", other, "--overwrite", "--model", model_path)
    assert mimica(*arguments) == 1
    assert other.read_text() == "not a take"


def test_take_info_says_what_is_in_it(mimica: Command, capsys: pytest.CaptureFixture[str], take: Path) -> None:
    assert mimica("take", "info", take) == 0
    said = capsys.readouterr().out
    for part in ("nod", "60 images", "1.97 s", "nod.mp4", "640 x 480", "30 images/s", "2026-01-02", "first try"):
        assert part in said


@pytest.fixture
def duet(tmp_path: Path) -> Path:
    """A take of two: the first nods in a third of the images, the second in all of them with an open mouth."""
    face = average_face()
    path = tmp_path / "duet.mimica"
    with TakeWriter(path, TakeInfo("duet")) as writer:
        for i in range(60):
            points = np.column_stack([0.3 + face[:, 0] / 80, 0.5 - face[:, 1] / 60, -face[:, 2] / 80])
            other = points + np.array([0.4, 0.0, 0.0])
            other[[14, 17, 152], 1] += 0.02 if i > 30 else 0.0
            first = FaceFrame(i / 30, points.astype(np.float32), None, (640, 480))
            second = FaceFrame(i / 30, other.astype(np.float32), None, (640, 480), 1)
            writer.append((first if i < 20 else FaceFrame.lost(i / 30, (640, 480)), second))
    assert writer.error is None
    return path


def test_take_info_lists_the_faces(mimica: Command, capsys: pytest.CaptureFixture[str], duet: Path) -> None:
    assert mimica("take", "info", duet) == 0
    assert "face 1 (33% of the images), face 2 (100% of the images)" in capsys.readouterr().out


def test_the_face_seen_most_or_the_one_that_is_named(mimica: Command, duet: Path, tmp_path: Path) -> None:
    jaw = {}
    for face in ("", "1", "2"):
        table = tmp_path / f"out{face}.csv"
        assert mimica("solve", duet, "--csv", table, *(("--face", face) if face else ())) == 0
        header, rows = read_table(table)
        assert len(rows) == 60
        jaw[face] = rows[:, header.index("jawOpen")]
    assert np.array_equal(jaw[""], jaw["2"]) and not np.array_equal(jaw["1"], jaw["2"])


def test_a_face_that_is_not_there_is_said(
    mimica: Command, capsys: pytest.CaptureFixture[str], duet: Path, tmp_path: Path
) -> None:
    assert mimica("solve", duet, "--csv", tmp_path / "out.csv", "--face", "3") == 1
    said = capsys.readouterr().err
    assert "There is no face 3 in 'duet'" in said and "face 2 (100% of the images)" in said
    assert mimica("solve", duet, "--csv", tmp_path / "out.csv", "--face", "0") == 2


def test_video_without_a_face(
    mimica: Command, capfd: pytest.CaptureFixture[str], tmp_path: Path, model_path: Path
) -> None:
    video, table = grey_film(tmp_path / "wall.mp4", 8), tmp_path / "out.csv"
    assert mimica("solve", video, "--csv", table, "--model", model_path) == 1
    assert "No face was found in 'wall.mp4'" in capfd.readouterr().err
    assert not table.exists()


def test_video_becomes_a_table_and_a_take(
    mimica: Command, capfd: pytest.CaptureFixture[str], tmp_path: Path, model_path: Path
) -> None:
    data = pytest.importorskip("skimage.data")
    picture = np.ascontiguousarray(data.astronaut()[:300, 80:380, ::-1])
    video = grey_film(tmp_path / "still.mp4", 12, picture)
    table, take = tmp_path / "out.csv", tmp_path / "out.mimica"
    assert mimica("solve", video, "--csv", table, "--take", take, "--model", model_path) == 0
    _, rows = read_table(table)
    assert len(rows) == 12
    kept = Take.open(take)
    assert kept.info.source is not None and kept.info.source.name == "still.mp4"
    assert kept.frames().found.all()
    said = capfd.readouterr()
    assert "12" in said.out and "images/s" in said.out
    assert "\r" not in said.err and "\x1b" not in said.err  # no terminal, no drawing


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl+C cannot be sent to one process there")
def test_interrupted_capture_keeps_its_take(tmp_path: Path, model_path: Path) -> None:
    data = pytest.importorskip("skimage.data")
    picture = np.ascontiguousarray(data.astronaut()[:300, 80:380, ::-1])
    video, take = grey_film(tmp_path / "long.mp4", 3000, picture), tmp_path / "out.mimica"
    program = (
        "import runpy, sys\n"
        f"runpy.run_path({str(ROOT / 'tests' / 'conftest.py')!r})\n"
        "from mimica.cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    arguments = ["solve", video, "--csv", tmp_path / "out.csv", "--take", take, "--model", model_path]
    process = subprocess.Popen([sys.executable, "-c", program, *map(str, arguments)], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if take.exists() and Take.open(take).summary().frames > 20:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Interrupted" in said and "out.mimica" in said and "Traceback" not in said
    frames = Take.open(take).frames()
    assert 20 < len(frames) < 3000 and frames.found.all()


def test_quiet_hides_libraries_and_not_the_console(capfd: pytest.CaptureFixture[str]) -> None:
    console = Console()
    with console.quiet():
        subprocess.run([sys.executable, "-c", "import sys; print('a'); print('b', file=sys.stderr)"], check=True)
        console.note("still here")
    console.say("and back")
    said = capfd.readouterr()
    assert said.err == "still here\n"
    assert said.out == "and back\n"

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of controls as takes: nothing is lost on the way, and older programs are told."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mimica.capture import take_schema
from mimica.capture.control_takes import read_control_take, write_control_take
from mimica.capture.take import Take, TakeError, TakeInfo, TakeWriter, list_takes, summarize
from mimica.capture.take_files import copy_take, label_take
from mimica.cli import main
from mimica.mapping.control_take import ControlTake
from mimica.mapping.controls_file import as_text, read_controls, write_controls
from mimica.mapping.frame import ARKIT_SHAPES

COUNT = 90


def acted(**given: object) -> ControlTake:
    rng = np.random.default_rng(3)
    whole = ControlTake(
        "slate",
        36000.0 + np.arange(COUNT) / 60,
        rng.random((COUNT, len(ARKIT_SHAPES))),
        60.0,
        rng.normal(size=(COUNT, 3)) / 5,
        rng.normal(size=(COUNT, 2, 2)) / 5,
        rng.normal(size=(COUNT, 2)) / 5,
        unknown=("mystery",),
        notes=("Something was found out.",),
    )
    return replace(whole, **given)  # pyright: ignore[reportArgumentType]


def stored(path: Path, take: ControlTake) -> ControlTake:
    write_control_take(path, TakeInfo(take.name), take)
    return ControlTake(Take.open(path).info.name, **read_control_take(path))


@pytest.mark.parametrize("parts", [{}, {"eye_roll": None}, {"head": None, "gaze": None, "eye_roll": None}])
def test_nothing_is_lost(tmp_path: Path, parts: dict[str, None]) -> None:
    take = acted(**parts)
    found = stored(tmp_path / "a.mimica", take)
    for field in ("times", "controls", "head", "gaze", "eye_roll"):
        wanted, got = getattr(take, field), getattr(found, field)
        assert (got is None) == (wanted is None)
        assert wanted is None or np.array_equal(got, wanted), field
    assert (found.name, found.rate, found.known) == ("slate", 60.0, ARKIT_SHAPES)
    assert (found.unknown, found.notes) == (take.unknown, take.notes)


def test_it_is_listed_as_a_take_without_faces(tmp_path: Path) -> None:
    stored(tmp_path / "a.mimica", acted())
    (summary,) = list_takes(tmp_path)
    assert (summary.name, summary.frames, summary.quality, summary.error) == ("slate", COUNT, 1.0, None)
    assert summary.duration == pytest.approx((COUNT - 1) / 60) and summary.rate == pytest.approx(60.0)
    assert summary.found == {} and summary.main_face is None
    assert not summary.cut_short and not summary.recording
    take = Take.open(tmp_path / "a.mimica")
    assert take.info.kind == "controls" and len(take.frames()) == 0
    label_take(take.path, note="the good one")
    copy = copy_take(take.path, tmp_path / "more")
    assert summarize(copy).note == "the good one"
    assert np.array_equal(read_control_take(copy)["controls"], acted().controls)


def test_older_programs_are_told_that_it_is_newer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(tmp_path / "a.mimica", acted())
    with TakeWriter(tmp_path / "b.mimica", TakeInfo("b")):
        pass
    versions = []
    for name in ("a", "b"):
        with closing(sqlite3.connect(tmp_path / f"{name}.mimica")) as connection:
            versions += connection.execute("PRAGMA user_version").fetchone()
    assert versions == [2, 1], "what holds faces stays readable for older programs"
    monkeypatch.setattr(take_schema, "STREAM_VERSION", 1)
    with pytest.raises(TakeError, match="newer Mimica"):
        Take.open(tmp_path / "a.mimica")


def test_what_cannot_be_read_or_written_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.mimica"
    stored(path, acted())
    with pytest.raises(TakeError, match="there already"):
        write_control_take(path, TakeInfo("x"), acted())
    with pytest.raises(TakeError, match="cannot be written"):
        write_control_take(path / "below.mimica", TakeInfo("x"), acted())
    with TakeWriter(tmp_path / "b.mimica", TakeInfo("b")):
        pass
    with pytest.raises(TakeError, match="holds faces"):
        read_control_take(tmp_path / "b.mimica")
    for change in (
        "UPDATE controls SET head = NULL WHERE frame = 3",
        "UPDATE controls SET controls = x'00' WHERE frame = 3",
        "UPDATE controls SET time = 0 WHERE frame = 3",
        "UPDATE meta SET value = '{}' WHERE key = 'controls'",
        "DELETE FROM controls",
    ):
        broken = tmp_path / "broken.mimica"
        broken.write_bytes(path.read_bytes())
        with closing(sqlite3.connect(broken)) as connection:
            connection.execute(change)
            connection.commit()
        with pytest.raises(TakeError, match="damaged"):
            read_control_take(broken)
    assert not list(tmp_path.glob(".*")), "no half-done file is left"


@pytest.mark.parametrize("form", ["livelink", "csv", "json"])
def test_a_file_that_is_imported_and_exported_is_the_same(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / f"slate{'.json' if form == 'json' else '.csv'}"
    write_controls(source, acted(unknown=(), notes=()), form)  # pyright: ignore[reportArgumentType]
    imported, out = tmp_path / "slate.mimica", tmp_path / f"out{source.suffix}"
    assert main(["take", "import", str(source)]) == 0
    assert imported.is_file()
    assert main(["take", "info", str(imported)]) == 0
    assert "52 of 52" in capsys.readouterr().out
    assert main(["take", "export", str(imported), "--format", form, "--out", str(out)]) == 0
    assert out.read_bytes() == source.read_bytes()
    assert main(["take", "import", str(source)]) == 1, "it is there already"
    assert "is there already" in capsys.readouterr().err
    assert main(["take", "import", str(source), "--overwrite"]) == 0
    assert main(["take", "import", str(source), "-o", str(tmp_path / "x.csv")]) == 2


def test_options_for_reading_count_on_import(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "plain.csv"
    table.write_text("jawOpen\n0.1\n0.2\n0.3\n")
    assert main(["take", "import", str(table)]) == 1, "it has no times"
    assert main(["take", "import", str(table), "--rate", "25", "-o", str(tmp_path / "t.mimica")]) == 0
    assert read_control_take(tmp_path / "t.mimica")["times"] == pytest.approx([0.0, 0.04, 0.08])
    capsys.readouterr()
    assert main(["take", "import", str(tmp_path / "t.mimica")]) == 2
    assert "is a take already" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["solve", "{take}", "--csv", "{out}"], ["performer", "learn", "{take}", "--out", "{out}"]]
)
def test_what_needs_a_face_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    take = tmp_path / "a.mimica"
    stored(take, acted())
    filled = [text.format(take=take, out=tmp_path / "out.json") for text in arguments]
    assert main(filled) == 1
    assert "holds controls" in capsys.readouterr().err


def test_the_tables_of_solve_and_export_are_one(tmp_path: Path) -> None:
    """What `solve` writes is the plain table: read back by name, with the gaze."""
    from mimica.cli.perform import write_csv
    from mimica.mapping.control_take import motion_of_take, take_of_motion

    motion = motion_of_take(acted())
    write_csv(tmp_path / "out" / "a.csv", motion)
    assert (tmp_path / "out" / "a.csv").read_text() == as_text(take_of_motion("a", motion, 60.0), "csv")
    found = read_controls(tmp_path / "out" / "a.csv")
    assert found.gaze is not None and found.head is not None
    assert np.abs(found.controls - motion.controls).max() < 1e-5
    assert json.dumps(found.unknown) == "[]"

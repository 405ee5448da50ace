# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The performers' files: what a user does with the list must never lose a calibration."""

from dataclasses import replace
from pathlib import Path

import pytest

from mimica.mapping.calibration import PerformerProfile, ProfileError, default_profile
from mimica.mapping.expressions import average_expressions
from mimica.rig import performers

RANGED = replace(default_profile(50.0), name="Ann", expressions=average_expressions())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "performers"


def names(folder: Path) -> list[str]:
    return [performer.name for performer in performers.list_performers(folder)]


def test_no_folder_has_no_performers(folder: Path) -> None:
    assert performers.list_performers(folder) == ()
    assert performers.active_performer(folder) is None


def test_a_new_performer_is_listed_and_not_calibrated(folder: Path) -> None:
    path = performers.new_performer(folder, "Ann")
    (ann,) = performers.list_performers(folder)
    assert (ann.name, ann.has_neutral, ann.has_range, ann.error) == ("Ann", False, False, "")
    assert performers.load_performer(path) is None
    assert performers.active_performer(folder) == path, "the only one is the active one"


def test_what_is_saved_is_loaded_under_the_files_name(folder: Path) -> None:
    path = performers.new_performer(folder, "Bea")
    performers.save_performer(path, RANGED)
    profile = performers.load_performer(path)
    assert profile is not None and profile.expressions is not None
    assert profile.name == "Bea" and profile.field_of_view == 50.0
    assert performers.list_performers(folder)[0].has_range


def test_names_that_are_taken_or_unfit_get_another(folder: Path) -> None:
    made = [performers.new_performer(folder, name).stem for name in ("Ann", "ann", "Ann", "A/B:C", "  ", "Performer")]
    assert made == ["Ann", "ann 2", "Ann 3", "A_B_C", "Performer", "Performer 2"]


def test_the_one_profile_of_the_first_version_becomes_the_first_performer(folder: Path) -> None:
    old = folder.parent / "performer.json"
    RANGED.save(old)
    performers.adopt_single_profile(old, folder)
    assert not old.exists()
    (first,) = performers.list_performers(folder)
    assert first.name == "Performer" and first.has_neutral
    assert performers.active_performer(folder) == first.path
    performers.adopt_single_profile(old, folder)
    assert names(folder) == ["Performer"], "once"


def test_renaming_keeps_file_choice_and_previous_version(folder: Path) -> None:
    path = performers.new_performer(folder, "Ann")
    performers.save_performer(path, RANGED)
    performers.new_performer(folder, "Zoe")
    performers.set_active_performer(path)
    moved = performers.rename_performer(path, "Bea")
    assert names(folder) == ["Bea", "Zoe"]
    assert performers.active_performer(folder) == moved
    assert performers.has_previous(moved)
    with pytest.raises(ProfileError, match="already"):
        performers.rename_performer(moved, "zoe")
    assert performers.rename_performer(moved, "bea").stem == "bea", "another case of the same name"


def test_the_version_before_comes_back_and_goes_again(folder: Path) -> None:
    path = performers.new_performer(folder, "Ann")
    performers.save_performer(path, RANGED)
    performers.save_performer(path, replace(RANGED, expressions=None))
    performers.restore_previous(path)
    profile = performers.load_performer(path)
    assert profile is not None and profile.expressions is not None
    performers.restore_previous(path)
    profile = performers.load_performer(path)
    assert profile is not None and profile.expressions is None


def test_several_saves_of_one_calibration_keep_what_was_before_it(folder: Path) -> None:
    path = performers.new_performer(folder, "Ann")
    performers.save_performer(path, RANGED)
    performers.save_performer(path, replace(RANGED, field_of_view=60.0))
    performers.save_performer(path, replace(RANGED, field_of_view=70.0), keep_old=False)
    performers.restore_previous(path)
    profile = performers.load_performer(path)
    assert profile is not None and profile.field_of_view == 50.0


def test_duplicating_deleting_importing_exporting(folder: Path, tmp_path: Path) -> None:
    path = performers.new_performer(folder, "Ann")
    performers.save_performer(path, RANGED)
    assert performers.duplicate_performer(path).stem == "Ann 2"
    out = tmp_path / "out.json"
    performers.export_performer(path, out)
    performers.delete_performer(path)
    assert names(folder) == ["Ann 2"]
    assert performers.import_performer(folder, out).stem == "out"
    assert PerformerProfile.load(folder / "out.json").expressions is not None
    for text in ("a letter", "{}", '{"schema": 99}'):
        other = tmp_path / "other.json"
        other.write_text(text)
        with pytest.raises(ProfileError):
            performers.import_performer(folder, other)
    assert names(folder) == ["Ann 2", "out"]


@pytest.mark.parametrize("text", ["", "no JSON", "[]", '{"schema": 2}', '{"schema": 99, "neutral": null}', "\x00\xff"])
def test_a_damaged_file_is_listed_with_a_sentence(folder: Path, text: str) -> None:
    performers.new_performer(folder, "Ann")
    (folder / "Harm.json").write_text(text, encoding="latin-1")
    ann, harm = performers.list_performers(folder)
    assert ann.error == "" and harm.error.endswith(".")
    with pytest.raises(ProfileError):
        performers.load_performer(harm.path)
    performers.delete_performer(harm.path)
    assert names(folder) == ["Ann"]


def test_a_note_of_the_active_one_that_is_damaged_or_points_elsewhere_is_passed_over(folder: Path) -> None:
    path = performers.new_performer(folder, "Ann")
    for text in (b"Gone.json", b"../../x.json", b"\xff\xfe", b"", b"active.txt"):
        (folder / "active.txt").write_bytes(text)
        assert performers.active_performer(folder) == path

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rigify's controls as a character map."""

import numpy as np
import pytest

from mimica.mapping.character_map import REGIONS
from mimica.mapping.data import load_table
from mimica.mapping.landmarks import average_face, weight_matrix
from mimica.mapping.map_file import read_map, write_map
from mimica.mapping.rigify import is_metarig, rigify_map

TABLE = load_table("rigify")


def bones_of(face: str) -> list[str]:
    """The names of a generated face's controls."""
    names: list[str] = []
    for row in TABLE["controls"]:
        name = row["names"][0] if face == "new" and "names" in row else row["bone"]
        names += [name.replace(".L", f".{side}") for side in ("LR" if ".L" in name else "L")]
    return [*dict.fromkeys([*names, "ORG-eye.L", "ORG-eye.R", "torso"])]


@pytest.mark.parametrize("face, corner", [("old", "lips.R"), ("new", "lip_end.R.001")])
def test_both_faces_are_known(face, corner):
    names = bones_of(face)
    character = rigify_map(names)
    assert character is not None and character.response
    by_name = {entry.bone: entry for entry in character.bones}
    assert by_name.keys() == set(names) - {"ORG-eye.L", "ORG-eye.R", "torso"}
    assert by_name[corner].landmarks.keys() == {"78", "61", "62", "76"}
    assert by_name["lid.T.R.001"].side == "R" and by_name["lid.T.R.001"].pair == "lid.B.R.003"
    assert by_name["eye.L"].drive == "eye_target" and by_name["eye.L"].pair == "ORG-eye.L"


def test_other_rigs_are_none():
    assert rigify_map(["head", "neck", "jaw", "eye.L", "eye.R"]) is None
    assert rigify_map([]) is None


def test_a_face_without_some_controls_is_still_known():
    names = [name for name in bones_of("new") if not name.startswith(("cheek", "nose", "tongue"))]
    character = rigify_map(names)
    assert character is not None
    assert {entry.bone for entry in character.bones} < set(names)


def test_a_metarig_is_told_from_what_is_generated_of_it():
    metarig = ["face", "spine", "jaw", "lip.T.L", "lid.T.L.002", "head"]
    assert is_metarig(metarig) and rigify_map(metarig) is None
    assert not is_metarig(bones_of("old"))


def test_entries_are_whole_and_mirrored():
    character = rigify_map(bones_of("old"))
    assert character is not None
    names = {entry.bone for entry in character.bones}
    face = average_face()
    for entry in character.bones:
        assert entry.region in REGIONS
        if entry.drive in ("landmarks", "lid"):
            assert sum(entry.landmarks.values()) == pytest.approx(1.0)
            place = (weight_matrix([entry.landmarks]) @ face)[0]
            assert np.sign(np.round(place[0], 3)) == (1 if ".L" in entry.bone else -1 if ".R" in entry.bone else 0)
        if entry.drive in ("lid", "landmarks") and entry.pair:
            assert entry.pair in names
    lids = {entry.bone: entry for entry in character.bones if entry.drive == "lid"}
    assert all(lids[lid.pair].pair == lid.bone and lids[lid.pair].upper != lid.upper for lid in lids.values())


def test_it_is_kept_in_a_file():
    character = rigify_map(bones_of("new"))
    assert character is not None
    assert read_map(write_map(character)) == character

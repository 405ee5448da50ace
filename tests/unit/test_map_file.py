# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mimica.mapping.character_map import (
    CONTROLS,
    REGIONS,
    Channel,
    CharacterMap,
    CharacterMapError,
    ControlEntry,
    own_rig_map,
    shape_entry,
)
from mimica.mapping.map_file import from_json, read_map, to_json, write_map

numbers = st.floats(-50, 50).map(lambda x: round(x, 4))
channels = st.builds(
    Channel,
    st.sampled_from(["shape_key", "location", "rotation", "scale", "property"]),
    st.text(min_size=1, max_size=12),
    st.integers(0, 2),
    numbers,
    st.text(max_size=5),
)
entries = st.builds(
    ControlEntry,
    st.lists(channels, min_size=1, max_size=3).map(tuple),
    st.sampled_from(CONTROLS),
    axis=st.integers(0, 2),
    region=st.sampled_from(["", *REGIONS]),
    label=st.text(max_size=8),
    gain=numbers,
    offset=numbers,
    dead_zone=st.floats(0, 0.9),
    curve=st.floats(0.1, 5),
    mirror=st.booleans(),
    enabled=st.booleans(),
)


@given(st.lists(entries, max_size=4).map(tuple), st.dictionaries(st.sampled_from(REGIONS), numbers))
def test_a_map_survives_its_file(controls, strengths):
    character = dataclasses.replace(own_rig_map(), controls=controls, strengths=strengths, response=True)
    text = write_map(character)
    assert read_map(text) == character
    assert from_json(to_json(character)) == character
    assert text.count("\n") < 20 + len(character.bones) + len(controls), "an entry a line"


MAP = write_map(
    CharacterMap(
        "Ann",
        own_rig_map().bones[:1],
        (
            shape_entry("jawOpen", "Open"),
            ControlEntry((Channel("rotation", "jaw", 2, 0.4),), landmarks={"13": 1.0}, dead_zone=0.25),
        ),
        {"jaw": 0.5},
    )
)


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ('"jawOpen"', '"jawOpn"', 12, "Did you mean 'jawOpen'?"),
        ('"shape_key"', '"shape"', 12, "'shape' as 'kind'"),
        ('"13"', '"478"', 13, "landmark '478'"),
        ('"amount": 0.4', '"amount": "much"', 13, "\"much\" as 'amount'"),
        ('"axis": 2', '"axis": 3', 13, "3 as 'axis'"),
        ('"dead_zone": 0.25', '"dead_zone": 1', 13, "dead zone of 1.0"),
        ('"maximum": 1.0', '"maximum": -1', 12, "above its maximum"),
        ('"maximum"', '"maximal"', 12, "does not know"),
        ('"drive": "neck"', '"drive": "magic"', 9, "'magic' as 'drive'"),
        ('"landmarks": {"13": 1.0}', '"label": "x"', 13, "lacks 'control'"),
        ('"control": "jawOpen"', '"control": "jawOpen", "landmarks": {"3": 1}', 12, "either a control or landmarks"),
        ('{"channels": [{"kind": "shape_key", "name": "Open"}]', '{"channels": []', 12, "needs a list as 'channels'"),
        ('    {"channels": [{"kind": "rot', '    x{"channels": [{"kind": "rot', 13, "no JSON"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_line(old, new, line, said):
    with pytest.raises(CharacterMapError) as error:
        read_map(MAP.replace(old, new, 1))
    assert str(error.value).startswith(f"Line {line}") and said in str(error.value)
    assert str(error.value)[-1] in ".?"


@pytest.mark.parametrize("text", ["[]", "3", '"x"', "{}", '{"schema": true}', '{"schema": "2"}', "[" * 100000])
def test_what_is_no_map_is_refused(text):
    with pytest.raises(CharacterMapError, match="no character map"):
        read_map(text)


def test_a_newer_map_asks_for_an_update():
    with pytest.raises(CharacterMapError, match="newer Mimica"):
        read_map('{"schema": 3}')


def test_the_first_schema_is_still_read():
    old = {"schema": 1, "name": "Old", "bones": [], "shapes": [{"control": "jawOpen", "key": "Open", "gain": 0.5}]}
    (entry,) = from_json(old).controls
    assert (entry.control, entry.gain, entry.channels) == ("jawOpen", 0.5, (Channel("shape_key", "Open"),))


def test_numbers_that_are_none_are_refused():
    with pytest.raises(CharacterMapError, match="Line 4"):
        read_map('{\n"schema": 2,\n"controls": [\n{"control": "jawOpen", "gain": NaN, "channels": [{}]}]}')

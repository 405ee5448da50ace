# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From poses to entries, their mirror image, and the guided list."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimica.mapping import rotation as rot
from mimica.mapping.character_map import CharacterMap, ControlEntry, shape_entry
from mimica.mapping.control_channels import ControlChannels
from mimica.mapping.frame import ARKIT_SHAPES
from mimica.mapping.map_file import read_map, write_map
from mimica.mapping.motion import Motion
from mimica.mapping.symmetry import (
    MirroredValue,
    Symmetry,
    find_left,
    mirror_bones,
    mirror_entries,
    mirror_keys,
    mirror_matrix,
    side_by_name,
)
from mimica.mapping.teaching import (
    Address,
    Expression,
    TeachingError,
    change_of,
    difference,
    entries_from_pose,
    entries_of,
    entry_from_pose,
    expressions,
    find_expression,
    following,
    label_of,
    learned_ids,
    pose_from_text,
    pose_to_text,
    posed,
)

LEFT = np.array([1.0, 0.0, 0.0])
MIRROR = mirror_matrix(LEFT)
UP = np.array([0.0, 0.0, 0.1])
numbers = st.floats(-2.0, 2.0, allow_nan=False)
vectors = st.tuples(numbers, numbers, numbers)


def get(name: str) -> Expression:
    found = find_expression(name)
    assert found is not None
    return found


def turned(vector: tuple[float, float, float], bone: str = "Bone.017") -> dict[Address, float]:
    return {("rotation", "", bone, axis): value for axis, value in enumerate(vector)}


def motion(**controls: float) -> Motion:
    """One instant, in which the head turns by `yaw`, `pitch` and `roll`."""
    row = np.zeros((1, 52))
    angles = {name: controls.pop(name, 0.0) for name in ("yaw", "pitch", "roll")}
    for name, value in controls.items():
        row[0, ARKIT_SHAPES.index(name)] = value
    axes = {"yaw": [0, 1.0, 0], "pitch": [1.0, 0, 0], "roll": [0, 0, 1.0]}
    head = rot.exp(np.sum([angles[n] * np.array(axes[n]) for n in axes], axis=0)[None])
    return Motion(np.zeros(1), row, head, np.zeros((1, 3)), np.zeros((1, 2, 2)), np.zeros((1, 0, 3)), np.ones(1))


def played(entries: tuple[ControlEntry, ...], **controls: float) -> dict[Address, float]:
    """What a performance makes of entries."""
    channels = ControlChannels(entries, {}, {}, 0)
    return dict(zip(channels.channels, channels.values(motion(**controls))[0].tolist(), strict=True))


# The list


def test_every_expression_of_a_performer_is_in_the_list() -> None:
    asked = [c for e in expressions() for c in e.controls]
    assert sorted(set(asked) & set(ARKIT_SHAPES)) == sorted(ARKIT_SHAPES)
    assert {"headYaw", "headPitch", "headRoll"} <= set(asked)
    assert len({e.id for e in expressions()}) == len(expressions())
    # An angle is asked for in both directions, a shape once.
    directions = [(c, e.full < 0) for e in expressions() for c in e.controls]
    assert len(set(directions)) == len(directions)


def test_the_list_begins_with_twelve_and_knows_the_other_sides() -> None:
    assert [e.group for e in expressions()[:12]] == ["essential"] * 12
    assert sum(e.group == "essential" for e in expressions()) == 12
    for one in expressions():
        if one.other:
            assert get(one.other).other == one.id
            assert abs(get(one.other).full) == abs(one.full)
    assert get("mouthSmileLeft").other == "mouthSmileRight"
    assert get("jawOpen").other == get("lookUp").other == ""
    assert "left" in get("eyeBlinkLeft").say and "{" not in get("eyeBlinkLeft").say


def test_what_a_pose_begins_with_comes_before_it() -> None:
    order = [e.id for e in expressions()]
    for one in expressions():
        assert all(order.index(first) < order.index(one.id) for first in one.after)
    assert get("mouthClose").after == ("jawOpen",)


def test_the_head_turns_as_the_list_says() -> None:
    # Ry turns the nose to the performer's left, Rx down, Rz the top of the head to the performer's right.
    assert get("headTurnLeft").full == pytest.approx(math.radians(45))
    assert get("headDown").full > 0 and get("headTiltRight").full > 0
    assert {get(n).region for n in ("headTurnLeft", "headUp")} == {"head"}


def test_the_next_step_is_the_next_that_is_wanted() -> None:
    names = ["a", "b", "c", "d"]
    assert following(names, "a", lambda n: n != "b") == "c"
    assert following(names, "d", lambda n: n != "a") == "b", "round the end"
    assert following(names, "b", lambda n: False) == "b"
    assert following(names, "gone", lambda n: n != "a") == "b"


# From a pose to an entry


@given(start=vectors, now=vectors)
def test_what_is_learned_gives_the_pose_that_was_shown(start: tuple, now: tuple) -> None:
    # Whatever the step began with: entries add rotation vectors.
    change = difference(turned(start), turned(now))
    again = posed(turned(start), [entry_from_pose("jawOpen", change)] if change else [])
    wanted, got = (rot.exp(np.array(list(p.values()))) for p in (turned(now), again))
    assert abs(abs(float(wanted @ got)) - 1.0) < 1e-6


@given(now=vectors, amount=st.floats(0.05, 1.0), value=st.floats(0.0, 1.0))
def test_a_performance_shows_it_in_proportion(now: tuple, amount: float, value: float) -> None:
    shown: dict[Address, float] = {("location", "", "Bone.017", i): v for i, v in enumerate(now)}
    change = difference({}, shown)
    if not change:
        return
    entry = entry_from_pose("jawOpen", change, amount)
    for address, got in played((entry,), jawOpen=value).items():
        assert got == pytest.approx(shown[address] * value / amount, rel=1e-5, abs=1e-9)


def test_an_angle_moves_by_the_angle_and_in_its_own_direction_alone() -> None:
    change = turned((0.0, 0.6, 0.0), "Head")
    left = get("headTurnLeft")
    entries = entries_from_pose(left, {a: v for a, v in change.items() if v}, {})
    half = played(entries, yaw=left.full / 2)
    assert half["rotation", "", "Head", 1] == pytest.approx(0.3, rel=1e-4)
    assert played(entries, yaw=-left.full)["rotation", "", "Head", 1] == 0.0
    assert change_of(entries[0])["rotation", "", "Head", 1] == pytest.approx(0.6)
    right = entries_from_pose(get("headTurnRight"), {("rotation", "", "Head", 1): -0.5}, {})
    assert played((*entries, *right), yaw=-left.full)["rotation", "", "Head", 1] == pytest.approx(-0.5, rel=1e-4)


def test_what_was_left_alone_is_not_learned() -> None:
    start: dict[Address, float] = {
        ("location", "", "a", 0): 1.0,
        ("scale", "", "a", 0): 1.0,
        ("shape_key", "Head", "Key 1", 0): 0.3,
    }
    now: dict[Address, float] = {
        **start,
        ("location", "", "a", 0): 1.0 + 1e-6,
        ("scale", "", "a", 1): 1.0,
        ("rotation", "", "a", 2): 5e-5,
    }
    assert difference(start, now) == {}
    assert difference(start, {**now, ("scale", "", "a", 1): 1.5}) == {("scale", "", "a", 1): 0.5}
    # In a rig of a thousandth of the size it would be a pose.
    assert difference(start, now, size=0.001) == {("location", "", "a", 0): pytest.approx(1e-6)}
    with pytest.raises(TeachingError, match="Nothing was moved"):
        entries_from_pose(get("jawOpen"), {}, {})


def test_only_what_comes_on_top_of_the_start_counts() -> None:
    start: dict[Address, float] = {("shape_key", "Head", "Key 1", 0): 1.0}
    now: dict[Address, float] = {**start, ("shape_key", "Head", "Key 2", 0): 0.8}
    assert difference(start, now) == {("shape_key", "", "Key 2", 0): 0.8}


def test_a_turn_past_half_a_circle_is_learned_the_way_it_was_posed() -> None:
    # From 170 degrees on to 190, which reads as -170.
    start, now = turned((math.radians(170), 0, 0)), turned((math.radians(-170), 0, 0))
    assert difference(start, now) == {("rotation", "", "Bone.017", 0): pytest.approx(math.radians(20))}


def test_a_key_of_several_meshes_is_one_channel_where_they_agree() -> None:
    now: dict[Address, float] = {("shape_key", mesh, "smile", 0): 1.0 for mesh in ("Head", "Teeth")}
    assert difference({}, now) == {("shape_key", "", "smile", 0): 1.0}
    now["shape_key", "Teeth", "smile", 0] = 0.0
    assert difference({}, now) == {("shape_key", "Head", "smile", 0): 1.0}
    entry = entry_from_pose("mouthSmileLeft", {("shape_key", "", "smile", 0): 0.5})
    assert posed(now, [entry]) == {
        ("shape_key", "Head", "smile", 0): 1.5,
        ("shape_key", "Teeth", "smile", 0): 0.5,
    }


def test_a_look_of_both_eyes_is_learned_for_each_eye() -> None:
    change: dict[Address, float] = {
        ("rotation", "", "eye a", 2): 0.5,
        ("rotation", "", "eye b", 2): 0.4,
        ("property", "", '["look"]', 0): 1.0,
    }
    entries = entries_from_pose(get("lookLeft"), change, {"eye a": 1, "eye b": -1})
    assert [e.control for e in entries] == ["eyeLookOutLeft", "eyeLookInRight"]
    assert played(entries, eyeLookOutLeft=1.0, eyeLookInRight=1.0) == pytest.approx(change)
    left = played(entries, eyeLookOutLeft=1.0)
    assert left == pytest.approx({**change, ("rotation", "", "eye b", 2): 0.0, ("property", "", '["look"]', 0): 0.5})
    one_eyed = entries_from_pose(get("lookLeft"), {("rotation", "", "eye b", 2): 0.4}, {"eye b": -1})
    assert [e.control for e in one_eyed] == ["eyeLookInRight"]


# The map


def test_what_a_map_drives_counts_as_learned() -> None:
    smile = entry_from_pose("mouthSmileLeft", {("location", "", "Bone.003", 0): 1.0})
    known = CharacterMap("Rig", (), (shape_entry("jawOpen", "Key 1"), smile))
    assert learned_ids((e.control, e.gain) for e in known.controls) == {"jawOpen", "mouthSmileLeft"}
    assert entries_of(known, get("mouthSmileLeft")) == (smile,)
    assert entries_of(known, get("eyeBlinkLeft")) == ()
    assert read_map(write_map(known)) == known


def test_the_two_directions_of_the_head_are_learned_apart() -> None:
    left, right = get("headTurnLeft"), get("headTurnRight")
    entries = entries_from_pose(left, {("rotation", "", "Head", 1): 0.5}, {})
    assert learned_ids((e.control, e.gain) for e in entries) == {"headTurnLeft"}
    assert entries_of(CharacterMap("Rig", (), entries), right) == ()


def test_a_pose_survives_as_text() -> None:
    pose: dict[Address, float] = {
        ("location", "", 'a "b"', 0): 0.1,
        ("scale", "", "a", 2): 1.0,
        ("property", "Head", '["smile"]', 0): -1.5,
        ("property", "", '["frown"]', 0): 0.0,
    }
    assert pose_from_text(pose_to_text(pose)) == {a: v for a, v in pose.items() if a[0] != "scale"}
    assert pose_from_text("") == {}


# The other side


def rotations(seed: int, count: int) -> np.ndarray:
    return rot.matrix_from_quaternion(rot.exp(np.random.default_rng(seed).normal(size=(count, 3)) * 2.0))


@given(seed=st.integers(0, 1000), move=vectors, turn=vectors, size=vectors)
def test_a_mirrored_pose_is_the_mirror_image_in_space(seed: int, move: tuple, turn: tuple, size: tuple) -> None:
    """Whatever way two bones' rest axes point."""
    axes = rotations(seed, 2)
    heads = np.array([[0.4, 0.1, 0.2], [-0.4, 0.1, 0.2]])
    tails = heads + UP
    pair = mirror_bones(["Bone.001", "Bone.007"], heads, tails, axes, [True, True], lambda name: name, LEFT)
    there = pair["Bone.001"]
    assert (there.other, there.side, pair["Bone.007"].side) == ("Bone.007", 1, -1)
    moved = axes[1] @ there.location @ np.array(move)
    assert np.allclose(moved, MIRROR @ axes[0] @ np.array(move))

    def in_space(axes: np.ndarray, vector: np.ndarray) -> np.ndarray:
        return axes @ rot.matrix_from_quaternion(rot.exp(vector)) @ axes.T

    got = in_space(axes[1], there.rotation @ np.array(turn))
    assert np.allclose(got, MIRROR @ in_space(axes[0], np.array(turn)) @ MIRROR)
    # What a scale does along the other bone's own axes.
    wanted = MIRROR @ axes[0] @ np.diag(size) @ axes[0].T @ MIRROR
    assert np.allclose(there.scale @ np.array(size), np.diag(axes[1].T @ wanted @ axes[1]))


def test_counterparts_are_found_by_name_then_by_place() -> None:
    names = ["brow.L", "brow.R", "Bone", "Bone.001", "Bone.002", "Bone.003", "Bone.004", "lonely"]
    heads = np.array(
        [[0.3, 0, 1], [-0.5, 0, 1], [0.2, 0, 0], [0.2, 0, 0], [-0.2, 0, 0], [-0.2, 0, 0], [0, 0, 0.5], [0.9, 0, 0.9]]
    )
    flip = {"brow.L": "brow.R", "brow.R": "brow.L"}
    found = mirror_bones(names, heads, heads + UP, rotations(1, 8), [True] * 8, lambda name: flip.get(name, name), LEFT)
    others = {name: one.other for name, one in found.items()}
    # Two bones in one place have each its own counterpart.
    assert others == {
        "brow.L": "brow.R",
        "brow.R": "brow.L",
        "Bone": "Bone.002",
        "Bone.001": "Bone.003",
        "Bone.002": "Bone",
        "Bone.003": "Bone.001",
        "Bone.004": "Bone.004",
        "lonely": "",
    }
    assert found["Bone.004"].side == 0


def test_a_location_that_is_not_local_is_mirrored_along_the_armature() -> None:
    heads = np.array([[0.4, 0.0, 0.0], [-0.4, 0.0, 0.0]])
    found = mirror_bones(["a", "b"], heads, heads + UP, rotations(3, 2), [False, False], lambda name: name, LEFT)
    assert np.allclose(found["a"].location, MIRROR)


@pytest.mark.parametrize("left", [*np.eye(3), *-np.eye(3), [0.6, 0.8, 0.0]], ids=str)
def test_the_way_to_the_left_is_told_by_names_then_by_the_map(left: np.ndarray) -> None:
    left = np.array(left, float)
    heads = np.array([1.0, -1.0, 0.0])[:, None] * left + [0.02, 0.03, 0.0]
    names = ["lid.L", "lid.R", "jaw"]
    flip = {"lid.L": "lid.R", "lid.R": "lid.L"}
    found = find_left(names, heads, heads + UP, lambda name: flip.get(name, name), told=-left)
    assert np.allclose(found, left)
    assert np.allclose(find_left(names, heads, heads + UP, lambda name: name, told=-left), -left)
    # What is off an axis by a few degrees is meant to be this axis.
    near = np.array(rot.matrix_from_quaternion(rot.exp(np.array([0.1, -0.1, 0.1])))) @ [0.0, 0.0, 1.0]
    assert np.allclose(find_left(names, heads, heads + UP, lambda name: name, told=near), [0.0, 0.0, 1.0])


@pytest.mark.parametrize("axis", range(3))
@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000))
def test_where_nothing_tells_the_left_the_places_of_bones_do(seed: int, axis: int) -> None:
    half = np.random.default_rng(seed).uniform(0.1, 1.0, (6, 3))
    left = np.eye(3)[axis]
    heads = np.concatenate([half, half @ mirror_matrix(left)])
    names = [f"Bone.{i}" for i in range(12)]
    tails = np.concatenate([half + UP, (half + UP) @ mirror_matrix(left)])
    found = find_left(names, heads, tails, lambda name: name, None)
    assert np.allclose(found, left)
    assert np.allclose(find_left(names[:1], heads[:1], tails[:1], lambda name: name, None), LEFT)


@pytest.mark.parametrize(("name", "other", "side"), [("Eye_L", "Eye_R", 1), ("rightLid", "leftLid", -1), ("a", "a", 0)])
def test_names_tell_sides(name: str, other: str, side: int) -> None:
    assert side_by_name(name, other) == side
    assert side_by_name(other, name) == -side


def test_an_entry_of_both_sides_is_of_none() -> None:
    both: dict[Address, float] = {("location", "", "a", 0): 1.0, ("location", "", "b", 0): 1.0}
    known = symmetry()
    assert known.side_of(entry_from_pose("mouthFunnel", both)) == 0
    assert known.side_of(entry_from_pose("mouthRight", both)) == -1, "unless its control has one"
    assert known.side_of(entry_from_pose("mouthFunnel", {("location", "", "b", 0): 1.0})) == -1
    assert known.side_of(entry_from_pose("mouthFunnel", {("shape_key", "", "Key 1", 0): 1.0})) == 1


def test_a_look_of_which_one_eye_has_a_counterpart_is_mirrored_for_that_eye() -> None:
    change: dict[Address, float] = {("rotation", "", "a", 2): 0.5, ("rotation", "", "lonely", 2): 0.4}
    left, right = get("lookLeft"), get("lookRight")
    made, missing = mirror_entries(entries_from_pose(left, change, {"a": 1, "lonely": -1}), left, right, symmetry())
    assert [e.control for e in made] == ["eyeLookOutRight"] and missing == ("lonely",)


def grid() -> np.ndarray:
    x, z = np.meshgrid(np.linspace(-1, 1, 21), np.linspace(-1, 1, 21))
    return np.stack([x.ravel(), np.zeros(x.size), z.ravel()], axis=1)


def bump(points: np.ndarray, x: float, way: tuple[float, float, float]) -> np.ndarray:
    return np.exp(-(((points - [x, 0, 0]) ** 2).sum(axis=1)) / 0.1)[:, None] * np.array(way)


def test_a_shape_keys_counterpart_is_found_by_what_it_does() -> None:
    points = grid()
    keys = {
        "Key 1": bump(points, 0.5, (1, 0, 1)),
        "Key 2": bump(points, -0.5, (1, 0, 1)),
        "Key 3": bump(points, -0.5, (-1, 0, 1)),
        "Key 4": bump(points, 0.0, (0, 1, 0)),
        "Key 5": np.zeros_like(points),
        "Key 6": bump(points, 0.7, (0, 1, -1)),
    }
    found = mirror_keys(points, keys, keys.items(), LEFT)
    assert found["Key 1"] == MirroredValue("Key 3", 1)
    assert found["Key 3"] == MirroredValue("Key 1", -1)
    assert found["Key 4"] == MirroredValue("Key 4", 0)
    assert found["Key 5"] == MirroredValue("", 0)
    assert found["Key 6"] == MirroredValue("", 1)


def symmetry() -> Symmetry:
    heads = np.array([[0.4, 0, 0], [-0.4, 0, 0], [0.8, 0, 0.5]])
    bones = mirror_bones(["a", "b", "lonely"], heads, heads + UP, rotations(5, 3), [True] * 3, lambda n: n, LEFT)
    return Symmetry(
        {("", name): bone for name, bone in bones.items()},
        {("", "Key 1"): MirroredValue("Key 2", 1)},
        {("", '["sneer.L"]'): MirroredValue('["sneer.R"]', 1)},
    )


def test_an_expression_is_mirrored_with_all_its_channels() -> None:
    left, right = get("mouthSmileLeft"), get("mouthSmileRight")
    change: dict[Address, float] = {
        ("location", "", "a", 0): 0.5,
        ("shape_key", "", "Key 1", 0): 0.8,
        ("property", "", '["sneer.L"]', 0): 0.2,
        ("location", "", "lonely", 0): 1.0,
    }
    (entry,), missing = mirror_entries(entries_from_pose(left, change, {}), left, right, symmetry())
    assert missing == ("lonely",)
    assert (entry.control, entry.label) == ("mouthSmileRight", "Smile Right")
    assert {c.name for c in entry.channels} == {"b", "Key 2", '["sneer.R"]'}
    way = np.linalg.norm([c.amount for c in entry.channels if c.name == "b"])
    assert way == pytest.approx(0.5)
    alone = entries_from_pose(left, {("location", "", "lonely", 0): 1.0}, {})
    with pytest.raises(TeachingError, match="no counterpart of 'lonely'"):
        mirror_entries(alone, left, right, symmetry())


def test_looks_and_head_turns_are_mirrored_too() -> None:
    change: dict[Address, float] = {("rotation", "", "a", 2): 0.5, ("rotation", "", "b", 2): 0.4}
    left, right = get("lookLeft"), get("lookRight")
    made, _ = mirror_entries(entries_from_pose(left, change, {"a": 1, "b": -1}), left, right, symmetry())
    assert {e.control: {c.name for c in e.channels} for e in made} == {
        "eyeLookOutRight": {"b"},
        "eyeLookInLeft": {"a"},
    }
    assert {e.label for e in made} == {label_of(right, c) for c in right.controls}
    turn, back = get("headTurnLeft"), get("headTurnRight")
    (entry,), _ = mirror_entries(entries_from_pose(turn, change, {}), turn, back, symmetry())
    assert (entry.control, entry.gain) == ("headYaw", -1.0)

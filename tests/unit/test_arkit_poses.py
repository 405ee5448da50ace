# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimica.mapping import rotation as rot
from mimica.mapping.arkit_poses import arkit_pose
from mimica.mapping.channels import BonePose, RestPose
from mimica.mapping.data import load_table
from mimica.mapping.frame import ARKIT_SHAPES
from mimica.mapping.landmarks import average_face, weight_matrix

FACE_TO_ARMATURE = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
MIRRORED = [
    ARKIT_SHAPES.index(
        name.removesuffix("Left") + "Right" if name.endswith("Left") else name.removesuffix("Right") + "Left"
    )
    if name.endswith(("Left", "Right"))
    else i
    for i, name in enumerate(ARKIT_SHAPES)
]


def own_rest(axes_seed: int | None = None, size: float = 1.0) -> RestPose:
    """The own rig's bones on a symmetric average face; with a seed, with axes turned anyhow."""
    bones = load_table("face_rig")["bones"]
    mirror = np.array(load_table("face_topology")["mirror"])
    face = np.array(average_face())
    face = 0.5 * (face + face[mirror] * (-1.0, 1.0, 1.0)) * size
    heads = weight_matrix([b.get("landmarks", {}) for b in bones]) @ face
    names = tuple(b["name"] for b in bones)
    heads[names.index("jaw")] = (0.0, 0.7 * size, -1.4 * size)
    for side, corners in (("L", (263, 362)), ("R", (33, 133))):
        heads[names.index(f"eye.{side}")] = face[list(corners)].mean(axis=0) - (0.0, 0.0, 1.0 * size)
    axes = np.tile(np.eye(3), (len(names), 1, 1))
    if axes_seed is not None:
        vectors = np.random.default_rng(axes_seed).normal(size=(len(names), 3))
        axes = rot.matrix_from_quaternion(rot.exp(vectors))
    parents = tuple(b["parent"] or "" for b in bones)
    return RestPose(names, parents, heads @ FACE_TO_ARMATURE.T, axes, 0.01, face)


def controls(**values: float) -> np.ndarray:
    row = np.zeros((1, len(ARKIT_SHAPES)))
    for name, value in values.items():
        row[0, ARKIT_SHAPES.index(name)] = value
    return row


def in_face_axes(pose: BonePose, rest: RestPose) -> tuple[np.ndarray, np.ndarray]:
    """Location (N, B, 3) in cm and rotation vectors (N, B, 3) about the face's axes."""
    location = np.einsum("nbj,bij->nbi", pose.location, rest.axes) @ FACE_TO_ARMATURE / rest.unit
    turn = np.einsum("nbj,bij->nbi", rot.log(pose.rotation), rest.axes) @ FACE_TO_ARMATURE
    return location, turn


def posed_heads(row: np.ndarray, rest: RestPose) -> dict[str, np.ndarray]:
    """Where the bones' heads are, face space, cm: the chain of parents followed as Blender does."""
    location, turn = in_face_axes(arkit_pose(row, rest), rest)
    heads = rest.heads @ FACE_TO_ARMATURE
    place: dict[str, tuple[np.ndarray, np.ndarray]] = {"": (np.eye(3), np.zeros(3))}
    result = {}
    for i, (name, parent) in enumerate(zip(rest.names, rest.parents, strict=True)):
        matrix, origin = place[parent]
        above = heads[rest.names.index(parent)] if parent else np.zeros(3)
        here = origin + matrix @ (heads[i] - above + location[0, i])
        place[name] = (matrix @ rot.matrix_from_quaternion(rot.exp(turn[0, i])), here)
        result[name] = here
    return result


shape_rows = st.lists(st.floats(0.0, 1.0), min_size=52, max_size=52).map(lambda v: np.array([v]))


def test_no_shape_is_no_pose():
    pose = arkit_pose(np.zeros((2, 52)), own_rest())
    assert np.abs(pose.location).max() < 1e-9
    assert np.allclose(pose.rotation, [1, 0, 0, 0])


@pytest.mark.parametrize("name", [n for n in ARKIT_SHAPES if n != "mouthClose"])
def test_each_shape_moves_something(name: str):
    location, turn = in_face_axes(arkit_pose(controls(**{name: 1.0}), own_rest()), own_rest())
    assert np.abs(location).max() > 0.15 or np.abs(turn).max() > 0.1


def test_the_table_names_known_shapes_and_bones_only():
    bones = {b["name"] for b in load_table("face_rig")["bones"]}
    for shape, entry in load_table("arkit_poses")["shapes"].items():
        assert shape in ARKIT_SHAPES
        assert set(entry) <= {"bones", "lids"}
        assert set(entry.get("bones", {})) <= bones
        assert all(set(v) <= {"move", "turn", "hinge"} for v in entry.get("bones", {}).values())


@settings(max_examples=30, deadline=None)
@given(row=shape_rows)
def test_a_mirrored_expression_is_the_mirrored_pose(row: np.ndarray):
    rest = own_rest()
    swap = [
        rest.names.index(n[:-1] + {"L": "R", "R": "L"}[n[-1]]) if n.endswith((".L", ".R")) else i
        for i, n in enumerate(rest.names)
    ]
    location, turn = in_face_axes(arkit_pose(row, rest), rest)
    other, other_turn = in_face_axes(arkit_pose(row[:, MIRRORED], rest), rest)
    assert np.allclose(other[:, swap] * (-1, 1, 1), location, atol=1e-6)
    assert np.allclose(other_turn[:, swap] * (1, -1, -1), turn, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(row=shape_rows, seed=st.integers(0, 1000))
def test_the_bones_own_axes_do_not_change_what_the_face_does(row: np.ndarray, seed: int):
    straight, turned = own_rest(), own_rest(seed)
    expected = in_face_axes(arkit_pose(row, straight), straight)
    got = in_face_axes(arkit_pose(row, turned), turned)
    assert np.allclose(got[0], expected[0], atol=1e-9)
    assert np.allclose(got[1], expected[1], atol=1e-9)


@settings(max_examples=20, deadline=None)
@given(rows=st.lists(shape_rows, min_size=2, max_size=4))
def test_many_instants_are_as_each_alone(rows: list[np.ndarray]):
    rest = own_rest()
    together = arkit_pose(np.concatenate(rows), rest)
    for i, row in enumerate(rows):
        alone = arkit_pose(row, rest)
        assert np.allclose(together.location[i], alone.location[0])
        assert np.allclose(together.rotation[i], alone.rotation[0])


def test_a_larger_face_makes_larger_moves():
    small, large = own_rest(), own_rest(size=1.5)
    row = controls(mouthSmileLeft=1.0, jawOpen=1.0, browInnerUp=1.0)
    a, b = in_face_axes(arkit_pose(row, small), small)[0], in_face_axes(arkit_pose(row, large), large)[0]
    assert np.allclose(b, 1.5 * a, atol=0.02)


@settings(max_examples=40, deadline=None)
@given(row=shape_rows, blink=st.sampled_from([0.0, 0.5, 1.0]))
def test_lids_stay_on_the_eyeball_never_cross_and_meet_in_a_blink(row: np.ndarray, blink: float):
    rest = own_rest()
    for side in ("Left", "Right"):
        row[0, ARKIT_SHAPES.index(f"eyeBlink{side}")] = blink
    heads = posed_heads(row, rest)
    at_rest = posed_heads(np.zeros((1, 52)), rest)
    for side in "LR":
        eye = heads[f"eye.{side}"]
        for part in ("_inner", "", "_outer"):
            upper, lower = heads[f"lid_upper{part}.{side}"], heads[f"lid_lower{part}.{side}"]
            lengths = [np.linalg.norm(at_rest[f"lid_{e}{part}.{side}"] - eye) for e in ("upper", "lower")]
            for lid in (upper, lower):
                assert min(lengths) - 1e-6 <= np.linalg.norm(lid - eye) <= max(lengths) + 1e-6
            assert upper[1] >= lower[1] - 1e-6
            if blink == 1.0:
                assert np.linalg.norm(upper - lower) < 1e-6


@settings(max_examples=20, deadline=None)
@given(opening=st.floats(0.0, 1.0), close=st.floats(0.0, 1.0))
def test_lips_meet_where_mouth_close_equals_jaw_open(opening: float, close: float):
    rest = own_rest()
    at_rest = posed_heads(controls(), rest)

    def gap(row: np.ndarray) -> float:
        heads = posed_heads(row, rest)
        apart = (heads["lip_upper"] - heads["lip_lower"]) - (at_rest["lip_upper"] - at_rest["lip_lower"])
        return float(np.linalg.norm(apart))

    assert gap(controls(jawOpen=opening, mouthClose=opening)) < 0.08
    assert gap(controls(jawOpen=opening, mouthClose=opening + close)) < 0.08
    if opening > 0.5:
        assert gap(controls(jawOpen=opening)) > 1.2


def test_the_directions_are_those_of_the_names():
    rest = own_rest()
    at_rest = posed_heads(controls(), rest)

    def moved(bone: str, **values: float) -> np.ndarray:
        return posed_heads(controls(**values), rest)[bone] - at_rest[bone]

    assert moved("lip_lower", jawOpen=1.0)[1] < -1.0
    assert moved("chin", jawLeft=1.0)[0] > 0.3
    assert moved("chin", jawForward=1.0)[2] > 0.5
    assert moved("lip_upper", mouthRight=1.0)[0] < -0.4
    assert moved("lip_corner.L", mouthSmileLeft=1.0)[1] > 0.6
    assert moved("lip_corner.R", mouthFrownRight=1.0)[1] < -0.4
    assert moved("brow_inner.R", browInnerUp=1.0)[1] > 0.5
    assert moved("tongue_tip", tongueOut=1.0)[2] > 2.0


@pytest.mark.parametrize(
    ("name", "axis", "degrees"),
    [("eyeLookOutLeft", 1, 28), ("eyeLookInLeft", 1, -28), ("eyeLookUpLeft", 0, -22), ("eyeLookDownLeft", 0, 22)],
)
def test_the_gaze_turns_the_eyeball(name: str, axis: int, degrees: float):
    rest = own_rest()
    turn = in_face_axes(arkit_pose(controls(**{name: 1.0}), rest), rest)[1]
    expected = np.zeros(3)
    expected[axis] = np.radians(degrees)
    assert np.allclose(turn[0, rest.names.index("eye.L")], expected)


def test_a_rig_without_some_bones_still_poses():
    rest = own_rest()
    keep = [i for i, n in enumerate(rest.names) if n.startswith(("lip", "brow"))]
    part = RestPose(
        tuple(rest.names[i] for i in keep), ("",) * len(keep), rest.heads[keep], rest.axes[keep], 0.01, rest.neutral
    )
    row = controls(jawOpen=1.0, mouthSmileLeft=1.0, eyeBlinkLeft=1.0)
    assert arkit_pose(row, part).location.shape == (1, len(keep), 3)

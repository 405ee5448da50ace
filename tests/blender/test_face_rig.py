# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create Face Rig: what an animator finds, and how the face deforms, as Blender evaluates it."""

import math
import time
from collections import Counter

import bpy
import numpy as np
import pytest
from mathutils import Vector

from mimica.mapping.data import load_table
from mimica.mapping.landmarks import average_face
from mimica.rig.face_rig import FaceRig, create_face_rig

LIP_PAIRS = ((191, 95), (80, 88), (81, 178), (82, 87), (13, 14), (312, 317), (311, 402), (310, 318), (415, 324))
MIRROR = np.array(load_table("face_topology")["mirror"])


@pytest.fixture
def rig() -> FaceRig:
    bpy.ops.wm.read_homefile(use_empty=True)
    return create_face_rig(bpy.context)


def armature_of(rig: FaceRig) -> bpy.types.Object:
    return bpy.data.objects[rig.armature]


def points_of(mesh: bpy.types.Mesh) -> np.ndarray:
    points = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", points)
    return points.reshape(-1, 3).astype(float)


def to_face_space(points: np.ndarray, unit: float) -> np.ndarray:
    return np.stack([points[:, 0], points[:, 2], -points[:, 1]], axis=1) / unit


def posed(rig: FaceRig) -> np.ndarray:
    """The landmarks' places on the posed face, (468, 3) cm in face space, before subdivision."""
    face = bpy.data.objects[rig.meshes[0]]
    face.modifiers["Smooth"].show_viewport = False
    bpy.context.view_layer.update()
    evaluated = face.evaluated_get(bpy.context.evaluated_depsgraph_get())
    points = to_face_space(points_of(evaluated.data)[:468], armature_of(rig)["mimica_unit"])
    face.modifiers["Smooth"].show_viewport = True
    return points


def move(rig: FaceRig, bone: str, x: float, y: float, z: float) -> None:
    """Move a bone by centimetres: aside, up, out of the face."""
    armature = armature_of(rig)
    armature.pose.bones[bone].location = Vector((x, y, z)) * armature["mimica_unit"]


def turn(rig: FaceRig, bone: str, x: float = 0.0, z: float = 0.0) -> None:
    pose_bone = armature_of(rig).pose.bones[bone]
    pose_bone.rotation_mode = "XYZ"
    pose_bone.rotation_euler = (math.radians(x), 0.0, math.radians(z))


def close_lids(rig: FaceRig, share: float = 1.0, sides: str = "LR") -> None:
    """Bring the lids' bones together at a fifth of the gap, on the spheres they lie on."""
    bones = armature_of(rig).data.bones
    for entry in load_table("face_rig")["bones"]:
        if entry["region"] != "lids" or entry["eye"] not in sides:
            continue
        own, other = bones[entry["name"]].head_local, bones[entry["pair"]].head_local
        lower, upper = (own, other) if "lower" in entry["name"] else (other, own)
        centre = bones[f"eye.{entry['eye']}"].head_local
        goal = (lower + 0.2 * (upper - lower)) - centre
        goal = centre + goal * ((own - centre).length / goal.length)
        local = bones[entry["name"]].matrix_local.to_3x3().inverted() @ (goal - own)
        armature_of(rig).pose.bones[entry["name"]].location = local * share


def seen_from_front(rig: FaceRig, side: str) -> Counter:
    """What a viewer in front of an eye sees over its opening: names of the objects and materials first hit."""
    armature = armature_of(rig)
    unit = armature["mimica_unit"]
    bpy.context.view_layer.update()
    graph = bpy.context.evaluated_depsgraph_get()
    rest = np.array(armature["mimica_neutral"]).reshape(478, 3)
    corners = rest[[263, 362]] if side == "L" else rest[[33, 133]]
    upper, lower = (386, 374) if side == "L" else (159, 145)
    seen: Counter = Counter()
    for x in np.linspace(corners[:, 0].min(), corners[:, 0].max(), 41):
        for y in np.linspace(rest[lower, 1] - 0.1, rest[upper, 1] + 0.1, 31):
            start = Vector((x, -20.0, y)) * unit + armature.location
            hit, _, _, _, thing, _ = bpy.context.scene.ray_cast(graph, start, Vector((0.0, 1.0, 0.0)))
            seen[thing.name if hit else "nothing"] += 1
    return seen


def weights_of(thing: bpy.types.Object) -> list[dict[str, float]]:
    bones = {b.name for b in thing.parent.data.bones}
    names = {g.index: g.name for g in thing.vertex_groups if g.name in bones}
    return [{names[g.group]: g.weight for g in v.groups if g.group in names} for v in thing.data.vertices]


def test_bones_are_those_of_the_table_with_their_parents_and_collections(rig):
    armature = armature_of(rig)
    table = load_table("face_rig")["bones"]
    assert [b["name"] for b in table if b["name"] in armature.data.bones] == [b["name"] for b in table]
    assert len(armature.data.bones) == len(table)
    for entry in table:
        bone = armature.data.bones[entry["name"]]
        assert (bone.parent.name if bone.parent else None) == entry["parent"]
        assert [c.name for c in bone.collections] == [entry["collection"]]
        assert armature.pose.bones[entry["name"]].custom_shape is not None


def test_table_covers_what_animators_expect():
    bones = load_table("face_rig")["bones"]
    names = {b["name"] for b in bones}
    counts = Counter(b["region"] for b in bones if b["drive"] == "landmarks")
    assert {"head", "neck", "jaw", "chin", "eye.L", "eye.R", "eye_target.L", "eye_target.R", "tongue"} <= names
    assert counts["brows"] == 10
    assert counts["lids"] == 12
    assert counts["cheeks"] == 8
    assert counts["nose"] == 6
    assert counts["mouth"] >= 12
    for bone in bones:
        if "landmarks" in bone:
            assert sum(bone["landmarks"].values()) == pytest.approx(1.0)
        if "pair" in bone:
            assert bone["pair"] in names


def test_left_and_right_bones_mirror(rig):
    bones = armature_of(rig).data.bones
    for bone in bones:
        if not bone.name.endswith(".L"):
            continue
        other = bones[bone.name[:-1] + "R"]
        assert np.allclose(np.array(bone.head_local) * (-1, 1, 1), other.head_local, atol=1e-6), bone.name
        # A rotation's mirror in the plane x = 0 turns the same way about x and the other way about y and z.
        mine, theirs = np.array(bone.matrix_local.to_3x3()), np.array(other.matrix_local.to_3x3())
        flip = np.diag([-1.0, 1.0, 1.0])
        assert np.allclose(flip @ mine @ flip, theirs, atol=1e-5), bone.name


def test_mesh_starts_with_the_landmarks_in_order(rig):
    armature = armature_of(rig)
    rest = np.array(armature["mimica_neutral"]).reshape(478, 3)
    points = to_face_space(points_of(bpy.data.objects[rig.meshes[0]].data)[:468], armature["mimica_unit"])
    assert np.allclose(points, rest[:468], atol=1e-4)
    assert np.linalg.norm(rest - average_face(), axis=1).max() < 0.4
    assert armature["mimica_rig"] == 1


def test_mesh_is_symmetric_to_the_last_vertex(rig):
    for name in rig.meshes:
        points = points_of(bpy.data.objects[name].data) / armature_of(rig)["mimica_unit"]
        seen = {tuple(p) for p in points.round(3) + 0.0}
        missing = [p for p in (points * (-1, 1, 1)).round(3) + 0.0 if not _near(tuple(p), seen)]
        assert not missing, (name, len(missing), missing[:3])


def _near(point: tuple[float, ...], seen: set[tuple[float, ...]]) -> bool:
    if point in seen:
        return True
    steps = (-0.001, 0.0, 0.001)
    around = [(x, y, z) for x in steps for y in steps for z in steps]
    return any(tuple(np.round(np.add(point, s), 3) + 0.0) in seen for s in around)


def test_skin_weights_are_normalised_few_and_equal_on_both_sides(rig):
    for name in rig.meshes:
        for weights in weights_of(bpy.data.objects[name]):
            assert sum(weights.values()) == pytest.approx(1.0, abs=1e-4)
            assert 1 <= len(weights) <= 4
    face = weights_of(bpy.data.objects[rig.meshes[0]])
    for index in range(468):
        mirrored = {_other_side(bone): weight for bone, weight in face[MIRROR[index]].items()}
        assert mirrored == pytest.approx(face[index], abs=0.003), index


def _other_side(name: str) -> str:
    return name[:-1] + {"L": "R", "R": "L"}[name[-1]] if name[-2:] in (".L", ".R") else name


def test_every_mesh_is_closed_and_faces_outwards(rig):
    for name in rig.meshes:
        mesh = bpy.data.objects[name].data
        directed = Counter()
        for polygon in mesh.polygons:
            corners = list(polygon.vertices)
            directed.update(zip(corners, corners[1:] + corners[:1], strict=True))
        assert max(directed.values()) == 1, name
        assert all((b, a) in directed for a, b in directed), name
        points = points_of(mesh)
        volume = 0.0
        mesh.calc_loop_triangles()
        for triangle in mesh.loop_triangles:
            a, b, c = points[list(triangle.vertices)]
            volume += float(np.dot(a, np.cross(b, c))) / 6.0
        assert volume > 0.0, name
        assert not mesh.validate()


def test_every_separate_piece_faces_outwards(rig):
    """Each brow, ear, lash, tooth: a piece turned inside out shows black in a render."""
    for name in rig.meshes:
        mesh = bpy.data.objects[name].data
        points = points_of(mesh)
        owner = list(range(len(points)))

        def root_of(i: int, owner: list[int] = owner) -> int:
            while owner[i] != i:
                i = owner[i]
            return i

        for polygon in mesh.polygons:
            first = root_of(polygon.vertices[0])
            for v in polygon.vertices[1:]:
                owner[root_of(v)] = first
        volumes: dict[int, float] = {}
        mesh.calc_loop_triangles()
        for triangle in mesh.loop_triangles:
            a, b, c = points[list(triangle.vertices)]
            piece = root_of(triangle.vertices[0])
            volumes[piece] = volumes.get(piece, 0.0) + float(np.dot(a, np.cross(b, c))) / 6.0
        assert min(volumes.values()) > 0.0, (name, sum(v <= 0 for v in volumes.values()), len(volumes))


@pytest.mark.parametrize("scale_length", [1.0, 0.01, 0.001, 2.5])
def test_life_size_under_any_unit_scale(scale_length):
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.context.scene.unit_settings.scale_length = scale_length
    rig = create_face_rig(bpy.context)
    armature = armature_of(rig)
    points = points_of(bpy.data.objects[rig.meshes[0]].data) * scale_length
    assert tuple(armature.scale) == (1.0, 1.0, 1.0)
    assert 0.13 < np.ptp(points[:, 0]) < 0.2
    assert armature["mimica_unit"] * scale_length == pytest.approx(0.01)


def test_size_is_the_heads_height_and_place_is_the_cursor():
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.context.scene.cursor.location = (1.0, 2.0, 3.0)
    rig = create_face_rig(bpy.context, size=2.0)
    points = points_of(bpy.data.objects[rig.meshes[0]].data)
    assert points[:, 2].max() - points[152, 2] == pytest.approx(2.0, rel=1e-4)
    bpy.context.view_layer.update()
    assert tuple(bpy.data.objects[rig.meshes[0]].matrix_world.translation) == pytest.approx((1.0, 2.0, 3.0))


def test_lips_meet_at_rest_and_open_with_the_jaw(rig):
    upper, lower = (np.array(side) for side in zip(*LIP_PAIRS, strict=True))
    rest = posed(rig)
    assert np.linalg.norm(rest[upper] - rest[lower], axis=1).max() < 0.01
    turn(rig, "jaw", x=20.0)
    opened = posed(rig)
    assert opened[13, 1] - opened[14, 1] > 2.0
    assert np.linalg.norm(opened[0] - rest[0]) < 0.3
    assert opened[152, 1] < rest[152, 1] - 1.0


def test_closed_lids_cover_the_eye_and_open_ones_show_it(rig):
    eyes = rig.meshes[1]
    for side in "LR":
        assert seen_from_front(rig, side)[eyes] > 300
    close_lids(rig)
    for side in "LR":
        assert seen_from_front(rig, side)[eyes] == 0


def test_a_wink_leaves_the_other_eye_open(rig):
    before = seen_from_front(rig, "R")[rig.meshes[1]]
    close_lids(rig, sides="L")
    assert seen_from_front(rig, "L")[rig.meshes[1]] == 0
    assert seen_from_front(rig, "R")[rig.meshes[1]] == before


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75, 1.0])
def test_the_eyeball_never_shows_through_the_lids(rig, share):
    """Halfway closed, what is above the upper lid's edge and below the lower's is skin."""
    close_lids(rig, share)
    landmarks = posed(rig)
    armature = armature_of(rig)
    unit, graph = armature["mimica_unit"], bpy.context.evaluated_depsgraph_get()
    for edge, beyond in ((386, 257), (385, 258), (387, 259), (374, 253), (373, 254), (380, 252)):
        for along in (0.25, 0.4, 0.6, 0.8):
            point = (1.0 - along) * landmarks[edge] + along * landmarks[beyond]
            start = Vector((point[0], -20.0, point[1])) * unit + armature.location
            hit, _, _, _, thing, _ = bpy.context.scene.ray_cast(graph, start, Vector((0.0, 1.0, 0.0)))
            assert hit and thing.name == rig.meshes[0], (edge, along, thing and thing.name)


def test_skin_follows_the_bones_that_follow_it(rig):
    rest = posed(rig)
    move(rig, "lip_corner.L", 0.6, 0.5, 0.0)
    move(rig, "brow_mid.R", 0.0, 0.8, 0.0)
    moved = posed(rig) - rest
    assert moved[291] == pytest.approx((0.6, 0.5, 0.0), abs=0.15)
    assert np.linalg.norm(moved[61]) < 0.02
    assert moved[[105, 52], 1].mean() == pytest.approx(0.8, abs=0.25)
    assert np.linalg.norm(moved[[334, 282]], axis=1).max() < 0.02
    assert np.linalg.norm(moved[[4, 152, 234, 454]], axis=1).max() < 0.05


def test_the_head_carries_everything_but_the_neck(rig):
    armature = armature_of(rig)
    rest = posed(rig)
    pivot = np.array(to_face_space(np.array([armature.data.bones["head"].head_local]), armature["mimica_unit"])[0])
    turn(rig, "head", x=15.0)
    angle = math.radians(15.0)
    arm = rest - pivot
    goal = arm.copy()
    goal[:, 1] = arm[:, 1] * math.cos(angle) - arm[:, 2] * math.sin(angle)
    goal[:, 2] = arm[:, 1] * math.sin(angle) + arm[:, 2] * math.cos(angle)
    assert np.linalg.norm(posed(rig) - (goal + pivot), axis=1).max() < 0.02


def test_eyes_turn_by_their_bones_and_by_targets_on_request(rig):
    armature = armature_of(rig)

    def gaze() -> tuple[float, ...]:
        armature.update_tag()
        bpy.context.view_layer.update()
        posed_bone = armature.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones["eye.L"]
        return tuple((posed_bone.tail - posed_bone.head).normalized())

    assert gaze() == pytest.approx((0.0, -1.0, 0.0), abs=1e-5)
    turn(rig, "eye.L", z=30.0)
    assert gaze() == pytest.approx((math.sin(math.radians(30)), -math.cos(math.radians(30)), 0.0), abs=1e-5)
    turn(rig, "eye.L", x=20.0)
    assert gaze()[2] == pytest.approx(math.sin(math.radians(20)), abs=1e-5)
    turn(rig, "eye.L")
    move(rig, "eye_targets", 10.0, 0.0, 0.0)
    assert gaze() == pytest.approx((0.0, -1.0, 0.0), abs=1e-5)
    armature["eye_targets"] = 1.0
    assert gaze()[0] == pytest.approx(math.sin(math.atan2(10.0, 30.0)), abs=1e-3)


def test_two_faces_are_independent(rig):
    second = create_face_rig(bpy.context)
    assert rig.armature != second.armature
    assert not set(rig.meshes) & set(second.meshes)
    for name in (second.armature, *second.meshes):
        assert bpy.data.objects[name].data.users == 1
    for name in second.meshes:
        thing = bpy.data.objects[name]
        assert thing.parent.name == second.armature
        assert thing.modifiers["Armature"].object.name == second.armature
        ours = {m.name for m in thing.data.materials}
        assert not ours & {m.name for other in rig.meshes for m in bpy.data.objects[other].data.materials}
    rest = posed(rig)
    turn(second, "jaw", x=20.0)
    assert np.allclose(posed(rig), rest)


def test_users_mode_and_selection_stay():
    bpy.ops.wm.read_homefile(use_empty=True)
    meshes = [bpy.data.objects.new(n, bpy.data.meshes.new(n)) for n in ("Chosen", "Edited", "Other")]
    for thing in meshes:
        bpy.context.collection.objects.link(thing)
    meshes[0].select_set(True)
    meshes[1].select_set(True)
    bpy.context.view_layer.objects.active = meshes[1]
    bpy.ops.object.mode_set(mode="EDIT")
    edited = {o.name for o in bpy.context.objects_in_mode}
    create_face_rig(bpy.context)
    assert bpy.context.mode == "EDIT_MESH"
    assert {o.name for o in bpy.context.objects_in_mode} == edited
    assert bpy.context.view_layer.objects.active.name == "Edited"
    assert {o.name for o in bpy.context.selected_objects} == {"Chosen", "Edited"}


def test_a_hidden_collection_is_no_hindrance():
    bpy.ops.wm.read_homefile(use_empty=True)
    hidden = bpy.data.collections.new("Hidden")
    bpy.context.scene.collection.children.link(hidden)
    bpy.context.view_layer.layer_collection.children["Hidden"].exclude = True
    rig = create_face_rig(bpy.context, collection=hidden)
    bpy.context.view_layer.update()
    assert armature_of(rig).name in hidden.all_objects
    assert armature_of(rig).name not in bpy.context.view_layer.objects


def test_one_undo_takes_the_face_away():
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.ed.undo_push(message="Before")
    rig = create_face_rig(bpy.context)
    bpy.ops.ed.undo_push(message="Create Face Rig")
    bpy.ops.ed.undo()
    assert rig.armature not in bpy.data.objects
    assert not [m for m in bpy.data.meshes if m.name.startswith("Mimica")]


def test_it_is_quick():
    bpy.ops.wm.read_homefile(use_empty=True)
    create_face_rig(bpy.context)
    start = time.perf_counter()
    create_face_rig(bpy.context)
    assert time.perf_counter() - start < 2.0


def test_a_performers_neutral_gives_their_proportions_with_closed_lips():
    bpy.ops.wm.read_homefile(use_empty=True)
    neutral = average_face() * (1.1, 0.95, 1.0)
    neutral[[14, 87, 178, 88, 95, 317, 402, 318, 324]] -= (0.0, 0.3, 0.0)
    neutral += np.random.default_rng(0).normal(0.0, 0.02, neutral.shape)
    rig = create_face_rig(bpy.context, neutral=neutral)
    rest = posed(rig)
    width = rest[454, 0] - rest[234, 0]
    assert width == pytest.approx(1.1 * (average_face()[454, 0] - average_face()[234, 0]), rel=0.02)
    upper, lower = (np.array(side) for side in zip(*LIP_PAIRS, strict=True))
    assert np.linalg.norm(rest[upper] - rest[lower], axis=1).max() < 0.01
    close_lids(rig)
    for side in "LR":
        assert seen_from_front(rig, side)[rig.meshes[1]] == 0


@pytest.mark.parametrize("neutral", [np.zeros((468, 3)), np.full((478, 3), np.nan)])
def test_an_incomplete_neutral_is_refused_with_a_sentence(neutral):
    bpy.ops.wm.read_homefile(use_empty=True)
    with pytest.raises(ValueError, match="neutral face is not complete"):
        create_face_rig(bpy.context, neutral=neutral)
    assert not bpy.data.objects

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A character's map in the scene: kept without loss, edited by operators, tried out, kept as files and presets."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mathutils import Matrix

import mimica
from mimica.mapping import rotation as rot
from mimica.mapping.character_map import (
    CONTROLS,
    REGIONS,
    BoneEntry,
    Channel,
    ChannelKind,
    CharacterMap,
    ControlEntry,
    own_rig_map,
    shape_entry,
)
from mimica.mapping.frame import ARKIT_SHAPES
from mimica.rig import character, map_mirror, map_presets, map_view, test_pose
from mimica.rig.face_rig import create_face_rig


@pytest.fixture(scope="module", autouse=True)
def registered() -> Iterator[None]:
    mimica.register()
    yield
    mimica.unregister()


@pytest.fixture(autouse=True)
def empty() -> None:
    test_pose.end()
    bpy.ops.wm.read_homefile(use_empty=True)


@pytest.fixture
def head() -> bpy.types.Object:
    """A mesh with shape keys for both sides, picked as the character."""
    return make_head("eyeBlinkLeft", "eyeBlinkRight", "jawOpen", "Corner_L", "Corner_R")


def make_head(*keys: str, name: str = "Head") -> bpy.types.Object:
    mesh = bpy.data.objects.new(name, bpy.data.meshes.new(name))
    mesh.data.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    bpy.context.scene.collection.objects.link(mesh)
    for key in ("Basis", *keys):
        mesh.shape_key_add(name=key).value = 0.0
    bpy.context.scene.mimica.target = mesh
    return mesh


@pytest.fixture
def rig() -> bpy.types.Object:
    """Mimica's own rig with its map, picked as the character."""
    armature = bpy.data.objects[create_face_rig(bpy.context).armature]
    bpy.context.scene.mimica.target = armature
    character.store_map(armature, own_rig_map(), detected=True)
    return armature


def pose(armature: bpy.types.Object) -> np.ndarray:
    return np.array([(*bone.location, *bone.rotation_quaternion) for bone in armature.pose.bones])


def entries(obj: bpy.types.Object) -> tuple[ControlEntry, ...]:
    stored = character.stored_map(obj)
    assert stored is not None
    return stored.controls


NUMBERS = st.floats(-50.0, 50.0).map(lambda x: round(x, 4)) | st.floats(-3.0, 3.0)
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
WEIGHTS = st.dictionaries(st.integers(0, 477).map(str), st.floats(0.01, 1.0), min_size=1, max_size=3)
CHANNELS = st.builds(
    Channel,
    st.sampled_from(["shape_key", "location", "rotation", "scale", "property"]),
    NAMES,
    st.integers(0, 2),
    NUMBERS,
    st.just("") | NAMES,
)
SHAPING = {
    "region": st.sampled_from(["", *REGIONS]),
    "label": st.just("") | NAMES,
    "gain": NUMBERS,
    "offset": NUMBERS,
    "dead_zone": st.floats(0.0, 0.99),
    "curve": st.floats(0.01, 30.0),
    "minimum": st.floats(-100.0, 0.0),
    "maximum": st.floats(0.0, 100.0),
    "mirror": st.booleans(),
    "enabled": st.booleans(),
}
LISTS = st.lists(CHANNELS, min_size=1, max_size=3).map(tuple)
CONTROL_ENTRIES = st.builds(ControlEntry, LISTS, st.sampled_from(CONTROLS), **SHAPING) | st.builds(
    ControlEntry, LISTS, st.just(""), WEIGHTS, st.integers(0, 2), **SHAPING
)
VECTORS = st.tuples(NUMBERS, NUMBERS, NUMBERS)
BONE_ENTRIES = st.builds(
    BoneEntry,
    NAMES,
    st.sampled_from(["landmarks", "lid", "jaw", "eye", "eye_target", "head", "neck", "control"]),
    st.sampled_from(REGIONS),
    WEIGHTS,
    pair=st.just("") | NAMES,
    edge=WEIGHTS,
    upper=st.booleans(),
    side=st.sampled_from(["", "L", "R"]),
    control=st.sampled_from(ARKIT_SHAPES),
    move=VECTORS,
    turn=VECTORS,
    gain=NUMBERS,
    limit=st.floats(0.0, 9.0),
    mirror=st.booleans(),
    enabled=st.booleans(),
)
MAPS = st.builds(
    CharacterMap,
    NAMES,
    st.lists(BONE_ENTRIES, max_size=3).map(tuple),
    st.lists(CONTROL_ENTRIES, max_size=3).map(tuple),
    st.dictionaries(st.sampled_from(REGIONS), NUMBERS),
    st.floats(0.0, 1.0),
    st.floats(0.0, 1.0),
    st.booleans(),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=MAPS)
def test_a_map_comes_out_of_the_scene_as_it_went_in(wanted: CharacterMap) -> None:
    obj = bpy.data.objects.get("Holder") or bpy.data.objects.new("Holder", None)
    character.store_map(obj, wanted)
    assert character.stored_map(obj) == wanted
    assert list(character.stored_map(obj).strengths) == list(wanted.strengths)


def test_maps_are_saved_with_the_file(rig: bpy.types.Object, tmp_path: Path) -> None:
    character.store_report(rig, {"family": "Mimica", "notes": ["One."]})
    rig.mimica.entries[3].gain = 0.35
    before = character.stored_map(rig)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "file.blend"))
    name = rig.name
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "file.blend"))
    again = bpy.data.objects[name]
    assert character.stored_map(again) == before
    assert character.stored_map(again).bones[3].gain == 0.35, "as typed, not as half its digits say"
    assert character.stored_report(again) == {"family": "Mimica", "notes": ["One."]}
    assert character.is_edited(again)


def test_one_object_holds_the_map_of_a_character(rig: bpy.types.Object, head: bpy.types.Object) -> None:
    mesh = next(obj for obj in rig.children if obj.find_armature() == rig)
    assert character.stored_map(mesh) == own_rig_map()
    assert character.revision(mesh) == character.revision(rig) > 0
    assert character.stored_map(head) is None and character.revision(head) == 0
    assert character.holder_of(None) is None and character.stored_map(None) is None


def test_a_group_of_objects_is_a_character_too(rig: bpy.types.Object) -> None:
    group = bpy.data.objects.new("Group", None)
    bpy.context.scene.collection.objects.link(group)
    rig.parent = group
    character.store_map(group, own_rig_map())
    view = map_view.view(group)
    assert [view.problem(row) for row in group.mimica.entries if view.problem(row)] == []


def test_linked_characters_are_mapped_through_an_override(rig: bpy.types.Object, tmp_path: Path) -> None:
    library, name = tmp_path / "library.blend", rig.name
    bpy.ops.wm.save_as_mainfile(filepath=str(library))
    bpy.ops.wm.read_homefile(use_empty=True)
    with bpy.data.libraries.load(str(library), link=True) as (_there, here):
        here.objects = [name]
    linked = bpy.data.objects[name]
    bpy.context.scene.collection.objects.link(linked)
    bpy.context.scene.mimica.target = linked
    assert character.stored_map(linked) == own_rig_map(), "what was mapped there counts here"
    assert not bpy.ops.mimica.remove_entry.poll()
    bpy.context.scene.mimica.target = own = linked.override_create(remap_local_usages=True)
    assert character.stored_map(own) == own_rig_map() and character.is_librarys(own)
    revision = character.revision(own)
    bpy.ops.mimica.own_mapping()
    character.data_of(own).entries[3].gain = 0.35
    bpy.ops.mimica.add_entry(control="jawOpen", kind="rotation", bone="head", angle=0.3)
    edited = character.stored_map(own)
    assert edited.bones[3].gain == 0.35 and len(edited.controls) == 1
    assert character.revision(own) > revision and character.is_edited(own)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    again = next(obj for obj in bpy.data.objects if obj.override_library)
    assert character.stored_map(again) == edited


def test_each_edit_is_seen_by_what_is_bound(rig: bpy.types.Object) -> None:
    seen = [character.revision(rig)]
    data = rig.mimica
    for edit in (
        lambda: setattr(data.entries[0], "gain", 2.0),
        lambda: setattr(data.entries[0], "enabled", False),
        lambda: setattr(data.strengths, "jaw", 0.5),
        lambda: setattr(data, "neck_share", 0.1),
        lambda: bpy.ops.mimica.remove_entry(),
        lambda: bpy.ops.mimica.reset_entries(scope="ALL"),
    ):
        edit()
        seen.append(character.revision(rig))
    assert len(set(seen)) == len(seen)
    data.index = 2
    assert character.revision(rig) == seen[-1], "picking another row changes nothing"


def test_undo_takes_an_edit_back(head: bpy.types.Object) -> None:
    character.store_map(head, CharacterMap("x", controls=(shape_entry("jawOpen", "jawOpen"),)))
    bpy.ops.ed.undo_push(message="before")
    first, name = character.revision(head), head.name
    head.mimica.entries[0].gain = 2.0
    bpy.ops.ed.undo_push(message="after")
    bpy.ops.ed.undo()
    head = bpy.data.objects[name]
    assert entries(head)[0].gain == 1.0
    assert character.revision(head) == first
    head.mimica.entries[0].gain = 3.0
    assert character.revision(head) > first + 1, "never the number of the state that was undone"


def test_minimum_and_maximum_stay_in_order(head: bpy.types.Object) -> None:
    character.store_map(head, CharacterMap("x", controls=(shape_entry("jawOpen", "jawOpen"),)))
    row = head.mimica.entries[0]
    row.minimum = 1.5
    assert (row.minimum, row.maximum) == (1.5, 1.5)
    row.maximum = -1.0
    assert (row.minimum, row.maximum) == (-1.0, -1.0)


def test_adding_and_taking_away(head: bpy.types.Object) -> None:
    head["smile"] = 0.0
    character.store_map(head, CharacterMap("x"))
    bpy.ops.mimica.add_entry(control="jawOpen", kind="shape_key", shape_key="jawOpen")
    bpy.ops.mimica.add_entry(control="mouthFunnel", kind="property", path=f'bpy.data.objects["{head.name}"]["smile"]')
    jaw, smile = entries(head)
    assert jaw == shape_entry("jawOpen", "jawOpen")
    assert smile.channels == (Channel("property", '["smile"]'),)
    bpy.ops.mimica.duplicate_entry()
    assert entries(head) == (jaw, smile, smile)
    bpy.ops.mimica.add_channel()
    row = head.mimica.entries[head.mimica.index]
    assert "Choose" in map_view.view(head).problem(row)
    assert len(entries(head)[2].channels) == 1, "what is not complete drives nothing"
    row.channels[1].kind, row.channels[1].target = "shape_key", "Corner_L"
    assert entries(head)[2].channels[1].name == "Corner_L"
    bpy.ops.mimica.remove_channel(index=0)
    assert [c.name for c in entries(head)[2].channels] == ["Corner_L"]
    for _ in range(3):
        bpy.ops.mimica.remove_entry()
    assert entries(head) == () and not bpy.ops.mimica.remove_entry.poll()
    with pytest.raises(RuntimeError, match="Nothing was chosen"):
        bpy.ops.mimica.add_entry(control="jawOpen")


def test_bones_are_added_for_parts_of_the_face(rig: bpy.types.Object) -> None:
    before = character.stored_map(rig)
    bpy.ops.mimica.add_bone_entry(drive="eye_R", bone="tongue")
    added = [entry for entry in character.stored_map(rig).bones if entry not in before.bones]
    assert added == [BoneEntry("tongue", "eye", "gaze", side="R")]
    with pytest.raises(RuntimeError, match="no bone 'Nobody'"):
        bpy.ops.mimica.add_bone_entry(drive="jaw", bone="Nobody")


def test_the_other_side_gets_the_same_settings(head: bpy.types.Object) -> None:
    blink = shape_entry("eyeBlinkLeft", "eyeBlinkLeft", gain=1.5)
    corner = ControlEntry((Channel("shape_key", "Corner_L", amount=0.7),), "mouthSmileLeft")
    turn = ControlEntry((Channel("shape_key", "Corner_L"),), "headYaw", gain=0.4)
    alone = shape_entry("browDownLeft", "Brow_L")
    there = shape_entry("eyeBlinkRight", "eyeBlinkRight", gain=0.1)
    middle = shape_entry("jawOpen", "jawOpen")
    character.store_map(head, CharacterMap("x", controls=(blink, corner, turn, alone, there, middle)))
    bpy.ops.mimica.mirror_entries(scope="ALL", side="L")
    found = entries(head)
    assert found[:4] == (blink, corner, turn, alone)
    assert found[4] == shape_entry("eyeBlinkRight", "eyeBlinkRight", gain=1.5), "the one that is there is changed"
    assert found[5] == middle
    assert found[6:] == (
        ControlEntry((Channel("shape_key", "Corner_R", amount=0.7),), "mouthSmileRight"),
        ControlEntry((Channel("shape_key", "Corner_R"),), "headYaw", gain=-0.4),
    ), "what turns to the left turns to the right; what has no counterpart is left out"
    head.mimica.entries[4].gain = 0.5
    head.mimica.index = 4
    bpy.ops.mimica.mirror_entries(scope="ACTIVE")
    assert entries(head)[0].gain == 0.5, "the active entry's side is its own"
    head.mimica.index = 5
    before = character.stored_map(head)
    bpy.ops.mimica.mirror_entries(scope="ACTIVE")
    assert character.stored_map(head) == before


TURNED = {
    "as Blender's": np.eye(3),
    "on its back": np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]]),
    "looking along x": np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]]),
    "looking away": np.diag([-1, -1, 1]),
}
"""How characters lie in their armatures."""


def make_pair(left: str, right: str, rolls: tuple[float, float], turned: np.ndarray) -> bpy.types.Object:
    """Two bones in mirrored places of a character, picked, that is turned in its armature."""
    armature = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
    bpy.context.scene.collection.objects.link(armature)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    for name, side, roll in ((left, 1.0, rolls[0]), (right, -1.0, rolls[1])):
        bone = armature.data.edit_bones.new(name)
        bone.head, bone.tail, bone.roll = turned @ [side, 0.2, 0.3], turned @ [side * 1.5, -0.4, 0.9], roll
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.context.scene.mimica.target = armature
    return armature


@pytest.mark.parametrize("turned", TURNED.values(), ids=TURNED)
@pytest.mark.parametrize("names", [("Lip.L", "Lip.R"), ("Bone", "Bone.001")], ids=["named", "unnamed"])
@pytest.mark.parametrize("rolls", [(0.0, 0.0), (0.0, np.pi / 2), (0.4, np.pi - 0.4), (0.4, 2.0)], ids=str)
@pytest.mark.parametrize("kind", ["location", "rotation"])
def test_copied_channels_move_bones_to_mirrored_places(
    kind: ChannelKind, rolls: tuple[float, float], names: tuple[str, str], turned: np.ndarray
) -> None:
    """Whatever way their axes point."""
    armature = make_pair(*names, rolls, turned)
    mirror = turned @ np.diag([-1.0, 1.0, 1.0]) @ turned.T
    for axis in range(3):
        entry = ControlEntry((Channel(kind, names[0], axis, 0.3),), "mouthSmileLeft")
        character.store_map(armature, CharacterMap("x", controls=(entry,)))
        bpy.ops.mimica.mirror_entries(scope="ACTIVE")
        own, other = entries(armature)
        assert own == entry and other.control == "mouthSmileRight"
        for channel in (*own.channels, *other.channels):
            bone = armature.pose.bones[channel.name]
            bone.rotation_mode = "QUATERNION"
            if kind == "location":
                bone.location[channel.axis] = channel.amount
            else:
                taught = own if bone.name == names[0] else other
                vector = np.sum([np.eye(3)[c.axis] * c.amount for c in taught.channels], axis=0)
                bone.rotation_quaternion = rot.exp(vector)
        bpy.context.view_layer.update()
        tips = [np.array(armature.pose.bones[name].tail) for name in names]
        assert np.allclose(mirror @ tips[0], tips[1], atol=1e-5), axis
        for bone in armature.pose.bones:
            bone.location, bone.rotation_quaternion = (0, 0, 0), (1, 0, 0, 0)


def test_copying_there_and_back_changes_nothing() -> None:
    armature = make_pair("Bone", "Bone.001", (0.4, 2.0), np.eye(3))
    smile = ControlEntry((Channel("rotation", "Bone", 0, 0.3), Channel("location", "Bone", 2, 0.01)), "mouthSmileLeft")
    character.store_map(armature, CharacterMap("x", controls=(smile,)))
    bpy.ops.mimica.mirror_entries(scope="ALL", side="L")
    _, other = entries(armature)
    assert len(other.channels) > 2, "one channel has become several"
    bpy.ops.mimica.mirror_entries(scope="ALL", side="L")
    assert entries(armature) == (smile, other), "the one that is there is changed"
    armature.mimica.entries[1].channels[0].amount *= 2.0
    bpy.ops.mimica.mirror_entries(scope="ALL", side="R")
    assert len(entries(armature)) == 2, "also when its channels have become others"
    bpy.ops.mimica.mirror_entries(scope="ALL", side="R")
    assert len(entries(armature)) == 2


def test_what_moves_both_sides_is_not_copied() -> None:
    armature = make_pair("Lip.L", "Lip.R", (0.0, 0.0), np.eye(3))
    funnel = ControlEntry((Channel("location", "Lip.L", 1), Channel("location", "Lip.R", 1)), "mouthFunnel")
    character.store_map(armature, CharacterMap("x", controls=(funnel,)))
    assert bpy.ops.mimica.mirror_entries(scope="ALL", side="L") == {"CANCELLED"}
    assert entries(armature) == (funnel,), "twice the same would go twice as far"


def test_what_changes_nothing_is_no_edit(head: bpy.types.Object) -> None:
    character.store_map(head, CharacterMap("x", controls=(shape_entry("jawOpen", "jawOpen"),)), detected=True)
    bpy.ops.mimica.duplicate_entry()
    before = character.revision(head)
    assert bpy.ops.mimica.mirror_entries(scope="ALL", side="L") == {"CANCELLED"}
    assert bpy.ops.mimica.reset_entries(scope="ACTIVE") == {"CANCELLED"}
    assert character.revision(head) == before, "nothing is bound anew, and a linked character's map stays its library's"


def test_shape_keys_without_sides_in_their_names_are_copied_by_what_they_do(head: bpy.types.Object) -> None:
    points = [(1, 0, 0), (-1, 0, 0), (0, 0, 1), (0, 1, -1)]
    mesh = bpy.data.objects.new("Numbered", bpy.data.meshes.new("Numbered"))
    mesh.data.from_pydata(points, [], [])
    bpy.context.scene.collection.objects.link(mesh)
    for name in ("Basis", "Key 1", "Key 2", "Key 3"):
        mesh.shape_key_add(name=name)
    keys = mesh.data.shape_keys.key_blocks
    keys["Key 1"].data[0].co.z += 0.2
    keys["Key 2"].data[2].co.z += 0.2
    keys["Key 3"].data[1].co.z += 0.2
    bpy.context.scene.mimica.target = mesh
    character.store_map(mesh, CharacterMap("x", controls=(shape_entry("browInnerUp", "Key 1", "Key 2"),)))
    bpy.ops.mimica.mirror_entries(scope="ALL", side="L")
    _, other = entries(mesh)
    assert [channel.name for channel in other.channels] == ["Key 3", "Key 2"]


def test_objects_and_properties_of_the_other_side(head: bpy.types.Object) -> None:
    left, right = make_head("Up", name="Brow_L"), make_head("Up", name="Brow_R")
    bpy.context.scene.mimica.target = head
    for obj, names in ((left, ("Sneer", "Puff")), (right, ("Sneer",)), (head, ("Lid_L", "Lid_R"))):
        for name in names:
            obj[name] = 0.0
    up = shape_entry("browOuterUpLeft", "Up", mesh="Brow_L")
    sneer = ControlEntry(
        (Channel("property", '["Sneer"]', object="Brow_L"), Channel("property", '["Puff"]', object="Brow_L")),
        "noseSneerLeft",
    )
    lid = ControlEntry((Channel("property", '["Lid_L"]', amount=0.4),), "eyeSquintLeft", label="Lid Left")
    character.store_map(head, CharacterMap("x", controls=(up, sneer, lid)))
    bpy.ops.mimica.mirror_entries(scope="ALL", side="L")
    assert entries(head)[3:] == (
        shape_entry("browOuterUpRight", "Up", mesh="Brow_R"),
        ControlEntry((Channel("property", '["Sneer"]', object="Brow_R"),), "noseSneerRight"),
        ControlEntry((Channel("property", '["Lid_R"]', amount=0.4),), "eyeSquintRight", label="Lid Right"),
    ), "what has no counterpart is left out"


@pytest.mark.parametrize("turned", TURNED.values(), ids=TURNED)
def test_a_map_tells_the_sides_of_a_rig_whose_names_do_not(rig: bpy.types.Object, turned: np.ndarray) -> None:
    del rig["mimica_neutral"]
    names = {bone.name: f"Bone.{i:03d}" for i, bone in enumerate(rig.data.bones)}
    known = own_rig_map()
    bones = tuple(replace(e, bone=names[e.bone], pair=names.get(e.pair, "")) for e in known.bones)
    for bone in rig.data.bones:
        bone.name = names[bone.name]
    rig.data.transform(Matrix(turned).to_4x4())
    character.store_map(rig, replace(known, bones=bones))
    symmetry = map_mirror.symmetry_of(rig)
    for entry in known.bones:
        found = symmetry.bones["", names[entry.bone]]
        assert found.other == names[map_mirror.flipped_name(entry.bone)]
        assert found.side == (1 if entry.bone.endswith("L") else -1 if entry.bone.endswith("R") else 0), entry.bone
    left = next(i for i, e in enumerate(known.bones) if e.bone == "lip_corner.L")
    rig.mimica.entries[left].gain = 2.0
    count, rig.mimica.index = len(rig.mimica.entries), left
    bpy.ops.mimica.mirror_entries(scope="ACTIVE")
    assert len(rig.mimica.entries) == count
    right = next(i for i, e in enumerate(known.bones) if e.bone == "lip_corner.R")
    assert rig.mimica.entries[right].gain == 2.0


def test_the_own_rig_is_its_own_mirror_image(rig: bpy.types.Object) -> None:
    whole = own_rig_map()
    by_bone = {entry.bone: entry for entry in whole.bones}
    symmetry = map_mirror.symmetry_of(rig)
    sided = [entry for entry in whole.bones if symmetry.side_of(entry) > 0]
    assert len(sided) > 15
    for entry in sided:
        other, _ = map_mirror.mirrored(entry, symmetry)
        assert isinstance(other, BoneEntry)
        there = by_bone[other.bone]
        assert (other.drive, other.side, other.pair) == (there.drive, there.side, there.pair)
        assert other.landmarks.keys() == there.landmarks.keys()


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("lid.T.L.002", "lid.T.R.002"),
        ("mouthSmileLeft", "mouthSmileRight"),
        ("CC_Base_L_Eye", "CC_Base_R_Eye"),
        ("browDownRight_v2", "browDownLeft_v2"),
        ("jaw", "jaw"),
        ("Lower", "Lower"),
    ],
)
def test_names_of_the_other_side(name: str, other: str) -> None:
    assert map_mirror.flipped_name(name) == other
    assert map_mirror.flipped_name(other) == name


def test_many_are_switched_at_once(rig: bpy.types.Object) -> None:
    rows = rig.mimica.entries
    jaws = [row.bone for row in rows if row.region == "jaw"]
    rig.mimica.index = next(i for i, row in enumerate(rows) if row.region == "jaw")
    bpy.ops.mimica.enable_entries(scope="REGION", action="ONLY")
    assert [row.bone for row in rows if row.enabled] == jaws
    bpy.ops.mimica.reset_entries(scope="ACTIVE")
    assert rows[rig.mimica.index].enabled
    bpy.ops.mimica.enable_entries(scope="ALL", action="ENABLE")
    assert not character.is_edited(rig)


def test_going_back_to_what_was_detected(rig: bpy.types.Object) -> None:
    rig.mimica.entries[4].gain = 2.0
    rig.mimica.entries[5].gain = 2.0
    rig.mimica.index = 4
    bpy.ops.mimica.reset_entries(scope="ACTIVE")
    assert [rig.mimica.entries[i].gain for i in (4, 5)] == [1.0, 2.0]
    bpy.ops.mimica.remove_entry()
    assert character.is_edited(rig)
    bpy.ops.mimica.reset_entries(scope="ALL")
    assert character.stored_map(rig) == own_rig_map() and not character.is_edited(rig)
    bpy.ops.mimica.clear_mapping()
    assert character.stored_map(rig) is None and len(rig.mimica.entries) == 0


def test_what_is_missing_is_said(rig: bpy.types.Object) -> None:
    view = map_view.view(rig)
    assert [view.problem(row) for row in rig.mimica.entries if view.problem(row)] == []
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    rig.data.edit_bones.remove(rig.data.edit_bones["jaw"])
    bpy.ops.object.mode_set(mode="OBJECT")
    view = map_view.view(rig)
    assert {view.problem(row) for row in rig.mimica.entries} == {"", "There is no bone 'jaw'"}
    bpy.ops.mimica.add_entry(control="jawOpen", kind="shape_key", shape_key="Nowhere")
    assert "'Nowhere'" in view.problem(rig.mimica.entries[rig.mimica.index])


def test_a_renamed_object_is_still_driven(head: bpy.types.Object) -> None:
    brow = make_head("Up", name="Brow")
    bpy.context.scene.mimica.target = head
    up = shape_entry("browInnerUp", "Up", mesh="Brow")
    character.store_map(head, CharacterMap("x", controls=(up, shape_entry("jawOpen", "Up", mesh="Nobody"))))
    brow.name = "Forehead"
    assert entries(head)[0] == shape_entry("browInnerUp", "Up", mesh="Forehead")
    view = map_view.view(head)
    assert [view.problem(row) for row in head.mimica.entries] == ["", "There is no object 'Nobody' here"]
    for obj in (head, brow):
        obj.select_set(True)
    bpy.ops.object.duplicate()
    copied = bpy.data.objects["Head.001"]
    assert [c.object for e in entries(copied) for c in e.channels] == ["Forehead.001", "Nobody"], "its own, not ours"
    bpy.ops.object.select_all(action="DESELECT")
    brow.select_set(True)
    bpy.ops.object.delete()
    assert map_view.view(head).problem(head.mimica.entries[0]) == "There is no object 'Forehead' here"


def test_the_characters_own_parts_may_be_renamed(rig: bpy.types.Object) -> None:
    mesh = next(obj for obj in rig.children if obj.find_armature() == rig)
    mesh.shape_key_add(name="Basis")
    mesh.shape_key_add(name="Puff")
    bpy.context.scene.mimica.target = mesh
    character.add_entry(mesh, shape_entry("cheekPuff", "Puff"))

    def problems() -> set[str]:
        return {map_view.view(mesh).problem(row) for row in rig.mimica.entries}

    assert problems() == {""}
    rig.name = "Skeleton"
    assert problems() == {""}
    bpy.context.scene.mimica.target = rig
    assert {map_view.view(rig).problem(row) for row in rig.mimica.entries} == {""}
    mesh.name = "Skin"
    assert {map_view.view(rig).problem(row) for row in rig.mimica.entries} == {""}


def test_entries_are_found_by_what_they_follow_and_drive(head: bpy.types.Object) -> None:
    smile = ControlEntry((Channel("shape_key", "Corner_L"),), "mouthSmileLeft", label="Grin")
    character.store_map(head, CharacterMap("x", controls=(smile,)))
    row = head.mimica.entries[0]
    assert map_view.title(row) == "Grin"
    assert map_view.targets(row) == "Corner_L"
    for words in (["grin"], ["corner_l"], ["mouthsmile"], ["left", "corner"], []):
        assert map_view.fits(row, words, "") and map_view.fits(row, words, "mouth"), words
        assert not map_view.fits(row, words, "jaw")
    assert not map_view.fits(row, ["grin", "jaw"], "")
    assert [map_view.short(name) for name in ("eyeBlinkLeft", "Lid Right", "jawLeft", "jawOpen")] == [
        "eyeBlink L",
        "Lid R",
        "jawLeft",
        "jawOpen",
    ], "jawLeft is a direction"


def test_a_test_moves_the_character_and_gives_it_back(rig: bpy.types.Object) -> None:
    state = bpy.context.window_manager.mimica
    jaw = rig.pose.bones["jaw"]
    jaw.location = (0.01, 0.0, 0.0)
    before = pose(rig)
    rig.mimica.index = next(i for i, row in enumerate(rig.mimica.entries) if row.bone == "jaw")
    assert not bpy.ops.mimica.reset_test.poll()
    state.test = 0.5
    half = pose(rig)
    assert state.test == 0.5
    assert jaw.rotation_quaternion.angle > 0.05
    moved = {bone.name for bone, a, b in zip(rig.pose.bones, before, half, strict=True) if not np.allclose(a, b)}
    assert any(bone.startswith("lip") for bone in moved), "bones that follow landmarks move too"
    assert map_view.view(rig).value(rig.mimica.entries[rig.mimica.index]) == pytest.approx(0.5)
    rig.mimica.entries[rig.mimica.index].gain = 2.0
    assert jaw.rotation_quaternion.angle > 0.1, "an edit is seen at once"
    bpy.ops.mimica.reset_test()
    assert np.allclose(pose(rig), before) and state.test == 0.0
    state.test = 1.0
    bpy.context.scene.mimica.target = None
    assert state.test == 0.0, "the slider is the picked character's"
    bpy.context.scene.mimica.target = rig
    state.test = 0.0
    assert np.allclose(pose(rig), before)


def test_a_test_ends_with_another_entry_and_before_saving(rig: bpy.types.Object, tmp_path: Path) -> None:
    state = bpy.context.window_manager.mimica
    before = pose(rig)
    rows = list(rig.mimica.entries)
    rig.mimica.index = next(i for i, row in enumerate(rows) if row.bone == "jaw")
    state.test = 1.0
    rig.mimica.index = next(i for i, row in enumerate(rows) if row.drive == "head")
    assert np.allclose(pose(rig), before)
    state.test_both = -1.0
    assert not np.allclose(pose(rig), before)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "file.blend"))
    assert np.allclose(pose(rig), before) and state.test_both == 0.0


def test_files(head: bpy.types.Object, tmp_path: Path) -> None:
    path = tmp_path / "map.json"
    assert not bpy.ops.mimica.save_map.poll()
    character.store_map(head, CharacterMap("x", controls=(shape_entry("jawOpen", "jawOpen", gain=1.25),)))
    before = character.stored_map(head)
    bpy.ops.mimica.save_map(filepath=str(path))
    bpy.ops.mimica.clear_mapping()
    bpy.ops.mimica.load_map(filepath=str(path))
    assert character.stored_map(head) == before
    path.write_text(path.read_text().replace('"jawOpen", "gain"', '"jawopen", "gain"'))
    with pytest.raises(RuntimeError, match=r"map\.json.*Line \d+.*Did you mean 'jawOpen'"):
        bpy.ops.mimica.load_map(filepath=str(path))
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RuntimeError, match="no character map"):
        bpy.ops.mimica.load_map(filepath=str(path))
    with pytest.raises(RuntimeError, match="cannot be read"):
        bpy.ops.mimica.load_map(filepath=str(tmp_path / "nothing.json"))
    with pytest.raises(RuntimeError, match="cannot be written"):
        bpy.ops.mimica.save_map(filepath=str(tmp_path / "no folder" / "map.json"))
    assert character.stored_map(head) == before


def test_presets(head: bpy.types.Object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map_presets, "own_folder", lambda: tmp_path / "presets")
    shipped = map_presets.list_presets()
    assert [preset.name for preset in shipped if preset.own] == []
    for preset in shipped:
        bpy.ops.mimica.use_preset(path=str(preset.path))
        assert character.stored_map(head) == map_presets.load_map(preset.path), preset.name
    character.store_map(head, CharacterMap("x", controls=(shape_entry("jawOpen", "jawOpen"),)))
    bpy.ops.mimica.save_preset(name="My / Face")
    (mine,) = [preset for preset in map_presets.list_presets() if preset.own]
    assert mine.name == "My _ Face"
    bpy.ops.mimica.clear_mapping()
    bpy.ops.mimica.use_preset(path=str(mine.path))
    assert entries(head) == (shape_entry("jawOpen", "jawOpen"),)
    with pytest.raises(RuntimeError, match="comes with Mimica"):
        bpy.ops.mimica.remove_preset(path=str(shipped[0].path))
    bpy.ops.mimica.remove_preset(path=str(mine.path))
    assert map_presets.list_presets() == shipped
    (tmp_path / "presets").rmdir()
    (tmp_path / "presets").write_text("a file where the folder should be")
    with pytest.raises(RuntimeError, match="cannot be made"):
        bpy.ops.mimica.save_preset(name="More")


def test_shipped_presets_are_what_the_code_makes() -> None:
    folder = map_presets.shipped_folder()
    assert map_presets.load_map(folder / "Mimica Face.json") == own_rig_map()
    arkit = map_presets.load_map(folder / "ARKit.json")
    assert arkit.controls == tuple(shape_entry(name, name) for name in ARKIT_SHAPES)


def test_suggestions_are_taken_over(head: bpy.types.Object) -> None:
    character.store_map(head, CharacterMap("x"))
    bpy.ops.mimica.add_suggestion(control="mouthSmileLeft", shape_key="Corner_L")
    assert entries(head) == (shape_entry("mouthSmileLeft", "Corner_L"),)


def test_detecting(head: bpy.types.Object) -> None:
    bpy.ops.mimica.detect()
    assert {entry.control for entry in entries(head)} >= {"eyeBlinkLeft", "eyeBlinkRight", "jawOpen"}
    assert not character.is_edited(head)
    assert set(character.stored_report(head)) == {"family", "matched", "missing", "unmatched", "notes"}
    bpy.ops.mimica.add_entry(control="mouthSmileLeft", kind="shape_key", shape_key="Corner_L")
    assert character.is_edited(head)


def test_adding_to_a_character_that_was_never_detected_keeps_what_drives_it(head: bpy.types.Object) -> None:
    bpy.ops.mimica.add_entry(control="mouthSmileLeft", kind="shape_key", shape_key="Corner_L")
    assert {entry.control for entry in entries(head)} >= {"jawOpen", "mouthSmileLeft"}


def test_without_a_character_nothing_is_offered() -> None:
    for name in ("detect", "add_entry", "save_map", "load_map", "mirror_entries", "clear_mapping"):
        assert not getattr(bpy.ops.mimica, name).poll(), name

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a character in a scene consists of is read in full, whichever of its objects is picked."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import bpy
import pytest

from mimica.mapping.character_map import Channel, own_rig_map
from mimica.mapping.frame import ARKIT_SHAPES
from mimica.rig.detect import character_parts, detect_character, inventory

PARTS = {
    "Head": ARKIT_SHAPES,
    "Teeth": ("jawOpen", "jawLeft", "jawRight", "jawForward"),
    "Tongue": ("jawOpen", "tongueOut"),
    "Lashes": tuple(name for name in ARKIT_SHAPES if name.startswith("eye")),
}


@pytest.fixture(autouse=True)
def empty_scene() -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)


def add_mesh(name: str, keys: tuple[str, ...] = (), parent: bpy.types.Object | None = None) -> bpy.types.Object:
    data = bpy.data.meshes.new(name)
    data.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    mesh = bpy.data.objects.new(name, data)
    bpy.context.collection.objects.link(mesh)
    mesh.parent = parent
    for i, key in enumerate(("Basis", *keys) if keys else ()):
        block = mesh.shape_key_add(name=key, from_mix=False)
        block.data[0].co.z += 0.01 * i
    return mesh


def add_armature(name: str, *bones: str) -> bpy.types.Object:
    armature = bpy.data.objects.new(name, bpy.data.armatures.new(name))
    bpy.context.collection.objects.link(armature)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    parent = None
    for i, bone in enumerate(bones):
        edit = armature.data.edit_bones.new(bone)
        edit.head, edit.tail, edit.parent = (0, 0, i), (0, 0, i + 1), parent
        parent = edit
    bpy.ops.object.mode_set(mode="OBJECT")
    return armature


def add_driver(owner: bpy.types.bpy_struct, path: str, *index: int) -> None:
    owner.driver_add(path, *index).driver.expression = "0.5"


def test_a_gltf_character_of_several_meshes(tmp_path: Path) -> None:
    addon_utils = import_module("addon_utils")
    assert addon_utils.enable("io_scene_gltf2") is not None
    armature = add_armature("Armature", "Hips", "Neck", "Head")
    for name, keys in PARTS.items():
        mesh = add_mesh(name, (*keys, f"{name}_Width"), armature)
        mesh.modifiers.new("Armature", "ARMATURE").object = armature
        mesh.vertex_groups.new(name="Head").add([0, 1, 2], 1.0, "REPLACE")
    path = str(tmp_path / "character.glb")
    bpy.ops.export_scene.gltf(filepath=path, export_morph=True)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    addon_utils.enable("io_scene_gltf2")
    bpy.ops.import_scene.gltf(filepath=path)

    detection = detect_character(bpy.data.objects["Teeth"])
    character, report = detection.character, detection.report
    assert [entry.control for entry in character.controls] == list(ARKIT_SHAPES)
    assert not report.missing
    assert report.family == "ARKit shape keys + head bones"
    assert ("jawOpen", "Head: jawOpen, Teeth: jawOpen, Tongue: jawOpen") in report.matched
    assert {entry.bone: entry.drive for entry in character.bones} == {"Head": "head", "Neck": "neck"}
    driven = {channel.name for entry in character.controls for channel in entry.channels}
    assert driven == set(ARKIT_SHAPES)


def test_every_object_of_a_character_leads_to_all_of_it() -> None:
    top = bpy.data.objects.new("Top", None)
    bpy.context.collection.objects.link(top)
    armature = add_armature("Rig", "neck", "head")
    armature.parent = top
    head = add_mesh("Head", ("jawOpen",), armature)
    teeth = add_mesh("Teeth", ("jawOpen",), head)
    lashes = add_mesh("Lashes", ("eyeBlinkLeft",))
    lashes.modifiers.new("Deform", "ARMATURE").object = armature
    hair = add_mesh("Hair", (), head)
    add_mesh("Other", ("jawOpen",))
    for picked in (top, armature, head, teeth, lashes, hair):
        found, meshes = character_parts(picked)
        assert found == armature, picked.name
        assert [mesh.name for mesh in meshes] == ["Head", "Lashes", "Teeth"], picked.name
    assert inventory(teeth).target == "Teeth"


def test_meshes_without_an_armature() -> None:
    top = bpy.data.objects.new("Top", None)
    bpy.context.collection.objects.link(top)
    head = add_mesh("Head", ("jawOpen",), top)
    add_mesh("Teeth", ("jawOpen",), top)
    assert [mesh.name for mesh in character_parts(top)[1]] == ["Head", "Teeth"]
    armature, meshes = character_parts(head)
    assert armature is None and meshes == [head]
    assert detect_character(head).character.controls[0].channels == (Channel("shape_key", "jawOpen"),)


def test_nothing_that_could_be_driven() -> None:
    detection = detect_character(add_mesh("Cube"))
    assert not detection.character.controls and not detection.character.bones
    assert "Create Face Rig" in detection.report.notes[-1]


def test_properties_and_drivers_are_told() -> None:
    armature = add_armature("Rig", "head", 'jaw "x"')
    armature["jawOpen"] = 0.0
    armature["note"] = "text"
    armature["on"] = True
    armature.data["eyeBlinkLeft"] = 0.0
    armature.pose.bones['jaw "x"']["mouthClose"] = 0
    head = add_mesh("Head", ("jawOpen", "mouthFunnel", "mouthLeft"), armature)
    add_driver(head.data.shape_keys.key_blocks["jawOpen"], "value")
    add_driver(head.data.shape_keys.key_blocks["mouthLeft"], "value")
    head.data.shape_keys.animation_data.drivers[1].mute = True
    add_driver(armature.pose.bones['jaw "x"'], "rotation_euler", 0)
    read = inventory(head)
    assert read.bones == (("head", ""), ('jaw "x"', "head"))
    assert read.meshes == (("Head", ("jawOpen", "mouthFunnel", "mouthLeft")),)
    assert read.driven_keys == (("Head", "jawOpen"),)
    assert read.driven_bones == ('jaw "x"',)
    paths = dict(read.properties)
    assert set(paths.values()) == {"jawOpen", "eyeBlinkLeft", "mouthClose"}
    # Each path leads to the property, as a driver's or a keyframe's would.
    for path in paths:
        assert armature.path_resolve(path) == 0
    assert not (read.own_rig or read.rigify or read.metarig)


def test_marks_of_rigs() -> None:
    own = add_armature("Own", "head")
    own["mimica_rig"] = 1
    assert detect_character(own).character.bones == own_rig_map().bones
    generated = add_armature("Generated", "head")
    generated.data["rig_id"] = "0123456789abcdef"
    assert inventory(generated).rigify


def test_a_metarig_is_to_be_generated_first() -> None:
    addon_utils = import_module("addon_utils")
    assert addon_utils.enable("rigify", default_set=True) is not None
    bpy.ops.object.armature_human_metarig_add()
    metarig = bpy.context.object
    assert inventory(metarig).metarig
    told = detect_character(metarig)
    addon_utils.disable("rigify", default_set=True)
    # Without the add-on its bones alone say so.
    assert not inventory(metarig).metarig
    for detection in (told, detect_character(metarig)):
        assert not detection.character.bones
        assert "press Generate Rig" in detection.report.notes[0]


@pytest.fixture
def vrm_add_on() -> Iterator[None]:
    """Properties with the names and types that the VRM add-on gives armatures, as far as they are read."""
    from bpy.props import CollectionProperty, FloatProperty, PointerProperty, StringProperty

    def group(name: str, /, **properties: object) -> type:
        made = type(name, (bpy.types.PropertyGroup,), {"__annotations__": properties})
        bpy.utils.register_class(made)
        classes.append(made)
        return made

    classes: list[type] = []
    bind = group("FakeVrmBind")
    binds = CollectionProperty(type=bind)
    presets = (
        *("aa", "ih", "ou", "ee", "oh", "blink", "blink_left", "blink_right", "look_up", "look_down", "look_left"),
        *("look_right", "happy", "angry", "sad", "relaxed", "surprised", "neutral"),
    )
    expression = group("FakeVrmExpression", preview=FloatProperty(), morph_target_binds=binds)
    custom = group("FakeVrmCustom", preview=FloatProperty(), morph_target_binds=binds, custom_name=StringProperty())
    preset = group("FakeVrmPreset", **{name: PointerProperty(type=expression) for name in presets})
    expressions = group(
        "FakeVrmExpressions", preset=PointerProperty(type=preset), custom=CollectionProperty(type=custom)
    )
    vrm1 = group("FakeVrm1", expressions=PointerProperty(type=expressions))
    shape = group(
        "FakeVrmGroup", preview=FloatProperty(), binds=binds, preset_name=StringProperty(), name=StringProperty()
    )
    master = group("FakeVrmMaster", blend_shape_groups=CollectionProperty(type=shape))
    vrm0 = group("FakeVrm0", blend_shape_master=PointerProperty(type=master))
    extension = group(
        "FakeVrm", spec_version=StringProperty(), vrm0=PointerProperty(type=vrm0), vrm1=PointerProperty(type=vrm1)
    )
    bpy.types.Armature.vrm_addon_extension = PointerProperty(type=extension)
    yield
    del bpy.types.Armature.vrm_addon_extension
    for made in reversed(classes):
        bpy.utils.unregister_class(made)


@pytest.mark.usefixtures("vrm_add_on")
def test_vrm_expressions_are_read_where_they_move_something() -> None:
    armature = add_armature("Avatar", "neck", "head")
    vrm = armature.data.vrm_addon_extension
    vrm.spec_version = "1.0"
    assert inventory(armature).properties == ()
    for name in ("aa", "ou", "oh", "blink_left"):
        getattr(vrm.vrm1.expressions.preset, name).morph_target_binds.add()
    for name in ("unused", "JawForward"):
        vrm.vrm1.expressions.custom.add().custom_name = name
    vrm.vrm1.expressions.custom[1].morph_target_binds.add()
    character = detect_character(armature).character
    paths = {channel.name for entry in character.controls for channel in entry.channels}
    assert paths == {
        *(f"data.vrm_addon_extension.vrm1.expressions.preset.{n}.preview" for n in ("aa", "ou", "oh", "blink_left")),
        "data.vrm_addon_extension.vrm1.expressions.custom[1].preview",
    }
    for path in paths:
        assert armature.path_resolve(path) == 0.0

    vrm.spec_version = "0.0"
    for preset, name in (("a", "A"), ("unknown", "JawLeft"), ("blink_r", "Blink_R"), ("u", "U"), ("o", "O")):
        shape = vrm.vrm0.blend_shape_master.blend_shape_groups.add()
        shape.preset_name, shape.name = preset, name
        shape.binds.add()
    report = detect_character(armature).report
    assert report.family == "VRM 0 + head bones"
    assert {"jawOpen", "jawLeft", "eyeBlinkRight"} <= {what for what, _ in report.matched}

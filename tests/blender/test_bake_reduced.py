# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A performance baked with few keys, against the same with a key at each frame, as Blender evaluates both."""

import dataclasses
from collections import defaultdict
from itertools import pairwise

import bpy
import numpy as np
import pytest
from mathutils import Euler, Quaternion

import mimica
from mimica.cli.options import make_parser
from mimica.cli.scene import bake_settings
from mimica.mapping import rotation as rot
from mimica.mapping.calibration import default_profile
from mimica.mapping.channels import ChannelPlan
from mimica.mapping.character_map import Channel, CharacterMap, ControlEntry
from mimica.mapping.frame import FaceFrames
from mimica.mapping.mapper import MappingSettings
from mimica.mapping.reduce import Tolerances
from mimica.operators.bake import settings_of
from mimica.rig import compat
from mimica.rig.bake import BakeResult, BakeSettings, bake_take
from mimica.rig.bind import Binding
from mimica.rig.face_rig import create_face_rig
from mimica.tests.synthetic import act, photograph

DENSE = BakeSettings(mapping=MappingSettings(smoothness=0.0))
FEW = dataclasses.replace(DENSE, reduce=True)
COUNT = 120
SHUT = slice(43, 55)
"""Frames, from 0, at which the performer's left eye is shut."""
MODES = ("QUATERNION", "XYZ", "ZXY", "AXIS_ANGLE")


@pytest.fixture
def rig() -> bpy.types.Object:
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.context.scene.render.fps = 30
    return bpy.data.objects[create_face_rig(bpy.context).armature]


def performance() -> FaceFrames:
    """Four seconds: words, a blink, and a head that turns."""
    time = np.arange(COUNT) / 30.0
    blink = np.zeros(COUNT)
    blink[SHUT] = 1.0
    blink[SHUT.start - 1], blink[SHUT.stop : SHUT.stop + 3] = 0.5, (0.7, 0.4, 0.1)
    angles = 0.4 * np.stack([np.sin(1.3 * time), np.sin(2.1 * time), 0.3 * np.sin(time)], axis=1)
    jaw = 0.3 * (1.0 - np.cos(5.0 * time))
    faces = act(jaw=jaw, blink_left=blink, brows=0.5 + 0.5 * np.sin(time))
    return photograph(faces, rotation=rot.matrix_from_quaternion(rot.exp(angles)))


def bake(rig: bpy.types.Object, settings: BakeSettings) -> BakeResult:
    return bake_take(bpy.context.scene, rig, performance(), name="Take", profile=default_profile(), settings=settings)


def curves(datablock: bpy.types.ID) -> dict[tuple[str, int], bpy.types.FCurve]:
    found = compat.fcurves_of(datablock, datablock.animation_data.action)
    return {(curve.data_path, curve.array_index): curve for curve in found}


def curves_after(rig: bpy.types.Object, settings: BakeSettings) -> dict[tuple[str, int], bpy.types.FCurve]:
    bake(rig, settings)
    return curves(rig)


def values(rig: bpy.types.Object, path: str, at: np.ndarray) -> np.ndarray:
    """The components of a transform at frames (M,), (M, C)."""
    mine = sorted((index, curve) for (known, index), curve in curves(rig).items() if known == path)
    return np.array([[curve.evaluate(frame) for _, curve in mine] for frame in at])


def quaternions(channel: str, mode: str, rows: np.ndarray) -> list[Quaternion]:
    if channel == "rotation_quaternion":
        return [Quaternion(row).normalized() for row in rows]
    if channel == "rotation_axis_angle":
        return [Quaternion(row[1:], row[0]) for row in rows]
    return [Euler(row, mode).to_quaternion() for row in rows]


def lids(rig: bpy.types.Object, at: np.ndarray) -> np.ndarray:
    """How far the middles of the left lids are apart, upper above lower, mm, at frames (M,)."""
    apart = []
    for frame in at:
        bpy.context.scene.frame_set(int(frame), subframe=float(frame % 1.0))
        bones = rig.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones
        head = bones["head"].matrix.to_3x3().inverted() @ (bones["lid_upper.L"].head - bones["lid_lower.L"].head)
        up = bones["head"].bone.matrix_local.to_3x3() @ head
        apart.append(up[2] / rig["mimica_unit"] * 10.0)
    return np.array(apart)


@pytest.mark.parametrize("mode", MODES)
def test_no_bone_is_further_off_than_said_at_any_frame(rig, mode):
    turning = ("head", "neck", "jaw", "eye.L")
    for name in turning:
        rig.pose.bones[name].rotation_mode = mode
    at = np.arange(1.0, COUNT + 1.0)
    channel = f"rotation_{mode.lower()}" if mode in ("QUATERNION", "AXIS_ANGLE") else "rotation_euler"
    places = [path for path, index in curves_after(rig, DENSE) if path.endswith(".location") and index == 0]
    turns = [f'pose.bones["{name}"].{channel}' for name in turning]
    wanted = {path: values(rig, path, at) for path in (*places, *turns)}
    result = bake(rig, FEW)
    assert 2 * result.curves < result.keys < 0.3 * result.curves * COUNT
    assert result.keys == sum(len(curve.keyframe_points) for curve in curves(rig).values())
    for path in places:
        off = np.linalg.norm(values(rig, path, at) - wanted[path], axis=1)
        assert off.max() <= Tolerances().location * rig["mimica_unit"] * 1.01, path
    for path in turns:
        pairs = zip(*(quaternions(channel, mode, rows) for rows in (values(rig, path, at), wanted[path])), strict=True)
        most = max(min(a.rotation_difference(b).angle, (-a).rotation_difference(b).angle) for a, b in pairs)
        # Angles of single precision are no better than that.
        assert most <= Tolerances().rotation * 1.01 + 2e-4, path


def test_the_channels_of_a_bone_are_keyed_at_the_same_frames(rig):
    frames: dict[str, set[tuple[float, ...]]] = {}
    for (path, _), curve in curves_after(rig, FEW).items():
        frames.setdefault(path, set()).add(tuple(point.co.x for point in curve.keyframe_points))
    assert all(len(found) == 1 for found in frames.values())
    assert all(times[0] == 1 and times[-1] == COUNT for found in frames.values() for times in found)


def test_handles_are_what_blender_keeps(rig):
    """Both sides in one line, at a third of the way, and where they were put also after Blender looked at them."""
    curve = curves_after(rig, FEW)['pose.bones["head"].rotation_quaternion', 2]
    at = np.linspace(1.0, COUNT, 4 * COUNT)
    before = [curve.evaluate(frame) for frame in at]
    points = curve.keyframe_points
    assert {(p.interpolation, p.handle_left_type, p.handle_right_type) for p in points} == {
        ("BEZIER", "ALIGNED", "ALIGNED")
    }
    for left, right in pairwise(points):
        assert left.handle_right.x - left.co.x == pytest.approx((right.co.x - left.co.x) / 3.0, abs=1e-4)
        assert right.co.x - right.handle_left.x == pytest.approx((right.co.x - left.co.x) / 3.0, abs=1e-4)
    points.handles_recalc()
    assert [curve.evaluate(frame) for frame in at] == pytest.approx(before, abs=1e-5)


def test_lids_meet_and_do_not_pass_each_other_between_frames_either(rig):
    quarters = np.arange((SHUT.start - 6) * 4, (SHUT.stop + 8) * 4) / 4.0 + 1.0
    bake(rig, DENSE)
    dense = lids(rig, quarters)
    bake(rig, FEW)
    few = lids(rig, quarters)
    # At its very ends a blink is rounded off by the mapping.
    shut = (quarters >= SHUT.start + 3) & (quarters <= SHUT.stop - 2)
    assert np.abs(few[shut] - dense[shut]).max() < 0.02
    assert few.min() > dense[shut].min() - 0.05
    upper = curves(rig)['pose.bones["lid_upper.L"].location', 1]
    flat = [p for p in upper.keyframe_points if SHUT.start + 3 <= p.co.x <= SHUT.stop - 2]
    assert all(p.handle_right.y == pytest.approx(p.co.y, abs=1e-6) for p in flat)


def test_wider_tolerances_make_fewer_keys(rig):
    counts = [
        bake(rig, dataclasses.replace(FEW, tolerances=Tolerances().scaled(factor))).keys for factor in (0.25, 1.0, 4.0)
    ]
    assert counts[0] > counts[1] > counts[2]


def test_shape_keys_and_whole_numbers_are_reduced_too():
    bpy.ops.wm.read_homefile(use_empty=True)
    head = bpy.data.objects.new("Head", bpy.data.meshes.new("Head"))
    head.data.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    bpy.context.scene.collection.objects.link(head)
    for key in ("Basis", "jawOpen", "eyeBlinkLeft"):
        head.shape_key_add(name=key).value = 0.0
    head["steps"] = 0
    entries = (
        ControlEntry((Channel("shape_key", "jawOpen"), Channel("property", '["steps"]', amount=10.0)), "jawOpen"),
        ControlEntry((Channel("shape_key", "eyeBlinkLeft"),), "eyeBlinkLeft"),
    )
    plan = ChannelPlan(CharacterMap("test", controls=entries), None)
    at, rows = np.arange(1.0, COUNT + 1.0), []
    blocks = head.data.shape_keys
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mimica.rig.bake.bind", lambda *_: Binding("Head", "", ("Head",), plan))
        for settings in (DENSE, FEW):
            keys = bake(head, settings).keys
            steps = curves(head)['["steps"]', 0]
            names = ("jawOpen", "eyeBlinkLeft")
            shapes = [values(blocks, f'key_blocks["{name}"].value', at)[:, 0] for name in names]
            rows.append((keys, np.array([steps.evaluate(frame) for frame in at]), np.array(shapes)))
    (dense, dense_steps, wanted), (few, few_steps, found) = rows
    assert few < 0.45 * dense
    assert np.rint(few_steps) == pytest.approx(dense_steps)
    assert np.abs(found - wanted).max() <= 0.00501
    blink = curves(blocks)['key_blocks["eyeBlinkLeft"].value', 0]
    between = [blink.evaluate(frame) for frame in np.arange(4.0, 4.0 * COUNT) / 4.0]
    assert max(between) <= 1.0 + 1e-6 and wanted[1].max() == 1.0


def test_panel_and_command_line_say_how_much(rig):
    parser = make_parser("mimica", defaultdict(lambda: lambda *_: 0))
    for given, reduce, factor in ((), False, 1.0), (("--reduce",), True, 1.0), (("--reduce", "2.5"), True, 2.5):
        asked = parser.parse_args(["run", "clip.mp4", "--output", "x.blend", *given])
        settings = bake_settings(asked)
        assert (settings.reduce, settings.tolerances) == (reduce, Tolerances().scaled(factor))
    asked = parser.parse_args(
        ["run", "clip.mp4", "--output", "x.blend", "--step", "0.5", "--smoothing", "2", "--strength", "0"]
    )
    settings = bake_settings(asked)
    assert (settings.step, settings.mapping.smoothness, settings.strength.overall) == (0.5, 2.0, 0.0)
    with pytest.raises(SystemExit):
        parser.parse_args(["run", "clip.mp4", "--output", "x.blend", "--step", "0"])
    mimica.register()
    try:
        scene = bpy.context.scene.mimica
        assert not settings_of(scene).reduce, "what is seen live and what is baked differ by the filter alone"
        scene.bake_reduce, scene.bake_tolerance = True, 2.0
        settings = settings_of(scene)
        assert settings.reduce and settings.tolerances == Tolerances().scaled(2.0)
    finally:
        mimica.unregister()

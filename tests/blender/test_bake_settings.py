# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be set of a bake: steps, offset, strength, parts of the face, and where the keys go."""

from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from mimica.mapping.calibration import default_profile
from mimica.mapping.channels import ChannelPlan
from mimica.mapping.character_map import Channel, ControlEntry
from mimica.mapping.face_regions import FACE_REGIONS
from mimica.mapping.mapper import MappingSettings
from mimica.mapping.performance import TakePerformance
from mimica.mapping.strength import Strength
from mimica.rig import compat
from mimica.rig.bake import BakeError, BakeResult, BakeSettings, bake
from mimica.rig.bake_settings import alias_limit, instants
from mimica.rig.bind import bind
from mimica.rig.key_marks import read_marks
from mimica.rig.recipe import settings_from_json, settings_to_json
from mimica.rig.rest_pose import read_rest_pose
from mimica.tests.blender.baked import BROW, JAW, curve_of, keys_in, new_rig, same_keys
from mimica.tests.synthetic import act, photograph

RAW = BakeSettings(mapping=MappingSettings(smoothness=0.0))
COUNT = 61


@pytest.fixture
def rig() -> bpy.types.Object:
    return new_rig()


def performance(name: str = "Take", factor: float = 1.0) -> TakePerformance:
    way = factor * np.linspace(0.0, 1.0, COUNT)
    return TakePerformance(name, photograph(act(jaw=way, brows=way)), default_profile())


def baked(rig: bpy.types.Object, settings: BakeSettings = RAW, **chosen: object) -> BakeResult:
    played = performance()
    return bake(bpy.context.scene, rig, played, settings=replace(settings, **chosen))  # pyright: ignore[reportArgumentType]


def action_of(result: BakeResult) -> bpy.types.Action:
    return bpy.data.actions[result.action]


def animated(rig: bpy.types.Object, path: str = "eye_targets") -> bpy.types.Action:
    """Let the user's own action, Walk, move a bone."""
    bone = rig.pose.bones[path]
    for frame, value in ((1, 0.0), (41, 1.0)):
        bone.location[0] = value
        bone.keyframe_insert("location", index=0, frame=frame)
    bone.location[0] = 0.0
    rig.animation_data.action.name = "Walk"
    return rig.animation_data.action


# Time


@hypothesis_settings(max_examples=60, deadline=None)
@given(
    rate=st.sampled_from([24.0, 30000 / 1001, 25.0, 60.0]),
    step=st.sampled_from([0.25, 0.5, 1.0, 2.0, 3.0]),
    offset=st.floats(-3.0, 3.0),
    start=st.integers(-50, 200),
)
def test_every_key_is_at_its_instant(rate: float, step: float, offset: float, start: int) -> None:
    times = 5.0 + np.arange(90) / 30.0
    at, frames = instants(times, rate, BakeSettings(start_frame=start, step=step, offset=offset))
    assert np.allclose(np.diff(frames), step) and np.allclose((frames - start) / step % 1.0, 0.0)
    # What happened t seconds into the take is seen t and the offset after the start frame.
    assert np.allclose((frames - start) / rate, at - times[0] + offset, atol=1e-9)
    assert at[0] - times[0] == pytest.approx(0.0, abs=0.5 * step / rate + 1e-9)
    assert times[-1] - at[-1] == pytest.approx(0.0, abs=step / rate + 1e-9)


def test_what_is_keyed_seldom_holds_nothing_faster() -> None:
    times = np.arange(90) / 60.0
    assert alias_limit(times, 60.0) == np.inf
    assert alias_limit(times, 60.0, 2.0) == pytest.approx(0.45 * 30.0)
    assert alias_limit(times, 24.0, 0.25) == np.inf, "96 keys a second show all of it"


@pytest.mark.parametrize(("fps", "base"), [(24, 1.0), (30, 1.001)])
def test_sub_frames_lie_between_frames_and_show_what_was_between_them(rig, fps: int, base: float) -> None:
    bpy.context.scene.render.fps, bpy.context.scene.render.fps_base = fps, base
    result = baked(rig, step=0.25, start_frame=10.0)
    keys = keys_in(rig, action_of(result))
    length = 2.0 * fps / base
    assert all(np.allclose(np.diff(k[:, 0]), 0.25) and k[0, 0] == 10.0 for k in keys.values())
    assert result.last_frame == pytest.approx(10.0 + length, abs=0.125)
    # The brow goes up evenly: halfway between two frames it is halfway.
    seconds, way = (keys[BROW][:, 0] - 10.0) / fps * base, keys[BROW][:, 1]
    inside = (seconds > 0.1) & (seconds < 1.9)
    assert np.abs(way - np.polyval(np.polyfit(seconds[inside], way[inside], 1), seconds))[inside].max() < 1e-3 * np.ptp(
        way
    )


def test_on_twos_each_pose_is_held(rig) -> None:
    result = baked(rig, step=2.0, stepped=True, reduce=True)
    curve = curve_of(rig, action_of(result), JAW)
    assert [p.co.x for p in curve.keyframe_points][:3] == [1.0, 3.0, 5.0]
    assert {p.interpolation for p in curve.keyframe_points} == {"CONSTANT"}
    assert curve.evaluate(4.9) == curve.evaluate(3.0) != curve.evaluate(5.0)


def test_reduced_keys_at_half_frames_are_as_near(rig) -> None:
    dense = keys_in(rig, action_of(baked(rig, step=0.5)))[JAW]
    few = baked(rig, step=0.5, reduce=True)
    curve = curve_of(rig, action_of(few), JAW)
    assert len(curve.keyframe_points) < 0.5 * len(dense)
    assert max(abs(curve.evaluate(x) - y) for x, y in dense.tolist()) < np.radians(0.25)


def test_an_offset_shifts_by_whole_frames_exactly_and_by_parts_of_them_between(rig) -> None:
    plain = keys_in(rig, action_of(baked(rig)))
    later = keys_in(rig, action_of(baked(rig, offset=0.1)))
    assert np.array_equal(later[JAW][:, 0], plain[JAW][:, 0] + 3.0)
    assert np.allclose(later[JAW][:, 1], plain[JAW][:, 1], atol=1e-6)
    half = keys_in(rig, action_of(baked(rig, offset=0.5 / 30.0 - 1e-6)))
    assert np.array_equal(half[BROW][:, 0], plain[BROW][:, 0])
    between = 0.5 * (plain[BROW][10:50, 1] + plain[BROW][9:49, 1])
    assert np.allclose(half[BROW][10:50, 1], between, atol=1e-3 * np.ptp(plain[BROW][:, 1]))


# Strength and parts


def test_strength_of_one_part(rig) -> None:
    plain = keys_in(rig, action_of(baked(rig)))
    weak = keys_in(rig, action_of(baked(rig, strength=Strength(1.0, {"BROWS": 0.5}))))
    assert np.ptp(weak[BROW][:, 1]) == pytest.approx(0.5 * np.ptp(plain[BROW][:, 1]), rel=0.05)
    assert np.allclose(weak[JAW], plain[JAW], atol=1e-6)


def test_parts_that_are_not_chosen_keep_what_they_had(rig) -> None:
    whole = keys_in(rig, action_of(baked(rig)))
    result = baked(rig, regions=("BROWS",), strength=Strength(0.5))
    part = keys_in(rig, action_of(result))
    assert part.keys() == whole.keys()
    assert np.array_equal(part[JAW], whole[JAW]) and np.ptp(part[BROW][:, 1]) < 0.6 * np.ptp(whole[BROW][:, 1])
    with pytest.raises(BakeError, match="No part of the face"):
        baked(rig, regions=())


def test_parts_of_two_takes_play_together(rig) -> None:
    mouth = baked(rig, regions=("MOUTH",))
    assert BROW not in keys_in(rig, action_of(mouth))
    other = bake(bpy.context.scene, rig, performance("Other"), settings=replace(RAW, regions=("BROWS",)))
    assert other.notes == (f"'{mouth.action}' goes on playing from an NLA track.",)
    assert JAW not in keys_in(rig, action_of(other))
    bpy.context.scene.frame_set(COUNT)
    assert (
        abs(rig.pose.bones["jaw"].rotation_quaternion.x) > 0.1 and abs(rig.pose.bones["brow_mid.L"].location.y) > 0.003
    )


def test_what_never_moves_gets_no_keys_and_is_put_back_to_rest(rig) -> None:
    still = bake(bpy.context.scene, rig, performance("Still", 0.0), settings=RAW)
    assert JAW not in keys_in(rig, action_of(still)) and still.curves < 100
    rig.animation_data.action = None
    moving = bake(bpy.context.scene, rig, performance("Moving"), settings=RAW)
    bpy.context.scene.frame_set(COUNT)
    assert abs(rig.pose.bones["jaw"].rotation_quaternion.x) > 0.1
    again = bake(bpy.context.scene, rig, performance("Still", 0.0), settings=RAW)
    assert again.curves == still.curves < moving.curves
    assert rig.pose.bones["jaw"].rotation_quaternion.x == 0.0, "the take that gave way opened it"
    rig.animation_data.action = None
    rig.pose.bones["jaw"].rotation_quaternion = (0.96, 0.28, 0.0, 0.0)
    posed = bake(bpy.context.scene, rig, performance("Posed", 0.0), settings=RAW)
    assert JAW in keys_in(rig, action_of(posed)), "an open jaw is closed by keys"


# Where keys go


def test_a_new_action_each_time(rig) -> None:
    first, second = (baked(rig, destination="NEW") for _ in range(2))
    assert first.action != second.action and action_of(first).use_fake_user
    assert rig.animation_data.action == action_of(second)
    assert same_keys(keys_in(rig, action_of(first)), keys_in(rig, action_of(second)))
    third = baked(rig)
    assert third.action == second.action, "the one that is on the character is baked anew"


@pytest.mark.parametrize("blend", ["REPLACE", "COMBINE"])
def test_a_strip_below_the_animators_action(rig, blend: str) -> None:
    walk = animated(rig)
    result = baked(rig, destination="STRIP", blend=blend)
    (track,) = rig.animation_data.nla_tracks
    (strip,) = track.strips
    assert rig.animation_data.action == walk
    assert (track.name, strip.name, strip.action.name, strip.blend_type) == ("Take", "Take", result.action, blend)
    assert (strip.frame_start, strip.frame_end) == (strip.action_frame_start, strip.action_frame_end) == (1.0, COUNT)
    assert "'Walk' stays the active action" in " ".join(result.notes)
    bpy.context.scene.frame_set(41)
    assert rig.pose.bones["eye_targets"].location.x == pytest.approx(1.0, abs=1e-4)
    opened = rig.pose.bones["jaw"].rotation_quaternion.x
    assert abs(opened) > 0.05
    # Baked again, shorter: the same strip.
    again = baked(rig, destination="STRIP", blend=blend, end=1.0)
    assert again.action == result.action and len(rig.animation_data.nla_tracks) == len(track.strips) == 1
    assert (strip.frame_start, strip.frame_end, strip.action_frame_end) == (1.0, 31.0, 31.0)


def test_a_strip_that_was_moved_stays_where_it_is(rig) -> None:
    baked(rig, destination="STRIP")
    strip = rig.animation_data.nla_tracks[0].strips[0]
    strip.frame_end += 100.0
    strip.frame_start += 100.0
    assert strip.action_frame_start == 1.0
    baked(rig, destination="STRIP", start=0.5)
    assert (strip.frame_start, strip.action_frame_start) == (101.0, 1.0)
    assert strip.frame_end - strip.frame_start == pytest.approx(45.0)


def test_from_action_to_strip_and_back(rig) -> None:
    first = baked(rig)
    strip = baked(rig, destination="STRIP")
    assert strip.action == first.action and rig.animation_data.action is None
    assert len(rig.animation_data.nla_tracks) == 1
    back = baked(rig)
    assert back.action == first.action and rig.animation_data.action == action_of(back)
    assert not rig.animation_data.nla_tracks, "it does not play twice"


def test_shape_keys_go_into_a_strip_too() -> None:
    bpy.ops.wm.read_homefile(use_empty=True)
    mesh = bpy.data.objects.new("Head", bpy.data.meshes.new("Head"))
    mesh.data.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    bpy.context.scene.collection.objects.link(mesh)
    for name in ("Basis", "jawOpen"):
        mesh.shape_key_add(name=name).value = 0.0
    keys = mesh.data.shape_keys
    result = bake(bpy.context.scene, mesh, performance(), settings=replace(RAW, destination="STRIP"))
    (strip,) = keys.animation_data.nla_tracks[0].strips
    assert strip.action.name == result.action and keys.animation_data.action is None
    bpy.context.scene.frame_set(int(result.last_frame))
    assert keys.key_blocks["jawOpen"].value > 0.5


def test_locked_and_solo_tracks_are_said(rig) -> None:
    baked(rig, destination="STRIP")
    track = rig.animation_data.nla_tracks[0]
    track.lock = True
    before = keys_in(rig, track.strips[0].action)
    with pytest.raises(BakeError, match=r"'Take' of '.*' is locked\. Unlock it"):
        baked(rig, destination="STRIP", strength=Strength(0.5))
    assert same_keys(before, keys_in(rig, track.strips[0].action))
    track.lock = False
    other = rig.animation_data.nla_tracks.new()
    other.name = "Mine"
    other.is_solo = True
    assert "'Mine' of" in " ".join(baked(rig, destination="STRIP").notes)


def test_what_is_linked_is_said(rig, tmp_path: Path) -> None:
    name = rig.name
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "rig.blend"))
    bpy.ops.wm.read_homefile(use_empty=True)
    with bpy.data.libraries.load(str(tmp_path / "rig.blend"), link=True) as (_, into):
        into.objects = [name]
    linked = bpy.data.objects[name]
    bpy.context.scene.collection.objects.link(linked)
    with pytest.raises(BakeError, match="is linked from another file"):
        bake(bpy.context.scene, linked, performance(), settings=RAW)
    assert not bpy.data.actions


def test_hand_keys_are_kept_in_a_copy_when_a_take_is_baked_again(rig) -> None:
    first = baked(rig)
    assert baked(rig).notes == ()
    curve_of(rig, action_of(first), JAW).keyframe_points[10].co.y = 0.3
    again = baked(rig)
    (note,) = again.notes
    assert note.startswith(f"'{first.action}' held keys of yours")
    (copy,) = set(bpy.data.actions) - {action_of(again)}
    assert copy.use_fake_user and f"'{copy.name}'" in note
    slot = copy.slots[0] if compat.has_slots() else None
    kept = compat.curves_in(copy, slot)
    assert kept is not None and kept.find(JAW[0], index=JAW[1]).keyframe_points[10].co.y == pytest.approx(0.3)


def test_the_animators_own_curves_in_the_action_stay(rig) -> None:
    result = baked(rig, regions=("MOUTH",))
    action = action_of(result)
    curves = compat.curves_in(action, compat.slot_of(rig, action))
    assert curves is not None
    for at in (BROW, ('pose.bones["eye_targets"].location', 0)):
        compat.new_fcurve(curves, *at, "Mine").keyframe_points.insert(5.0, 0.7)
    again = baked(rig)
    keys = keys_in(rig, action_of(again))
    assert again.action == result.action and again.notes == ()
    assert keys[BROW].tolist() == keys['pose.bones["eye_targets"].location', 0].tolist() == [[5.0, pytest.approx(0.7)]]
    assert len(keys) == again.curves + 2 and len(keys[JAW]) == COUNT


def test_what_is_mimicas_of_one_data_block_is_known_after_a_bake_of_another(rig) -> None:
    mesh = bpy.data.objects.new("Head", bpy.data.meshes.new("Head"))
    mesh.data.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    bpy.context.scene.collection.objects.link(mesh)
    mesh.shape_key_add(name="Basis")
    mesh.shape_key_add(name="open").value = 0.0
    played = performance()
    plain = bind(rig, played.neutral)
    entry = ControlEntry((Channel("shape_key", "open", object="Head"),), "jawOpen")
    rest = read_rest_pose(rig, plain.plan.character)
    both = ChannelPlan(replace(plain.plan.character, controls=(entry,)), rest, played.neutral)
    binding = replace(plain, meshes=("Head",), plan=both)
    for regions in (FACE_REGIONS, ("HEAD",), FACE_REGIONS):
        settings = replace(RAW, regions=regions)
        result = bake(bpy.context.scene, rig, played, settings=settings, binding=binding)
        assert result.notes == ()
        shapes = mesh.data.shape_keys
        own = shapes.animation_data.action
        assert (compat.handle_of(compat.slot_of(shapes, own)), 'key_blocks["open"].value', 0) in read_marks(own)
        assert len(keys_in(shapes, own)) == 1


def test_settings_are_the_same_after_json() -> None:
    settings = BakeSettings(
        start_frame=7.0,
        end=3.5,
        mapping=MappingSettings(1.5, smoothing={"MOUTH": 0.5}),
        reduce=True,
        step=0.5,
        offset=-0.2,
        strength=Strength(1.2, {"EYES": 0.8}),
        regions=("EYES", "HEAD"),
        destination="STRIP",
        blend="COMBINE",
        existing="ADD",
    )
    assert settings_from_json(settings_to_json(settings)) == settings
    assert settings_from_json(settings_to_json(BakeSettings())) == BakeSettings()
    assert settings_from_json({}) == BakeSettings()

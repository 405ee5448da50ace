# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A baked take that is changed afterwards: its own keys follow the sliders, the animator's stay."""

import json
from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest

import mimica
from mimica.rig import baked_sliders, compat
from mimica.rig.key_marks import KEYS_PROPERTY, MARKS_PROPERTY, read_marks
from mimica.rig.occupied import TAKE_PROPERTY
from mimica.rig.rebake import baked_action
from mimica.rig.recipe import RECIPE_PROPERTY, read_recipe
from mimica.tests.acted_take import COUNT, write_take
from mimica.tests.blender.baked import BROW, JAW, curve_of, keys_in, new_rig, same_keys

HEAD = ('pose.bones["head"].rotation_quaternion', 2)


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[bpy.types.Scene]:
    """A rig, and a take of two seconds in the list."""
    rig = new_rig()
    mimica.register()
    from mimica.operators import takes

    monkeypatch.setattr(takes, "takes_folder", lambda: tmp_path)
    write_take(tmp_path)
    scene = bpy.context.scene
    scene.mimica.target = rig
    takes.refresh_takes(bpy.context.window_manager)
    yield scene
    mimica.unregister()


def bake(scene: bpy.types.Scene) -> bpy.types.Action:
    assert bpy.ops.mimica.bake() == {"FINISHED"}
    action = baked_action(scene.mimica.target)
    assert action is not None
    return action


def keys(scene: bpy.types.Scene) -> dict[tuple[str, int], np.ndarray]:
    action = baked_action(scene.mimica.target)
    assert action is not None
    return keys_in(scene.mimica.target, action)


def curve(scene: bpy.types.Scene, at: tuple[str, int] = BROW) -> bpy.types.FCurve:
    action = baked_action(scene.mimica.target)
    assert action is not None
    return curve_of(scene.mimica.target, action, at)


def value_at(scene: bpy.types.Scene, frame: float, at: tuple[str, int] = BROW) -> float:
    found = keys(scene)[at]
    return float(found[np.isclose(found[:, 0], frame), 1][0])


def sliders(scene: bpy.types.Scene) -> bpy.types.PropertyGroup:
    action = baked_action(scene.mimica.target)
    assert action is not None
    return action.mimica_baked


def test_a_slider_gives_what_a_bake_with_its_setting_does(scene: bpy.types.Scene) -> None:
    scene.mimica.smoothness, scene.mimica.bake.strength_brows = 2.5, 0.5
    bake(scene)
    wanted = keys(scene)
    assert sliders(scene).smoothness == 2.5 and sliders(scene).strength_brows == 0.5
    scene.mimica.smoothness, scene.mimica.bake.strength_brows = 1.0, 1.0
    bake(scene)
    plain = keys(scene)
    assert not same_keys(plain, wanted)
    sliders(scene).smoothness = 2.5
    sliders(scene).strength_brows = 0.5
    assert same_keys(keys(scene), wanted)
    assert bpy.ops.mimica.reset_bake() == {"FINISHED"}
    assert same_keys(keys(scene), plain) and sliders(scene).smoothness == 1.0


@pytest.mark.parametrize("reduce", [False, True])
def test_the_animators_keys_stay_through_every_change(scene: bpy.types.Scene, reduce: bool) -> None:
    scene.mimica.bake_reduce = reduce
    action = bake(scene)
    points = curve(scene).keyframe_points
    changed = points[len(points) // 2]
    moved_to = float(changed.co.x), float(changed.co.y) + 0.004
    changed.co.y = moved_to[1]
    points.insert(20.5, 0.02)
    mine = next(p for p in points if p.co.x == 20.5)
    mine.interpolation, mine.handle_left_type = "LINEAR", "VECTOR"
    before = keys(scene)
    other = ('pose.bones["eye_targets"].location', 0)
    own = compat.new_fcurve(compat.curves_in(action, compat.slot_of(scene.mimica.target, action)), *other, "Mine")
    own.keyframe_points.insert(5.0, 0.7)
    for change in (
        {"strength": 1.5},
        {"smoothness": 0.0},
        {"smoothing_brows": 3.0},
        {"offset": 0.1},
        {"reduce": not reduce},
        {"tolerance": 2.0},
        {"offset": -0.05},
        {"reduce": reduce},
        {"strength": 1.0},
    ):
        for name, value in change.items():
            setattr(sliders(scene), name, value)
        assert baked_sliders.problem_of(action) == ""
        assert value_at(scene, 20.5) == pytest.approx(0.02) and value_at(scene, moved_to[0]) == pytest.approx(
            moved_to[1]
        )
        mine = next(p for p in curve(scene).keyframe_points if p.co.x == 20.5)
        assert (mine.interpolation, mine.handle_left_type, mine.type) == ("LINEAR", "VECTOR", "KEYFRAME")
        assert keys(scene)[other].tolist() == [[5.0, pytest.approx(0.7)]]
    kinds = [p.type for p in curve(scene).keyframe_points]
    assert kinds.count("KEYFRAME") == 2 and kinds.count("GENERATED") == len(kinds) - 2
    sliders(scene).offset = 0.0
    sliders(scene).smoothing_brows, sliders(scene).smoothness, sliders(scene).tolerance = 1.0, 1.0, 1.0
    after = keys(scene)
    del after[other]
    assert after.keys() >= before.keys()
    assert all(np.allclose(after[k], before[k], atol=1e-6) for k in before if k != BROW)
    if not reduce:
        assert np.allclose(after[BROW], before[BROW], atol=1e-6), "the neighbours are the bake's"


def test_keys_beside_an_animators_follow(scene: bpy.types.Scene) -> None:
    bake(scene)
    points = curve(scene).keyframe_points
    points[30].co.y = 0.05
    before = keys(scene)[BROW][:, 1]
    sliders(scene).strength = 0.5
    after = keys(scene)[BROW][:, 1]
    assert after[30] == pytest.approx(0.05)
    others = np.arange(COUNT) != 30
    assert np.allclose(after[others], 0.5 * before[others], atol=2e-3 * np.ptp(before))


def test_an_inserted_key_does_not_make_its_neighbours_the_animators(scene: bpy.types.Scene) -> None:
    scene.mimica.bake_reduce = True
    bake(scene)
    bone = scene.mimica.target.pose.bones["brow_mid.L"]
    bpy.context.scene.frame_set(20, subframe=0.5)
    bone.location[1] += 0.001
    bone.keyframe_insert("location", index=1, frame=20.5)
    sliders(scene).strength = 0.0
    found = keys(scene)[BROW]
    assert (np.abs(found[:, 1]) > 1e-6).sum() == 1, "all but one are the bake's"


def test_turned_handles_are_the_animators(scene: bpy.types.Scene) -> None:
    scene.mimica.bake_reduce = True
    bake(scene)
    points = curve(scene).keyframe_points
    key = points[2]
    frame, value = key.co.x, key.co.y
    key.handle_left_type = key.handle_right_type = "FREE"
    key.handle_right = (key.handle_right.x, key.handle_right.y + 0.003)
    turned = tuple(key.handle_right)
    sliders(scene).strength = 0.5
    key = next(p for p in curve(scene).keyframe_points if p.co.x == frame)
    assert key.co.y == pytest.approx(value) and tuple(key.handle_right) == pytest.approx(turned)


def test_far_from_frame_0_the_bakes_own_keys_are_known_too(scene: bpy.types.Scene) -> None:
    scene.mimica.bake_reduce, scene.mimica.bake_start = True, 100_000
    bake(scene)
    sliders(scene).tolerance = 0.3
    bpy.context.view_layer.update()
    sliders(scene).strength = 0.0
    assert {p.type for c in (BROW, JAW, HEAD) for p in curve(scene, c).keyframe_points} == {"GENERATED"}
    assert np.abs(keys(scene)[BROW][:, 1]).max() < 1e-6


def test_deleted_keys_and_curves_do_not_come_back(scene: bpy.types.Scene) -> None:
    action = bake(scene)
    points = curve(scene).keyframe_points
    for i in range(40, 20, -1):
        points.remove(points[i])
    curves = compat.curves_in(action, compat.slot_of(scene.mimica.target, action))
    assert curves is not None
    curves.remove(curve(scene, JAW))
    for value in (0.5, 1.0, 1.2):
        sliders(scene).strength = value
        found = keys(scene)
        assert not ((found[BROW][:, 0] > 21.0) & (found[BROW][:, 0] < 42.0)).any() and JAW not in found
    sliders(scene).reduce = True
    assert not ((keys(scene)[BROW][:, 0] > 21.0) & (keys(scene)[BROW][:, 0] < 42.0)).any()
    bake(scene)
    assert JAW in keys(scene), "a bake makes everything anew"


def test_what_starts_to_move_gets_keys_and_what_stops_keeps_them(scene: bpy.types.Scene) -> None:
    bake(scene)
    whole = keys(scene)
    sliders(scene).strength = 0.0
    assert keys(scene).keys() == whole.keys()
    bake(scene)
    scene.mimica.bake.strength_brows = 0.0
    scene.mimica.target.animation_data.action = None
    bpy.data.actions.remove(bpy.data.actions["Take"])
    for bone in scene.mimica.target.pose.bones:
        bone.matrix_basis.identity()
        bone.location, bone.rotation_quaternion = (0.0,) * 3, (1.0, 0.0, 0.0, 0.0)
    bake(scene)
    assert BROW not in keys(scene)
    sliders(scene).strength_brows = 1.0
    assert np.allclose(keys(scene)[BROW], whole[BROW], atol=1e-6)


def test_saved_and_loaded(scene: bpy.types.Scene, tmp_path: Path) -> None:
    bake(scene)
    curve(scene).keyframe_points[30].co.y = 0.05
    sliders(scene).strength = 0.8
    plain = keys(scene)
    path = str(tmp_path / "scene.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    scene = bpy.context.scene
    assert same_keys(keys(scene), plain) and sliders(scene).strength == pytest.approx(0.8)
    sliders(scene).strength = 1.6
    assert value_at(scene, 31.0) == pytest.approx(0.05)
    assert np.ptp(keys(scene)[BROW][:20, 1]) == pytest.approx(2.0 * np.ptp(plain[BROW][:20, 1]), rel=0.01)


def test_a_take_below_the_blends_folder_is_named_from_there(scene: bpy.types.Scene, tmp_path: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    action = bake(scene)
    assert read_recipe(action).choice.path.startswith("//Take")


def test_undo_and_redo_change_sliders_and_keys_alike(scene: bpy.types.Scene) -> None:
    name = bake(scene).name
    plain = keys(scene)
    bpy.ops.ed.undo_push(message="bake")
    sliders(scene).strength = 0.5
    weak = keys(scene)
    bpy.ops.ed.undo_push(message="Strength")
    bpy.ops.ed.undo()
    scene = bpy.context.scene
    assert same_keys(keys(scene), plain) and bpy.data.actions[name].mimica_baked.strength == 1.0
    sliders(scene).offset = 0.1
    bpy.ops.ed.undo_push(message="Offset")
    bpy.ops.ed.undo()
    assert same_keys(keys(bpy.context.scene), plain)
    sliders(bpy.context.scene).strength = 0.5
    assert same_keys(keys(bpy.context.scene), weak)


def test_a_copy_of_the_action_is_changed_by_itself(scene: bpy.types.Scene) -> None:
    first = bake(scene)
    plain = keys(scene)
    curve(scene).keyframe_points[30].co.y = 0.05
    rig = scene.mimica.target
    copy = first.copy()
    compat.assign(rig, copy, copy.slots[0] if compat.has_slots() else None)
    assert baked_action(rig) == copy
    copy.mimica_baked.strength = 0.5
    assert value_at(scene, 31.0) == pytest.approx(0.05) and not same_keys(keys(scene), plain)
    compat.assign(rig, first, first.slots[0] if compat.has_slots() else None)
    assert np.array_equal(keys(scene)[JAW], plain[JAW])


@pytest.mark.parametrize("lost", [MARKS_PROPERTY, KEYS_PROPERTY])
def test_without_its_notes_nothing_is_overwritten_until_that_is_asked_for(scene: bpy.types.Scene, lost: str) -> None:
    action = bake(scene)
    del action[lost]
    before = keys(scene)
    sliders(scene).strength = 0.5
    assert same_keys(keys(scene), before)
    assert "no longer be told which keys" in baked_sliders.problem_of(action)
    assert bpy.ops.mimica.rebuild_bake() == {"FINISHED"}
    assert baked_sliders.problem_of(action) == "" and not same_keys(keys(scene), before)
    assert keys(scene).keys() == before.keys() and read_marks(action)


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", '{"schema": 1, "curves": [[1]]}', '{"schema": 1, "curves": 3}', None]
)
def test_notes_that_are_no_good_are_said(scene: bpy.types.Scene, text: str | None) -> None:
    action = bake(scene)
    before = keys(scene)
    if text is None:
        action[KEYS_PROPERTY] = b"12"
    else:
        action[MARKS_PROPERTY] = text
    sliders(scene).strength = 0.5
    assert same_keys(keys(scene), before) and "which keys" in baked_sliders.problem_of(action)
    assert baked_sliders.keys_are_unknown(action)
    assert bpy.ops.mimica.rebuild_bake() == {"FINISHED"}
    assert not baked_sliders.keys_are_unknown(action) and not same_keys(keys(scene), before)


def test_a_recipe_that_is_no_good_is_said(scene: bpy.types.Scene) -> None:
    action = bake(scene)
    before, good = keys(scene), json.loads(action[RECIPE_PROPERTY])
    for bad in (
        "nonsense",
        json.dumps(good | {"schema": 99}),
        json.dumps({"schema": 1}),
        json.dumps(good | {"choice": 3}),
    ):
        action[RECIPE_PROPERTY] = bad
        sliders(scene).strength += 0.1
        assert same_keys(keys(scene), before) and "bake" in baked_sliders.problem_of(action).lower()
        with pytest.raises(RuntimeError, match=r"(?i)bake"):
            bpy.ops.mimica.reset_bake()


def test_a_take_that_is_gone_is_said_and_nothing_is_lost(scene: bpy.types.Scene, tmp_path: Path) -> None:
    action = bake(scene)
    before = keys(scene)
    path = next(tmp_path.glob("Take.*"))
    path.rename(tmp_path / "elsewhere")
    sliders(scene).strength = 0.5
    assert same_keys(keys(scene), before) and "Take" in baked_sliders.problem_of(action)
    (tmp_path / "elsewhere").rename(path)
    sliders(scene).strength = 0.5
    assert not same_keys(keys(scene), before) and baked_sliders.problem_of(action) == ""


def test_frozen_is_the_animators_own(scene: bpy.types.Scene) -> None:
    action = bake(scene)
    before = keys(scene)
    assert bpy.ops.mimica.freeze_bake() == {"FINISHED"}
    assert not set(action.keys()) & {RECIPE_PROPERTY, MARKS_PROPERTY, KEYS_PROPERTY, TAKE_PROPERTY}
    rig = scene.mimica.target
    assert baked_action(rig) is None and same_keys(keys_in(rig, action), before)
    assert {p.type for p in curve_of(rig, action, BROW).keyframe_points} == {"KEYFRAME"}
    assert not bpy.ops.mimica.freeze_bake.poll()
    scene.mimica.existing_animation = "REPLACE"
    again = bake(scene)
    assert again != action and same_keys(keys_in(rig, action), before)
    assert any(strip.action == action for strip in compat.every_strip(rig)), "it goes on playing below"


@pytest.mark.parametrize("destination", ["ACTION", "STRIP"])
def test_a_layer_for_hand_keys_adds_to_the_bake(scene: bpy.types.Scene, destination: str) -> None:
    scene.mimica.bake.destination = destination
    action = bake(scene)
    rig = scene.mimica.target
    scene.frame_set(30)
    turned, bone = rig.pose.bones["head"].rotation_quaternion.copy(), rig.pose.bones["brow_mid.L"]
    raised = bone.location[1]
    assert bpy.ops.mimica.add_hand_layer() == {"FINISHED"}
    data = rig.animation_data
    layer = data.action
    assert layer != action and data.action_blend_type == "COMBINE" and baked_action(rig) == action
    assert len(data.nla_tracks) == 1 and data.nla_tracks[0].strips[0].action == action
    scene.frame_set(30)
    assert bone.location[1] == pytest.approx(raised, abs=1e-6)
    assert rig.pose.bones["head"].rotation_quaternion.rotation_difference(turned).angle < 1e-3
    for frame, value in ((1, 0.0), (COUNT, 0.01)):
        compat_curve = compat.curves_in(layer, compat.slot_of(rig, layer), ensure=True)
        assert compat_curve is not None
        found = compat_curve.find(BROW[0], index=1) or compat.new_fcurve(compat_curve, *BROW, "brow")
        found.keyframe_points.insert(frame, value)
    scene.frame_set(COUNT)
    both = bone.location[1]
    sliders(scene).strength = 0.0
    scene.frame_set(COUNT)
    assert bone.location[1] == pytest.approx(0.01, abs=1e-5) and both > 0.011, "the sliders go on below it"
    sliders(scene).strength = 1.0
    # A bake goes on below the layer too.
    scene.mimica.bake.destination = "ACTION"
    bake(scene)
    assert data.action == layer and len(data.nla_tracks) == 1
    scene.frame_set(COUNT)
    assert bone.location[1] == pytest.approx(both, abs=1e-5)
    with pytest.raises(RuntimeError, match="active action on top already"):
        bpy.ops.mimica.add_hand_layer()


def test_a_strip_follows_its_keys(scene: bpy.types.Scene) -> None:
    scene.mimica.bake.destination = "STRIP"
    bake(scene)
    strip = scene.mimica.target.animation_data.nla_tracks[0].strips[0]
    sliders(scene).offset = 1.0
    assert (strip.action_frame_start, strip.frame_start, strip.frame_end) == (31.0, 31.0, 30.0 + COUNT)
    sliders(scene).offset = -1.0
    assert (strip.action_frame_start, strip.frame_start, strip.frame_end) == (-29.0, -29.0, COUNT - 30.0)


def test_what_takes_long_waits_until_the_slider_rests(scene: bpy.types.Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    action = bake(scene)
    before = keys(scene)
    monkeypatch.setattr(baked_sliders, "_SHORT", 10)
    monkeypatch.setattr(baked_sliders, "in_background", lambda: False)
    for value in (0.9, 0.7, 0.5):
        sliders(scene).strength = value
    assert same_keys(keys(scene), before) and baked_sliders.is_waiting(action)
    baked_sliders.flush(scene)
    assert not baked_sliders.is_waiting(action)
    weak = keys(scene)
    assert np.ptp(weak[BROW][:, 1]) == pytest.approx(0.5 * np.ptp(before[BROW][:, 1]), rel=0.01)
    # A step that was kept before the keys followed gets them when it comes back.
    bpy.ops.ed.undo_push(message="weak")
    monkeypatch.setattr(baked_sliders, "_seconds", {compat.session_uid(action): 9.0})
    sliders(scene).strength = 1.0
    bpy.ops.ed.undo_push(message="strong, without its keys")
    baked_sliders.flush(scene)
    bpy.ops.ed.undo_push(message="later")
    bpy.ops.ed.undo()
    scene = bpy.context.scene
    action = baked_action(scene.mimica.target)
    assert action is not None and same_keys(keys(scene), weak) and baked_sliders.is_waiting(action)
    baked_sliders.flush(scene)
    assert same_keys(keys(scene), before)

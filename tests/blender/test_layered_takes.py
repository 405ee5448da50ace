# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes over a take, by the panel's operators: what the scene keeps of them, and what is baked."""

from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest

import mimica
from mimica.capture.control_takes import write_control_take
from mimica.capture.take import TakeError, TakeInfo, TakeWriter
from mimica.capture.take_schema import Timeline
from mimica.mapping.control_take import ControlTake
from mimica.mapping.face_regions import FACE_REGIONS
from mimica.mapping.frame import ARKIT_SHAPES, FaceFrame
from mimica.mapping.layering import LayeredPerformance
from mimica.mapping.settings import MappingSettings
from mimica.rig import layers, paths
from mimica.rig.performances import Choice, PerformanceError, choice_of, open_performance
from mimica.tests.synthetic import act, photograph
from mimica.ui.layers_strip import bars

JAW, SMILE, BROW = (ARKIT_SHAPES.index(name) for name in ("jawOpen", "mouthSmileLeft", "browInnerUp"))
ALL = frozenset(FACE_REGIONS)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of takes beside a saved file at 30 frames a second, the extension registered."""
    monkeypatch.setattr(paths, "user_folder", lambda: tmp_path / "user")
    bpy.ops.wm.read_homefile(use_empty=True)
    mimica.register()
    bpy.context.preferences.edit.use_global_undo = True
    bpy.context.scene.render.fps, bpy.context.scene.render.fps_base = 30, 1.0
    (tmp_path / "project").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "project" / "scene.blend"))
    yield tmp_path / "project" / "mimica"
    mimica.unregister()
    bpy.ops.wm.read_homefile(use_empty=True)


def told(
    path: Path, seconds: float = 4.0, first: float = 0.0, timeline: Timeline | None = None, **controls: float
) -> Path:
    """Write a take whose controls stand still."""
    times = first + np.arange(round(seconds * 30) + 1) / 30
    values = np.zeros((len(times), 52))
    for name, value in controls.items():
        values[:, ARKIT_SHAPES.index(name)] = value
    write_control_take(path, TakeInfo(path.stem, timeline=timeline), ControlTake(path.stem, times, values, 30.0))
    return path


def speaking(path: Path, height: float = 0.5) -> Path:
    """Write a take of three phrases, whose jaw rests from 1.0 to 1.6 and from 2.4 to 3.0."""
    times = np.arange(121) / 30
    values = np.zeros((len(times), 52))
    spoken = (times < 1.0) | ((times > 1.6) & (times < 2.4)) | (times > 3.0)
    values[spoken, JAW] = height / 2 * (1.0 - np.cos(2 * np.pi * 5.0 * times[spoken]))
    write_control_take(path, TakeInfo(path.stem), ControlTake(path.stem, times, values, 30.0))
    return path


def faces(path: Path, **parts: np.ndarray) -> Path:
    """Write a take of an acting face as a camera would see it."""
    seen = photograph(act(**parts))
    with TakeWriter(path, TakeInfo(path.stem)) as writer:
        for time, landmarks in zip(seen.times.tolist(), seen.landmarks, strict=True):
            writer.append((FaceFrame(time, landmarks, None, (640, 480), 0, 1.0),))
    assert writer.error is None
    return path


def pick(name: str) -> bpy.types.PropertyGroup:
    """Make a take the active one, and return the scene's settings."""
    bpy.ops.mimica.refresh_takes()
    state = bpy.context.window_manager.mimica
    state.take_index = state.takes.find(name)
    assert state.take_index >= 0
    return bpy.context.scene.mimica


def rows() -> list[tuple[str, int, int]]:
    return [(row.name, row.first, row.last) for item in bpy.context.scene.mimica.layered for row in item.layers]


def opened(base: Path) -> np.ndarray:
    """Return the controls of a take with what lies over it, at the scene's frames."""
    performance = open_performance(choice_of(bpy.context.scene.mimica, base, "MOST"))
    motion = performance.motion(None, MappingSettings())
    return np.array([np.interp(np.arange(121) / 30, motion.times, column) for column in motion.controls.T]).T


def add_mesh() -> bpy.types.Object:
    mesh = bpy.data.objects.new("Head", bpy.data.meshes.new("Head"))
    mesh.data.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    bpy.context.scene.collection.objects.link(mesh)
    for name in ("Basis", *ARKIT_SHAPES):
        mesh.shape_key_add(name=name).value = 0.0
    return mesh


def test_a_mouth_performed_again_is_baked_with_the_rest_of_the_face(folder: Path) -> None:
    base = told(folder / "base.mimica", jawOpen=0.2, browInnerUp=0.5)
    told(folder / "mouth.mimica", jawOpen=0.8, browInnerUp=0.0)
    settings = pick("base")
    settings.target = mesh = add_mesh()
    mouth = frozenset({"MOUTH"})
    row = layers.add_layer(bpy.context.scene, base, folder / "mouth.mimica", first=31, last=61, regions=mouth)
    assert row.begin == 31
    row.begin, row.fade_in = 11, 0.2
    assert rows() == [("mouth", 31, 61)]
    assert bpy.ops.mimica.bake() == {"FINISHED"}
    blocks = mesh.data.shape_keys.key_blocks
    jaws: dict[int, float] = {}
    for frame in (1, 24, 28, 31, 45, 61, 67, 121):
        bpy.context.scene.frame_set(frame)
        jaws[frame] = blocks["jawOpen"].value
        assert blocks["browInnerUp"].value == pytest.approx(0.5, abs=1e-3), "only the mouth was chosen"
    # The fade out is 0.15 s, 4.5 frames.
    assert [jaws[i] for i in (1, 24, 67, 121)] == pytest.approx([0.2] * 4, abs=1e-3)
    assert [jaws[i] for i in (31, 45, 61)] == pytest.approx([0.8] * 3, abs=1e-3)
    assert 0.25 < jaws[28] < 0.75
    bpy.context.scene.mimica.layered[0].on = False
    assert bpy.ops.mimica.bake() == {"FINISHED"}
    bpy.context.scene.frame_set(45)
    assert blocks["jawOpen"].value == pytest.approx(0.2, abs=1e-3), "the take as it is"


def test_a_bake_keeps_the_layers_it_was_made_with(folder: Path) -> None:
    base = told(folder / "base.mimica", jawOpen=0.2)
    told(folder / "mouth.mimica", jawOpen=0.8)
    settings = pick("base")
    settings.target = mesh = add_mesh()
    row = layers.add_layer(bpy.context.scene, base, folder / "mouth.mimica", first=31, last=61, regions=ALL)
    row.begin = 1
    assert bpy.ops.mimica.bake() == {"FINISHED"}
    bpy.ops.mimica.remove_layer()
    action = mesh.data.shape_keys.animation_data.action
    action.mimica_baked.strength = 0.5
    bpy.context.scene.frame_set(45)
    assert mesh.data.shape_keys.key_blocks["jawOpen"].value == pytest.approx(0.4, abs=1e-3)


def test_takes_of_faces_lie_over_each_other_too(folder: Path) -> None:
    count = np.linspace(0.0, 1.0, 90)
    base = faces(folder / "base.mimica", brows=0.5 - 0.5 * np.cos(6 * count))
    faces(folder / "jaw.mimica", jaw=0.5 - 0.5 * np.cos(20 * count))
    pick("base")
    before = opened(base)
    layers.add_layer(bpy.context.scene, base, folder / "jaw.mimica", first=1, last=200, regions=frozenset({"MOUTH"}))
    after = opened(base)
    assert isinstance(open_performance(choice_of(bpy.context.scene.mimica, base, "MOST")), LayeredPerformance)
    np.testing.assert_array_equal(after[:90, BROW], before[:90, BROW])
    assert before[:90, JAW].max() < 0.1 < 0.4 < after[:90, JAW].max()


def test_adding_moving_and_removing_are_single_steps(folder: Path) -> None:
    for name in ("base", "one", "two"):
        told(folder / f"{name}.mimica", jawOpen=0.3)
    pick("base")
    assert not bpy.ops.mimica.remove_layer.poll()
    bpy.ops.ed.undo_push(message="before")
    scene = bpy.context.scene
    scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, 20, 50
    for name in ("one", "two"):
        assert bpy.ops.mimica.add_layer(take=str(folder / f"{name}.mimica")) == {"FINISHED"}
        bpy.ops.ed.undo_push(message=name)
        scene.use_preview_range = False
    assert rows() == [("one", 20, 50), ("two", 1, 121)]
    assert [row.regions() for row in scene.mimica.layered[0].layers] == [FACE_REGIONS] * 2
    bpy.ops.mimica.move_layer(up=True)
    assert [name for name, _, _ in rows()] == ["two", "one"] and scene.mimica.layered[0].index == 0
    assert bpy.ops.mimica.move_layer(up=True) == {"CANCELLED"}
    bpy.ops.mimica.remove_layer()
    assert rows() == [("one", 20, 50)]
    bpy.ops.ed.undo_push(message="removed")
    bpy.ops.ed.undo()
    assert [name for name, _, _ in rows()] == ["one", "two"]
    bpy.ops.ed.undo()
    assert [name for name, _, _ in rows()] == ["one"]
    bpy.ops.ed.redo()
    assert [name for name, _, _ in rows()] == ["one", "two"]


def test_layers_are_saved_with_the_file_and_move_along(folder: Path, tmp_path: Path) -> None:
    base, over = told(folder / "base.mimica", jawOpen=0.2), told(folder / "over.mimica", jawOpen=0.9)
    pick("base")
    row = layers.add_layer(bpy.context.scene, base, over, first=31, last=61, regions=frozenset({"MOUTH", "HEAD"}))
    row.fade_out = 0.5
    row.enabled = False
    before = layers.layers_of(bpy.context.scene, base)
    assert before[0].path == "//mimica/over.mimica"
    bpy.ops.wm.save_mainfile()
    project = Path(bpy.data.filepath).parent
    moved = tmp_path / "elsewhere"
    project.rename(moved)
    bpy.ops.wm.open_mainfile(filepath=str(moved / "scene.blend"))
    assert layers.layers_of(bpy.context.scene, moved / "mimica" / "base.mimica") == before
    copy = tmp_path / "copies" / "copy.blend"
    copy.parent.mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(copy))
    (after,) = layers.layers_of(bpy.context.scene, moved / "mimica" / "base.mimica")
    assert Path(after.path) == moved / "mimica" / "over.mimica", "it is not beside the copy"


def test_a_renamed_take_keeps_its_layers_also_after_undo(folder: Path) -> None:
    base, over = told(folder / "base.mimica"), told(folder / "over.mimica", jawOpen=0.9)
    pick("base")
    layers.add_layer(bpy.context.scene, base, over, first=31, last=61, regions=ALL)
    bpy.ops.ed.undo_push(message="added")
    pick("over")
    bpy.ops.mimica.rename_take(name="better")
    pick("base")
    assert rows() == [("better", 31, 61)] and opened(base)[45, JAW] == pytest.approx(0.9, abs=1e-3)
    bpy.context.scene.mimica.layered[0].layers[0].fade_in = 0.3
    bpy.ops.ed.undo_push(message="fade")
    bpy.ops.ed.undo()
    assert rows() == [("over", 31, 61)]
    assert opened(base)[45, JAW] == pytest.approx(0.9, abs=1e-3), "names of files are not undone"
    pick("base")
    bpy.ops.mimica.rename_take(name="first")
    assert layers.layers_of(bpy.context.scene, folder / "first.mimica")


def test_a_missing_layer_is_named_and_nothing_is_baked(folder: Path) -> None:
    base, over = told(folder / "base.mimica"), told(folder / "over.mimica", jawOpen=0.9)
    settings = pick("base")
    settings.target = add_mesh()
    row = layers.add_layer(bpy.context.scene, base, over, first=31, last=61, regions=ALL)
    over.unlink()
    with pytest.raises(RuntimeError, match=r"layer 'over' cannot be used.*switch the layer off"):
        bpy.ops.mimica.bake()
    assert not bpy.data.actions
    row.enabled = False
    assert bpy.ops.mimica.bake() == {"FINISHED"}
    assert rows() == [("over", 31, 61)], "it stays in the list"


def test_what_cannot_be_laid_is_said(folder: Path) -> None:
    base = told(folder / "base.mimica")
    nothing = folder / "empty.mimica"
    with TakeWriter(nothing, TakeInfo("empty")):
        pass
    dark = folder / "dark.mimica"
    with TakeWriter(dark, TakeInfo("dark")) as writer:
        for i in range(30):
            writer.append((FaceFrame(i / 30, None, None, (640, 480), 0, 0.0),))
    pick("base")
    scene = bpy.context.scene
    with pytest.raises(layers.LayerError, match="holds no frames"):
        layers.add_layer(scene, base, nothing, first=1, last=10, regions=ALL)
    with pytest.raises(TakeError, match="does not exist"):
        layers.add_layer(scene, base, folder / "gone.mimica", first=1, last=10, regions=ALL)
    with pytest.raises(layers.LayerError, match="end after it begins"):
        layers.add_layer(scene, base, dark, first=10, last=1, regions=ALL)
    assert rows() == []
    layers.add_layer(scene, base, dark, first=1, last=10, regions=ALL)
    with pytest.raises(PerformanceError, match="layer 'dark' holds no face"):
        open_performance(choice_of(scene.mimica, base, "MOST"))


def test_where_takes_lie_on_the_timeline(folder: Path) -> None:
    scene = bpy.context.scene
    scene.mimica.bake_start = 101
    timed = told(folder / "timed.mimica", first=10.0, timeline=Timeline(frame=-199.0, rate=30.0))
    free = told(folder / "free.mimica", first=5.0)
    early = told(folder / "early.mimica", timeline=Timeline(frame=90.0, rate=30.0))
    pick("free")
    row = layers.add_layer(scene, free, timed, first=110, last=120, regions=ALL)
    assert (row.start, row.end) == pytest.approx((5.3, 5.0 + 19 / 30), abs=1e-4)
    # Its first image, 10 s on its clock, was performed at frame 101.
    assert row.begin == 101 and row.at == pytest.approx(-5.0, abs=1e-4)
    again = layers.add_layer(scene, free, early, first=110, last=120, regions=ALL)
    assert again.begin == 90
    alone = layers.add_layer(scene, timed, free, first=111, last=120, regions=ALL)
    assert alone.begin == 111, "a take that knows no timeline begins where it is put"
    assert alone.start == pytest.approx(10.0 + 10 / 30, abs=1e-4)
    alone.begin, alone.first, alone.last = 95, 112, 130
    assert (alone.begin, alone.first, alone.last) == (95, 112, 130)
    scene.mimica.bake_start = 1
    assert (row.first, row.last) == (10, 20), "what was not recorded to the timeline moves with its bake"
    assert alone.first == 112
    scene.mimica.bake_part, scene.mimica.bake_from = True, 1.0
    assert (row.first, row.last) == (-20, -10), "Start Frame is where the part of the take begins"
    scene.mimica.recording.at_place = False
    assert alone.first == 1 - 30 + 11, "and so it is for takes that are not to lie where they were recorded"


def test_phrases_are_cast_one_by_one(folder: Path) -> None:
    base = speaking(folder / "base.mimica", 0.4)
    for name, height in (("one", 0.6), ("two", 0.9)):
        speaking(folder / f"{name}.mimica", height)
    told(folder / "short.mimica", seconds=0.5)
    pick("base")
    layered = layers.ensure_layered(bpy.context.scene, base)
    assert bpy.ops.mimica.split_phrases() == {"FINISHED"}
    assert [name for name, _, _ in rows()] == ["", "", ""]
    assert [first for _, first, _ in rows()] == pytest.approx([1, 40, 82], abs=4)
    assert open_performance(choice_of(bpy.context.scene.mimica, base, "MOST")).name == "base"
    before = opened(base)
    layered.index = 1
    shown: list[str] = []
    for _ in range(3):
        assert bpy.ops.mimica.next_layer_take() == {"FINISHED"}
        shown.append(layered.layers[1].name)
    assert shown == ["one", "two", ""], "the short one does not reach over it"
    bpy.ops.mimica.next_layer_take(back=True)
    assert layered.layers[1].name == "two"
    after = opened(base)
    assert after[50:70, JAW].max() == pytest.approx(0.9, abs=0.05)
    np.testing.assert_allclose(after[:30, JAW], before[:30, JAW], atol=1e-6)
    np.testing.assert_allclose(after[95:, JAW], before[95:, JAW], atol=1e-6)
    cast = rows()
    assert cast[0][2] == cast[1][1] and cast[1][2] == cast[2][1], "phrases still join"
    assert bpy.ops.mimica.split_phrases() == {"FINISHED"} and rows() == cast, "and are not split again"
    bpy.ops.mimica.layer_take(take="BASE")
    np.testing.assert_allclose(opened(base), before, atol=1e-6)


def test_bars_say_where_layers_show(folder: Path) -> None:
    base, over = told(folder / "base.mimica"), told(folder / "over.mimica")
    pick("base")
    for first, last in ((11, 41), (61, 91)):
        row = layers.add_layer(bpy.context.scene, base, over, first=first, last=last, regions=ALL)
    row.fade_in, row.fade_out = 0.2, 0.5
    _, layered = layers.active(bpy.context)
    layers.add_phrase(layered, 0.0, 1.0)
    (high, colour), (low, _) = bars(layered)
    assert high == pytest.approx((55, 61, 91, 106), abs=0.01), "the last of the list is the lowest here too"
    assert low == pytest.approx((6.5, 11, 41, 45.5), abs=0.01)
    row.enabled = False
    assert bars(layered)[0][1] != colour, "one that is off looks like it"


def test_the_best_cut_is_found_on_request(folder: Path) -> None:
    base = speaking(folder / "base.mimica", 0.8)
    over = speaking(folder / "over.mimica", 0.2)
    pick("base")
    # Both ends are put into the middle of a syllable; both takes rest close by.
    row = layers.add_layer(bpy.context.scene, base, over, first=28, last=94, regions=frozenset({"MOUTH"}))
    assert bpy.ops.mimica.best_cut() == {"FINISHED"}
    assert row.last <= 92
    jaw = [abs(a - b) for a, b in zip(opened(base)[row.first - 1], opened(over)[row.first - 1], strict=True)][JAW]
    assert jaw < 0.02
    bpy.ops.mimica.split_phrases()
    assert bpy.ops.mimica.best_cut() == {"CANCELLED"}, "a phrase without a take has nothing to be cut"
    assert [name for name, _, _ in rows()] == ["", "", "", "over"], "phrases lie below what was laid by hand"


def test_a_choice_keeps_its_layers_as_json(folder: Path) -> None:
    base, over = told(folder / "base.mimica"), told(folder / "over.mimica")
    pick("base")
    layers.add_layer(bpy.context.scene, base, over, first=31, last=61, regions=frozenset({"EYES", "MOUTH"}))
    choice = choice_of(bpy.context.scene.mimica, base, "0")
    assert choice.layers[0].regions == ("EYES", "MOUTH")
    assert Choice.from_json(choice.to_json()) == choice
    assert Choice.from_json({"path": "a", "colour": "red"}) == Choice("a")
    first = open_performance(choice)
    assert open_performance(Choice.from_json(choice.to_json())) is first, "nothing is read twice"

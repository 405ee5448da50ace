# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done in Blender for each of the documentation's pictures."""

import subprocess
import sys

import cv2

from mimica.tests.acted_take import write_take
from mimica.tests.desktop.harness import Desktop
from mimica.tests.desktop.test_capture import FACE, LIVE, RIG, RUNNING, press
from mimica.tests.desktop.test_first_run import CAMERAS
from mimica.tests.desktop.test_self_test import SHOW as SHOW_PREFERENCES
from mimica.tests.desktop.test_self_test import TEST as SELF_TEST
from mimica.tests.desktop.test_self_test import place_of
from mimica.tests.desktop.test_teaching import RIG as BARE_RIG

from .picture_stage import IMAGES, Stage, write_photograph

JAW_OPEN = f"{RIG}.pose.bones['jaw'].rotation_quaternion.x > 0.1"
SECOND_HEAD = """
first = bpy.context.scene.mimica.target
there = set(bpy.data.objects)
with view():
    bpy.ops.mimica.create_face_rig()
new = set(bpy.data.objects) - there
meshes = sorted((o for o in new if o.type == 'MESH' and not o.name.startswith('WGT')), key=lambda o: len(o.name))
armature = next(o for o in new if o.type == 'ARMATURE')
bpy.ops.object.mode_set(mode='OBJECT') if bpy.context.mode != 'OBJECT' else None
head = meshes[0]
with bpy.context.temp_override(active_object=head, object=head, selected_editable_objects=meshes):
    bpy.ops.object.join()
head.modifiers.remove(next(m for m in head.modifiers if m.type == 'SHRINKWRAP'))
settings = bpy.context.scene.mimica
settings.convert.target = head
with view():
    bpy.ops.mimica.make_arkit_shapes()
settings.convert.target = None
head.modifiers.remove(next(m for m in head.modifiers if m.type == 'ARMATURE'))
head.parent = None
bpy.data.objects.remove(armature)
for key in head.data.shape_keys.key_blocks[1:]:
    key.name = 'Head_' + key.name[0].upper() + key.name[1:]
head.name = 'Head'
first.location.x, head.location.x = -0.12, 0.12
settings.target = first
settings.cast.add().object = head
with view():
    bpy.ops.object.select_all(action='DESELECT')
    # As much room on the right as the sidebar takes.
    bpy.ops.object.empty_add(location=(0.32, 0, 0), radius=0.01)
    room = bpy.context.object
    head.select_set(True)
    first.select_set(True)
    bpy.ops.view3d.view_selected()
    bpy.data.objects.remove(room)
    bpy.ops.object.select_all(action='DESELECT')
"""


def live(stage: Stage) -> None:
    """A first capture on Mimica's own rig."""
    desktop = stage.fresh()
    stage.use_camera()
    _create_face(desktop)
    # Until the figures in the panel are of a capture that runs.
    _start(desktop, 150)
    stage.keep("live", stage.viewport(), stage.acted(JAW_OPEN))


def first_run(stage: Stage) -> None:
    """What is offered to who has just installed Mimica, on a computer without a camera."""
    desktop = stage.fresh()
    desktop.wait_until(f"{CAMERAS}.reason() is not None")
    stage.keep("first_run", stage.panel("Capture", until="Feel"))


def self_test(stage: Stage) -> None:
    """The results of the self-test, in the preferences."""
    desktop = stage.fresh()
    # Without what a maker of kernels adds.
    desktop.run("import platform; whole = platform.release(); platform.release = lambda: whole.split('-')[0]")
    desktop.run(SHOW_PREFERENCES)
    desktop.settle()
    desktop.click(place_of(desktop, "Self-Test"), kind=None)
    desktop.wait_until(f"{SELF_TEST} is not None and {SELF_TEST}.done", 120)
    desktop.settle()
    # Its first lines are in view then, and as many more as there is room for.
    place_of(desktop, "Copy Report")
    # Above are the folders of this computer.
    x, y, width, height = desktop.region_box("WINDOW", "PREFERENCES")
    top = place_of(desktop, "Keys over the 3D Viewport")[1] - 14
    stage.keep("self_test", (x, top, width, y + height - top))


def picture(stage: Stage) -> None:
    """The camera's picture with everything drawn on it, and its panel."""
    desktop = stage.fresh()
    stage.use_camera()
    desktop.run("p = bpy.context.scene.mimica.picture; p.size = 0.4; p.bars = True")
    _create_face(desktop)
    desktop.click("Feel")
    desktop.click("Picture")
    _start(desktop, 100)
    x, y, width, height = stage.viewport()
    stage.keep("picture", (x + 230, y + 60, width - 230, height - 60), stage.acted(JAW_OPEN))


def character(stage: Stage) -> None:
    """One performer on two characters: bones, with their mapping, and shape keys."""
    desktop = stage.fresh()
    stage.use_camera()
    desktop.run("bpy.context.scene.mimica.picture.show = False")
    _create_face(desktop)
    desktop.run(SECOND_HEAD)
    for panel in ("Capture", "Performer"):
        desktop.click(panel)
    press(desktop, "Detect", f"len({RIG}.mimica.entries) > 0")
    desktop.click("Mapping")
    desktop.run(f"m = {RIG}.mimica; m.index = next(i for i, row in enumerate(m.entries) if row.bone == 'jaw')")
    _start(desktop, 60)
    x, y, width, height = stage.viewport()
    stage.keep("character", (x + 60, y, width - 60, height), stage.acted(JAW_OPEN))


def takes(stage: Stage) -> None:
    """The list of takes and what is baked of them."""
    # Beside the file, where takes go by themselves: the panel shows the folder.
    folder = stage.folder / "shot" / "mimica"
    folder.mkdir(parents=True)
    for name in ("Greeting_001", "Greeting_002", "Question_001"):
        write_take(folder, name)
    desktop = stage.fresh()
    desktop.run(f"bpy.ops.wm.save_as_mainfile(filepath={str(folder.with_name('shot.blend'))!r})")
    _create_face(desktop)
    desktop.run("bpy.ops.mimica.refresh_takes()")
    for panel in ("Capture", "Performer", "Character"):
        desktop.click(panel)
    desktop.run("bpy.context.window_manager.mimica.take_index = 1; area().tag_redraw()")
    stage.keep("takes", stage.panel("Takes"))


def performance(stage: Stage) -> None:
    """The contact sheet of the demonstration: video above, rig below."""
    folder = stage.folder / "demo"
    subprocess.run([sys.executable, "-m", "mimica", "demo", str(stage.clip), "--output", str(folder)], check=True)
    sheet = cv2.imread(str(folder / "demo.png"))
    write_photograph(IMAGES / "performance.jpg", sheet, 1100)


def teaching(stage: Stage) -> None:
    """Learn by Example, with the first picture."""
    desktop = stage.fresh()
    desktop.run(BARE_RIG)
    for panel in ("Capture", "Performer"):
        desktop.click(panel)
    desktop.click("Learn by Example")
    press(desktop, "Start Teaching", "bpy.data.objects['Character'].mimica_teaching.running")
    stage.keep("teaching", stage.panel("Learn by Example", until="More Characters"))


def before_after(stage: Stage) -> None:
    """A range that was learned, and on the way there the picture of the wizard."""
    desktop = stage.fresh()
    press(desktop, "Create Face Rig", f"{RIG} is not None")
    stage.use_camera()
    # Beside the card, not below it.
    desktop.run("bpy.context.scene.mimica.picture.show = False")
    press(desktop, "Start Capture", RUNNING)
    desktop.wait_until(f"{FACE} and {LIVE}.current().profile is not None", 60)
    desktop.run("bpy.context.scene.mimica.range_seconds = 10")
    press(desktop, "Learn Range", f"{LIVE}.current().asking")
    view = f"{LIVE}.current().calibrator.view"
    # The clip does not do as it is asked; sometimes it happens to.
    desktop.wait_until(f"{view}.lesson.number > 2 and 0.5 < ({view}.lesson.bar or 0.0) < 0.95", 120)
    stage.keep("range", stage.viewport(), desktop.picture())
    desktop.run("bpy.context.scene.mimica.range_seconds = 1")
    desktop.wait_until(f"{view}.stage == 'review' and {LIVE}.current().calibrator.comparison.shapes is not None", 240)
    desktop.settle()
    stage.keep("before_after", stage.viewport())
    desktop.run("bpy.ops.mimica.calibration_order(order='end')")


def _create_face(desktop: Desktop) -> None:
    """Create Mimica's face rig. Not by a click: the panel may move just then, and another button be hit."""
    # Invoked, as by its button: so the viewport turns to the face.
    desktop.run("with view(): bpy.ops.mimica.create_face_rig('INVOKE_DEFAULT')")
    desktop.wait_until(f"{RIG} is not None")


def _start(desktop: Desktop, poses: int) -> None:
    """Start a capture and wait until it has shown so many poses. Not by a click: a slow machine might miss it."""
    desktop.run("with view(): bpy.ops.mimica.start_capture('INVOKE_DEFAULT')")
    desktop.wait_until(f"{FACE} and {LIVE}.current().poses > {poses}", 120)

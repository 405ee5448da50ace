# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The range wizard and Set Neutral as a performer uses them: by mouse, in a running capture of a real clip."""

import time
from collections.abc import Iterator

import pytest

from mimica.tests.desktop.harness import Desktop, Installation
from mimica.tests.desktop.mjpeg import MjpegCamera, test_clips
from mimica.tests.desktop.test_capture import FACE, LIVE, RUNNING, TAKES, press, record

STATE = "bpy.context.window_manager.mimica"
CALIBRATOR = f"{LIVE}.current().calibrator"
VIEW = f"{CALIBRATOR}.view"
NUMBER = f"{VIEW}.lesson.number"
PEOPLE = f"[(p.name, p.has_neutral, p.has_range, p.error) for p in {STATE}.performers]"


@pytest.fixture(scope="module")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MjpegCamera]:
    clips = test_clips(tmp_path_factory.mktemp("clips"))
    with MjpegCamera(next((c for c in clips if "smile" in c.name), clips[0])) as camera:
        yield camera


def begin(desktop: Desktop, camera: MjpegCamera) -> None:
    """Start a capture that moves a face rig."""
    desktop.run("[bpy.data.objects.remove(o) for o in list(bpy.data.objects)]")
    desktop.show_tab("Mimica")
    desktop.run("s = bpy.context.scene.mimica; s.source = 'STREAM'; s.range_seconds = 0.6")
    desktop.run(f"bpy.context.scene.mimica.address = {camera.address!r}")
    # Drawn in software it would hold up the clicks that a pose waits for.
    desktop.run("bpy.context.scene.mimica.picture.show = False")
    # The panel does not know yet that there is an address, and buttons move when it does.
    desktop.run("area().tag_redraw()")
    desktop.settle(kind="UI")
    press(desktop, "Create Face and Start", RUNNING)
    desktop.wait_until(FACE, 60)
    desktop.wait_until(f"{LIVE}.current().profile is not None", 40)
    desktop.settle()


@pytest.fixture
def capturing(desktop: Desktop, camera: MjpegCamera) -> Iterator[Desktop]:
    """A running capture in a new file."""
    desktop.run("bpy.ops.wm.read_homefile(app_template='')")
    begin(desktop, camera)
    yield desktop
    if desktop.running:
        desktop.run("bpy.ops.mimica.stop_capture() if bpy.ops.mimica.stop_capture.poll() else None")
        desktop.wait_until(f"not ({RUNNING})")


def test_the_range_wizard_from_the_first_pose_to_before_and_after(capturing: Desktop) -> None:
    desktop = capturing
    press(desktop, "Learn Range", f"{LIVE}.current().asking")
    desktop.wait_until(f"{NUMBER} > 1 and {VIEW}.lesson.bar is not None", 40)
    desktop.screenshot("wizard")
    desktop.wait_until(f"{VIEW}.stage in ('review', 'over')", 90)
    # Faces of before and after, moved by the performer.
    desktop.wait_until(f"{CALIBRATOR}.comparison is not None and {CALIBRATOR}.comparison.shapes is not None")
    assert desktop.evaluate(f"len({VIEW}.reach)") > 0
    desktop.settle()
    desktop.screenshot("wizard-before-after")
    press(desktop, "Discard", f"{VIEW}.stage == 'over'")
    desktop.wait_until(f"'The profile of before is back' in {STATE}.calibration")
    assert not any(learned for _, _, learned, _ in desktop.evaluate(PEOPLE))
    assert desktop.complaints() == []


@pytest.mark.usefixtures("in_newest")
def test_the_buttons_of_the_wizard_and_escape(capturing: Desktop) -> None:
    desktop = capturing
    desktop.run("bpy.context.scene.mimica.range_seconds = 10")
    press(desktop, "Learn Range", f"{LIVE}.current().asking")
    # The first who is asked is added to the list.
    before = desktop.evaluate(PEOPLE)
    # Poses go on by themselves while a busy machine looks for the button.
    for _ in range(2):
        press(desktop, "Skip", f"{NUMBER} > {desktop.evaluate(NUMBER)}")
    press(desktop, "Cancel", f"not {LIVE}.current().asking")
    desktop.wait_until(f"'Nothing was changed' in {STATE}.calibration")
    press(desktop, "Set Neutral", f"{LIVE}.current().asking")
    desktop.screenshot("set-neutral")
    x, y, width, height = desktop.region_box("WINDOW")
    desktop.hover((x + width // 3, y + height // 2))
    desktop.press("Escape")
    desktop.wait_until(f"not {LIVE}.current().asking")
    assert desktop.evaluate(RUNNING), "Escape ends the calibration and not the capture"
    assert desktop.evaluate(PEOPLE) == before


def test_a_take_teaches_the_performer(capturing: Desktop) -> None:
    desktop = capturing
    takes = len(desktop.evaluate(TAKES))
    record(desktop)
    time.sleep(3)
    press(desktop, "Stop Recording", f"len({TAKES}) == {takes + 1}")
    press(desktop, "Learn Expressions from Take", f"'learned from the take' in {STATE}.calibration")
    desktop.wait_until(f"{LIVE}.current().profile.expressions is not None")
    assert all(learned and not error for _, _, learned, error in desktop.evaluate(PEOPLE))
    desktop.screenshot("learned-from-take")
    assert desktop.complaints() == []


def test_what_was_learned_is_there_in_the_next_session(
    desktop: Desktop, installation: Installation, camera: MjpegCamera
) -> None:
    people = desktop.evaluate(PEOPLE)
    assert [(name, learned) for name, _, learned, _ in people] == [("Performer", True)]
    assert desktop.quit() == 0, desktop.log()
    with installation.start() as again:
        begin(again, camera)
        assert again.evaluate(PEOPLE) == people
        assert again.evaluate(f"{STATE}.performers[{STATE}.performer_index].name") == "Performer"
        assert again.evaluate(f"{LIVE}.current().profile.name") == "Performer"
        assert again.evaluate(f"{LIVE}.current().profile.expressions is not None")
        again.run("bpy.ops.mimica.stop_capture()")
        assert again.complaints() == []

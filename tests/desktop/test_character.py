# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The character's mapping as a user meets it: detected by a click, seen in the list, tried with the slider, undone."""

import pytest

from mimica.tests.desktop.harness import Desktop
from mimica.tests.desktop.test_capture import press

pytestmark = pytest.mark.usefixtures("in_newest")

MAP = "bpy.context.scene.mimica.target.mimica"
STATE = "bpy.context.window_manager.mimica"
JAW = "list(bpy.context.scene.mimica.target.pose.bones['jaw'].rotation_quaternion)"
REST = [1.0, 0.0, 0.0, 0.0]


@pytest.fixture(scope="module")
def mapped(desktop: Desktop) -> Desktop:
    """A face rig, detected by a click, with its list unfolded and the jaw's row picked."""
    desktop.run("[bpy.data.objects.remove(o) for o in list(bpy.data.objects)]")
    desktop.run("with view(): bpy.ops.mimica.create_face_rig()")
    desktop.show_tab("Mimica")
    for panel in ("Capture", "Performer"):
        desktop.click(panel)
    desktop.settle()
    press(desktop, "Detect", f"len({MAP}.entries) > 0")
    desktop.find("Mimica face rig: 52 of 52 controls")
    desktop.click("Mapping")
    desktop.settle()
    desktop.run(f"m = {MAP}; m.index = next(i for i, row in enumerate(m.entries) if row.bone == 'jaw')")
    desktop.run("area().tag_redraw()")
    desktop.settle()
    return desktop


def test_the_list_shows_what_drives_what(mapped: Desktop) -> None:
    mapped.find("→ chin")
    mapped.screenshot("mapping")
    assert mapped.complaints() == []


def test_the_slider_moves_the_rig_and_gives_it_back(mapped: Desktop) -> None:
    x, y = mapped.find("Test jawOpen")
    # A click on a slider lets a number be typed.
    mapped.click((x + 30, y))
    mapped.press("ctrl+a")
    mapped.type_text("0.7")
    mapped.press("Return")
    mapped.wait_until(f"{STATE}.test > 0.69")
    assert mapped.evaluate(JAW) != REST
    mapped.settle()
    mapped.screenshot("mapping-test")
    mapped.run("bpy.ops.mimica.reset_test()")
    assert mapped.evaluate(JAW) == REST
    assert mapped.complaints() == []


def test_removing_a_row_is_undone(mapped: Desktop) -> None:
    before = mapped.evaluate(f"len({MAP}.entries)")
    mapped.find("→ chin")
    mapped.run("bpy.ops.ed.undo_push(message='before')")
    mapped.run(f"m = {MAP}; m.index = next(i for i, row in enumerate(m.entries) if row.bone == 'chin')")
    mapped.run("with view(): bpy.ops.mimica.remove_entry('EXEC_DEFAULT', True)")
    mapped.wait_until(f"len({MAP}.entries) == {before - 1}")
    mapped.settle()
    assert mapped.find_all("→ chin") == []
    x, y, width, height = mapped.region_box("WINDOW")
    mapped.hover((x + width // 3, y + height // 2))
    mapped.press("ctrl+z")
    mapped.wait_until(f"len({MAP}.entries) == {before}")
    mapped.find("→ chin")
    assert mapped.complaints() == []

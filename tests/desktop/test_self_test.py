# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The self-test as a user meets it: the button in the preferences, its results, the report on the clipboard."""

import getpass
import platform
import re
from pathlib import Path

from mimica.tests.desktop.harness import Desktop, DesktopError, Point

MODULE = "bl_ext.user_default.mimica"
TEST = f"__import__('sys').modules['{MODULE}.rig.self_test'].current"
SHOW = f"""
import addon_utils
window = bpy.context.window_manager.windows[0]
view = area()
with bpy.context.temp_override(window=window, screen=window.screen, area=view, region=region("WINDOW")):
    bpy.ops.screen.area_split(direction="VERTICAL", factor=0.25)
areas = sorted((a for a in window.screen.areas if a.type == "VIEW_3D"), key=lambda a: a.width)
areas[-1].ui_type = "PREFERENCES"
bpy.context.preferences.active_section = "ADDONS"
bpy.context.window_manager.addon_search = "mimica"
if not addon_utils.module_bl_info(__import__("sys").modules["{MODULE}"])["show_expanded"]:
    bpy.ops.preferences.addon_expand(module="{MODULE}")
"""
RESULTS = f"[(r.title, r.outcome, r.sentence) for r in {TEST}.results]"


def place_of(desktop: Desktop, text: str) -> Point:
    """Where words are in the preferences, which are scrolled for them."""
    x, y, width, height = desktop.region_box("WINDOW", "PREFERENCES")
    for _step in range(20):
        found = [point for point in desktop.find_all(text, kind=None) if x < point[0] < x + width]
        inside = [point for point in found if y + 20 < point[1] < y + height - 20]
        if inside:
            return inside[0]
        # A wheel is a button.
        desktop.click((x + width // 2, y + height // 2), kind=None, button=5)
        desktop.settle(1.0)
    raise DesktopError(f"“{text}” is not in the preferences: {desktop.screenshot('not-in-preferences')}")


def test_the_self_test_from_the_button_to_the_clipboard(desktop: Desktop) -> None:
    desktop.run(SHOW)
    desktop.settle()
    assert desktop.evaluate(TEST) is None
    desktop.click(place_of(desktop, "Self-Test"), kind=None)
    desktop.wait_until(f"{TEST} is not None")
    shown = desktop.wait_until(f"{TEST}.current or {TEST}.done")
    desktop.screenshot("self-test-running")
    # Blender answers while the checks go on.
    titles = {shown}
    while not desktop.evaluate(f"{TEST}.done and len({TEST}.results) == 12"):
        titles.add(desktop.evaluate(f"{TEST}.current"))
    assert len({title for title in titles if title}) > 1, titles
    desktop.settle()

    results = {title: (outcome, sentence) for title, outcome, sentence in desktop.evaluate(RESULTS)}
    wanted = ("Mimica", "Blender", "Settings", "Libraries", "Face Model", "Helper Process", "Disk")
    assert {title: results[title] for title in wanted if results[title][0] != "ok"} == {}
    # Here nothing but the processor draws, it may be busy, and there may be no camera.
    assert results["Graphics"][0] in ("ok", "warning"), results["Graphics"]
    assert results["Tracker"][0] in ("ok", "warning"), results["Tracker"]
    assert "face" in results["Tracker"][1].lower()

    desktop.click(place_of(desktop, "Copy Report"), kind=None)
    desktop.wait_until("bpy.context.window_manager.clipboard.startswith('Mimica self-test')")
    report = desktop.evaluate("bpy.context.window_manager.clipboard")
    assert "from Mimica's wheels" in report and "4 of 4 colours right" in report
    for title in results:
        assert f" {title}\n" in report
    for secret in (str(desktop.installation.folder), str(Path.home()), platform.node(), getpass.getuser()):
        # The host may be called `vm`, which is in `llvmpipe`.
        assert not re.search(rf"(?<!\w){re.escape(secret)}(?!\w)", re.sub("<[a-z ]+>", "", report)), secret
    place_of(desktop, "Disk")
    desktop.screenshot("self-test-report").with_suffix(".txt").write_text(report, "utf-8")
    assert desktop.complaints() == []

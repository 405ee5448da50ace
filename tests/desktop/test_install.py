# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The zip, installed as a user installs it, in Blender with its window."""

from pathlib import Path
from typing import Any

from mimica.tests.desktop.harness import Desktop, Installation
from mimica.tests.desktop.mjpeg import test_clips

MODULE = "bl_ext.user_default.mimica"

SNAPSHOT = """
def mimica_snapshot():
    import sys
    handlers = {}
    for name in dir(bpy.app.handlers):
        functions = getattr(bpy.app.handlers, name)
        if isinstance(functions, list):
            handlers[name] = [f"{f.__module__}.{f.__qualname__}" for f in functions]
    owners = (bpy.types.Scene, bpy.types.Object, bpy.types.WindowManager, bpy.types.Armature, bpy.types.PoseBone)
    return {
        "types": sorted(dir(bpy.types)),
        "operators": sorted(dir(bpy.ops.mimica)),
        "handlers": handlers,
        "properties": {owner.__name__: sorted(owner.bl_rna.properties.keys()) for owner in owners},
        "path": list(sys.path),
        "keymaps": sorted((m.name, len(m.keymap_items)) for m in bpy.context.window_manager.keyconfigs.addon.keymaps),
        "menus": {
            name: len(getattr(getattr(bpy.types, name).draw, "_draw_funcs", ()))
            for name in dir(bpy.types) if "_MT_" in name or "_HT_" in name
        },
    }
"""


def snapshot(desktop: Desktop) -> dict[str, Any]:
    desktop.run(SNAPSHOT)
    return desktop.evaluate("mimica_snapshot()")


def test_enabled_without_complaints(desktop: Desktop) -> None:
    assert desktop.evaluate(f"{MODULE!r} in bpy.context.preferences.addons")
    assert desktop.evaluate("__import__('addon_utils')._extensions_warnings_get()") == {}
    assert desktop.complaints() == []


def test_enabling_loads_nothing_heavy(desktop: Desktop) -> None:
    heavy = desktop.evaluate("[n for n in ('cv2', 'mediapipe', 'scipy') if n in __import__('sys').modules]")
    assert heavy == []


def test_the_tab_has_its_first_button(desktop: Desktop) -> None:
    desktop.show_tab("Mimica")
    desktop.hover("Start Capture")
    assert desktop.operator_under_mouse().startswith("bpy.ops.mimica.")
    desktop.screenshot("tab")


def test_the_question_mark_opens_the_page_that_came_along(desktop: Desktop) -> None:
    desktop.run("import webbrowser; shown = []; webbrowser.open = lambda address: shown.append(address) or True")
    x, _y, width, _height = desktop.region_box("UI")
    _x, y = desktop.find("Capture")
    # Left of the tabs' names and of the panel's grip.
    marks = [(column, y) for column in range(x + width - 30, x + width // 2, -8)]
    mark = next(point for point in marks if (desktop.hover(point), desktop.operator_under_mouse())[1])
    desktop.click(mark)
    desktop.wait_until("shown")
    path = Path(desktop.evaluate("__import__('urllib.request').request.url2pathname(shown[0].removeprefix('file://'))"))
    assert path.parts[-2:] == ("help", "capture.html") and path.is_file()
    desktop.screenshot("question-marks")
    assert desktop.complaints() == []


def test_disabling_leaves_nothing_behind(desktop: Desktop) -> None:
    enabled = snapshot(desktop)
    disabled = None
    for _round in range(3):
        desktop.run(f"bpy.ops.preferences.addon_disable(module={MODULE!r})")
        desktop.settle()
        now = snapshot(desktop)
        assert [name for name in now["types"] if "mimica" in name.lower()] == []
        assert now["operators"] == []
        assert disabled is None or now == disabled
        disabled = now
        desktop.run(f"bpy.ops.preferences.addon_enable(module={MODULE!r})")
        desktop.settle()
        assert snapshot(desktop) == enabled
    assert desktop.complaints() == []


def test_the_zip_brings_what_capture_needs(installation: Installation) -> None:
    names = ["mediapipe", "cv2", "scipy.signal", "flatbuffers", "cv2_enumerate_cameras", "numpy"]
    output = installation.background(
        f"import importlib\nfor name in {names}: print('FROM', name, importlib.import_module(name).__file__)"
    )
    places = dict(line.split()[1:] for line in output.splitlines() if line.startswith("FROM "))
    bundled = {name for name, place in places.items() if place.startswith(str(installation.folder))}
    assert bundled == set(names) - {"numpy"}, "all of the zip's own, and numpy Blender's"


def test_the_tracker_of_the_zip_runs(installation: Installation) -> None:
    code = (
        "import numpy, pathlib\n"
        f"import {MODULE} as mimica\n"
        f"from {MODULE}.capture.model import find_model\n"
        f"from {MODULE}.capture.source import Image\n"
        f"from {MODULE}.capture.tracker import Tracker\n"
        "folder = pathlib.Path(mimica.__file__).parent\n"
        "model = find_model(explicit=None, extension_folder=folder, user_folder=pathlib.Path('/nowhere'))\n"
        "with Tracker(model) as tracker:\n"
        "    faces = tracker.track(Image(numpy.zeros((64, 64, 3), numpy.uint8), 0.0, 0))\n"
        "print('MODEL', model.origin, len(faces), faces[0].landmarks)\n"
    )
    assert "MODEL extension 1 None" in installation.background(code)


def test_the_command_line_runs_from_the_zip(installation: Installation, tmp_path: Path) -> None:
    clip = test_clips(tmp_path)[0]
    output = tmp_path / "performance.blend"
    said = installation.run("--command", "mimica", "run", str(clip), "--output", str(output))
    assert output.is_file(), said
    assert output.with_suffix(".mimica").is_file()
    assert "keys" in said

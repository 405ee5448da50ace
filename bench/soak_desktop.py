# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A long capture in a Blender with its window: the picture and the panel are drawn, takes are recorded, users undo."""

import argparse
import os
import sys
import time
from pathlib import Path

from ..tests.desktop.harness import Desktop, Installation, find_blenders
from ..tools import package
from .common import spread
from .soak_camera import SoakCamera
from .soak_report import WARM, Recorded, print_drift, print_memory
from .soak_watch import Curve, Held, held, peak_mb

LIVE = "__import__('sys').modules['bl_ext.user_default.mimica.rig.live']"
SESSION = f"{LIVE}.current()"
THREADS = "[t.name for t in __import__('threading').enumerate()]"
NUMBER = "__import__('os').getpid()"
PROBLEM = "bpy.context.window_manager.mimica.problem"
UNDO_EVERY, TEACH_EVERY, LOOK_EVERY = 20.0, 150.0, 0.5


def run(clip: Path, folder: Path, options: argparse.Namespace) -> None:
    """Capture in the newest Blender that has a window, for as long as was asked for."""
    # Blender as a module has set this for itself, and another Blender cannot read it.
    os.unsetenv("OCIO")
    os.environ.pop("OCIO", None)
    blenders = find_blenders()
    if not blenders:
        print("no desktop Blender here: name one in MIMICA_BLENDER")
        return
    blender = blenders[0]
    model = Path(os.environ["MIMICA_MODEL"])
    extension = package.build(Path(sys.executable), model, None, folder, ["linux-x64"], [blender.python])[0]
    installation = Installation(blender, folder / "blender")
    installation.install(extension)
    with SoakCamera(clip, options.rate, options.width, folder / "sent") as camera, installation.start() as desktop:
        print(f"Blender {blender.version}")
        _prepare(desktop, camera.address, folder, bool(options.helper))
        # The first capture loads the libraries.
        _start(desktop)
        _stop(desktop)
        _soak(desktop, camera, folder, options)
        for line in desktop.complaints():
            print(f"Blender's log: {line}")


def _prepare(desktop: Desktop, address: str, folder: Path, helper: bool) -> None:
    """Set a scene up with a face rig; the camera's picture is shown in the viewport's corner."""
    desktop.run("[bpy.data.objects.remove(o) for o in list(bpy.data.objects)]")
    desktop.show_tab("Mimica")
    desktop.run(f"s = bpy.context.scene.mimica; s.source = 'STREAM'; s.address = {address!r}; s.picture.show = True")
    # Takes go beside the file.
    desktop.run(f"bpy.ops.wm.save_as_mainfile(filepath={str(folder / 'soak.blend')!r})")
    desktop.run("bpy.context.scene.mimica.recording.countdown = 0")
    if helper:
        desktop.run("bpy.context.preferences.addons['bl_ext.user_default.mimica'].preferences.helper_process = 'ON'")
    desktop.run("with view(): bpy.ops.mimica.create_face_rig()")
    desktop.run("with view(): bpy.ops.view3d.view_all()")
    desktop.run("bpy.ops.ed.undo_push(message='Soak begins')")


def _start(desktop: Desktop) -> None:
    desktop.run("with view(): bpy.ops.mimica.start_capture()")
    desktop.wait_until(f"{SESSION} is not None and {SESSION}.stats().face_found", 60)


def _stop(desktop: Desktop) -> Held:
    """Stop, and return what is held when takes are closed and nothing more is drawn."""
    desktop.run("with view(): bpy.ops.mimica.stop_capture()")
    desktop.settle(5.0)
    time.sleep(3.0)
    return _held(desktop)


def _held(desktop: Desktop) -> Held:
    return held(desktop.evaluate(NUMBER), desktop.evaluate(THREADS))


def _soak(desktop: Desktop, camera: SoakCamera, folder: Path, options: argparse.Namespace) -> None:
    seconds, process = options.minutes * 60, desktop.evaluate(NUMBER)
    before = _held(desktop)
    _start(desktop)
    helper = desktop.evaluate(f"getattr({SESSION}.capture, 'helper_number', None)")
    curve = Curve(options.curve or folder / "curve.csv", process)
    takes: list[Recorded] = []
    taken, undone, taught, lessons = 0.0, curve.seconds, curve.seconds, 0
    record = "with view(): bpy.ops.mimica.record()"
    while curve.seconds < seconds:
        now = curve.seconds
        curve.look(helper, f"take {len(takes)}")
        if not desktop.evaluate(f"{SESSION} is not None"):
            print(f"The capture ended by itself after {now:.0f} s: {desktop.evaluate(PROBLEM)}")
            return
        if not takes or now - taken > options.take_minutes * 60:
            _end_take(desktop, takes)
            taken = now
            desktop.run(record)
            desktop.wait_until(f"{SESSION}.recording is not None")
            takes.append(Recorded(Path(desktop.evaluate(f"str({SESSION}.recording.path)"))))
        if now - undone > UNDO_EVERY:
            undone = now
            desktop.run("with view(): bpy.ops.ed.undo_push(message='Soak')")
            if int(now) % 2:
                desktop.run("with view(): bpy.ops.ed.undo()")
        if now - taught > TEACH_EVERY:
            taught, lessons = now, lessons + 1
            desktop.run("with view(): bpy.ops.mimica.set_neutral()")
        time.sleep(LOOK_EVERY)
    for kind in ("fetch", "apply", "latency"):
        print(f"{kind:10} ms {spread(desktop.evaluate(f'list({SESSION}.times.{kind})'))}")
    stats = desktop.evaluate(f"(lambda s: [s.captured, s.dropped, s.rate, s.latency_ms])({SESSION}.stats())")
    print(f"{stats[0]} images, {stats[1]} dropped, {stats[2]:.1f} images/s, {stats[3]:.1f} ms from grab to result")
    print(f"screen: {desktop.screenshot('soak')}")
    _end_take(desktop, takes)
    peaks = peak_mb(process), peak_mb(helper) if helper else 0.0
    curve.close()
    print_memory(curve, seconds * WARM, peaks)
    print("left behind after the stop:", "; ".join(_stop(desktop).more_than(before)) or "nothing")
    print_drift(camera.sent(), takes)


def _end_take(desktop: Desktop, takes: list[Recorded]) -> None:
    if takes:
        takes[-1].clock = desktop.evaluate(f"{SESSION}.capture.clock")
        desktop.run("with view(): bpy.ops.mimica.record()")
        desktop.wait_until(f"{SESSION}.recording is None")

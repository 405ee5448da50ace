# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Another program by mouse: chosen as the source, its packets move the rig, recorded and baked; and a stream out."""

import json
import math
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from mimica.bridges.streams.receiver import StreamReceiver
from mimica.tests.desktop.harness import Desktop
from mimica.tests.desktop.test_capture import LIVE, POSE, RIG, RUNNING, TAKES, press

SETTINGS = "bpy.context.scene.mimica"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Where a script sends a jaw that opens and closes, sixty times a second."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("", 0))
        port = one.getsockname()[1]
    end = threading.Event()

    def speak() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            began = time.perf_counter()
            while not end.wait(1 / 60):
                now = time.perf_counter() - began
                told = {
                    "mimica": 1,
                    "face": "Anna",
                    "time": now,
                    "controls": {"jawOpen": 0.5 + 0.4 * math.sin(3 * now)},
                }
                out.sendto(json.dumps(told).encode(), ("127.0.0.1", port))

    thread = threading.Thread(target=speak)
    thread.start()
    yield port
    end.set()
    thread.join()


def test_another_program_in_and_a_stream_out(desktop: Desktop, port: int) -> None:
    desktop.run("bpy.ops.wm.read_homefile(app_template='')")
    desktop.run("[bpy.data.objects.remove(o) for o in list(bpy.data.objects)]")
    desktop.show_tab("Mimica")
    desktop.run(f"{SETTINGS}.picture.show = False; {SETTINGS}.source = 'STREAM'")
    press(desktop, "Create Face Rig", f"{RIG} is not None")
    desktop.settle()
    rest = desktop.evaluate(POSE)
    # The source, from its menu.
    desktop.click("Stream")
    desktop.settle()
    desktop.click("Other Program", kind=None)
    desktop.wait_until(f"{SETTINGS}.source == 'PROGRAM'")
    desktop.settle()
    desktop.click("Live Link Face")
    desktop.settle()
    desktop.screenshot("protocols")
    desktop.click("JSON", kind=None)
    desktop.wait_until(f"{SETTINGS}.program.protocol == 'json'")
    desktop.run(f"{SETTINGS}.program.port = {port}; {SETTINGS}.recording.countdown = 0")
    press(desktop, "Start Capture", RUNNING)
    desktop.wait_until(f"{LIVE}.current().faces_now == (0,)", 30)
    desktop.wait_until(f"{POSE} != {rest}")
    desktop.settle()
    desktop.screenshot("other-program")
    takes = len(desktop.evaluate(TAKES))
    press(desktop, "Record", f"{LIVE}.current().recording is not None")
    time.sleep(3)
    press(desktop, "Stop Recording", f"len({TAKES}) == {takes + 1}")
    active = desktop.evaluate("bpy.context.window_manager.mimica.take_index")
    name, frames, duration, error = desktop.evaluate(TAKES)[active]
    assert error == "" and duration > 2.0 and frames > 20 * duration, name
    # Out: the switch, while it runs.
    receiver = StreamReceiver("json", "127.0.0.1", 0)
    receiver.start()
    try:
        desktop.run(f"{SETTINGS}.streams.json_port = {receiver.port}")
        # Folded, so that its own JSON is out of sight.
        desktop.click("Capture")
        desktop.click("Output")
        desktop.settle()
        press(desktop, "JSON", "bpy.context.window_manager.mimica.sending.json")
        deadline = time.monotonic() + 30
        while receiver.health.frames < 20:
            assert time.monotonic() < deadline, "nothing came"
            time.sleep(0.1)
        desktop.screenshot("stream-out")
        assert receiver.health.faces[0].subject == "Mimica"
    finally:
        receiver.stop()
    desktop.click("Capture")
    press(desktop, "Stop", f"not ({RUNNING})")
    desktop.wait_until(f"{POSE} == {rest}")
    press(desktop, "Bake to Keyframes", "len(bpy.data.actions) == 1")
    seen = set()
    first, last = desktop.evaluate("list(bpy.data.actions[0].frame_range)")
    for frame in range(int(first), int(last), 6):
        desktop.run(f"bpy.context.scene.frame_set({frame})")
        seen.add(tuple(desktop.evaluate(POSE)))
    assert len(seen) > 4, "the baked action moves the rig too"
    assert desktop.complaints() == []

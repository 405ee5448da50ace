# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside the Blender under test (`blender --python remote.py -- PORT_FILE`) and answers the test's questions.

An app timer on the main thread reads one JSON line a question from a loopback socket and answers with one line:
{"code": "...", "mode": "eval" | "exec"} gives {"value": ...} or {"error": "the traceback"}. Nothing of Mimica is
replaced, and no event is made here: clicks and keys come from outside, through the window system.
"""

import contextlib
import json
import socket
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import blf
import bpy
import gpu
from gpu_extras.batch import batch_for_shader

INTERVAL = 0.02
LABEL_ORIGIN = (40, 40)
"""Where a sample of a label is drawn: pixels from the lower left corner of the viewport."""


class _Server:
    def __init__(self, port_file: Path) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.connection: socket.socket | None = None
        self.pending = b""
        self.names: dict[str, Any] = {"bpy": bpy, "area": area, "region": region, "view": view, "label": label}
        temporary = port_file.with_suffix(".new")
        temporary.write_text(str(self.listener.getsockname()[1]), "utf-8")
        temporary.replace(port_file)

    def tick(self) -> float:
        """Answer what has come in. Never raises: an exception would end the timer."""
        try:
            self._serve()
        except OSError:
            self.connection = None
        return INTERVAL

    def _serve(self) -> None:
        if self.connection is None:
            with contextlib.suppress(BlockingIOError):
                self.connection, _address = self.listener.accept()
                self.connection.setblocking(False)
                self.pending = b""
        elif not self._hear(self.connection):
            self.connection = None

    def _hear(self, connection: socket.socket) -> bool:
        """Answer what the test has asked since; False when it has gone."""
        with contextlib.suppress(BlockingIOError):
            block = connection.recv(1 << 16)
            if not block:
                return False
            self.pending += block
        while b"\n" in self.pending:
            line, self.pending = self.pending.split(b"\n", 1)
            answer = json.dumps(self._answer(json.loads(line)), default=_plain).encode() + b"\n"
            connection.setblocking(True)
            connection.sendall(answer)
            connection.setblocking(False)
        return True

    def _answer(self, question: dict[str, str]) -> dict[str, Any]:
        try:
            if question["mode"] == "eval":
                return {"value": eval(question["code"], self.names)}
            exec(question["code"], self.names)
            return {"value": None}
        except Exception:
            return {"error": traceback.format_exc()}


def _plain(value: Any) -> Any:
    """What JSON does not know: Blender's arrays and vectors as lists, anything else as its text."""
    try:
        return list(value)
    except TypeError:
        return repr(value)


def area(kind: str = "VIEW_3D") -> bpy.types.Area:
    """The largest area of this kind in the first window."""
    areas = [item for item in bpy.context.window_manager.windows[0].screen.areas if item.type == kind]
    return max(areas, key=lambda item: item.width * item.height)


def region(kind: str = "UI", of: str = "VIEW_3D") -> bpy.types.Region:
    """A region of the largest area of a kind."""
    return next(item for item in area(of).regions if item.type == kind)


@contextlib.contextmanager
def view() -> Iterator[None]:
    """Run operators as if from the viewport."""
    window = bpy.context.window_manager.windows[0]
    with bpy.context.temp_override(window=window, screen=window.screen, area=area(), region=region("WINDOW")):
        yield


_sample: dict[str, Any] = {}


def label(text: str | None) -> list[int] | None:
    """Draw `text` in the viewport as buttons show it and return its box [x, y, width, height] in pixels of the window,
    from the lower left corner. None takes the sample away.

    The test photographs it and looks for the same picture among the buttons: the same font, the same renderer.
    """
    if handle := _sample.pop("handle", None):
        bpy.types.SpaceView3D.draw_handler_remove(handle, "WINDOW")
    area().tag_redraw()
    if text is None:
        return None
    preferences = bpy.context.preferences
    blf.size(0, preferences.ui_styles[0].widget.points * preferences.system.ui_scale)
    width, height = (int(value) + 2 for value in blf.dimensions(0, text))
    x, y = LABEL_ORIGIN

    def draw() -> None:
        shader = gpu.shader.from_builtin("UNIFORM_COLOR")
        low, high = (x - 8, y - 12), (x + width + 8, y + height + 12)
        corners = [low, (high[0], low[1]), (low[0], high[1]), high]
        shader.uniform_float("color", (0.1, 0.1, 0.1, 1.0))
        batch_for_shader(shader, "TRI_STRIP", {"pos": corners}).draw(shader)
        blf.size(0, preferences.ui_styles[0].widget.points * preferences.system.ui_scale)
        blf.color(0, 0.9, 0.9, 0.9, 1.0)
        blf.position(0, x, y, 0)
        blf.draw(0, text)

    _sample["handle"] = bpy.types.SpaceView3D.draw_handler_add(draw, (), "WINDOW", "POST_PIXEL")
    origin = region("WINDOW")
    return [origin.x + x, origin.y + y, width, height]


_server = _Server(Path(sys.argv[sys.argv.index("--") + 1]))
bpy.context.preferences.view.show_splash = False
bpy.app.timers.register(_server.tick, persistent=True)

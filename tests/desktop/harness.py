# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Blender with a real window, driven from outside as a user drives it.

    with installation.start() as desktop:               # or the fixture `desktop`
        desktop.show_tab("Mimica")
        desktop.click("Start Capture")                   # a mouse click where these words are on the screen
        desktop.wait_until("len(bpy.data.actions) > 0")  # an expression, evaluated in Blender on its main thread
        desktop.screenshot("after")                      # a PNG in out/desktop

Where the words are: Blender draws the same words once in the viewport's corner (`remote.label`), the harness cuts them
out of the screen and looks for that picture in the sidebar, scrolling it if need be. The same font and the same
renderer give a correlation above 0.94 whatever the button's shade, so no button has a place written down anywhere.

What is offered:

- `find_blenders()`: the Blenders to test, from MIMICA_BLENDER (paths, separated like PATH), else from the desktop tool
  beside the checkout where there is one, else `blender` in PATH.
- `Installation(blender, folder)`: a user's settings folder of its own; `.install(zip)` does what dropping the zip on
  Blender's window does, `.install_extra("phone")` the same with the zip of an optional part, made on the spot;
  `.start()` gives a `Desktop`; `.background(code)` runs code without a window.
- `Desktop`: `.evaluate(expression)`, `.run(statements)`, `.wait_until(expression, seconds)`; `.find(text)`,
  `.click(text or point)`, `.hover(...)`, `.scroll(...)`, `.press("Escape")`, `.type_text("text")`;
  `.operator_under_mouse()`; `.picture()` (the screen as BGR), `.screenshot(name)`, `.settle()`; `.log()`,
  `.complaints()`; `.quit()`, `.kill()`.
  In evaluated code these names exist: bpy, area(kind), region(kind, of), view() (a context override), label(text).
- `mjpeg.MjpegCamera`: a network camera on the loopback that plays a clip.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np

from mimica.tools.extras import build_extras

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "out" / "desktop"
ENVIRONMENT_VARIABLE = "MIMICA_BLENDER"
DESKTOP_TOOL = ROOT.parent / "shared" / "blender" / "blender-desktop"
"""A program that sets up distribution packages of Blender, on the machines that have it."""

SCREEN = (1280, 800)
MATCH = 0.88
"""Least correlation that counts as the same words. The right ones reach 0.94, the best wrong ones 0.8."""
PATIENCE = 20.0

Point = tuple[int, int]
Box = tuple[int, int, int, int]
"""x, y, width, height in pixels from the upper left corner of the screen."""


class DesktopError(AssertionError):
    """Blender or its window did not do what was asked."""


@dataclass(frozen=True)
class BlenderProgram:
    """One Blender to test."""

    path: str
    version: str
    python: str

    @property
    def name(self) -> str:
        """For folders and test names."""
        return f"blender-{self.version}"


def find_blenders() -> list[BlenderProgram]:
    """The Blenders to test; empty when there is none."""
    paths = [path for path in os.environ.get(ENVIRONMENT_VARIABLE, "").split(os.pathsep) if path]
    if not paths and DESKTOP_TOOL.exists():
        for suite in ("sid", "trixie"):
            result = subprocess.run(
                ["bash", str(DESKTOP_TOOL), "path", suite], capture_output=True, text=True, check=False
            )
            if result.returncode == 0:
                paths.append(result.stdout.strip())
    if not paths and (path := shutil.which("blender")):
        paths.append(path)
    return [_identify(path) for path in paths]


def _identify(path: str) -> BlenderProgram:
    code = "import bpy, sys; print('IDENTITY', '.'.join(map(str, bpy.app.version)), '%d.%d' % sys.version_info[:2])"
    result = subprocess.run(
        [path, "--background", "--factory-startup", "--python-expr", code], capture_output=True, text=True, check=False
    )
    for line in result.stdout.splitlines():
        if line.startswith("IDENTITY "):
            _word, version, python = line.split()
            return BlenderProgram(path, version, python)
    raise DesktopError(f"{path} does not run as Blender:\n{result.stdout}{result.stderr}")


class Screen:
    """A virtual screen (Xvfb) of its own. Its picture is read from the frame buffer that Xvfb maps to a file."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._buffer = folder / "Xvfb_screen0"
        reading, writing = os.pipe()
        width, height = SCREEN
        command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", f"{width}x{height}x24"]
        command += ["-fbdir", str(folder), "-nolisten", "tcp", "-dpi", "96"]
        self._process = subprocess.Popen(
            command, pass_fds=(writing,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(writing)
        with os.fdopen(reading) as stream:
            number = stream.readline().strip()
        if not number:
            raise DesktopError("Xvfb did not start.")
        self.display = f":{number}"

    def picture(self) -> np.ndarray:
        """What is on the screen, uint8 (height, width, 3), BGR."""
        data = np.fromfile(self._buffer, np.uint8)
        header = data[:100].view(">u4")  # XWD, version 7
        size, width, height, line, colours = (int(header[i]) for i in (0, 4, 5, 12, 19))
        start = size + 12 * colours
        rows = data[start : start + line * height].reshape(height, line)
        return np.ascontiguousarray(rows[:, : width * 4].reshape(height, width, 4)[:, :, :3])

    def close(self) -> None:
        """End the screen."""
        self._process.terminate()
        self._process.wait()


class Installation:
    """A settings folder of its own, as a new user has it."""

    def __init__(self, blender: BlenderProgram, folder: Path) -> None:
        self.blender = blender
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def environment(self) -> dict[str, str]:
        """The environment for Blender: nothing of the test's own Python or model in it."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MIMICA_", "PYTHON"))}
        # A shader cache of its own too: Mesa maps it into memory, and another version of Mesa may cut it short.
        own = {"BLENDER_USER_RESOURCES": str(self.folder), "MESA_SHADER_CACHE_DIR": str(self.folder / "shaders")}
        return {**kept, **own}

    def install(self, path: Path) -> str:
        """Install and enable an extension zip for the user. Returns what Blender said."""
        return self.run("--command", "extension", "install-file", "-r", "user_default", "--enable", str(path))

    def install_extra(self, key: str) -> Path:
        """Make the zip of an optional part, install and enable it for the user; returns the zip."""
        pythons = [self.blender.python]
        path = build_extras(Path(sys.executable), self.folder / "extras", ["linux-x64"], pythons, (key,))[0]
        self.install(path)
        return path

    def background(self, code: str) -> str:
        """Run Python in Blender without a window; returns its output. A failure in the code is a failure here."""
        return self.run("--background", "--python-exit-code", "1", "--python-expr", code)

    def run(self, *arguments: str) -> str:
        """Run Blender with these arguments until it ends; returns its output. A failure there is a failure here."""
        result = subprocess.run(
            [self.blender.path, *arguments],
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if result.returncode:
            raise DesktopError(f"Blender ended with {result.returncode}:\n{result.stdout}")
        return result.stdout

    def start(self, *arguments: str, environment: dict[str, str] | None = None) -> "Desktop":
        """Start Blender with its window on a screen of its own."""
        return Desktop(self, arguments, environment or {})


class Desktop:
    """A running Blender. Use as a context manager, or call `quit`."""

    def __init__(self, installation: Installation, arguments: tuple[str, ...], environment: dict[str, str]) -> None:
        self.installation = installation
        self.name = installation.blender.name
        self._folder = installation.folder / "run" / f"{time.monotonic_ns()}"
        self._labels: dict[str, np.ndarray] = {}
        self._lock = threading.Lock()
        self.screen = Screen(self._folder)
        self._environment = {**installation.environment(), "DISPLAY": self.screen.display, **environment}
        # The display server is Xvfb also where the machine has another one.
        self._environment.pop("WAYLAND_DISPLAY", None)
        self._log = self._folder / "blender.log"
        port_file = self._folder / "port"
        width, height = (str(value) for value in SCREEN)
        command = [installation.blender.path, "--window-geometry", "0", "0", width, height, *arguments]
        command += ["--python", str(Path(__file__).with_name("remote.py")), "--", str(port_file)]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            self._connect(port_file)
            self.wait_until("region('WINDOW').width > 100")
            self.settle()
        except BaseException:
            self.kill()
            raise

    def _connect(self, port_file: Path) -> None:
        limit = time.monotonic() + 60.0
        while not port_file.exists():
            if self._process.poll() is not None or time.monotonic() > limit:
                raise DesktopError(f"Blender did not come up:\n{self.log()}")
            time.sleep(0.05)
        connection = socket.create_connection(("127.0.0.1", int(port_file.read_text("utf-8"))), timeout=60.0)
        self._stream = connection.makefile("rwb")

    # Questions and orders, answered on Blender's main thread.

    def evaluate(self, expression: str) -> Any:
        """The value of a Python expression in Blender, as JSON carries it."""
        return self._ask("eval", expression)

    def run(self, statements: str) -> None:
        """Run Python statements in Blender. For preparing a scene, not for what a user would click."""
        self._ask("exec", statements)

    def _ask(self, mode: str, code: str) -> Any:
        with self._lock:
            try:
                self._stream.write(json.dumps({"mode": mode, "code": code}).encode() + b"\n")
                self._stream.flush()
                line = self._stream.readline()
            except OSError as error:
                raise DesktopError(f"Blender does not answer ({error}). Its log ends:\n{self.log()[-3000:]}") from error
        if not line:
            raise DesktopError(f"Blender has ended. Its log ends:\n{self.log()[-3000:]}")
        answer = json.loads(line)
        if "error" in answer:
            raise DesktopError(f"{code}\n{answer['error']}")
        return answer["value"]

    def wait_until(self, expression: str, seconds: float = PATIENCE) -> Any:
        """Wait until an expression is true in Blender; returns its value."""
        limit = time.monotonic() + seconds
        while not (value := self.evaluate(expression)):
            if time.monotonic() > limit:
                picture = self.screenshot("waited-in-vain")
                raise DesktopError(f"Not within {seconds:g} s: {expression} (last: {value!r}); see {picture}")
            time.sleep(0.05)
        return value

    # The screen.

    def picture(self) -> np.ndarray:
        """What is on the screen, uint8 (height, width, 3), BGR."""
        return self.screen.picture()

    def screenshot(self, name: str) -> Path:
        """Save the screen to out/desktop/<blender>/<name>.png."""
        path = PICTURES / self.name / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), self.picture())
        return path

    def settle(self, seconds: float = 2.0, kind: str | None = None) -> None:
        """Wait until the screen (or a region of the viewport, "UI" for the sidebar) stands still, at most so long."""
        limit = time.monotonic() + seconds
        self._wait_drawn()
        before = self._part(kind)
        while time.monotonic() < limit:
            time.sleep(0.15)
            after = self._part(kind)
            if before.shape == after.shape and np.array_equal(before, after):
                return
            before = after

    def _wait_drawn(self) -> None:
        # Blender handles events, answers questions and draws once in each round of its main loop: after two answers,
        # what was asked for is drawn and every event sent before is handled.
        self.evaluate("0")
        self.evaluate("0")

    def region_box(self, kind: str = "UI", of: str = "VIEW_3D") -> Box:
        """Where a region is on the screen."""
        code = f"(lambda r: [r.x, r.y, r.width, r.height])(region({kind!r}, {of!r}))"
        x, y, width, height = self.evaluate(code)
        return x, SCREEN[1] - y - height, width, height

    def _part(self, kind: str | None) -> np.ndarray:
        picture = self.picture()
        if kind is None:
            return picture
        x, y, width, height = self.region_box(kind)
        return picture[y : y + height, x : x + width]

    def show_tab(self, category: str) -> None:
        """Open the viewport's sidebar at a tab."""
        self.run("area().spaces.active.show_region_ui = True")
        self.wait_until("region('UI').width > 1")
        # A tab is known to the region once its panels have been drawn.
        limit = time.monotonic() + PATIENCE
        while True:
            self.settle(kind="UI")
            try:
                self.run(f"region('UI').active_panel_category = {category!r}; area().tag_redraw()")
                break
            except DesktopError:
                if time.monotonic() > limit:
                    raise
        self.wait_until(f"region('UI').active_panel_category == {category!r}")
        self.settle(kind="UI")

    def find_all(self, text: str, kind: str | None = "UI") -> list[Point]:
        """The middle of each place that shows these words now, from the top down. `kind` None: the whole screen."""
        label = self._label(text)
        box = (0, 0, *SCREEN) if kind is None else self.region_box(kind)
        x, y, width, height = box
        if width < label.shape[1] or height < label.shape[0]:
            return []
        part = cv2.cvtColor(self.picture()[y : y + height, x : x + width], cv2.COLOR_BGR2GRAY)
        scores = cv2.matchTemplate(part, label, cv2.TM_CCOEFF_NORMED)
        points = []
        while True:
            _low, best, _where, (left, top) = cv2.minMaxLoc(scores)
            if best < MATCH:
                return sorted(points, key=lambda point: (point[1], point[0]))
            points.append((x + left + label.shape[1] // 2, y + top + label.shape[0] // 2))
            scores[max(0, top - 8) : top + 9, max(0, left - 20) : left + 21] = -1.0

    def find(self, text: str, kind: str | None = "UI", index: int = 0) -> Point:
        """The middle of these words on the screen; the sidebar is scrolled for them. Raises DesktopError.

        `index` picks among several places from the top down. Cut words ("Start Ca...") are not found: the text must
        be as it is on the screen.
        """
        if len(points := self.find_all(text, kind)) > index:
            return points[index]
        if kind is not None:
            self.scroll(-100, kind)
            for _step in range(40):
                if len(points := self.find_all(text, kind)) > index:
                    return points[index]
                before = self._part(kind)
                self.scroll(3, kind)
                if np.array_equal(before, self._part(kind)):
                    break
        picture = self.screenshot(f"not-found-{''.join(c if c.isalnum() else '-' for c in text)}")
        raise DesktopError(f"“{text}” is not on the screen: {picture}")

    def _label(self, text: str) -> np.ndarray:
        if text not in self._labels:
            x, y, width, height = self.evaluate(f"label({text!r})")
            top = SCREEN[1] - y - height
            self.settle(1.0)
            # Four pixels below the base line for the tails of g, p and y.
            part = self.picture()[top - 2 : top + height + 4, x - 1 : x + width + 1]
            self._labels[text] = cv2.cvtColor(part, cv2.COLOR_BGR2GRAY)
            self.evaluate("label(None)")
            self.settle(1.0)
        return self._labels[text]

    # Mouse and keyboard.

    def click(self, target: str | Point, *, kind: str | None = "UI", index: int = 0, button: int = 1) -> Point:
        """Click on words or on a point of the screen. Returns the point."""
        point = self.hover(target, kind=kind, index=index)
        # Pressed long enough to be noticed by a window that redraws in software.
        self._xdotool("mousedown", str(button))
        self._wait_drawn()
        self._xdotool("mouseup", str(button))
        time.sleep(0.1)
        return point

    def double_click(self, target: str | Point, *, kind: str | None = "UI") -> None:
        """Click twice on words or on a point of the screen."""
        self.hover(target, kind=kind)
        self._xdotool("click", "--repeat", "2", "--delay", "120", "1")
        time.sleep(0.1)

    def drag(self, start: Point, end: Point) -> None:
        """Drag with the mouse from one point to another, as a hand does: in steps."""
        self.hover(start)
        self._xdotool("mousedown", "1")
        self._wait_drawn()
        for k in range(1, 9):
            x, y = (round(a + (b - a) * k / 8) for a, b in zip(start, end, strict=True))
            self._xdotool("mousemove", str(x), str(y))
            self._wait_drawn()
        self._xdotool("mouseup", "1")
        self._wait_drawn()

    def hover(self, target: str | Point, *, kind: str | None = "UI", index: int = 0) -> Point:
        """Move the mouse onto words or a point. Returns the point."""
        x, y = self._resting(target, kind, index) if isinstance(target, str) else target
        # Two moves: Blender makes a button active on a move within it.
        self._xdotool("mousemove", str(x - 2), str(y))
        self._wait_drawn()
        self._xdotool("mousemove", str(x), str(y))
        self._wait_drawn()
        return x, y

    def _resting(self, text: str, kind: str | None, index: int) -> Point:
        """Find words that stay where they are: a panel may be about to gain or lose a line."""
        point = self.find(text, kind, index)
        for _look in range(10):
            time.sleep(0.1)
            self._wait_drawn()
            before, point = point, self.find(text, kind, index)
            if before == point:
                break
        return point

    def operator_under_mouse(self) -> str:
        """What the button under the mouse would run, as Python ("bpy.ops.mimica.start()"); "" for no such button."""
        self.run(
            "manager = bpy.context.window_manager\n"
            "manager.clipboard = ''\n"
            "window = manager.windows[0]\n"
            "with bpy.context.temp_override(window=window, screen=window.screen, area=area(), region=region('UI')):\n"
            "    if bpy.ops.ui.copy_python_command_button.poll():\n"
            "        bpy.ops.ui.copy_python_command_button()\n"
        )
        return self.evaluate("bpy.context.window_manager.clipboard")

    def scroll(self, clicks: int, kind: str = "UI") -> None:
        """Turn the mouse wheel over a region of the viewport; positive is down."""
        x, y, _width, height = self.region_box(kind)
        # Between the edge, which resizes the region, and the panels' contents, where a list would take the wheel.
        self._xdotool("mousemove", str(x + 13), str(y + height // 2))
        self._xdotool("click", "--repeat", str(abs(clicks)), "--delay", "10", "5" if clicks > 0 else "4")
        self.settle(1.0, kind)

    def press(self, *keys: str) -> None:
        """Press keys by their X names ("Escape", "ctrl+z"). They go to the window under the mouse."""
        self._xdotool("key", *keys)
        time.sleep(0.1)

    def type_text(self, text: str) -> None:
        """Type text."""
        self._xdotool("type", "--delay", "20", text)
        time.sleep(0.1)

    def _xdotool(self, *arguments: str) -> None:
        subprocess.run(["xdotool", *arguments], env=self._environment, check=True, timeout=30)

    # The end.

    def log(self) -> str:
        """What Blender has written so far."""
        return self._log.read_text("utf-8", "replace")

    def complaints(self) -> list[str]:
        """Lines of the log that tell of faults in Python code."""
        signs = ("Traceback (most recent call last)", "Policy violation", "ReferenceError", "Error:", "rna_uiItem")
        return [line for line in self.log().splitlines() if any(sign in line for sign in signs)]

    @property
    def running(self) -> bool:
        """Whether Blender's process lives."""
        return self._process.poll() is None

    def quit(self, seconds: float = PATIENCE) -> int:
        """Quit as by File > Quit, so that the add-on is unregistered. Returns the exit code; kills what hangs."""
        if self.running:
            # From a timer, so that this question is answered before Blender goes.
            self.run("bpy.app.timers.register(lambda: bpy.ops.wm.quit_blender() and None, first_interval=0.1)")
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired as error:
                picture = self.screenshot("did-not-quit")
                self.kill()
                raise DesktopError(f"Blender did not quit within {seconds:g} s; see {picture}") from error
        self.screen.close()
        return self._process.returncode

    def kill(self) -> None:
        """End Blender at once, as a crash does, and its screen."""
        if self.running:
            self._process.kill()
            self._process.wait()
        self.screen.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.quit()
        else:
            self.kill()

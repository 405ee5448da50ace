# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The microphone as the panel shows it: those that were found, the level of the one that is open, and its test.

Opening and looking for microphones takes the system up to a second: that is done beside the main thread, and a timer
draws the sidebar anew meanwhile.
"""

import threading
import time
from collections.abc import Callable

import bpy

from ..capture.microphone import Microphone, MicrophoneError, microphones, running

_TEST_SECONDS = 60.0
"""After which a test that nobody ended ends."""
_TICK = 0.07
_MUTE = (
    "The microphone gives nothing but silence. It is switched off, or Blender may not use it: allow it in the system's "
    "privacy settings."
)


class _Test:
    """A microphone that is open for its level alone."""

    def __init__(self, device: str) -> None:
        self.microphone = Microphone(device, None)
        self.began = time.monotonic()
        self.over = threading.Event()

    def run(self) -> None:
        """Keep it open until it is over. On a thread of its own."""
        self.microphone.start()
        self.over.wait()
        self.microphone.stop()


_found: tuple[str, ...] = ()
_problem = ""
_busy: list[threading.Thread] = []
_test: _Test | None = None


def found() -> tuple[str, ...]:
    """Return the names of the microphones that were there when they were looked for last, the default first."""
    return _found


def is_looking() -> bool:
    """Whether microphones are being looked for."""
    return any(thread.is_alive() for thread in _busy) and _test is None


def is_testing() -> bool:
    """Whether a test runs."""
    return _test is not None


def level() -> float | None:
    """Return the peak of the last 100 ms of the microphone that is open, 0 to 1; None when none is."""
    microphone = running()
    return microphone.level if microphone is not None else None


def problem() -> str:
    """Return what is wrong with the microphone, as a sentence; empty while nothing is."""
    microphone = running()
    if microphone is None:
        return _problem
    return microphone.error or (_MUTE if microphone.mute else "")


def look() -> None:
    """Look for the microphones that are connected now; returns at once."""
    _beside(_look)


def start_test(device: str) -> None:
    """Open a microphone to show its level, by its name, empty for the system's default; returns at once."""
    global _test
    stop_test()
    _test = _Test(device)
    _beside(_test.run)


def stop_test() -> None:
    """End the test, if one runs. Returns at once: a recording may take the microphone over."""
    global _test
    if _test is not None:
        _test.over.set()
        _test = None


def close() -> None:
    """Let go of the microphone, as the add-on is switched off."""
    stop_test()
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)


def _look() -> None:
    global _found
    _found = tuple(microphones())
    if not _found:
        raise MicrophoneError("No microphone was found. Connect one, then look for microphones again.")


def _beside(call: Callable[[], None]) -> None:
    """Run something beside the main thread; what it raises is the problem that the panel shows."""
    global _problem
    _problem = ""

    def run() -> None:
        global _problem, _test
        try:
            call()
        except MicrophoneError as error:
            _problem = str(error)
            if _test is not None and call == _test.run:
                _test = None

    thread = threading.Thread(target=run, name="mimica microphones", daemon=True)
    _busy[:] = [one for one in _busy if one.is_alive()] + [thread]
    thread.start()
    if not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=_TICK, persistent=True)


def _tick() -> float | None:
    """Draw the sidebars anew while something goes on here."""
    if _test is not None:
        taken_over = running() is not None and running() is not _test.microphone
        if taken_over or _test.microphone.error or time.monotonic() - _test.began > _TEST_SECONDS:
            _end_with(_test.microphone.error)
    alive = any(thread.is_alive() for thread in _busy)
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()
    return _TICK if alive else None


def _end_with(error: str | None) -> None:
    global _problem
    stop_test()
    _problem = error or _problem

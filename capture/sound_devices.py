# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The microphones of this computer, through PortAudio. All calls to it are made on one thread of its own."""

import logging
import os
import plistlib
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from types import ModuleType
from typing import Any, TypeVar

logger = logging.getLogger(__name__)

T = TypeVar("T")

_ANSWER_LIMIT = 10.0
"""Seconds after which the system's sound counts as hanging."""
_NO_LIBRARY = (
    "Sound cannot be recorded: the Python package sounddevice is missing. Install Mimica from its zip for this system, "
    "or run: pip install sounddevice"
)
_NO_PORTAUDIO = "Sound cannot be recorded: the library PortAudio is missing. " + (
    "Install it and try again: libportaudio2 on Debian, Ubuntu and openSUSE, portaudio on Fedora and Arch."
    if sys.platform.startswith("linux")
    else "Install Mimica from its zip for this system."
)
_WINDOWS_API = "Windows WASAPI"
"""Windows lists each device up to four times; here its name is whole and its times are good."""


class MicrophoneError(Exception):
    """No sound can be had; its text is a sentence for the user."""


def microphones() -> list[str]:
    """Return the names of the microphones that are connected now, the system's default first.

    Takes up to a second the first time. What was plugged in since is found, unless a microphone is open. Raises
    `MicrophoneError`.
    """
    return [name for name, _ in on_sound_thread(_look)]


def inputs(sounddevice: ModuleType) -> list[tuple[str, int]]:
    """Return name and PortAudio's number of each input, the default first, names told apart. On the sound thread.

    Raises `MicrophoneError`.
    """
    try:
        systems = sounddevice.query_hostapis()
        devices = sounddevice.query_devices()
    except sounddevice.PortAudioError as error:
        raise MicrophoneError(
            f"The system's sound does not answer ({error}). Restart Blender and try again."
        ) from error
    chosen = [i for i, system in enumerate(systems) if system["name"] == _WINDOWS_API] or range(len(systems))
    defaults = [systems[i]["default_input_device"] for i in chosen]
    default = next((i for i in defaults if i >= 0), -1)
    found = [i for i, device in enumerate(devices) if device["max_input_channels"] > 0 and device["hostapi"] in chosen]
    found.sort(key=lambda i: i != default)
    named: dict[str, int] = {}
    for i in found:
        base = name = devices[i]["name"].strip() or "Microphone"
        number = 2
        while name in named:
            name, number = f"{base} ({number})", number + 1
        named[name] = i
    return list(named.items())


def on_sound_thread(call: Callable[[ModuleType], T], limit: float = _ANSWER_LIMIT) -> T:
    """Call something with the module sounddevice, return or raise what it does. Any thread.

    Windows lets devices be opened only on the thread on which PortAudio was begun. Raises `MicrophoneError` when there
    is no PortAudio, or when it does not answer within `limit` seconds.
    """
    global _thread
    with _lock:
        if _thread is None:
            _thread = threading.Thread(target=_serve, name="mimica sound", daemon=True)
            _thread.start()
    future: Future[T] = Future()
    _calls.put((call, future))
    try:
        return future.result(limit)
    except TimeoutError as error:
        future.cancel()
        raise MicrophoneError("The system's sound does not answer. Restart Blender and try again.") from error
    except MicrophoneError:
        raise
    except Exception as error:
        logger.exception("PortAudio failed.")
        raise MicrophoneError(
            f"The system's sound failed ({error}). Look for microphones again, or restart Blender."
        ) from error


def check_macos() -> None:
    """Raise `MicrophoneError` where macOS would end Blender for opening a microphone.

    It ends a program that was started from the Finder or the Dock and whose Info.plist does not say what it wants the
    microphone for, as Blender's does not. Of one that a terminal started, the terminal is asked.
    """
    if sys.platform != "darwin" or os.getppid() != 1:
        return
    bundle = next((path for path in Path(sys.executable).parents if path.suffix == ".app"), None)
    if bundle is None:
        return
    try:
        says = plistlib.loads((bundle / "Contents" / "Info.plist").read_bytes())
    except (OSError, plistlib.InvalidFileException):
        says = {}
    if "NSMicrophoneUsageDescription" not in says:
        program = bundle / "Contents" / "MacOS" / bundle.stem
        raise MicrophoneError(
            "macOS lets Blender use the microphone only when it is started from the Terminal, which must be allowed in "
            f"System Settings, Privacy & Security, Microphone. Start it there with: {program}"
        )


@contextmanager
def without_sound() -> Iterator[None]:
    """Let what is imported inside do without sounddevice. Any thread.

    MediaPipe loads it on the way, for parts of its own that are not used here: PortAudio would begin with each capture,
    and on a thread that is not the one it is used on.
    """
    with _import_lock:
        absent = "sounddevice" not in sys.modules
        if absent:
            sys.modules["sounddevice"] = None  # type: ignore[reportArgumentType]  # "not there", as Python writes it
        try:
            yield
        finally:
            if absent:
                del sys.modules["sounddevice"]


def told_apart(text: str, device: str) -> str:
    """Return the sentence for a device that cannot be opened.

    :param text: what PortAudio says of it.
    """
    name = f"The microphone '{device}'"
    logger.info("%s: %s", device, text)
    if "-9985" in text or "denied" in text.lower() or "permission" in text.lower():
        return (
            f"{name} is in use by another program, or Blender may not use it. Close the other program, or allow the "
            f"microphone in the system's privacy settings. ({text})"
        )
    return f"{name} cannot be opened. Plug it in anew, or choose another one. ({text})"


def _look(sounddevice: ModuleType) -> list[tuple[str, int]]:
    if not open_streams:
        # PortAudio looks for devices when it begins, and only then.
        with suppress(sounddevice.PortAudioError):
            sounddevice._terminate()
            sounddevice._initialize()
    return inputs(sounddevice)


def _serve() -> None:
    while True:
        call, future = _calls.get()
        if not future.set_running_or_notify_cancel():
            continue
        try:
            future.set_result(call(_library()))
        except BaseException as error:
            future.set_exception(error)
        del call, future


def _library() -> ModuleType:
    """Return sounddevice. Raises `MicrophoneError` when it or PortAudio is missing."""
    try:
        with _import_lock:
            import sounddevice
    except ImportError as error:
        raise MicrophoneError(_NO_LIBRARY) from error
    except OSError as error:
        raise MicrophoneError(_NO_PORTAUDIO) from error
    return sounddevice


open_streams: set[Any] = set()
"""Streams that are open: for the sound thread."""
_calls: SimpleQueue[tuple[Callable[[ModuleType], Any], Future[Any]]] = SimpleQueue()
_thread: threading.Thread | None = None
_lock = threading.Lock()
_import_lock = threading.Lock()

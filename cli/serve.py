# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Phones as cameras without Blender: `mimica serve`."""

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ..bridges.extras import ExtraMissing
from ..bridges.phone.device import DeviceState
from ..bridges.phone.qr import qr_text
from ..bridges.phone.server import PhoneServer, ServerError, ServerSettings
from ..capture.detector_file import find_detector
from ..capture.devices import DeviceTrackers
from ..capture.model import ModelFile
from ..capture.session import CaptureSession
from ..capture.take import Take, TakeInfo, TakeWriter, delete_take
from ..capture.tracker import Tracker, TrackerSettings
from .console import Console
from .failure import BAD_INPUT, MISSING, OK, CommandError, make_folder

_POLL = 0.2
_SAY_SECONDS = 5.0
"""How often it is said who sends what."""


def run(arguments: argparse.Namespace, console: Console, model: ModelFile, user_folder: Path) -> int:
    """Serve, track and perhaps record, until the time is over or Ctrl+C. Raises CommandError."""
    settings = ServerSettings(user_folder, arguments.port, arguments.host, tuple(arguments.ice))
    try:
        server = PhoneServer(settings)
    except ExtraMissing as error:
        raise CommandError(str(error), MISSING) from error
    except ServerError as error:
        raise CommandError(str(error)) from error
    server.start()
    try:
        if not server.wait_started():
            raise CommandError(server.error or "The server for phones did not start.", BAD_INPUT)
        _say_link(server, console)
        found = find_detector("", model.path.parent, user_folder)
        server.defaults = TrackerSettings(faces=arguments.faces, detector=str(found or ""))
        return _capture(arguments, console, model, server)
    finally:
        server.stop()


def _say_link(server: PhoneServer, console: Console) -> None:
    console.say(qr_text(server.link))
    for link in server.links:
        console.say(f"  {link}")
    console.note(
        "Scan the code with a phone in the same network. Its browser warns once of the certificate. Ctrl+C ends."
    )


def _capture(arguments: argparse.Namespace, console: Console, model: ModelFile, server: PhoneServer) -> int:
    source = server.source()
    session = CaptureSession(source, lambda: DeviceTrackers(source, partial(Tracker, model), server.defaults))
    session.start()
    writer = None
    try:
        # A take says what it was made of, so it begins with the first picture.
        if _wait(session, None, lambda: session.info is not None and bool(session.stats().tracked), server, console):
            if arguments.take is not None:
                writer = _begin_take(arguments.take, session, model)
            _wait(session, arguments.seconds, lambda: False, server, console)
    except KeyboardInterrupt:
        console.note("Ended.")
    finally:
        session.stop()
    if session.state == "failed":
        raise CommandError(session.error or "The capture failed.")
    if writer is not None and writer.error:
        raise CommandError(writer.error)
    stats = session.stats()
    rows = [("images", str(stats.tracked)), ("dropped", str(stats.dropped))]
    if writer is not None:
        faces = Take.open(writer.path).face_ids
        rows += [("faces", ", ".join(str(face + 1) for face in faces) or "none"), ("take", str(writer.path))]
    console.figures(rows)
    return OK


def _begin_take(path: Path, session: CaptureSession, model: ModelFile) -> TakeWriter:
    if path.exists():
        Take.open(path)  # only a take is ever deleted
        delete_take(path)
    make_folder(path)
    writer = TakeWriter(path, TakeInfo.now(path.stem, session.info, model.sha256, None))
    session.start_recording(writer)
    return writer


def _wait(
    session: CaptureSession, seconds: float | None, done: Callable[[], bool], server: PhoneServer, console: Console
) -> bool:
    """Wait until it is done, or the capture or the time is over, and say who sends what. Return whether it is done."""
    began = said = time.monotonic()
    shown: tuple[tuple[int, str], ...] = ()
    while not session.wait(_POLL):
        now = time.monotonic()
        if done():
            return True
        if seconds is not None and now - began >= seconds:
            return False
        devices = server.devices()
        there = tuple((device.number, device.state) for device in devices)
        if there != shown or (devices and now - said > _SAY_SECONDS):
            shown, said = there, now
            console.note("   ".join(map(_describe, devices)) or "No phone is connected.")
    return False


def _describe(device: DeviceState) -> str:
    text = f"{device.number + 1} {device.name}: {device.state}"
    if device.state == "sending":
        text += f", {device.size[0]} x {device.size[1]}, {device.rate:.0f}/s"
    return text + (f", {device.delay_ms:.0f} ms" if device.delay_ms else "")

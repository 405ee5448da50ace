# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`mimica stream` and `mimica receive`: to and from other programs, without a window."""

import argparse
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from ..bridges.extras import ExtraMissing
from ..bridges.streams.playing import play, subject_of
from ..bridges.streams.protocol import PROTOCOLS, StreamError
from ..bridges.streams.receiver import StreamReceiver
from ..bridges.streams.sender import StreamSender
from ..bridges.streams.source import StreamSource
from ..capture.control_session import ControlSession
from ..capture.control_takes import stream_form
from ..capture.model import ModelFile
from ..capture.session import CaptureSession
from ..capture.source import Image, make_source
from ..capture.take import SUFFIX, Take, TakeInfo, TakeWriter, delete_take
from ..capture.tracker import Tracker, TrackerSettings
from ..mapping.calibration import PerformerProfile
from ..mapping.control_take import frames_of_motion
from ..mapping.face_space import DEFAULT_FIELD_OF_VIEW
from ..mapping.frame import ControlFrame, FaceFrame
from ..mapping.mapper import LiveMapper
from ..mapping.performance import ControlPerformance
from ..mapping.settings import MappingSettings
from . import controls, perform, performer
from .console import Console
from .failure import MISSING, OK, USAGE, CommandError, make_folder

_POLL = 0.05
"""Seconds between two looks at what runs."""

Send = Callable[[ControlFrame], None]


def target(text: str) -> tuple[str, str, int]:
    """Return protocol, host and port of PROTOCOL[:HOST][:PORT]. Raises argparse.ArgumentTypeError."""
    protocol, _, place = text.partition(":")
    host, number = (place, "") if place.endswith("]") or ":" not in place else place.rsplit(":", 1)
    known = _protocol(protocol)
    return known, host.strip("[]") or "127.0.0.1", _port(number, PROTOCOLS[known].port_out)


def place(text: str) -> tuple[str, int]:
    """Return protocol and port of PROTOCOL[:PORT]. Raises argparse.ArgumentTypeError."""
    protocol, _, number = text.partition(":")
    known = _protocol(protocol)
    return known, _port(number, PROTOCOLS[known].port_in)


def _protocol(text: str) -> str:
    if text not in PROTOCOLS:
        raise argparse.ArgumentTypeError(f"'{text}' is no protocol; choose from {', '.join(sorted(PROTOCOLS))}")
    return text


def _port(text: str, usual: int) -> int:
    if not text:
        return usual
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"'{text}' is no port; name a number from 1 to 65535")
    return int(text)


def stream(arguments: argparse.Namespace, console: Console, extension: Path, user: Path) -> int:
    """Send a performance to other programs in real time. Raises CommandError, TakeError or SourceError."""
    file: Path = arguments.file
    with ExitStack() as stack:
        senders = [_started(stack, *one) for one in arguments.to]

        def send(frame: ControlFrame) -> None:
            for sender in senders:
                sender.send(frame, subject_of(frame.face_id))

        if perform.is_take(file) or controls.is_controls(file):
            _play(arguments, console, send)
        else:
            model = perform.need_model(arguments.model, extension, user)
            found = perform.tracker_settings(
                model,
                extension,
                user,
                faces=arguments.faces,
                far=arguments.far_faces,
                detector=arguments.detector,
            )
            # It plays in real time.
            _track(arguments, console, model, replace(found, patient=False), send)
        # What waits is sent before they are asked how it went.
        for sender in senders:
            sender.stop()
        rows: list[tuple[str, str]] = []
        for (protocol, host, port), sender in zip(arguments.to, senders, strict=True):
            health = sender.health
            rows.append((PROTOCOLS[protocol].name, f"{health.sent} frames to {host}, port {port}"))
            if health.failure:
                console.note(health.failure)
    console.figures(rows)
    return OK


def _started(stack: ExitStack, protocol: str, host: str, port: int) -> StreamSender:
    sender = StreamSender(protocol, host, port)
    try:
        sender.start()
    except StreamError as error:
        raise CommandError(str(error)) from error
    except ExtraMissing as error:
        raise CommandError(str(error), MISSING) from error
    stack.callback(sender.stop)
    return sender


def _play(arguments: argparse.Namespace, console: Console, send: Send) -> None:
    """Send what is in a take or a file of controls."""
    if controls.is_controls(arguments.file):
        take = controls.read(arguments, arguments.file, console)
        motion = ControlPerformance(take).motion(None, MappingSettings())
    else:
        with console.progress("Solving"):
            take = Take.open(arguments.file)
            motion = perform.solve(
                take, None, arguments.camera_fov, arguments.face, performer=_profile(arguments)
            ).motion
    with console.progress("Sending") as progress:
        play(frames_of_motion(motion), send, threading.Event(), progress)


def _profile(arguments: argparse.Namespace) -> PerformerProfile | None:
    return performer.load_profile(arguments.performer) if arguments.performer else None


class _SendingTracker:
    """A tracker that sends what it sees, as a live capture would show it. Lives on the tracker's thread."""

    def __init__(self, tracker: Tracker, make_mapper: Callable[[], LiveMapper], send: Send) -> None:
        self._tracker, self._make_mapper, self._send = tracker, make_mapper, send
        self._mappers: dict[int, LiveMapper] = {}

    def track(self, image: Image) -> tuple[FaceFrame, ...]:
        """Track an image, and send its faces."""
        faces = self._tracker.track(image)
        for face in faces:
            mapper = self._mappers.setdefault(face.face_id, self._make_mapper())
            for frame in frames_of_motion(mapper.step(face), face.face_id):
                self._send(frame)
        return faces

    def close(self) -> None:
        """Release the tracker."""
        self._tracker.close()


def _track(
    arguments: argparse.Namespace, console: Console, model: ModelFile, settings: TrackerSettings, send: Send
) -> None:
    """Send what a video shows, while it plays at its own speed."""
    spec, chosen = perform.source_spec(arguments.file), _profile(arguments)
    info, view = perform.describe(spec), arguments.camera_fov or DEFAULT_FIELD_OF_VIEW
    session = CaptureSession(
        make_source(spec),
        lambda: _SendingTracker(Tracker(model, settings), lambda: LiveMapper(chosen, field_of_view=view), send),
    )
    with console.progress("Sending") as progress, console.quiet():
        session.start()
        try:
            while not session.wait(_POLL):
                if info.frame_count:
                    progress(session.stats().captured / info.frame_count)
        finally:
            session.stop()
    if session.state == "failed":
        raise CommandError(session.error or "The video could not be played.")


def receive(arguments: argparse.Namespace, console: Console) -> int:
    """Record what another program sends as a take. Raises CommandError or TakeError."""
    protocol, port = arguments.source
    path: Path = arguments.take
    if not perform.is_take(path):
        raise CommandError(f"The take '{path}' does not end in {SUFFIX}. Name such a file.", USAGE)
    if path.exists():
        if not arguments.overwrite:
            raise CommandError(f"The take '{path}' is there already. Choose another name, or add --overwrite.")
        Take.open(path)  # only a take is ever deleted
    make_folder(path)
    source = StreamSource(StreamReceiver(protocol, arguments.host, port, arguments.phone))
    session = ControlSession(source, lambda faces, grabbed: None)
    session.start()
    while session.state == "opening":
        time.sleep(_POLL)
    if session.state == "failed":
        raise CommandError(session.error or "Nothing can be received.")
    if path.exists():
        # Not before something can take its place.
        delete_take(path)
    console.note(f"Receiving {source.protocol} at port {source.port}. Ctrl+C ends it and keeps the take.")
    with TakeWriter(path, TakeInfo.received(path.stem, session.info), stream_form()) as writer:
        session.start_recording(writer)
        try:
            _wait(arguments, console, session)
        except KeyboardInterrupt:
            pass
        finally:
            health = source.health
            session.stop_recording()
            session.stop()
    if writer.error:
        raise CommandError(writer.error)
    if not health.frames:
        delete_take(path)
        refused = f" {health.refused} packets were not understood. {health.refusal}" if health.refused else ""
        raise CommandError(
            f"Nothing came at port {source.port}.{refused} Let the other program send to this computer and this port."
        )
    if session.error:
        raise CommandError(f"{session.error} What was received until then is in '{path}'.")
    summary = Take.open(path).summary()
    console.figures(
        [
            ("length", f"{summary.duration:.2f} s, {summary.frames} frames"),
            ("faces", ", ".join(face.subject for face in health.faces) or str(len(summary.found))),
            ("lost on the way", str(health.lost)),
            ("take", str(path)),
        ]
    )
    return OK


def _wait(arguments: argparse.Namespace, console: Console, session: ControlSession) -> None:
    """Wait for the time that is asked for, or for the end of the session."""
    began = time.perf_counter()
    with console.progress("Receiving") as progress:
        while not session.wait(_POLL):
            passed = time.perf_counter() - began
            if arguments.seconds is not None:
                if passed >= arguments.seconds:
                    return
                progress(passed / arguments.seconds)

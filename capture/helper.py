# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs in the helper process: a capture session that hands each result to the parent process.

Orders come as lines of JSON, answers go back the same way; see `remote` for the other end. The take is written over
there: here a stand-in tells which results belong to it.
"""

import json
import os
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from ..mapping.frame import FaceFrame
from .film import FilmWriter
from .helper_memory import Picture, SharedWriter, open_memory
from .model import ModelFile
from .session import CaptureSession
from .source import Image, SourceSpec, make_source
from .take_writer import TakeWriter
from .tracker import Tracker, TrackerSettings

BEAT = 0.1
"""Seconds between signs of life."""
_LOOK = 0.01
"""Seconds between looks at the session's state."""
_SHOWN_EVERY = 0.2
"""Seconds between pictures that nobody asked for: what looks after light and place of the face needs a few."""
_FOR_SOURCE = 0.5
"""Seconds that the source has to let go of its device when nothing is recorded; the process's end does the rest."""
_LAST_WORD = 1.0
"""Seconds that the session has for its end when the parent process is gone."""


def run(orders: dict[str, Any], commands: BinaryIO, answers: int) -> None:
    """Capture until told to stop, until the capture is over, or until the parent process ends. Does not return.

    :param answers: file descriptor to which the answers are written.
    """
    helper = _Helper(orders, answers)
    threading.Thread(target=helper.beat, daemon=True).start()
    helper.answer("hello")
    for line in commands:
        helper.follow(*json.loads(line))
    # The parent is gone. The camera must not stay on.
    helper.finish(_LAST_WORD)


class _Helper:
    """The session and what is said of it."""

    def __init__(self, orders: dict[str, Any], answers: int) -> None:
        self._answers = answers
        self._writing = threading.Lock()
        self._finishing = threading.Lock()
        self._shared = SharedWriter(open_memory(orders["descriptor"], orders["tag"]))
        stored: dict[str, Any] = orders["model"]
        model = replace(ModelFile(**stored), path=Path(stored["path"]))
        settings = TrackerSettings(**orders["tracker"])
        source = make_source(SourceSpec(**orders["source"]))
        self._session = CaptureSession(
            source, lambda: _TellingTracker(Tracker(model, settings), self), pace=orders["pace"]
        )
        self._told: tuple[object, ...] = ()
        self._shown = 0.0
        self._open_takes: set[int] = set()

    def answer(self, *words: object) -> None:
        """Say something to the parent, in one piece. Any thread; waits while the parent is behind."""
        line = json.dumps(words).encode() + b"\n"
        with self._writing:
            while line:
                line = line[os.write(self._answers, line) :]

    def follow(self, command: str, *arguments: Any) -> None:
        """Do what the parent says, on the main thread. Waits for nothing but the end of the process."""
        if command == "clock":
            self.answer("clock", time.perf_counter())
        elif command == "start":
            self._session.start()
            threading.Thread(target=self._watch, daemon=True).start()
        elif command == "record":
            take, with_film = arguments
            self._open_takes.add(take)
            writer = cast(TakeWriter, _TakeStandIn(self, take))
            self._session.start_recording(writer, cast(FilmWriter, _FilmStandIn(self, take)) if with_film else None)
        elif command == "end":
            take, timeout = arguments
            threading.Thread(target=self._end, args=(take, timeout), daemon=True).start()
            # The next recording may be the next command.
            while self._session.recording:
                time.sleep(_LOOK / 10)
        elif command == "stop":
            self.finish(*arguments)

    def result(self, faces: tuple[FaceFrame, ...], image: Image) -> None:
        """Hand on a result. On the tracker's thread, as the next three."""
        self._note_figures()
        self.answer("result", self._shared.write(faces, image.grabbed))
        now = time.perf_counter()
        if self._shared.picture_is_wanted or now - self._shown >= _SHOWN_EVERY:
            picture = self._shared.write_picture(image.pixels, wait=False)
            if picture is not None:
                self._shown = now
                self.answer("picture", _words(picture), image.index, image.time, image.grabbed)

    def recorded(self, take: int) -> None:
        """Say that the last result belongs to a take."""
        self.answer("recorded", take)

    def filmed(self, take: int, pixels: np.ndarray) -> None:
        """Hand on the picture of the last result for a take's film."""
        picture = self._shared.write_picture(pixels, wait=True)
        self.answer("filmed", take, _words(picture) if picture else None)

    def beat(self) -> None:
        """Show signs of life, on a thread of its own."""
        while True:
            self._shared.header["beat"] += 1
            self._note_figures()
            time.sleep(BEAT)

    def finish(self, timeout: float) -> None:
        """End the session, say how it ended, and end the process: what native code still holds goes with it."""
        with self._finishing:
            # A tracker that is still being made, say, need not be waited for.
            self._session.stop(timeout if self._open_takes else min(timeout, _FOR_SOURCE))
            self._leave()

    def _end(self, take: int, timeout: float) -> None:
        self._session.stop_recording(timeout)
        self._open_takes.discard(take)
        self._note_figures()
        self.answer("ended", take)

    def _watch(self) -> None:
        """Say what becomes of the session; when it is over, so is the process."""
        while not self._session.wait(_LOOK):
            self._tell_state()
        with self._finishing:
            # Source and tracker are let go of.
            self._session.stop(_LAST_WORD)
            self._leave()

    def _leave(self) -> None:
        """End the process now. Python's own end would wait for threads that hang, and unload libraries in use."""
        self._note_figures()
        try:
            self._tell_state()
        except OSError:
            pass  # nobody listens any more
        os._exit(0)

    def _tell_state(self) -> None:
        session = self._session
        told = (session.state, session.error, session.info)
        if told != self._told:
            self._told = told
            self.answer("state", session.state, session.error, asdict(session.info) if session.info else None)

    def _note_figures(self) -> None:
        stats, header = self._session.stats(), self._shared.header
        header["captured"], header["tracked"], header["dropped"] = stats.captured, stats.tracked, stats.dropped


class _TellingTracker:
    """A tracker that hands each result on."""

    def __init__(self, tracker: Tracker, helper: _Helper) -> None:
        self._tracker = tracker
        self._helper = helper

    def track(self, image: Image) -> tuple[FaceFrame, ...]:
        faces = self._tracker.track(image)
        self._helper.result(faces, image)
        return faces

    def close(self) -> None:
        self._tracker.close()


class _TakeStandIn:
    """Stands for the take's writer, which is in the parent process: the session's results count as recorded."""

    error: str | None = None

    def __init__(self, helper: _Helper, take: int) -> None:
        self._helper = helper
        self._take = take
        self.count = 0

    def append(self, _faces: tuple[FaceFrame, ...]) -> int:
        self._helper.recorded(self._take)
        self.count += 1
        return self.count - 1

    def close(self, _timeout: float = 0.0) -> None:
        """Nothing is open here."""


class _FilmStandIn:
    """Stands for the film's writer in the same way."""

    def __init__(self, helper: _Helper, take: int) -> None:
        self._helper = helper
        self._take = take

    def add(self, _number: int, pixels: np.ndarray) -> None:
        self._helper.filmed(self._take, pixels)

    def close(self, _timeout: float = 0.0) -> None:
        """Nothing is open here."""


def _words(picture: Picture) -> list[int]:
    return [picture.number, picture.offset, picture.height, picture.width]

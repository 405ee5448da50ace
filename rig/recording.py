# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One take while it is recorded, with what goes along: sound, the camera's video, its place on the timeline."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..capture.film import SUFFIX as FILM_SUFFIX
from ..capture.film import FilmWriter
from ..capture.microphone import Heard, Microphone, MicrophoneError
from ..capture.take_schema import Sound, TakeInfo, Timeline
from ..capture.take_writer import TakeForm, TakeWriter
from ..capture.timeline_fit import FrameLog

SOUND_SUFFIX = ".wav"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is kept beside the take itself."""

    film: bool = False
    """Whether the camera's pictures are."""
    microphone: str | None = None
    """The microphone's name, empty for the system's own choice; None: no sound."""


class Recording:
    """One take from the first image to the last. Main thread, except `end_sound` and `close`."""

    def __init__(
        self,
        path: Path,
        info: TakeInfo,
        wanted: Wanted,
        log: FrameLog | None,
        clock: Callable[[], float | None],
        form: TakeForm[Any] | None = None,
    ) -> None:
        """Begin to write.

        :param log: the scene's frames as they come by, where they are watched.
        :param clock: gives the moment at which the take's clock showed 0, on that of `time.perf_counter`.
        :param form: of the take's rows; None: of tracked faces.
        """
        self.path = path
        self.writer: TakeWriter[Any] = TakeWriter(path, info, form)
        self._log = log
        self._clock = clock
        self._problem: str | None = None
        self._place: Timeline | None = None
        self.sound_ended = threading.Event()
        """Set when all is told that the take says of its sound."""
        self.film: FilmWriter | None = None
        if wanted.film:
            rate = info.source.rate if info.source else None
            self.film = FilmWriter(path.with_suffix(FILM_SUFFIX), rate, lambda film: self.writer.tell("film", film))
        self.microphone: Microphone | None = None
        self._opening: threading.Thread | None = None
        if wanted.microphone is not None:
            self.microphone = Microphone(wanted.microphone, path.with_suffix(SOUND_SUFFIX))
            # The system may take its time.
            self._opening = threading.Thread(target=self._listen, name="mimica microphone start", daemon=True)
            self._opening.start()

    @property
    def minutes_left(self) -> float | None:
        """For how long the disk has room; see `TakeWriter`."""
        return self.writer.minutes_left

    @property
    def place(self) -> Timeline | None:
        """Where the take lies on the timeline, as far as that is known by now."""
        return self._place

    @property
    def problems(self) -> tuple[str, ...]:
        """What went wrong with sound or video, as sentences. The take itself goes on."""
        microphone, film = self.microphone, self.film
        said = (self._problem, microphone.error if microphone else None, film.error if film else None)
        return tuple(sentence for sentence in said if sentence)

    def tell(self) -> None:
        """Let the take say what is known by now, so that a crash keeps it. To be called about once a second."""
        clock = self._clock()
        if clock is None:
            return
        place = self._log.fit(clock) if self._log is not None else None
        if place is not None and place != self._place:
            self.writer.tell("timeline", place)
            self._place = place
        if self.microphone is not None and not self.sound_ended.is_set():
            self._tell_sound(self.microphone.heard)

    def end(self) -> None:
        """Nothing more belongs to the take; the next one may begin before its files are finished."""
        self.tell()
        clock = self._clock()
        self._clock = lambda: clock

    def end_sound(self) -> None:
        """Close the microphone and tell what was heard. Waits for the device: not for the main thread."""
        try:
            if self._opening is not None:
                self._opening.join(2.0)
            if self.microphone is not None:
                self._tell_sound(self.microphone.stop())
        finally:
            self.sound_ended.set()

    def close(self) -> None:
        """Finish the files, after the last image was appended. Waits for the disk: not for the main thread."""
        if self.film is not None:
            self.film.close()
        self.writer.close()

    def _listen(self) -> None:
        assert self.microphone is not None
        try:
            self.microphone.start()
        except MicrophoneError as error:
            self._problem = f"{error} The take is recorded without sound."
            return
        if self.sound_ended.is_set():
            # The system took so long that the take was over by then.
            self.microphone.stop()

    def _tell_sound(self, heard: Heard | None) -> None:
        clock = self._clock()
        if heard is not None and clock is not None:
            name = self.path.with_suffix(SOUND_SUFFIX).name
            self.writer.tell("sound", Sound(name, heard.start - clock, heard.rate, heard.device))

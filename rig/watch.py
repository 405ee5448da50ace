# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watching a capture: the camera's picture made ready to be shown, and what is wrong. In a thread of its own.

The main thread only fetches what is ready. As long as nobody asks for a picture, none is made.
"""

import logging
import math
import threading
import time
from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from ..mapping.frame import FaceFrame
from ..mapping.health import Complaint, Health, Reading, Severity, severity_of
from ..mapping.sight import Sight, luma_of, sights
from ..mapping.strongest import Strongest
from . import live

logger = logging.getLogger(__name__)

BARS = 8
_HEALTH_SECONDS = 0.25
_RATE_SECONDS = 2.0
"""Seconds over which images are counted."""
_ASKED_SECONDS = 2.0
"""For how long a picture is made after it was asked for."""
_POSED_SECONDS = 0.1
_AGAIN_SECONDS = 0.25
_ENOUGH = 24.0
"""Images a second with which a face moves well: what more the camera gives may be skipped."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An image made ready to be shown, with the faces in it. Immutable."""

    pixels: np.ndarray
    """float32 (height, width, 4) RGBA in [0, 1], the upper row first, never mirrored."""
    aspect: float
    """Width over height."""
    faces: tuple[FaceFrame, ...]
    """Those that were found."""
    sights: tuple[Sight, ...]
    """Of the same, in the same order."""
    face: int
    """The one that moves the first character."""
    bars: tuple[tuple[str, float], ...]
    """The strongest controls; none without a character."""


@dataclass(frozen=True, slots=True)
class _Count:
    """The capture's counters at a moment."""

    time: float
    captured: int
    dropped: int
    recording: bool


class Watch:
    """Watches one session until it ends."""

    def __init__(self, session: live.LiveSession) -> None:
        """Begin to watch."""
        self.session = session
        self.picture: Picture | None = None
        """The newest; None until one was asked for."""
        self.complaints: tuple[Complaint, ...] = ()
        """What is wrong, the most important first."""
        self.fault = ""
        """Why the watch ended too soon, as a sentence."""
        self._asked: dict[str, tuple[int, float]] = {}
        self._shown: Picture | None = None
        self._shown_at = self._posed_at = -math.inf
        self._health = Health()
        self._counts: deque[_Count] = deque()
        self._strongest = Strongest(BARS)
        self._thread = threading.Thread(target=self._run, name="mimica-watch", daemon=True)
        self._thread.start()

    @property
    def severity(self) -> Severity:
        """How bad the worst is."""
        return severity_of(self.complaints)

    def ask(self, who: str, width: float) -> Picture | None:
        """Return the newest picture, and have the next ones made for a width in pixels. Never waits. Main thread.

        :param who: names the place; the widest of all is made.
        """
        self._asked[who] = (max(16, round(width)), time.monotonic())
        return self.picture

    def due(self, posed: bool, now: float) -> bool:
        """Return whether the picture should be drawn: at most once for each image. Main thread, each tick.

        :param now: `time.monotonic`.
        :param posed: whether the character was just posed, so that its viewport is drawn anyway: while poses come the
            picture is drawn with them, not between them.
        """
        if posed:
            self._posed_at = now
        if self.picture is None or not self._wanted_width(now):
            # Drawing is what asks for one.
            due = self.session.seen is not None and now - self._shown_at >= _AGAIN_SECONDS
        else:
            due = self.picture is not self._shown and (posed or now - self._posed_at >= _POSED_SECONDS)
        if due:
            self._shown, self._shown_at = self.picture, now
        return due

    def _wanted_width(self, now: float) -> int:
        since = now - _ASKED_SECONDS
        return max((width for width, when in tuple(self._asked.values()) if when >= since), default=0)

    # The watching thread

    def _run(self) -> None:
        try:
            last, examined = None, -math.inf
            while self.session.running:
                self.session.seen_anew.wait(_HEALTH_SECONDS)
                self.session.seen_anew.clear()
                seen = self.session.seen
                if seen is None:
                    continue
                now = time.monotonic()
                width = self._wanted_width(now)
                if width:
                    # A helper process hands all pictures over only while they are asked for.
                    self.session.capture.newest_image()
                examine = now - examined >= _HEALTH_SECONDS
                if seen is last or not (width or examine):
                    found: tuple[Sight, ...] | None = None
                else:
                    found = self._look(seen)
                if width:
                    # A helper process sends every image only while somebody asks.
                    self.session.capture.newest_image()
                if width and found is not None:
                    self.picture = self._made(seen, found, width)
                if examine:
                    examined = now
                    self._examine(now, seen, found)
                last = seen
        except Exception:
            logger.exception("Watching the capture failed")
            self.picture = None
            self.fault = "The camera's picture is not shown because of a fault in Mimica; see the log."

    def _look(self, seen: live.Seen) -> tuple[Sight, ...]:
        profile = self.session.profile
        neutral = profile.neutral if profile is not None else None
        gaze: dict[int, np.ndarray] = {}
        for frame in seen.faces:
            looks = self.session.gaze_of_face(frame.face_id)
            if looks is not None and np.isfinite(looks).all():
                gaze[frame.face_id] = looks
            elif neutral is None:
                # On a face that is not known yet, eyes that are set deep would look down.
                gaze[frame.face_id] = np.full((2, 2), np.nan)
        return sights(seen.faces, neutral, self.session.settings.field_of_view, gaze)

    def _made(self, seen: live.Seen, found: tuple[Sight, ...], width: int) -> Picture:
        face = self.session.face
        values = self.session.values_of_face(face)
        bars = self._strongest.step(time.monotonic(), values) if values is not None else ()
        height, full = seen.image.pixels.shape[:2]
        faces = tuple(frame for frame in seen.faces if frame.found)
        return Picture(shown_pixels(seen.image.pixels, width), full / height, faces, found, face, bars)

    def _examine(self, now: float, seen: live.Seen, found: tuple[Sight, ...] | None) -> None:
        """Work out what is wrong."""
        # Without a new image since the last look, it shows what it showed.
        found = self._look(seen) if found is None else found
        session = self.session
        stats, info = session.stats(), session.capture.info
        self._counts.append(_Count(now, stats.captured, stats.dropped, session.recording is not None))
        while now - self._counts[0].time > _RATE_SECONDS:
            self._counts.popleft()
        first, last = self._counts[0], self._counts[-1]
        seconds, came = last.time - first.time, last.captured - first.captured
        skipped = (last.dropped - first.dropped) / came if came > 0 else math.nan
        # Too short a while tells nothing of a rate.
        known = seconds > _RATE_SECONDS / 2
        live_source = info is not None and info.live
        recording = all(count.recording for count in self._counts)
        reading = Reading(
            time=now,
            found=0.0,
            camera_rate=came / seconds if known and live_source else math.nan,
            skipped=skipped if known and not recording and stats.rate < _ENOUGH else math.nan,
            lost=skipped if known and recording else math.nan,
            latency_ms=session.latency_ms,
        )
        self.complaints = self._health.step(with_face(reading, seen, found, session.face))


def with_face(reading: Reading, seen: live.Seen, found: tuple[Sight, ...], face: int) -> Reading:
    """Return a reading with what the newest image shows of a face."""
    sight = next((sight for sight in found if sight.face == face), None)
    if sight is None:
        return reading
    return replace(
        reading,
        found=1.0,
        outside=sight.outside,
        away=sight.away,
        width=sight.width,
        luma=luma_of(seen.image.pixels, sight.box),
    )


def shown_pixels(pixels: np.ndarray, width: int) -> np.ndarray:
    """Return an image as the graphics card takes it, float32 (height, width, 4), at most so wide; never enlarged.

    :param pixels: uint8 (height, width, 3) RGB.
    """
    import cv2

    if width < pixels.shape[1]:
        height = max(1, round(pixels.shape[0] * width / pixels.shape[1]))
        # The mean of what becomes one pixel is quick for halves alone; the last step leaves nothing out.
        while pixels.shape[1] >= 2 * width and pixels.shape[0] >= 2:
            even = pixels[: pixels.shape[0] // 2 * 2, : pixels.shape[1] // 2 * 2]
            half = (even.shape[1] // 2, even.shape[0] // 2)
            pixels = cv2.resize(even, half, interpolation=cv2.INTER_AREA)
        pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)
    coloured = cv2.cvtColor(pixels, cv2.COLOR_RGB2RGBA)
    return np.multiply(coloured, np.float32(1.0 / 255.0), dtype=np.float32)


_watch: Watch | None = None


def follow(session: live.LiveSession) -> Watch:
    """Watch a session from now on, if that is not already done. Main thread, each tick."""
    global _watch
    if _watch is None or _watch.session is not session:
        _watch = Watch(session)
    return _watch


def current() -> Watch | None:
    """Return who watches the running session; None without one. Main thread."""
    global _watch
    if _watch is not None and _watch.session is not live.current():
        _watch = None
    return _watch

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running capture: one thread grabs images, one tracks faces in them; results are fetched by whoever asks."""

import logging
import statistics
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from ..mapping.frame import FaceFrame
from .film import FilmWriter
from .memory import give_back
from .model import ModelError
from .source import FrameSource, Image, SourceError, SourceInfo
from .take_writer import TakeWriter
from .tracker import TrackerError

log = logging.getLogger(__name__)

SessionState = Literal["idle", "opening", "running", "ended", "failed", "stopped"]
Pace = Literal["realtime", "fast"]

_HOLD_SECONDS = 2.0
"""While recording live, images wait this long for a tracker that is held up before any is given up."""
_HOLD_BYTES = 512 * 2**20
_SLOW_SECONDS = 5.0
"""How long a machine that could not keep up counts as too slow."""
_FEW = 4
"""Images that wait where more would only add to the latency: live on a machine that is too slow, and from files, which
wait themselves.
"""
_RUSH = 0.5
"""Seconds by which a file that is played in real time may be late and still catch up."""
_WINDOW = 1.0
"""Seconds over which rate and latency are taken."""


class FaceTracker(Protocol):
    """What tracks the images: `tracker.Tracker`, or something around it."""

    def track(self, image: Image) -> tuple[FaceFrame, ...]:
        """Return the faces of one image, never none at all."""
        ...

    def close(self) -> None:
        """Release what it holds."""
        ...


@dataclass(frozen=True, slots=True)
class CaptureStats:
    """How a capture is going."""

    captured: int
    """Images that arrived since the capture runs."""
    tracked: int
    """Images that went through the tracker."""
    dropped: int
    """Images given up because the tracker was busy. Normal live; while recording a sign of too slow a machine."""
    recorded: int
    """Images handed to the take of the current or last recording."""
    rate: float
    """Images tracked a second, over the last second."""
    latency_ms: float
    """From the grab to the tracker's result, median of the last second."""
    face_found: bool
    """Whether the newest image had a face."""
    recording_error: str | None = None
    """A sentence when the take cannot be written; the capture itself goes on."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    image: Image
    writer: TakeWriter | None


class CaptureSession:
    """Grabs and tracks in two threads of its own, from `start` to `stop`. Not restartable: make a new one.

    Every method may be called from any thread; only `stop`, `stop_recording` and `wait` wait for anything. Live, the
    newest image wins between the threads. Images that arrive while recording all go to the take: cameras and streams
    may run 2 s ahead of the tracker, files wait for it.
    """

    def __init__(
        self, source: FrameSource, make_tracker: Callable[[], FaceTracker], *, pace: Pace = "realtime"
    ) -> None:
        """Nothing is opened yet.

        `make_tracker` is called in the tracking thread, where the tracker is also closed. `pace`: "realtime" follows
        a file's time stamps, as live sources do by themselves; "fast" takes every image of a file as quickly as the
        tracker can.
        """
        self._source = source
        self._make_tracker = make_tracker
        self._pace: Pace = pace
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._waiting: deque[_Waiting] = deque()
        self._at_work: _Waiting | None = None
        self._newest: deque[tuple[FaceFrame, ...]] = deque(maxlen=1)
        self._newest_image: Image | None = None
        self._threads: tuple[threading.Thread, ...] = ()
        self._state: SessionState = "idle"
        self._error: str | None = None
        self._info: SourceInfo | None = None
        self._grabbing = True
        self._tracking = True
        self._ready = False
        self._drain_until = float("inf")
        self._hold = 0.0
        self._every = 1
        self._slow_until = 0.0
        self._thinned = 0.0
        self._give_room()
        # The writer of images that arrive now, and those that may still be written to: the last images of a recording
        # are tracked after its end. And the writer whose figures are shown, also after its recording.
        self._writer: TakeWriter | None = None
        self._open_writers: set[TakeWriter] = set()
        self._shown_writer: TakeWriter | None = None
        self._films: dict[TakeWriter, FilmWriter] = {}
        self._shown: dict[TakeWriter, Image] = {}
        self._clock: float | None = None
        self._write_lock = threading.Lock()
        self._captured = self._tracked = self._dropped = 0
        self._offered: dict[int, int] = {}
        """Images that each device offered so far."""
        self._results: deque[tuple[float, float]] = deque()
        self._first_result = 0.0
        self._face_found = False

    @property
    def state(self) -> SessionState:
        """idle, opening (source and tracker), running, then ended (end of file), failed (see `error`) or stopped."""
        return self._state

    @property
    def error(self) -> str | None:
        """A sentence for the user when the state is failed."""
        return self._error

    @property
    def info(self) -> SourceInfo | None:
        """What was opened, from the moment it is."""
        return self._info

    @property
    def recording(self) -> bool:
        """Whether images that arrive now go to a take."""
        return self._writer is not None

    def start(self) -> None:
        """Start opening the source and making the tracker, both in their own threads; returns at once."""
        with self._changed:
            if self._state != "idle":
                raise RuntimeError("A capture session starts once.")
            self._state = "opening"
            self._threads = (
                threading.Thread(target=self._grab, name="mimica-grab", daemon=True),
                threading.Thread(target=self._track, name="mimica-track", daemon=True),
            )
            for thread in self._threads:
                thread.start()

    def stop(self, timeout: float = 2.0) -> bool:
        """End the capture, from any state, and close the take that is being recorded. Safe to call again.

        Images that arrived for the take are still tracked for half of `timeout`. Returns within about `timeout`
        seconds: True when source and tracker are released; False when one of them hangs, to be released by its own
        thread when it comes back. The take holds what was tracked either way.
        """
        deadline = time.perf_counter() + timeout
        with self._changed:
            started = self._state != "idle"
            if not started:
                self._state = "stopped"
            self._drain_until = min(self._drain_until, time.perf_counter() + timeout / 2)
            self._writer = None
            self._stopping.set()
            self._changed.notify_all()
        self._source.interrupt()
        if not started:
            self._source.close()
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.perf_counter()))
        with self._changed:
            if self._state in ("opening", "running"):
                self._state = "stopped"
            self._changed.notify_all()
        written = self._close_writers(max(0.05, deadline - time.perf_counter()))
        return written and not any(thread.is_alive() for thread in self._threads)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the capture is over (ended, failed or stopped), `timeout` seconds at most; return if it is."""
        with self._changed:
            return self._changed.wait_for(lambda: self._state in ("ended", "failed", "stopped"), timeout)

    def latest(self) -> tuple[FaceFrame, ...] | None:
        """Return the faces of the newest tracked image, once; None until there is a newer one. Never waits."""
        try:
            return self._newest.pop()
        except IndexError:
            return None

    def newest_image(self) -> Image | None:
        """Return the image of the newest result, for showing the picture with its landmarks. Never waits."""
        return self._newest_image

    @property
    def clock(self) -> float | None:
        """The moment, on the clock of `time.perf_counter`, at which the clock of the take showed 0.

        Of the present recording, or the last one; None until its first image is there. Images may be late, as those of
        files are behind a slow tracker, but never early.
        """
        return self._clock

    def start_recording(self, writer: TakeWriter, film: FilmWriter | None = None) -> None:
        """Record every image that arrives from now on; also before `start`, to have a file from its first image.

        :param film: keeps the pictures of the take's images. The caller closes it after `stop_recording`.
        """
        with self._changed:
            if self._writer is not None:
                raise RuntimeError("A take is already being recorded.")
            self._writer = self._shown_writer = writer
            self._clock = None
            self._open_writers.add(writer)
            if film is not None:
                self._films[writer] = film
            self._give_room()

    def stop_recording(self, timeout: float = 1.0) -> None:
        """End the recording and hand the writer back to the caller, who closes it: nothing is appended any more.

        Images that arrived while recording are tracked first, for `timeout` seconds at most. Normally that is one,
        but up to 2 s of them where the tracker was held up: who must not wait calls this in a thread. The next
        recording may begin meanwhile.
        """
        with self._changed:
            writer, self._writer = self._writer, None
            if writer is None:
                return
            self._changed.wait_for(
                lambda: not self._tracking or self._state == "idle" or not self._has_images_for(writer), timeout
            )
            for i, item in enumerate(self._waiting):
                if item.writer is writer:
                    self._waiting[i] = _Waiting(item.image, None)
        with self._write_lock:
            self._open_writers.discard(writer)
            self._films.pop(writer, None)
            self._shown.pop(writer, None)

    def stats(self) -> CaptureStats:
        """Return the figures of this moment. Cheap."""
        now = time.perf_counter()
        with self._changed:
            # Without the very first result, from which the time is counted.
            since = max(now - _WINDOW, self._first_result)
            recent = [latency for done, latency in self._results if done > since]
            return CaptureStats(
                captured=self._captured,
                tracked=self._tracked,
                dropped=self._dropped,
                recorded=self._shown_writer.count if self._shown_writer else 0,
                rate=len(recent) / (now - since) if recent else 0.0,
                latency_ms=statistics.median(recent) * 1000 if recent else 0.0,
                face_found=self._face_found,
                recording_error=self._shown_writer.error if self._shown_writer else None,
            )

    # The grabbing thread.

    def _grab(self) -> None:
        try:
            info = self._source.open()
            with self._changed:
                self._info = info
                self._run_if_ready()
                if not info.live:
                    self._changed.wait_for(lambda: self._ready or self._stopping.is_set() or not self._tracking)
            start: float | None = None
            while not self._stopping.is_set():
                image = self._source.read()
                if image is None:
                    break
                if not info.live and self._pace == "realtime":
                    start = self._wait_until_due(image, start)
                    image = replace(image, grabbed=time.perf_counter())
                self._offer(image, info.live)
        except Exception as error:
            self._fail(error)
        finally:
            try:
                self._source.close()
            except Exception:
                log.exception("The source could not be closed.")
            with self._changed:
                self._grabbing = False
                self._changed.notify_all()

    def _wait_until_due(self, image: Image, start: float | None) -> float:
        """Wait for the moment at which a file's image is due. Return the moment at which the file's time was 0."""
        now = time.perf_counter()
        # At the beginning, and where the tracker or the computer's sleep held it up: go on from here, without a rush.
        if start is None or now - start - image.time > _RUSH:
            return now - image.time
        self._stopping.wait(start + image.time - now)
        return start

    def _offer(self, image: Image, live: bool) -> None:
        """Queue an image for the tracker."""
        with self._changed:
            writer = self._writer
            if not self._ready and writer is None:
                return  # live while the tracker is still being made: not missed by anyone
            lossless = writer is not None or self._pace == "fast"
            if lossless and not live:
                self._changed.wait_for(
                    lambda: len(self._waiting) < _FEW or self._stopping.is_set() or not self._tracking
                )
            self._captured += 1
            if writer is not None:
                began = image.grabbed - image.time
                self._clock = began if self._clock is None else min(self._clock, began)
            number = self._offered.get(image.device, 0)
            self._offered[image.device] = number + 1
            if lossless and live and number % self._every:
                self._dropped += 1
                return
            if lossless or not self._replace_stale(image):
                self._waiting.append(_Waiting(image, writer))
            if lossless and live:
                self._thin_out(image)
            self._changed.notify_all()

    def _replace_stale(self, image: Image) -> bool:
        """Let the newest win in the place of its device's last one, so that no device keeps another's from its turn.

        What came for a take before its end stays. Return False where nothing of the device waits.
        """
        stale = [item for item in self._waiting if item.writer is None and item.image.device == image.device]
        if not stale:
            return False
        self._waiting[self._waiting.index(stale[0])] = _Waiting(image, None)
        for item in stale[1:]:
            self._waiting.remove(item)
        self._dropped += len(stale)
        return True

    def _thin_out(self, newest: Image) -> None:
        """Give up every other waiting image when too many wait, so that they stay evenly spaced.

        A tracker that is too slow would leave the live picture far behind. Therefore only every second image, then
        every fourth and so on comes in until the tracker has caught up, and few may wait after that. A machine that
        keeps up for a while has all the room again.
        """
        waited = newest.time - self._waiting[0].image.time
        slow = newest.time < self._slow_until
        if slow:
            crowded = len(self._waiting) > _FEW
        else:
            # Once too much waited, the backlog must melt by a quarter of a second a second at least.
            melted = (newest.time - self._thinned) / 4 if self._every > 1 else 0.0
            crowded = waited > self._hold - melted or len(self._waiting) * newest.pixels.nbytes > _HOLD_BYTES
        if not crowded:
            return
        seen: Counter[int] = Counter()
        kept: list[_Waiting] = []
        for item in reversed(self._waiting):
            if seen[item.image.device] % 2 == 0:
                kept.append(item)
            seen[item.image.device] += 1
        self._dropped += len(self._waiting) - len(kept)
        self._waiting = deque(reversed(kept))
        if slow:
            self._slow_until = newest.time + _SLOW_SECONDS
        else:
            self._every *= 2
            self._hold = waited + _HOLD_SECONDS / 4
            self._thinned = newest.time

    def _give_room(self, slow_until: float = 0.0) -> None:
        """Let images wait again that come live while recording. Called with the lock held."""
        self._every = 1
        self._hold = _HOLD_SECONDS
        self._slow_until = slow_until

    # The tracking thread.

    def _track(self) -> None:
        tracker = None
        try:
            tracker = self._make_tracker()
            with self._changed:
                self._ready = True
                self._run_if_ready()
            while (item := self._take()) is not None:
                faces = tracker.track(item.image)
                self._deliver(item, faces)
        except Exception as error:
            self._fail(error)
        finally:
            if tracker is not None:
                try:
                    tracker.close()
                except Exception:
                    log.exception("The tracker could not be closed.")
            del tracker
            give_back()
            with self._changed:
                self._tracking = False
                self._at_work = None
                if self._state in ("opening", "running"):
                    self._state = "stopped" if self._stopping.is_set() else "ended"
                self._changed.notify_all()

    def _take(self) -> _Waiting | None:
        """Wait for an image to track; None when there will be none."""
        with self._changed:
            self._at_work = None
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._waiting or not self._grabbing or self._stopping.is_set())
            if self._stopping.is_set():
                # Only what belongs to a take is still worth the time.
                late = time.perf_counter() > self._drain_until
                while self._waiting and (late or self._waiting[0].writer is None):
                    self._dropped += 1
                    self._waiting.popleft()
            if not self._waiting:
                return None
            self._at_work = self._waiting.popleft()
            if not self._waiting and self._every > 1:
                self._give_room(self._at_work.image.time + _SLOW_SECONDS)
            self._changed.notify_all()
            return self._at_work

    def _deliver(self, item: _Waiting, faces: tuple[FaceFrame, ...]) -> None:
        done = time.perf_counter()
        self._newest_image = item.image
        self._newest.append(faces)
        if item.writer is not None:
            self._record(item.writer, faces, item.image)
        with self._changed:
            if not self._tracked:
                self._first_result = done
            self._tracked += 1
            self._face_found = any(face.found for face in faces)
            self._results.append((done, done - item.image.grabbed))
            while self._results[0][0] < done - _WINDOW:
                self._results.popleft()

    def _record(self, writer: TakeWriter, faces: tuple[FaceFrame, ...], image: Image) -> None:
        """Append to the take. A take that cannot be written does not end the capture; it is said in `stats`."""
        with self._write_lock:
            if writer not in self._open_writers:  # its recording was stopped meanwhile
                return
            number = writer.append(faces)
            if number is not None and writer in self._films:
                self._films[writer].add(number, self._filmed(writer, image).pixels)

    def _filmed(self, writer: TakeWriter, image: Image) -> Image:
        """Return what the film shows for an image: it has as many pictures as the take, all of the take's first device.

        For another device's image that is the first one's newest.
        """
        kept = self._shown.get(writer)
        if kept is None or kept.device == image.device:
            self._shown[writer] = kept = image
        return kept

    # Shared.

    def _has_images_for(self, writer: TakeWriter) -> bool:
        """Return whether images that belong to a take are not tracked yet. Called with the lock held."""
        at_work = self._at_work is not None and self._at_work.writer is writer
        return at_work or any(item.writer is writer for item in self._waiting)

    def _run_if_ready(self) -> None:
        """Called with the lock held."""
        if self._state == "opening" and self._ready and self._info is not None:
            self._state = "running"
        self._changed.notify_all()

    def _close_writers(self, timeout: float) -> bool:
        """Close the takes of recordings that were not stopped. Return False if one is still being written to."""
        if not self._write_lock.acquire(timeout=timeout):
            log.error("The take is not closed: its disk does not answer.")
            return False
        try:
            writers, self._open_writers = self._open_writers, set()
            films, self._films = self._films, {}
        finally:
            self._write_lock.release()
        for writer in writers:
            writer.close(timeout)
        for film in films.values():
            film.close(timeout)
        return True

    def _fail(self, error: Exception) -> None:
        """Keep the first error as a sentence and end both threads."""
        if isinstance(error, SourceError | TrackerError | ModelError):
            log.info("Capture failed: %s", error)
            sentence = str(error)
        else:
            log.error("Capture failed.", exc_info=error)
            sentence = f"The capture stopped at an error ({error}). The system console has the details."
        with self._changed:
            if self._state in ("opening", "running") and not self._stopping.is_set():
                self._error = sentence
                self._state = "failed"
            self._stopping.set()
            self._changed.notify_all()
        self._source.interrupt()

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running capture in a running viewer, by a thread that holds nobody up.

The newest picture and points win: while they are on their way, those between are passed over. Curves have every moment,
some at a time, which costs a fraction of what each by itself would. A viewer that is not there is looked for
again and again, and one that goes away, or comes late, is found when it comes.
"""

import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ...mapping.calibration import PerformerProfile, default_profile
from ...mapping.face_space import DEFAULT_FIELD_OF_VIEW
from ...mapping.frame import FaceFrame, FaceFrames
from ...mapping.motion import Motion
from ...mapping.solve import observe
from .. import extras
from . import columns
from .address import Address, nobody_at
from .entities import APPLICATION, PICTURE, FacePaths
from .layout import Shown, layout
from .pictures import WIDTH, encoded

if TYPE_CHECKING:
    import rerun as rr

logger = logging.getLogger(__name__)

_LOOK_AGAIN = 1.0
"""Seconds between two looks for a viewer."""
_PATIENCE = 2.0
"""Seconds that a viewer may take for one moment; one that takes longer hangs."""
_CURVES_EVERY = 0.25
"""Seconds of curves that are sent at once."""
_MOST_GATHERED = 240
"""Moments that wait for that; older ones fall out while there is no viewer."""
_RATE_OVER = 2.0
"""Seconds over which the rate is counted."""


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """What a capture showed at one instant. Nobody writes to it after it was made."""

    time: float
    """Seconds on the capture's clock."""
    frames: tuple[FaceFrame, ...] = ()
    """Faces as they were tracked; none where another program sends controls."""
    motions: Mapping[int, Motion] = field(default_factory=dict)
    """By face: one instant, as it is shown. Faces that move nothing have none."""
    profiles: Mapping[int, PerformerProfile] = field(default_factory=dict)
    """By face: what they are read with, where that is known."""
    picture: np.ndarray | None = None
    """uint8 (height, width, 3) RGB."""


@dataclass(frozen=True, slots=True)
class ViewerHealth:
    """How it is."""

    connected: bool
    rate: float
    """Moments shown a second."""
    problem: str
    """Why nothing is shown, as a sentence; empty while all is well."""


class LiveViewer:
    """Sends moments to a viewer from `start` to `stop`. No method waits; `offer` is for one thread."""

    def __init__(self, address: Address, name: str, *, width: int = WIDTH) -> None:
        """Nothing is sent yet.

        :param name: what the viewer lists it as.
        :param width: pixels that pictures are wide at most; 0 leaves them out.
        """
        self.address = address
        self._name, self._width = name, width
        self._newest: deque[tuple[int, Moment]] = deque(maxlen=1)
        self._gathered: deque[tuple[int, Moment]] = deque(maxlen=_MOST_GATHERED)
        self._offered = itertools.count()
        self._curves_due = 0.0
        self._work = threading.Event()
        self._ending = False
        self._problem = ""
        self._recording: Any = None
        self._shown: dict[int, Shown] = {}
        self._with_picture = 0.0
        self._count = 0
        self._sent: deque[float] = deque(maxlen=600)
        self._next_look = 0.0
        self._thread = threading.Thread(target=self._run, name="mimica-viewer", daemon=True)

    def start(self) -> None:
        """Begin. Raises `extras.ExtraMissing`."""
        extras.require("rerun")
        self._thread.start()

    def stop(self) -> None:
        """End it soon."""
        self._ending = True
        self._work.set()

    def join(self, timeout: float) -> bool:
        """Wait for the end after `stop`, and return whether it came."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def offer(self, moment: Moment) -> None:
        """Show a moment, in place of one that still waits."""
        number = next(self._offered)
        # Not to keep pictures in memory.
        self._gathered.append((number, replace(moment, picture=None)))
        self._newest.append((number, moment))
        self._work.set()

    @property
    def health(self) -> ViewerHealth:
        """How it is at this moment. Cheap."""
        since = time.monotonic() - _RATE_OVER
        sent = [moment for moment in tuple(self._sent) if moment > since]
        return ViewerHealth(self._recording is not None, len(sent) / _RATE_OVER, self._problem)

    # The thread

    def _run(self) -> None:
        try:
            while not self._ending:
                self._work.wait(_LOOK_AGAIN)
                self._work.clear()
                if self._ending or (self._recording is None and not self._connected()):
                    continue
                try:
                    number, moment = self._newest.pop()
                except IndexError:
                    continue
                self._show(number, moment)
        except Exception:
            logger.exception("The viewer's thread failed")
            self._problem = "The Rerun viewer is no longer served because of a fault in Mimica; see the log."
        finally:
            self._finish()

    def _finish(self) -> None:
        """Send the last curves, if somebody takes them."""
        if self._recording is not None:
            with suppress(RuntimeError):
                send_curves(self._recording, self._gather())
                self._recording.flush(timeout_sec=_PATIENCE)
        self._let_go()

    def _gather(self) -> list[tuple[int, Moment]]:
        return [self._gathered.popleft() for _ in range(len(self._gathered))]

    def _connected(self) -> bool:
        """Look for a viewer, not too often, and begin a recording there."""
        if time.monotonic() < self._next_look:
            return False
        if not self.address.answers():
            self._next_look = time.monotonic() + _LOOK_AGAIN
            self._problem = nobody_at(self.address)
            return False
        import rerun as rr

        # A viewer that hangs must not hold up the end of the program: what is live need not be sent to the end.
        rr.unregister_shutdown()
        recording = rr.RecordingStream(APPLICATION)
        recording.connect_grpc(self.address.url)
        recording.send_recording_name(self._name)
        self._shown, self._with_picture, self._count = {}, 0.0, 0
        self._recording, self._problem = recording, ""
        return True

    def _show(self, number: int, moment: Moment) -> None:
        recording = self._recording
        try:
            self._prepare(recording, moment)
            send_points(recording, moment, number)
            self._send_picture(recording, number, moment)
            if time.monotonic() >= self._curves_due:
                self._curves_due = time.monotonic() + _CURVES_EVERY
                send_curves(recording, self._gather())
            recording.flush(timeout_sec=_PATIENCE)
        except RuntimeError as error:
            # Rerun's word for a connection that is gone, or takes nothing.
            logger.info("The viewer at %s is gone: %s", self.address.text, error)
            self._problem = f"The Rerun viewer at {self.address.text} went away, or does not answer. It is looked for."
            self._next_look = time.monotonic() + _LOOK_AGAIN
            self._let_go()
            return
        self._count += 1
        self._sent.append(time.monotonic())

    def _prepare(self, recording: "rr.RecordingStream", moment: Moment) -> None:
        """Write what does not change of faces that are new, and the layout that shows them."""
        tracked = {frame.face_id: frame for frame in moment.frames if frame.found}
        new = (tracked.keys() | moment.motions.keys()) - self._shown.keys()
        if not new:
            return
        for face in new:
            frame = tracked.get(face)
            scores = frame is not None and frame.scores is not None
            self._shown[face] = Shown(FacePaths.of(face), points=frame is not None, scores=scores)
            neutral = None if frame is None else _profile(moment, face).neutral
            columns.send_static(recording, FacePaths.of(face), scores, neutral)
        recording.send_blueprint(layout([self._shown[face] for face in sorted(self._shown)]))

    def _send_picture(self, recording: "rr.RecordingStream", number: int, moment: Moment) -> None:
        if moment.picture is None or not self._width:
            return
        import rerun as rr

        scale = max(1.0, moment.picture.shape[1] / self._width)
        if scale != self._with_picture:
            self._with_picture = scale
            recording.log(PICTURE, rr.Transform3D(scale=[scale, scale, 1.0]), static=True)
        jpeg = np.frombuffer(encoded(moment.picture, self._width), np.uint8)
        at = columns.instants(np.array([moment.time]), np.array([number]))
        recording.send_columns(PICTURE, at, rr.EncodedImage.columns(blob=[jpeg], media_type=["image/jpeg"]))

    def _let_go(self) -> None:
        """Leave the recording to a thread of its own: a viewer that hangs holds up who says good-bye to it."""
        recording, self._recording = self._recording, None
        if recording is not None:
            threading.Thread(target=recording.disconnect, name="mimica-viewer-end", daemon=True).start()


def send_points(recording: "rr.RecordingStream", moment: Moment, number: int) -> None:
    """Write the landmarks of a moment, in the picture and in face space. `number` counts moments from 0."""
    numbers = np.array([number])
    for frame in moment.frames:
        paths, one = FacePaths.of(frame.face_id), FaceFrames.from_frames([frame])
        columns.send_points(recording, paths, one, numbers)
        points = one.landmarks
        if frame.found:
            points = observe(one, _profile(moment, frame.face_id), own_turns=False).face
        columns.send_shape(recording, paths, one.times, points, numbers)


def send_curves(recording: "rr.RecordingStream", moments: Sequence[tuple[int, Moment]]) -> None:
    """Write scores, controls, head and gaze of some moments, each with its number, at once."""
    frames: dict[int, list[tuple[int, FaceFrame]]] = {}
    motions: dict[int, list[tuple[int, Motion]]] = {}
    for number, moment in moments:
        for frame in moment.frames:
            frames.setdefault(frame.face_id, []).append((number, frame))
        for face, motion in moment.motions.items():
            motions.setdefault(face, []).append((number, motion))
    for face, seen in frames.items():
        numbers, faces = zip(*seen, strict=True)
        columns.send_scores(recording, FacePaths.of(face), FaceFrames.from_frames(faces), np.array(numbers))
    for face, shown in motions.items():
        numbers, parts = zip(*shown, strict=True)
        columns.send_motion(recording, FacePaths.of(face), _joined(parts), np.array(numbers))


def _joined(parts: Sequence[Motion]) -> Motion:
    """Return motions one after the other, without displacements: their groups may change when a character does."""
    slim = [replace(part, displacement=np.zeros((len(part), 0, 3))) for part in parts]
    return Motion(*(np.concatenate([getattr(part, one.name) for part in slim]) for one in fields(Motion)))


def _profile(moment: Moment, face: int) -> PerformerProfile:
    return moment.profiles.get(face) or default_profile(DEFAULT_FIELD_OF_VIEW)

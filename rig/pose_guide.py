# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The face that shows a performer what to do: from rest into the pose and back, over and over.

Faces are worked out on a thread of their own; the main thread takes what is ready.
"""

import logging
import threading
from collections import OrderedDict

import numpy as np

from ..mapping.learning import pose_vector
from ..mapping.range_poses import RangePose
from .guide_face import Drawn, GuideFace, guide_face

logger = logging.getLogger(__name__)

LOOP = 2.4
"""Seconds of one round."""
_IN, _STAY, _OUT = 0.5, 1.4, 1.9
"""Seconds at which the pose is reached, left, and gone."""
_STEPS = 16
"""Faces between rest and pose: more are not told apart, and those that were shown are kept."""
_KEPT = 3 * _STEPS
_IDLE = 5.0
"""Seconds after which the thread ends when nobody asks."""


def swing(seconds: float) -> float:
    """Return how far the guide's face is in its pose, [0, 1], at a time on any clock."""
    at = seconds % LOOP
    if at < _STAY:
        share = min(at / _IN, 1.0)
    else:
        share = max(1.0 - (at - _STAY) / (_OUT - _STAY), 0.0)
    # Faces begin and end softly.
    return share * share * (3.0 - 2.0 * share)


def guide_shapes(pose: RangePose, level: float) -> np.ndarray:
    """Return ARKit's shapes, float (52,), of a pose gone so far; in steps, so that faces recur."""
    return pose_vector(pose.controls) * (round(level * _STEPS) / _STEPS)


class FaceMaker:
    """Works faces out for several places, the newest wish of each. `ask` is for the main thread and returns at once."""

    def __init__(self) -> None:
        self.face: GuideFace | None = None
        """What all have in common; None until the first is ready."""
        self._lock = threading.Condition()
        self._wishes: dict[str, np.ndarray] = {}
        self._ready: dict[str, Drawn] = {}
        self._kept: OrderedDict[bytes, Drawn] = OrderedDict()
        self._thread: threading.Thread | None = None

    def ask(self, place: str, shapes: np.ndarray) -> Drawn | None:
        """Wish for a face in a place; returns the newest that is ready for it, None at first.

        :param shapes: float (52,), ARKit's.
        """
        with self._lock:
            self._wishes[place] = shapes
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="mimica-guide", daemon=True)
                self._thread.start()
            self._lock.notify()
            return self._ready.get(place)

    def forget(self) -> None:
        """Let what is kept go: nothing is drawn any more."""
        with self._lock:
            self._wishes.clear()
            self._ready.clear()
            self._kept.clear()

    def _work(self) -> None:
        try:
            self.face = guide_face()
            while True:
                with self._lock:
                    if not self._wishes and not self._lock.wait(_IDLE):
                        self._thread = None
                        return
                    wishes, self._wishes = self._wishes, {}
                for place, shapes in wishes.items():
                    made = self._made(shapes)
                    with self._lock:
                        self._ready[place] = made
        except Exception:
            # The words say what to do without a face beside them.
            logger.exception("The guide's face cannot be drawn")

    def _made(self, shapes: np.ndarray) -> Drawn:
        key = np.round(shapes, 3).tobytes()
        with self._lock:
            # The main thread may let go of what is kept at any time.
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = guide_face().drawn(shapes)
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return made

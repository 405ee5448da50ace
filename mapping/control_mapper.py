# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controls that another program sends, mapped live: as a recorded take of them is baked, but for the filter."""

from .control_take import motion_of_take, take_of_frames
from .frame import ControlFrame
from .live_steps import LiveSteps
from .motion import Motion


class ControlMapper(LiveSteps):
    """Maps one face's controls, frame after frame, as they come. Used by one thread at a time.

    There is no neutral to be found: the sender's own calibration counts, and what follows landmarks moves as the
    average face does.
    """

    profile = None
    calibrating = False
    _shown_last: tuple[ControlFrame, Motion] | None = None

    def step(self, frame: ControlFrame) -> Motion:
        """Map one frame to a motion of one instant, filtered causally, without NaN.

        The same frame again is no other instant: several faces of a stream come one by one, and each is mapped once.
        """
        if self._shown_last is None or self._shown_last[0] is not frame:
            motion = self._show(motion_of_take(take_of_frames("", [frame]), self._solved_for))
            self._shown_last = frame, motion
        return self._shown_last[1]

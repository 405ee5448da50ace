# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which controls do most at the moment, in an order that can be read while they change."""

import numpy as np

from .frame import ARKIT_SHAPES

_FADE_SECONDS = 1.5
"""How soon a control that did much counts as little."""
_LEAST = 0.05
"""What is weaker is not worth a row."""


class Strongest:
    """The controls with the highest values of late. One that stays among them keeps its row."""

    def __init__(self, rows: int) -> None:
        """:param rows: most controls at once."""
        self._rows: list[int | None] = [None] * rows
        self._levels = np.zeros(len(ARKIT_SHAPES))
        self._time = -np.inf

    def step(self, time: float, values: np.ndarray) -> tuple[tuple[str, float], ...]:
        """Return names and values, from the first row to the last; rows that are free are left out.

        :param time: seconds, increasing.
        :param values: (52,) or more, ARKit's shapes first, finite.
        """
        shapes = values[: len(self._levels)]
        fade = np.exp(-max(0.0, time - self._time) / _FADE_SECONDS)
        self._time = time
        self._levels = np.maximum(shapes, self._levels * fade)
        order = np.argsort(-self._levels, kind="stable")[: len(self._rows)]
        chosen = [int(i) for i in order if self._levels[i] >= _LEAST]
        self._rows = [row if row in chosen else None for row in self._rows]
        for control in chosen:
            if control not in self._rows:
                self._rows[self._rows.index(None)] = control
        return tuple((ARKIT_SHAPES[row], float(shapes[row])) for row in self._rows if row is not None)

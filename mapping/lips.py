# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lips that touch touch in the result too: a filter blurs the moment of contact, so contact is put back after it."""

import numpy as np

from .data import load_table
from .frame import ARKIT_SHAPES

_JAW_OPEN, _MOUTH_CLOSE = ARKIT_SHAPES.index("jawOpen"), ARKIT_SHAPES.index("mouthClose")


def keep_contact(filtered: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return filtered controls (N, 52) whose lips are as closed as they are in those that were seen, near contact.

    mouthClose over jawOpen is the share of the jaw's gap that the lips close. Where it is nearly all, the filtered
    jawOpen gets the same share; and lips never close more than the jaw has opened.
    """
    start, full = load_table("filters")["contact"]["share"]
    least = load_table("filters")["contact"]["least_jaw"]
    jaw = seen[:, _JAW_OPEN]
    share = np.minimum(seen[:, _MOUTH_CLOSE] / np.maximum(jaw, least), 1.0)
    weight = np.minimum(np.maximum((share - start) / (full - start), 0.0), 1.0)
    result = filtered.copy()
    opened, closed = filtered[:, _JAW_OPEN], filtered[:, _MOUTH_CLOSE]
    result[:, _MOUTH_CLOSE] = np.minimum(closed + weight * (share * opened - closed), opened)
    return result

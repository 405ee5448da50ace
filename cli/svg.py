# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Curves and bars as SVG that stands in an HTML page. Colours come from the page's classes."""

from collections.abc import Sequence
from html import escape

import numpy as np

HEIGHT = 100
"""Of a plot in its own units; its width is one unit a frame. The page stretches both."""


def plot(curves: Sequence[tuple[str, np.ndarray]], low: float, high: float, marks: Sequence[int] = ()) -> str:
    """Return a plot of signals (N,) over their frames.

    :param curves: CSS class and signal; the class `truth` is drawn as an area. NaN breaks a line.
    :param low: value at the plot's foot; signals below and above are cut off.
    :param marks: frames at which a line stands, such as where a segment begins.
    """
    count = max((len(values) for _, values in curves), default=1)
    parts = [f'<path class="mark" d="M{frame} 0v{HEIGHT}"/>' for frame in marks]
    for name, values in curves:
        heights = HEIGHT * (1.0 - (np.clip(values, low, high) - low) / (high - low))
        parts.append(f'<path class="{escape(name)}" d="{_path(heights, closed=name == "truth")}"/>')
    return (
        f'<svg class="plot" viewBox="0 -4 {count} {HEIGHT + 8}" preserveAspectRatio="none">' + "".join(parts) + "</svg>"
    )


def bar(value: float, mark: float, name: str) -> str:
    """Return a bar as long as `value`, with a line across at `mark`; both in [0, 1], NaN draws nothing."""
    length = 100 * min(max(value, 0.0), 1.0) if np.isfinite(value) else 0.0
    line = f'<path class="tick" d="M{100 * min(max(mark, 0.0), 1.0):.0f} 0v12"/>' if np.isfinite(mark) else ""
    return (
        '<svg class="bar" viewBox="0 0 100 12" preserveAspectRatio="none">'
        f'<rect class="{escape(name)}" y="1" width="{length:.0f}" height="10"/>{line}</svg>'
    )


def _path(heights: np.ndarray, *, closed: bool) -> str:
    """Return path data through whole units, with steps instead of places: pages hold hundreds of curves."""
    text = f"M0 {HEIGHT}" if closed else ""
    x = y = 0
    drawing = closed
    y = HEIGHT if closed else 0
    known = np.isfinite(heights)
    rows = np.where(known, np.round(np.nan_to_num(heights)), 0).astype(int)
    for i in range(len(rows)):
        if not known[i]:
            drawing = closed
            continue
        inside = 0 < i < len(rows) - 1 and known[i - 1] and known[i + 1]
        if drawing and inside and rows[i] - rows[i - 1] == rows[i + 1] - rows[i]:
            continue  # on a straight line
        if drawing:
            text += f"l{i - x} {rows[i] - y}".replace(" -", "-")
        else:
            text += f"M{i} {rows[i]}"
        x, y, drawing = i, rows[i], True
    return text + f"V{HEIGHT}z" if closed else text

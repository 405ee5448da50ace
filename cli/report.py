# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures as they are printed and kept: Markdown tables and JSON."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .failure import make_folder, unwritable


def as_markdown(rows: Sequence[Sequence[str]]) -> str:
    """Return a table, of which the first row is the head, as Markdown whose columns line up."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    padded = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    lines = ["| " + " | ".join(row) + " |" for row in padded]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def figure(value: float) -> str:
    """Return a figure as the tables have it: .41, -.03, 1.20."""
    text = f"{round(value, 2) + 0.0:.2f}"
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write figures; what is not a number becomes null. Raises CommandError."""
    make_folder(path)
    try:
        path.write_text(json.dumps(_plain(data), indent=1, allow_nan=False), encoding="utf-8")
    except OSError as error:
        raise unwritable(path, error) from error


def _plain(data: Any) -> Any:
    """JSON has no NaN."""
    if isinstance(data, Mapping):
        return {key: _plain(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_plain(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of text with a header, read with sentences that name line and column."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from .control_take import ControlsFileError
from .naming import joined

Unit = Literal["auto", "radians", "degrees"]


@dataclass(frozen=True, slots=True)
class ReadSettings:
    """What a file does not say itself."""

    unit: Unit = "auto"
    """Of angles in Live Link Face's tables; "auto" tells by their size."""
    landscape: bool = False
    """Whether the phone lay on its side: the head's yaw and pitch then come out with the other sign."""
    rate: float | None = None
    """Frames a second, where the file has no times; None takes the file's."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text, each with the line of the file where it stands."""

    source: str
    header: tuple[str, ...]
    header_line: int
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]
    left_out: int = 0
    """Rows without any value that were left out."""

    def column(self, name: str) -> int | None:
        """Return the column of this name, whatever its case and separators."""
        wanted = joined(name)
        return next((i for i, title in enumerate(self.header) if joined(title) == wanted), None)

    def numbers(self, column: int) -> np.ndarray:
        """Return a column as numbers, (N,). Raises ControlsFileError."""
        values = np.empty(len(self.rows))
        for i, row in enumerate(self.rows):
            text = row[column] if column < len(row) else ""
            try:
                values[i] = float(text)
            except ValueError:
                values[i] = math.nan
            if not math.isfinite(values[i]):
                what = f"'{text}' is not a number" if text.strip() else "the value is missing"
                raise ControlsFileError(
                    f"'{self.source}', line {self.lines[i]}, column {self.header[column]}: {what}."
                    " Correct or delete the line."
                )
        return values

    def seen(self, columns: Sequence[int]) -> "Table":
        """Return the rows that have anything in these columns. Raises ControlsFileError when none has."""
        kept = [i for i, row in enumerate(self.rows) if any(c < len(row) and row[c].strip() for c in columns)]
        if not kept:
            raise ControlsFileError(f"'{self.source}' has a header and no values. Export it anew.")
        rows, lines = tuple(self.rows[i] for i in kept), tuple(self.lines[i] for i in kept)
        return replace(self, rows=rows, lines=lines, left_out=len(self.rows) - len(kept))

    def notes(self) -> tuple[str, ...]:
        """Say what was left out."""
        if not self.left_out:
            return ()
        return (f"{self.left_out} of {self.left_out + len(self.rows)} lines have no values and were left out.",)

    def increasing(self, times: np.ndarray, column: str) -> np.ndarray:
        """Return times (N,), seconds, as they are. Raises ControlsFileError when they do not go on."""
        back = np.flatnonzero(np.diff(times) <= 0)
        if len(back):
            i = int(back[0])
            gone = "time stands still" if times[i + 1] == times[i] else "time goes backwards"
            raise ControlsFileError(
                f"'{self.source}', line {self.lines[i + 1]}, column {column}: {gone} after line {self.lines[i]}."
                " Delete the line, or export the file anew."
            )
        return times


def read_table(text: str, source: str) -> Table:
    """Read comma-, semicolon- or tab-separated text with a header. Raises ControlsFileError.

    :param source: the file's name, for sentences.
    """
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        found = [(reader.line_num, tuple(row)) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise ControlsFileError(f"'{source}', line {reader.line_num}: this is no table ({error}).") from error
    if not found:
        raise ControlsFileError(f"'{source}' is empty. Choose another file.")
    line, titles = found[0]
    header = tuple(title.strip() for title in titles)
    if all(_is_number(title) for title in header if title):
        raise ControlsFileError(
            f"'{source}', line {line}: there are numbers where the names of the columns should be. Add a header with"
            " the names of the controls, such as jawOpen."
        )
    return Table(source, header, line, tuple(row for _, row in found[1:]), tuple(line for line, _ in found[1:]))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

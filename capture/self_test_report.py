# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The self-test's report as text: for bug reports, always in English."""

import textwrap
from collections.abc import Callable, Sequence

from .self_test import Outcome, Result, count

_WIDTH = 100
_WORDS: dict[Outcome, str] = {"ok": "OK", "warning": "WARNING", "failure": "FAILURE", "skipped": "SKIPPED"}
_INDENT = " " * 9


def report_text(
    results: Sequence[Result], *, when: str, complete: bool = True, scrub: Callable[[str], str] = str
) -> str:
    """Return the report.

    :param scrub: the last that goes over the text; what is personal in the results is out of them already.
    :param when: date and time as they are to be written.
    :param complete: whether all checks came to their end.
    """
    lines = [f"Mimica self-test, {when}", summary(results, complete=complete), ""]
    for result in results:
        lines += [f"{_WORDS[result.outcome]:<8} {result.title}"]
        lines += textwrap.wrap(result.sentence, _WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT)
        if result.advice:
            lines += textwrap.wrap(
                f"What to do: {result.advice}", _WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT
            )
        width = max((len(name) for name, _ in result.details), default=0)
        hanging = " " * (len(_INDENT) + width + 4)
        for name, value in result.details:
            start = f"{_INDENT}  {name:<{width}}  "
            # A hash or an address of memory is one piece, however long.
            lines += textwrap.wrap(
                value or "unknown", _WIDTH, initial_indent=start, subsequent_indent=hanging, break_long_words=False
            )
    return scrub("\n".join(lines) + "\n")


def summary(results: Sequence[Result], *, complete: bool = True) -> str:
    """Return how the test went, in a sentence."""
    parts = [_number(count(results, "failure"), "failure"), _number(count(results, "warning"), "warning")]
    said = " and ".join(part for part in parts if part) or "All is well"
    return f"{said}." if complete else f"{said}. The test was not finished."


def _number(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}" if number else ""

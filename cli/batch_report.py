# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a batch made, as JSON for programs and as a page with pictures for people. One page, no script.

`report.json` says nothing of when and how fast: the same input gives the same bytes. Times are in `timings.json`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .failure import unwritable

REPORT, TIMINGS, PAGE = "report.json", "timings.json", "index.html"
_SCHEMA = 1
_WORDS = {"sheet": "sheet", "output": "Blender file", "take": "take", "csv": "table", "log": "log"}
"""Kind of a file -> how the page calls it."""

_STYLE = """
:root { color-scheme: light dark; --ink: #222; --soft: #666; --paper: #fff; --faint: #8883; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #ddd; --soft: #999; --paper: #1c1c1e; --bad: #ff8a80; } }
body { font: 14px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2em auto;
  max-width: 90em; padding: 0 1em }
h1 { font-size: 1.6em; margin-bottom: .2em }
p { color: var(--soft); margin-top: 0 }
.wide { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: left; vertical-align: top; padding: .6em 1em .6em 0; border-bottom: 1px solid var(--faint) }
th { color: var(--soft); font-weight: 600; white-space: nowrap }
td.number, th.number { text-align: right; white-space: nowrap }
img { display: block; width: 30em; max-width: 40vw; height: auto; border-radius: 4px }
b { overflow-wrap: anywhere }
a { color: inherit; text-underline-offset: .15em }
.files a { margin-right: .8em; white-space: nowrap; color: var(--soft) }
.none { color: var(--soft) }
.bad { color: var(--bad) }
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One clip of the report."""

    name: str
    clip: str
    """Name of its file."""
    problem: str = ""
    """Why there is no result, as a sentence; empty when there is one."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What was found and made."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Kind -> path from the report's folder, with slashes."""
    seconds: float | None = None
    """What it took when it was made."""


def write_report(out: Path, title: str, entries: Sequence[Entry], seconds: float) -> None:
    """Write the report, the times and the page into the folder `out`. Raises CommandError.

    :param title: of the page.
    :param seconds: what the whole run took.
    """
    entries = sorted(entries, key=lambda entry: entry.name)
    report = {
        "schema": _SCHEMA,
        "clips": [
            {"name": e.name, "clip": e.clip, "problem": e.problem or None, "facts": e.facts, "files": e.files}
            for e in entries
        ],
    }
    times = {
        "schema": _SCHEMA,
        "run_seconds": round(seconds, 2),
        "clip_seconds": {e.name: round(e.seconds, 2) for e in entries if e.seconds is not None},
    }
    _write(out / REPORT, json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    _write(out / TIMINGS, json.dumps(times, indent=1, ensure_ascii=False) + "\n")
    _write(out / PAGE, _page(title, entries))


def _write(path: Path, text: str) -> None:
    """Write a file that is never seen half done."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8", newline="\n")
        part.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error


def _page(title: str, entries: Sequence[Entry]) -> str:
    done = [entry for entry in entries if not entry.problem]
    length = sum(entry.facts["seconds"] for entry in done)
    said = f"{len(done)} of {len(entries)} clips done, {_clock(length)} of performance."
    parts = [
        "<!doctype html>",
        '<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        f"<title>Mimica: {escape(title)}</title><style>{_STYLE}</style>",
        f"<h1>{escape(title)}</h1><p>{said}</p>",
        '<div class="wide"><table>',
        "<tr><th>Sheet<th>Clip"
        + "".join(
            f'<th class="number">{name}' for name in ("Length", "Frames", "Face found", "Quality", "Keys", "Time")
        )
        + "<th>Problem",
        *map(_row, entries),
        "</table></div></html>\n",
    ]
    return "\n".join(parts)


def _row(entry: Entry) -> str:
    sheet = entry.files.get("sheet")
    facts = entry.facts
    picture = '<span class="none">none</span>'
    if sheet:
        alt = escape(f"Moments of {entry.name}: the camera above, the character below")
        picture = f'<a href="{quote(sheet)}"><img loading="lazy" src="{quote(sheet)}" alt="{alt}"></a>'
    links = "".join(
        f'<a href="{quote(path)}">{_WORDS.get(kind, kind)}</a>' for kind, path in entry.files.items() if kind != "sheet"
    )
    cells = [""] * 5
    if facts:
        cells = [
            _clock(facts["seconds"]),
            f"{facts['last_frame'] - facts['first_frame'] + 1} at {facts['rate']:g}/s",
            f"{facts['found']:.0%}",
            f"{facts['quality']:.0%}",
            f"{facts['keys']:,}".replace(",", " "),
        ]
    cells.append("" if entry.seconds is None else f"{entry.seconds:.1f} s")
    problem = f'<span class="bad">{escape(entry.problem)}</span>' if entry.problem else ""
    notes = "".join(f"<br>{escape(note)}" for note in facts.get("notes", ()))
    return (
        f'<tr><td>{picture}<td><b>{escape(entry.clip)}</b><div class="files">{links}</div>'
        + "".join(f'<td class="number">{cell}' for cell in cells)
        + f"<td>{problem}{notes}"
    )


def _clock(seconds: float) -> str:
    """Return a length as people read it: 12.4 s, 3:05, 1:02:03."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"

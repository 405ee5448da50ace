# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of `mimica bench accuracy`: tables, shapes from weakest to best, and curves. One file, no script."""

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

import numpy as np

from . import svg
from .accuracy import RAW, Clip, Results, Variant, kinds_of, table
from .failure import make_folder, unwritable
from .report import figure
from .scoring import ClipScore, ShapeScore, mean_of
from .truth import HEAD, shape_of

NO_SIGNAL = 0.6
"""r_own on a sweep below which a shape counts as having no signal."""

_COLOURS = ("#d9822b", "#3f9b5b", "#2f6fde", "#9b4fc9", "#c2345b")
"""Of the variants in the plots, told apart also by those who see red and green alike."""

_STYLE = """
:root { color-scheme: light dark; --ink: #222; --paper: #fff; --faint: #8883; --weak: #c2345b; }
@media (prefers-color-scheme: dark) { :root { --ink: #ddd; --paper: #1c1c1e; } }
body { font: 14px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2em auto;
  max-width: 96em; padding: 0 1em; }
h1 { font-size: 1.6em } h2 { font-size: 1.25em; margin-top: 2em } h3 { font-size: 1em; margin: 1.4em 0 .3em }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .15em .9em .15em 0; border-bottom: 1px solid var(--faint); white-space: nowrap }
th { vertical-align: bottom }
.shapes th { white-space: normal; line-height: 1.2 }
.shapes th:first-child { min-width: 11em }
.shapes td:last-child { white-space: normal; min-width: 16em }
.wide { overflow-x: auto }
.weak { color: var(--weak); font-weight: 600 }
.bar { width: 9em; height: .8em; background: var(--faint); display: block }
.bar .tick { stroke: var(--ink); stroke-width: 1.5; vector-effect: non-scaling-stroke }
.plot { width: 100%; height: 4.5em; display: block; background: var(--faint) }
.plot path { fill: none; stroke-width: 1.2; vector-effect: non-scaling-stroke }
.plot .truth { fill: #8886; stroke: none }
.plot .line { stroke: #8886; stroke-width: 5 }
.plot .mark { stroke: var(--faint) }
figure { margin: .7em 0 } figcaption { font-variant-numeric: tabular-nums }
summary { cursor: pointer; font-weight: 600; margin: .4em 0 }
#key { position: sticky; top: 0; background: var(--paper); padding: .4em 0; z-index: 1 }
#key label { margin-right: 1.2em }
#key i { display: inline-block; width: 1.6em; height: .25em; vertical-align: middle; margin: 0 .3em }
"""


def write_page(path: Path, clips: Sequence[Clip], variants: Sequence[Variant], results: Results) -> None:
    """Write the page. Raises CommandError when it cannot be written."""
    drawn = [variant for variant in variants if not variant.live] or list(variants)
    main = next((v for v in reversed(drawn) if v.scores and not v.profile and not v.take and v != RAW), drawn[-1])
    parts = [
        "<!doctype html>",
        '<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        f"<title>Mimica: accuracy</title><style>{_STYLE}{_variant_style(drawn)}</style>",
        "<h1>Accuracy</h1>",
        f"<p>{len(clips)} clips whose truth is known: {escape(', '.join(clip.name for clip in clips))}.</p>",
        "<h2>Tables</h2><p>Each cell: the mean of all rigs, then rig by rig.</p>",
        *(_variant_table(variant, clips, results) for variant in variants),
        *_shapes(clips, main, results),
        *_curves(clips, main, drawn, results),
        "</html>\n",
    ]
    make_folder(path)
    try:
        path.write_text("\n".join(parts), encoding="utf-8")
    except OSError as error:
        raise unwritable(path, error) from error


def _variant_style(drawn: Sequence[Variant]) -> str:
    rules = []
    for variant, colour in zip(drawn, _colours(len(drawn)), strict=True):
        rules.append(f".plot .{variant.name} {{ stroke: {colour} }} .bar .{variant.name} {{ fill: {colour} }}")
        rules.append(f"body:has(#show-{variant.name}:not(:checked)) .plot .{variant.name} {{ display: none }}")
    return "\n".join(rules) + "\n"


def _colours(count: int) -> list[str]:
    return [_COLOURS[i % len(_COLOURS)] for i in range(count)]


def _scores(clips: Iterable[Clip], variant: Variant, results: Results) -> dict[str, ClipScore]:
    found = results[variant.name]
    return {clip.name: found[clip.name].score for clip in clips if clip.name in found}


def _rows(rows: Sequence[Sequence[str]], name: str = "") -> str:
    """Return an HTML table of class `name`, of cells that are HTML already; the first row is its head."""
    head, *body = rows
    lines = ["<tr>" + "".join(f"<th>{cell}" for cell in head)]
    lines += ["<tr>" + "".join(f"<td>{cell}" for cell in row) for row in body]
    return f'<div class="wide"><table class="{name}">' + "\n".join(lines) + "</table></div>"


def _variant_table(variant: Variant, clips: Sequence[Clip], results: Results) -> str:
    rows = table(clips, _scores(clips, variant, results))
    return f"<h3>{escape(variant.title)}</h3>" + _rows([[escape(cell) for cell in row] for row in rows])


def _number(value: float | None) -> str:
    return "" if value is None or not np.isfinite(value) else figure(value)


def _r(value: float) -> str:
    text = _number(value)
    return f'<span class="weak">{text}</span>' if text and value < NO_SIGNAL else text


def _shapes(clips: Sequence[Clip], main: Variant, results: Results) -> list[str]:
    """Return the table of shapes, the weakest first."""
    scores = _scores(clips, main, results)
    raw = _scores(clips, RAW, results) if RAW.name in results else {}
    kinds = kinds_of(clips)

    def of(shape: str, measure: str, kind: str | None = None, source: dict[str, ClipScore] | None = None) -> float:
        chosen = scores if source is None else source
        return mean_of(
            getattr(chosen[clip.name].shapes[shape], measure)
            for clip in clips
            if clip.name in chosen and shape in chosen[clip.name].shapes and kind in (None, clip.kind)
        )

    names = sorted({shape for found in scores.values() for shape in found.shapes}, key=lambda s: of(s, "r_all"))
    head = [
        "Shape",
        "r_all",
        "",
        "of the scores",
        *(f"{escape(kind)} r_all" for kind in kinds),
        *(f"{escape(kind)} r_own" for kind in kinds),
        "nMAE",
        "lag",
        "cross-talk",
        "moves wrongly when swept",
    ]
    rows = [head]
    for name in names:
        mean, theirs = of(name, "r_all"), of(name, "r_all", source=raw)
        found = [score.shapes[name] for score in scores.values() if name in score.shapes]
        rows.append(
            [
                escape(name),
                svg.bar(mean, theirs, main.name),
                _r(mean),
                _number(theirs),
                *(_r(of(name, "r_all", kind)) for kind in kinds),
                *(_r(of(name, "r_own", kind)) for kind in kinds),
                _number(of(name, "nmae")),
                _number(of(name, "lag")),
                _number(of(name, "crosstalk")),
                _wrong(found),
            ]
        )
    return [
        f"<h2>Shapes, the weakest first: {escape(main.title)}</h2>",
        f'<p>Mean of all clips. The line across a bar is the tracker\'s score. <span class="weak">Below'
        f" {NO_SIGNAL:g}</span>: hardly a signal.</p>",
        _rows(rows, "shapes"),
    ]


def _wrong(found: Sequence[ShapeScore]) -> str:
    """Name the shapes that answer worst to another's sweep, by their mean over rigs."""
    swept = [shape for shape in found if shape.wrong]
    shares: dict[str, float] = {}
    for shape in swept:
        for name, share in shape.wrong:
            shares[name] = shares.get(name, 0.0) + share / len(swept)
    worst = sorted(shares.items(), key=lambda item: -item[1])[:3]
    return escape(", ".join(f"{name} {figure(share)}" for name, share in worst))


def _curves(clips: Sequence[Clip], main: Variant, drawn: Sequence[Variant], results: Results) -> list[str]:
    """Return every shape of every clip as a plot, the weakest first."""
    parts = [
        "<h2>Curves</h2><p>Shapes from 0 to 1 over each clip's frames; a line stands where a segment begins.</p>",
        '<p id="key">grey: the truth',
    ]
    for variant, colour in zip(drawn, _colours(len(drawn)), strict=True):
        parts.append(
            f' <label><input type="checkbox" id="show-{variant.name}" checked><i style="background: {colour}"></i>'
            f"{escape(variant.title)}</label>"
        )
    parts.append("</p>")
    for clip in clips:
        if clip.name not in results[main.name]:
            continue
        score = results[main.name][clip.name].score
        marks = (np.flatnonzero(clip.truth.segments[1:] != clip.truth.segments[:-1]) + 1).tolist()
        parts.append(f"<details><summary>{escape(clip.name)}, r_all {_number(score.mean('r_all'))}</summary>")
        if score.head and score.head.moves:
            parts += _head_curves(clip, drawn, results, marks)
        for name, shape in sorted(score.shapes.items(), key=lambda item: item[1].r_all):
            curves = [("truth", shape_of(clip.truth.curves, name))]
            curves += [
                (variant.name, shape_of(results[variant.name][clip.name].prediction, name))
                for variant in drawn
                if clip.name in results[variant.name]
            ]
            text = f"<b>{escape(name)}</b> r_all {_r(shape.r_all)}, r_own {_r(shape.r_own)}, nMAE {_number(shape.nmae)}"
            if shape.lag is not None:
                text += f", lag {shape.lag:.0f}"
            if shape.crosstalk is not None:
                text += f", cross-talk {_number(shape.crosstalk)} ({_wrong([shape])})"
            parts.append(f"<figure><figcaption>{text}</figcaption>{svg.plot(curves, 0.0, 1.0, marks)}</figure>")
        parts.append("</details>")
    return parts


def _head_curves(clip: Clip, drawn: Sequence[Variant], results: Results, marks: Sequence[int]) -> list[str]:
    parts = []
    for axis, name in enumerate(HEAD):
        truth = clip.truth.curves.head[:, axis]
        reach = max(5.0, 1.2 * float(np.abs(truth).max()))
        curves = [("line", truth)]
        curves += [
            (variant.name, results[variant.name][clip.name].prediction.head[:, axis])
            for variant in drawn
            if variant != RAW and clip.name in results[variant.name]
        ]
        caption = f"<b>{name}</b> from {-reach:.0f} to {reach:.0f} degrees"
        parts.append(f"<figure><figcaption>{caption}</figcaption>{svg.plot(curves, -reach, reach, marks)}</figure>")
    return parts

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the viewer shows it: the picture and the face on the left, curves on the right, a tab for each further face."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...mapping.face_regions import control_face_regions
from ...mapping.frame import ARKIT_SHAPES
from .entities import PICTURE, TELLING, TIME, FacePaths

if TYPE_CHECKING:
    import rerun.blueprint as rrb

_REGIONS = (("Brows", "BROWS"), ("Eyes", "EYES"), ("Cheeks and Nose", "CHEEKS"), ("Mouth", "MOUTH"))
_EYE = (0.0, 0.5, 25.0)
"""Where the face is looked at from, cm, face space: from the front."""
_MIDDLE = (0.0, -0.5, 0.0)
_SHARE = (-0.02, 1.02)
"""What plots of amounts show: what is 0 or 1 all the time is not hidden by the frame."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One face, and what of it there is."""

    paths: FacePaths
    points: bool = True
    scores: bool = True


def shapes_of(region: str) -> tuple[str, ...]:
    """Return the shapes of a part of the face, see `mapping.face_regions`."""
    return tuple(shape for shape, own in zip(ARKIT_SHAPES, control_face_regions(), strict=True) if own == region)


def layout(faces: Sequence[Shown]) -> "rrb.Blueprint":
    """Return the blueprint for these faces, in this order."""
    import rerun.blueprint as rrb

    tabs = [_face(face, faces) for face in faces]
    root = tabs[0] if len(tabs) == 1 else rrb.Tabs(*tabs, active_tab=0)
    return rrb.Blueprint(
        root,
        rrb.TimePanel(state="collapsed", timeline=TIME, loop_mode="all"),
        rrb.BlueprintPanel(state="collapsed"),
        rrb.SelectionPanel(state="collapsed"),
        auto_views=False,
        auto_layout=False,
    )


def _face(shown: Shown, faces: Sequence[Shown]) -> Any:
    import rerun.blueprint as rrb

    paths = shown.paths
    name = paths.root.strip("/").replace("_", " ").capitalize()
    curves = rrb.Vertical(
        rrb.Tabs(
            _shapes(shown, "Overview", TELLING),
            *(_shapes(shown, title, shapes_of(region)) for title, region in _REGIONS),
            active_tab=0,
        ),
        rrb.Horizontal(
            rrb.Tabs(
                _plot(paths, "Head, degrees", [f"{paths.angles}/**"]),
                _plot(paths, "Head, cm", [f"{paths.way}/**"]),
                active_tab=0,
            ),
            _plot(paths, "Gaze, degrees", [f"{paths.gaze}/**"]),
        ),
        *([_plot(paths, "Confidence", [paths.tracked, paths.solved], _SHARE)] if shown.points else []),
        row_shares=[5, 2, 1] if shown.points else [5, 2],
        name=name,
    )
    if not shown.points:
        return curves
    others = [f"- {other.paths.root}/**" for other in faces if other is not shown]
    seen = rrb.Vertical(
        rrb.Spatial2DView(origin="/", contents=[f"+ {PICTURE}", f"+ {paths.image}/**", *others], name="Picture"),
        rrb.Tabs(
            _space(paths.head, "Face, Head Taken Off"),
            _space(paths.root, "Face with Head Pose"),
            active_tab=0,
        ),
        row_shares=[1, 1],
    )
    return rrb.Horizontal(seen, curves, column_shares=[2, 3], name=name)


def _space(origin: str, title: str) -> Any:
    import rerun.blueprint as rrb

    return rrb.Spatial3DView(
        origin=origin,
        contents="$origin/**",
        name=title,
        eye_controls=rrb.EyeControls3D(position=_EYE, look_target=_MIDDLE, eye_up=(0.0, 1.0, 0.0)),
        line_grid=False,
    )


def _shapes(shown: Shown, title: str, shapes: Sequence[str]) -> Any:
    """Return the curves of some shapes: what the tracker says above what Mimica makes of it."""
    import rerun.blueprint as rrb

    paths = shown.paths
    # One legend is enough: a shape has the same colour in both.
    legend = not shown.scores
    controls = _plot(paths, "Controls", [paths.control(shape) for shape in shapes], _SHARE, legend=legend)
    if not shown.scores:
        return rrb.Vertical(controls, name=title)
    scores = _plot(paths, "Scores of the Tracker", [paths.score(shape) for shape in shapes], _SHARE)
    return rrb.Vertical(scores, controls, name=title)


def _plot(
    paths: FacePaths,
    title: str,
    contents: Sequence[str],
    span: tuple[float, float] | None = None,
    *,
    legend: bool = True,
) -> Any:
    import rerun.blueprint as rrb

    return rrb.TimeSeriesView(
        origin=paths.root,
        contents=[f"+ {path}" for path in contents],
        name=title,
        axis_x=rrb.TimeAxis(link="LinkToGlobal"),
        axis_y=rrb.ScalarAxis(range=span, zoom_lock=True) if span else None,
        plot_legend=rrb.PlotLegend(corner=rrb.Corner2D.LeftTop, visible=legend),
    )

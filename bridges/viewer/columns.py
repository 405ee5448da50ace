# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of a take as columns for Rerun: one call for many instants. Needs rerun-sdk; works on any thread.

Where there is no face, the points' rows are empty: the viewer then shows none, and curves have a gap. What stays the
same is written once, static.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...mapping.face_regions import control_face_regions
from ...mapping.frame import ARKIT_SHAPES, FaceFrames
from ...mapping.mapper import head_angles
from ...mapping.motion import Motion
from .classes import (
    BOX,
    KEY_POINT_LANDMARKS,
    KEY_POINTS,
    annotations,
    face_classes,
    key_points_of,
    landmark_classes,
)
from .content import pixels_of
from .entities import ANGLES, AXES, EYES, FRAME, TELLING, TIME, FacePaths

if TYPE_CHECKING:
    import rerun as rr

Colour = tuple[int, int, int]

_HUES: tuple[Colour, ...] = (
    (255, 94, 98),
    (84, 200, 255),
    (255, 190, 70),
    (140, 230, 130),
    (200, 140, 255),
    (255, 140, 200),
    (120, 240, 220),
    (230, 230, 110),
    (150, 170, 255),
    (255, 150, 110),
)
"""Colours that can be told apart on a dark ground, in turn within a part of the face."""
_LINE, _THIN = 1.5, 1.0
"""Widths of curves, points of the screen."""
_SKIN_RADIUS, _LINE_RADIUS = 0.035, 0.05
"""Of points in face space, cm."""
_DOT, _KEY_DOT = -1.0, -2.5
"""Of points in the picture; below 0 Rerun takes them as points of the screen."""
_GREY = (110, 116, 128)


def instants(times: np.ndarray, numbers: np.ndarray) -> list["rr.TimeColumn"]:
    """Return both timelines for instants (N,), seconds, of the images of these numbers (N,)."""
    import rerun as rr

    moments = np.round(times * 1e9).astype("timedelta64[ns]")
    return [rr.TimeColumn(TIME, duration=moments), rr.TimeColumn(FRAME, sequence=numbers)]


def send_static(recording: "rr.RecordingStream", paths: FacePaths, scores: bool, neutral: np.ndarray | None) -> None:
    """Write what of one face does not change.

    :param scores: whether there are any.
    :param neutral: (478, 3), cm, face space; None for a take of controls.
    """
    import rerun as rr

    colours = shape_colours()
    for shape, colour in zip(ARKIT_SHAPES, colours, strict=True):
        line = rr.SeriesLines(names=shape, colors=colour, widths=_LINE)
        recording.log(paths.control(shape), line, static=True)
        if scores:
            recording.log(paths.score(shape), line, static=True)
    names = [f"{paths.angles}/{name}" for name in ANGLES]
    names += [f"{paths.gaze}/{eye}_{name}" for eye in EYES for name in ANGLES[:2]]
    names += [f"{paths.way}/{name}" for name in AXES]
    for i, path in enumerate(names):
        label = path.rsplit("/", 1)[1].replace("_", " ")
        recording.log(path, rr.SeriesLines(names=label, colors=_HUES[i % len(_HUES)], widths=_LINE), static=True)
    recording.log(paths.solved, rr.SeriesLines(names="solved", colors=_HUES[1], widths=_LINE), static=True)
    if neutral is None:
        return
    recording.log(paths.tracked, rr.SeriesLines(names="tracked", colors=_HUES[3], widths=_THIN), static=True)
    recording.log(paths.root, rr.ViewCoordinates.RUB, annotations(), static=True)
    classes, points = landmark_classes(), np.arange(len(landmark_classes()), dtype=np.uint16)
    radii = np.where(classes == 0, _SKIN_RADIUS, _LINE_RADIUS)
    flat = rr.Points2D.from_fields(
        class_ids=classes, keypoint_ids=points, show_labels=False, radii=_DOT, draw_order=10.0
    )
    deep = rr.Points3D.from_fields(class_ids=classes, keypoint_ids=points, show_labels=False, radii=radii)
    recording.log(paths.landmarks_2d, flat, static=True)
    recording.log(paths.landmarks_3d, deep, static=True)
    recording.log(
        paths.key_points,
        rr.Points2D.from_fields(
            class_ids=KEY_POINTS,
            keypoint_ids=np.arange(len(KEY_POINT_LANDMARKS), dtype=np.uint16),
            radii=_KEY_DOT,
            show_labels=False,
            draw_order=20.0,
        ),
        static=True,
    )
    name = paths.root.strip("/").replace("_", " ")
    recording.log(
        paths.box,
        rr.Boxes2D.from_fields(class_ids=BOX, labels=name, show_labels=False, radii=-1.0, draw_order=5.0),
        static=True,
    )
    lines = [neutral[list(line)] for part in face_classes() for line in part.lines]
    recording.log(paths.contours, rr.LineStrips3D(lines, colors=_GREY, radii=0.02), static=True)


def send_points(recording: "rr.RecordingStream", paths: FacePaths, frames: FaceFrames, numbers: np.ndarray) -> None:
    """Write where the tracker saw a face in the images of these numbers (N,): landmarks, box and key points."""
    import rerun as rr

    at = instants(frames.times, numbers)
    pixels = pixels_of(frames)
    there = ~np.isnan(pixels).any(axis=2)
    counts = there.sum(axis=1)
    found = counts > 0
    _send(recording, paths.landmarks_2d, at, rr.Points2D.columns(positions=pixels[there]), counts)
    seen = pixels[found]
    lowest, highest = (np.nanmin(seen, axis=1), np.nanmax(seen, axis=1)) if len(seen) else (seen[:, 0], seen[:, 0])
    box = rr.Boxes2D.columns(centers=0.5 * (lowest + highest), half_sizes=0.5 * (highest - lowest))
    _send(recording, paths.box, at, box, found.astype(int))
    points = rr.Points2D.columns(positions=key_points_of(seen).reshape(-1, 2))
    _send(recording, paths.key_points, at, points, found * len(KEY_POINT_LANDMARKS))


def send_scores(recording: "rr.RecordingStream", paths: FacePaths, frames: FaceFrames, numbers: np.ndarray) -> None:
    """Write what the tracker says of a face: scores, and how far it trusts itself."""
    at = instants(frames.times, numbers)
    send_curve(recording, paths.tracked, at, frames.quality)
    if frames.scores is not None:
        for shape, values in zip(ARKIT_SHAPES, frames.scores.T, strict=True):
            send_curve(recording, paths.score(shape), at, values)


def send_shape(
    recording: "rr.RecordingStream", paths: FacePaths, times: np.ndarray, points: np.ndarray, numbers: np.ndarray
) -> None:
    """Write landmarks in face space, (N, 478, 3), cm; NaN where there are none."""
    import rerun as rr

    there = ~np.isnan(points).any(axis=2)
    columns = rr.Points3D.columns(positions=points[there])
    _send(recording, paths.landmarks_3d, instants(times, numbers), columns, there.sum(axis=1))


def send_motion(recording: "rr.RecordingStream", paths: FacePaths, motion: Motion, numbers: np.ndarray) -> None:
    """Write what a performance was solved to: controls, head, gaze, and how far it is to be trusted."""
    import rerun as rr

    at = instants(motion.times, numbers)
    for shape, values in zip(ARKIT_SHAPES, motion.controls.T, strict=True):
        send_curve(recording, paths.control(shape), at, values)
    pose = rr.Transform3D.columns(translation=motion.head_translation, quaternion=motion.head_rotation[:, [1, 2, 3, 0]])
    recording.send_columns(paths.head, at, pose)
    for name, values in zip(ANGLES, head_angles(motion).T, strict=True):
        send_curve(recording, f"{paths.angles}/{name}", at, values)
    for name, values in zip(AXES, motion.head_translation.T, strict=True):
        send_curve(recording, f"{paths.way}/{name}", at, values)
    for eye, angles in zip(EYES, np.degrees(motion.gaze).transpose(1, 2, 0), strict=True):
        for name, values in zip(ANGLES, angles, strict=False):
            send_curve(recording, f"{paths.gaze}/{eye}_{name}", at, values)
    send_curve(recording, paths.solved, at, motion.confidence)


def send_curve(recording: "rr.RecordingStream", path: str, at: Sequence["rr.TimeColumn"], values: np.ndarray) -> None:
    """Write one value an instant, (N,); NaN is a gap."""
    import rerun as rr

    known = np.isfinite(values)
    if known.all():
        recording.send_columns(path, at, rr.Scalars.columns(scalars=values.astype(np.float64)))
        return
    _send(recording, path, at, rr.Scalars.columns(scalars=values[known].astype(np.float64)), known.astype(int))


def shape_colours() -> tuple[Colour, ...]:
    """Return the colour of each of the 52 shapes' curves."""
    colours = {shape: _HUES[i] for i, shape in enumerate(TELLING)}
    used: dict[str, int] = {}
    for shape, region in zip(ARKIT_SHAPES, control_face_regions(), strict=True):
        if shape not in colours:
            # Those of the overview have the first colours.
            used[region] = used.get(region, len(TELLING) - 1) + 1
            colours[shape] = _HUES[used[region] % len(_HUES)]
    return tuple(colours[shape] for shape in ARKIT_SHAPES)


def _send(
    recording: "rr.RecordingStream",
    path: str,
    at: Sequence["rr.TimeColumn"],
    columns: "rr.ComponentColumnList",
    counts: np.ndarray,
) -> None:
    """Write columns of which each instant has so many values, 0 for none."""
    recording.send_columns(path, at, columns.partition(counts.astype(np.uint32)))

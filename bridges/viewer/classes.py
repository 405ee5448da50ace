# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the landmarks belong to: classes with their colours, labels and connections, for the viewer's annotations."""

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ...mapping.data import load_table
from ...mapping.frame import LANDMARK_COUNT

if TYPE_CHECKING:
    import rerun as rr

Lines = tuple[tuple[int, ...], ...]
Colour = tuple[int, int, int]

SKIN = 0
"""Class of the landmarks that belong to no line."""
KEY_POINTS = 100
BOX = 101

_COLOURS: dict[str, Colour] = {
    "oval": (150, 160, 175),
    "lips": (255, 94, 98),
    "left eye": (84, 200, 255),
    "right eye": (84, 200, 255),
    "left iris": (255, 255, 255),
    "right iris": (255, 255, 255),
    "left brow": (255, 190, 70),
    "right brow": (255, 190, 70),
    "nose": (140, 230, 130),
}
"""The classes, numbered from 1 in this order. Left and right are the subject's."""
_BESIDES: dict[str, Lines] = {
    "left iris": ((474, 475, 476, 477, 474),),
    "right iris": ((469, 470, 471, 472, 469),),
    "nose": (
        (168, 6, 197, 195, 5, 4, 1, 19, 94, 2),
        (98, 97, 2, 326, 327, 294, 278, 344, 440, 275, 4, 45, 220, 115, 48, 64, 98),
    ),
}
"""Lines that are no contour of the picture in the viewport. The nose's are MediaPipe's (Apache-2.0)."""
_CENTRES = {"left iris": 473, "right iris": 468}
_MARK: Colour = (240, 225, 90)
"""Of the box and the key points."""
_SKIN_COLOUR: Colour = (150, 158, 172)

KEY_POINT_LANDMARKS: dict[str, int] = {
    "right eye": 468,
    "left eye": 473,
    "nose": 4,
    "mouth": 13,
    "right ear": 234,
    "left ear": 454,
}
"""The six points that MediaPipe's face detector looks for, as landmarks."""
_BEHIND = {468: 159, 473: 386}
"""A lid's landmark for an iris, for models without irises."""


@dataclass(frozen=True, slots=True)
class FaceClass:
    """A part of the face that the viewer shows in one colour, with lines between its points."""

    number: int
    name: str
    colour: Colour
    lines: Lines
    members: tuple[int, ...]
    """Landmarks, each of one class only."""

    @property
    def connections(self) -> tuple[tuple[int, int], ...]:
        """Pairs of landmarks that are joined."""
        return tuple(pair for line in self.lines for pair in pairwise(line))


@cache
def face_classes() -> tuple[FaceClass, ...]:
    """Return all parts but the plain skin, by their numbers."""
    lines = load_table("face_contours")["lines"] | _BESIDES
    classes = []
    for number, (name, colour) in enumerate(_COLOURS.items(), start=1):
        own: Lines = tuple(tuple(line) for line in lines[name])
        members = {point for line in own for point in line} | ({_CENTRES[name]} if name in _CENTRES else set())
        classes.append(FaceClass(number, name, colour, own, tuple(sorted(members))))
    return tuple(classes)


@cache
def landmark_classes() -> np.ndarray:
    """Return the class of each landmark, uint16 (478,)."""
    classes = np.full(LANDMARK_COUNT, SKIN, np.uint16)
    for part in face_classes():
        classes[list(part.members)] = part.number
    classes.flags.writeable = False
    return classes


@cache
def landmark_labels() -> tuple[str, ...]:
    """Return what each landmark is called: its part, and its number in the face mesh."""
    names = {part.number: part.name for part in face_classes()} | {SKIN: "skin"}
    return tuple(f"{names[int(number)]} {i}" for i, number in enumerate(landmark_classes()))


def key_points_of(landmarks: np.ndarray) -> np.ndarray:
    """Return the key points (N, 6, D) of landmarks (N, 478, D), in the order of `KEY_POINT_LANDMARKS`."""
    points = landmarks[:, list(KEY_POINT_LANDMARKS.values())].copy()
    for row, landmark in enumerate(KEY_POINT_LANDMARKS.values()):
        if landmark in _BEHIND:
            lacking = np.isnan(points[:, row]).any(axis=-1)
            points[lacking, row] = landmarks[lacking, _BEHIND[landmark]]
    return points


def annotations() -> "rr.AnnotationContext":
    """Return the classes as Rerun has them."""
    import rerun as rr

    labels = landmark_labels()
    described = [
        rr.ClassDescription(
            info=rr.AnnotationInfo(part.number, part.name, part.colour),
            keypoint_annotations=[rr.AnnotationInfo(i, labels[i], part.colour) for i in part.members],
            keypoint_connections=list(part.connections),
        )
        for part in face_classes()
    ]
    skin = np.flatnonzero(landmark_classes() == SKIN).tolist()
    described.append(
        rr.ClassDescription(
            info=rr.AnnotationInfo(SKIN, "skin", _SKIN_COLOUR),
            keypoint_annotations=[rr.AnnotationInfo(i, labels[i], _SKIN_COLOUR) for i in skin],
        )
    )
    described.append(
        rr.ClassDescription(
            info=rr.AnnotationInfo(KEY_POINTS, "key points", _MARK),
            keypoint_annotations=[rr.AnnotationInfo(i, name, _MARK) for i, name in enumerate(KEY_POINT_LANDMARKS)],
        )
    )
    described.append(rr.ClassDescription(info=rr.AnnotationInfo(BOX, "face", _MARK)))
    return rr.AnnotationContext(described)

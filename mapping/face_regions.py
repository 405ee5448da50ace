# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of a face that a user tells apart: each is performed, chosen, smoothed and strengthened by itself.

They gather the finer regions of `regions.py`, each of which has its own filter.
"""

from functools import cache
from typing import Literal

import numpy as np

from .data import load_table
from .frame import LANDMARK_COUNT
from .regions import control_regions

FaceRegion = Literal["BROWS", "EYES", "CHEEKS", "MOUTH", "HEAD"]
FACE_REGIONS: tuple[FaceRegion, ...] = ("BROWS", "EYES", "CHEEKS", "MOUTH", "HEAD")
"""HEAD is its turning and way; it has no landmarks or controls of its own."""

_GATHERED: dict[str, FaceRegion] = {
    "brows": "BROWS",
    "lids": "EYES",
    "gaze": "EYES",
    "cheeks": "CHEEKS",
    "nose": "CHEEKS",
    "jaw": "MOUTH",
    "mouth": "MOUTH",
    "tongue": "MOUTH",
}
_OF_FILTER: dict[str, FaceRegion] = {**_GATHERED, "head": "HEAD", "head_translation": "HEAD"}


def face_region(region: str) -> FaceRegion | None:
    """Return the part of the face that a filter's region belongs to; None for `displacement`, which is of all."""
    return _OF_FILTER.get(region)


@cache
def control_face_regions() -> tuple[FaceRegion, ...]:
    """Return the part of the face of each control, 52 names, in the order of `ARKIT_SHAPES`."""
    return tuple(_GATHERED[region] for region in control_regions())


@cache
def landmark_shares() -> np.ndarray:
    """Return how much each landmark belongs to each of `FACE_REGIONS`, (478, R) in [0, 1], rows adding up to 1.

    As the face rig's skin has it: the bones that carry a landmark say whose it is: they were fitted to expressions. The
    lower cheeks go with the mouth. What hardly any bone carries belongs to no part more than to another, but not to
    the head; the irises belong to the eyes.
    """
    weights, rig = load_table("face_weights"), load_table("face_rig")
    region_of = {bone["name"]: face_region(bone["region"]) for bone in rig["bones"]}
    region_of |= {"cheek_lower.L": "MOUTH", "cheek_lower.R": "MOUTH"}
    shares = np.zeros((LANDMARK_COUNT, len(FACE_REGIONS)))
    for landmark, carried in enumerate(weights["weights"]):
        for bone, weight in carried:
            region = region_of.get(weights["bones"][bone])
            if region is not None and region != "HEAD":
                shares[landmark, FACE_REGIONS.index(region)] += weight
    shares[:, : FACE_REGIONS.index("HEAD")] += 1e-6
    shares[len(weights["weights"]) :] = [region == "EYES" for region in FACE_REGIONS]
    return shares / shares.sum(axis=1, keepdims=True)


def group_shares(groups: np.ndarray | None) -> np.ndarray:
    """Return how much each group of landmarks belongs to each of `FACE_REGIONS`, (G, R), rows adding up to 1.

    :param groups: (G, 478) weights, as `solve` has them; None: the landmarks themselves.
    """
    if groups is None:
        return landmark_shares()
    shares = np.abs(groups) @ landmark_shares()
    return shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-12)

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Skin weights of the face's landmarks."""

from ...mapping.data import load_table
from .eyes import lid_weights
from .neutral import RestFace
from .part import Weights, normalised


def landmark_weights(rest: RestFace) -> list[Weights]:
    """Return the skin weights of landmarks 0 to 467.

    Fitted to real expressions by tools/fit_face_weights.py; the lids' edges follow from the rest face instead, since a
    blink must close them exactly.
    """
    table = load_table("face_weights")
    names: list[str] = table["bones"]
    weights: list[Weights] = [normalised({names[b]: w for b, w in row}) for row in table["weights"]]
    for landmark, own in lid_weights(rest).items():
        weights[landmark] = own
    return weights

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which channels of a character may be written while only some parts of the face are."""

from collections.abc import Collection, Iterable
from dataclasses import replace

import numpy as np

from ..mapping.face_regions import FACE_REGIONS, FaceRegion
from ..mapping.map_regions import ChannelKey, channel_regions
from .bind import Binding
from .occupied import LOCKED, Occupied


def within(occupied: Occupied, binding: Binding, regions: Collection[FaceRegion]) -> Occupied:
    """Return whose channels are with all of other parts of the face locked: as a bake of these parts leaves them."""
    if set(regions) == set(FACE_REGIONS):
        return occupied
    plan, parts = binding.plan, channel_regions(binding.plan.character)

    def free(keys: Iterable[ChannelKey]) -> bool:
        return any(not parts.get(key, set()).isdisjoint(regions) for key in keys)

    bones = np.array([free([("bone", "", name)]) for name in plan.bones], bool)[:, None]
    shapes = [free(("shape_key", *plan.shapes[column]) for column in place.columns) for place in occupied.shape_places]
    properties = [
        free(("property", *plan.properties[column]) for column in place.columns) for place in occupied.property_places
    ]
    return replace(
        occupied,
        location=np.where(bones, occupied.location, LOCKED),
        rotation=np.where(bones, occupied.rotation, LOCKED),
        scale=np.where(bones, occupied.scale, LOCKED),
        shapes=np.where(np.array(shapes, bool), occupied.shapes, LOCKED),
        properties=np.where(np.array(properties, bool), occupied.properties, LOCKED),
    )

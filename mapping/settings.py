# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user may change of the mapping."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .face_regions import FaceRegion, face_region
from .regions import RegionFilter, region_filters


@dataclass(frozen=True, slots=True)
class MappingSettings:
    """What a user may change of the mapping."""

    smoothness: float = 1.0
    """0 lets everything pass, outliers too; 1 is the default, each step more halves every cut-off."""
    regions: Mapping[str, RegionFilter] = field(default_factory=region_filters)
    """By region (see `data/filters.json`). Units of `beta` and speeds: (1/s), (rad/s) or (cm/s)."""
    smoothing: Mapping[FaceRegion, float] = field(default_factory=dict)
    """By part of the face: a factor of `smoothness`; 1 where nothing is said."""

    def smoothness_of(self, region: str) -> float:
        """Return the smoothness of a filter's region; of `displacement`, which is of all parts, the overall one."""
        part = face_region(region)
        return self.smoothness if part is None else self.smoothness * self.smoothing.get(part, 1.0)

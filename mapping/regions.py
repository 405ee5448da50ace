# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of a face that are filtered in their own ways, from the table `data/filters.json`."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from .data import load_table
from .filters import Band, OneEuroSettings
from .frame import ARKIT_SHAPES


@dataclass(frozen=True, slots=True)
class RegionFilter:
    """How one region's signals are smoothed."""

    live: OneEuroSettings
    offline: Band
    spike: float
    """A jump of one frame, there and back, above which it is taken out; in the signal's unit."""


@cache
def region_filters() -> dict[str, RegionFilter]:
    """Return each region's filter as the table has it. Not to be changed."""
    return {
        name: RegionFilter(
            OneEuroSettings(*row["live"]),
            Band(*(np.inf if value is None else value for value in row["offline"]), *row["speed"]),
            np.inf if row["spike"] is None else row["spike"],
        )
        for name, row in load_table("filters")["regions"].items()
    }


@cache
def control_regions() -> tuple[str, ...]:
    """Return the region of each control, 52 names."""
    starts = load_table("filters")["controls"]
    return tuple(
        next(region for region, prefixes in starts.items() if name.startswith(tuple(prefixes))) for name in ARKIT_SHAPES
    )


def controls_of(*regions: str) -> np.ndarray:
    """Return the rows of `ARKIT_SHAPES` that belong to the regions, int (K,)."""
    return np.array([i for i, region in enumerate(control_regions()) if region in regions])


def control_live(filters: Mapping[str, RegionFilter]) -> OneEuroSettings:
    """Return the 52 controls' live constants, each field (52,)."""
    rows = [filters[region].live for region in control_regions()]
    return OneEuroSettings(
        np.array([row.min_cutoff for row in rows]),
        np.array([row.beta for row in rows]),
        np.array([row.derivative_cutoff for row in rows]),
    )


def control_bands(filters: Mapping[str, RegionFilter]) -> Band:
    """Return the 52 controls' offline constants, each field (52,)."""
    rows = [filters[region].offline for region in control_regions()]
    return Band(
        np.array([row.calm for row in rows]),
        np.array([row.quick for row in rows]),
        np.array([row.slow for row in rows]),
        np.array([row.fast for row in rows]),
    )


def control_spikes(filters: Mapping[str, RegionFilter]) -> np.ndarray:
    """Return the 52 controls' spike levels, (52,), infinite where nothing is a spike."""
    return np.array([filters[region].spike for region in control_regions()])

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a long capture is judged by: its memory at the end against that after warming up, and its times."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..capture.take import Take
from .soak_watch import Curve

WARM = 1 / 3
"""The part of the time after which memory counts. The first ranges that are learned load libraries and fill what is
kept of calculations, each a few megabytes; from the fourth on no more comes.
"""
ALLOWED_GROWTH, ALLOWED_DRIFT = 0.05, 0.020


@dataclass(slots=True)
class Recorded:
    """A take that was recorded."""

    path: Path
    clock: float | None = None
    """When its clock showed 0, by `time.perf_counter`."""


def print_memory(curve: Curve, warm: float, peaks: tuple[float, float]) -> None:
    """Compare the memory after the warming up with that at the end.

    :param peaks: the most that Blender and the helper process ever held.
    """
    for column, name, peak in (("own_mb", "Blender", peaks[0]), ("helper_mb", "helper", peaks[1])):
        first, last, most = curve.growth(column, warm)
        if first:
            verdict = "flat" if abs(last / first - 1) <= ALLOWED_GROWTH else "GROWS"
            print(
                f"memory of {name}: {first:.1f} MB after {warm:.0f} s, {last:.1f} MB at the end "
                f"({last / first - 1:+.1%}: {verdict}); at most {most:.1f} MB while it ran, {peak:.1f} MB ever"
            )


def print_drift(sent: np.ndarray, takes: Sequence[Recorded], bucket: float = 300.0) -> None:
    """Compare the takes' times with the camera's wall clock.

    An instant of a take belongs to the picture that was sent last before it arrived.
    """
    instants, walls, delays = [], [], []
    for take in takes:
        if take.clock is None:
            continue
        times = Take.open(take.path).frames().times
        moments = take.clock + times
        index = np.searchsorted(sent[:, 1], moments) - 1
        good = index >= 0
        instants.append(times[good])
        walls.append(sent[index[good], 0])
        delays.append(moments[good] - sent[index[good], 1])
    time_, wall, delay = (np.concatenate(parts) for parts in (instants, walls, delays))
    ahead = time_ - wall
    ahead -= np.median(ahead[wall < wall[0] + bucket / 5])
    edges = np.arange(wall[0], wall[-1], bucket)
    medians = [np.median(ahead[(wall >= edge) & (wall < edge + bucket)]) for edge in edges]
    print(f"{len(time_)} instants in takes over {wall[-1] - wall[0]:.0f} s, of {len(sent)} pictures sent")
    print(f"{'from s':>8} {'take ahead of the wall clock, ms':>34}")
    for edge, median in zip(edges, medians, strict=True):
        print(f"{edge - wall[0]:8.0f} {median * 1e3:34.3f}")
    drift = max(medians) - min(medians)
    verdict = "within" if drift <= ALLOWED_DRIFT else "BEYOND"
    print(f"drift {drift * 1e3:.2f} ms ({verdict} {ALLOWED_DRIFT * 1e3:.0f} ms)")
    middle, most = np.percentile(delay * 1e3, (50, 99))
    print(f"sent to grabbed: median {middle:.2f} ms, 99 % within {most:.2f} ms")
    print(f"longest time between two instants of a take: {max(np.diff(t).max() for t in instants if len(t) > 1):.3f} s")

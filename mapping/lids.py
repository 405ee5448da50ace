# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lids: how far the eyes are open, and the shapes that follow from it."""

from functools import cache

import numpy as np

from .data import load_table
from .frame import ARKIT_SHAPES
from .landmarks import SIDES

_BLINK = [ARKIT_SHAPES.index("eyeBlinkLeft"), ARKIT_SHAPES.index("eyeBlinkRight")]


@cache
def _indices() -> np.ndarray:
    """Return pairs of landmarks, int (2, 8): of each eye three lid pairs and its corners, left and right."""
    table = load_table("landmarks")
    return np.array([pair for side in SIDES for pair in (*table["lid_pairs"][side], table["eye_corners"][side])]).T


def lid_aperture(face: np.ndarray) -> np.ndarray:
    """Return the mean distance of three lid pairs over the eye's width, float (N, 2), left and right.

    Depth is left out: the tracker's z of lid landmarks is noisier than the aperture itself.

    :param face: (N, 478, 3), face space.
    """
    one, other = _indices()
    apart = (face.take(one, axis=1) - face.take(other, axis=1))[..., :2]
    distance = np.sqrt(np.einsum("nki,nki->nk", apart, apart)).reshape(-1, 2, 4)
    height = np.add.reduce(distance[..., :3], axis=2) / 3.0
    return height / np.maximum(distance[..., 3], 1e-6)


def lid_controls(aperture: np.ndarray, lid_open: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (closure, wide), each float (N, 2) in [0, 1].

    :param aperture: (N, 2) from `lid_aperture`.
    :param lid_open: (2,), the performer's aperture at rest.
    """
    table = load_table("geometry")["lids"]
    beyond = aperture / np.maximum(lid_open, 0.05) - 1.0
    closure = np.maximum(beyond / (table["closed_share"] - 1.0), 0.0)
    wide = np.maximum(beyond / table["wide_share"], 0.0)
    return np.minimum(closure, 1.0), np.minimum(wide, 1.0)


def close_lids(controls: np.ndarray, closed: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return controls (N, 52) in which lids that are nearly closed are closed, and which lids are so at the end.

    Solve and filter leave a blink a little short of 1, and an eye that never quite shuts is what a viewer sees first.
    What counts as closed depends on the past, so that a value that trembles does not make the lid flutter: a closing
    lid follows one curve until it is shut, an opening one another until it is open. Both are continuous and meet where
    they change over, so nothing pops.

    :param closed: bool (2,), left and right: the lids that were closed before; None: none.
    """
    curves = load_table("geometry")["lids"]["snap"]
    shut, released = curves["closing"][1], curves["opening"][0]
    blink = controls[:, _BLINK]
    before = np.zeros(2, bool) if closed is None else closed
    if not before.any() and (blink <= min(curves["closing"][0], released)).all():
        return controls, before
    held = _switched(blink >= shut, blink <= released, before)
    snapped = np.where(held, _snapped(blink, *curves["opening"]), _snapped(blink, *curves["closing"]))
    result = controls.copy()
    result[:, _BLINK] = snapped
    return result, held[-1] if len(held) else before


def trust_near_lid(controls: np.ndarray, head_rotation: np.ndarray, winking: bool = False) -> tuple[np.ndarray, bool]:
    """Return controls (N, 52) whose far lid does what the near one does once the head is turned, and whether it winks.

    From 25 degrees of yaw on the tracker sees the far eye badly, and both eyes mostly blink together. Who winked
    before the turn goes on winking until both lids meet.

    :param head_rotation: (N, 4), wxyz, against the neutral.
    :param winking: whether the face winked before.
    """
    table = load_table("geometry")["lids"]["far"]
    w, x, y, z = head_rotation.T
    yaw = np.arctan2(2.0 * (x * z + w * y), 1.0 - 2.0 * (x * x + y * y))
    start, full = table["yaw"]
    blink = controls[:, _BLINK]
    apart = np.abs(blink[:, 0] - blink[:, 1])
    frontal = np.abs(yaw) <= start
    level = table["wink"]
    if frontal.all():
        return controls, bool(apart[-1] > level) if len(apart) else winking
    weight = np.minimum(np.maximum((np.abs(yaw) - start) / (full - start), 0.0), 1.0)
    winks = _switched(
        frontal & (apart > level), (frontal & (apart <= level)) | (apart < 0.5 * level), np.array(winking)
    )
    weight = np.where(winks, 0.0, weight)[:, None]
    if weight.any():
        # Turned to the left, the left eye is the far one.
        near = np.where(yaw > 0, blink[:, 1], blink[:, 0])[:, None]
        far = np.stack([yaw > 0, yaw <= 0], axis=1)
        controls = controls.copy()
        controls[:, _BLINK] = np.where(far, blink + weight * (near - blink), blink)
    return controls, bool(winks[-1]) if len(winks) else winking


def _switched(on: np.ndarray, off: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Return bool (N, ...): whether the last of the events `on` and `off` was `on`; `before` until there is one."""
    count = np.arange(1, len(on) + 1).reshape(-1, *(1,) * (on.ndim - 1))
    last = np.maximum.accumulate(np.where(on | off, count, 0), axis=0)
    return np.where(last > 0, np.take_along_axis(on, np.maximum(last - 1, 0), axis=0), before)


def _snapped(blink: np.ndarray, low: float, high: float) -> np.ndarray:
    share = np.minimum(np.maximum((blink - low) / (high - low), 0.0), 1.0)
    return blink + (1.0 - blink) * share**2 * (3.0 - 2.0 * share)


def lid_closure(controls: np.ndarray) -> np.ndarray:
    """Return eyeBlink of both eyes, (N, 2), left and right, of controls (N, 52)."""
    return controls[:, _BLINK]

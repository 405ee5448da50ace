# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an export makes of matrices and points over time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimica.mapping.rotation import exp, matrix_from_quaternion
from mimica.rig.export_correction import Corrector, Weights
from mimica.rig.export_motion import (
    angles_between,
    basis_tracks,
    exported_parents,
    farthest,
    rotation_of,
    track_of,
)

SEEDS = st.integers(0, 2**32 - 1)


def transforms(random: np.random.Generator, count: int, *, uniform: bool = False) -> np.ndarray:
    """(N, 4, 4): places, turns and scales that change from one to the next."""
    made = np.tile(np.eye(4), (count, 1, 1))
    turns = matrix_from_quaternion(exp(np.cumsum(random.normal(scale=0.4, size=(count, 3)), axis=0)))
    scale = random.uniform(0.5, 2.0, (count, 1 if uniform else 3))
    made[:, :3, :3] = turns * np.broadcast_to(scale, (count, 3))[:, None, :]
    made[:, :3, 3] = random.normal(size=(count, 3))
    return made


def matrices(location: np.ndarray, rotation: np.ndarray, scale: np.ndarray) -> np.ndarray:
    made = np.tile(np.eye(4), (len(location), 1, 1))
    made[:, :3, :3] = matrix_from_quaternion(rotation) * scale[:, None, :]
    made[:, :3, 3] = location
    return made


@settings(deadline=None, max_examples=50)
@given(SEEDS, st.booleans())
def test_a_track_is_the_matrices_again(seed: int, mirrored: bool) -> None:
    wanted = transforms(np.random.default_rng(seed), 12)
    if mirrored:
        wanted[:, :3, 0] *= -1.0
    track = track_of(wanted)
    assert track.shear < 1e-6
    assert np.allclose(matrices(track.location, track.rotation, track.scale), wanted, atol=1e-6)
    assert ((track.rotation[1:] * track.rotation[:-1]).sum(axis=1) >= 0.0).all(), "no jumps"


def test_what_has_shrunk_to_nothing_is_still_a_number() -> None:
    flat = np.tile(np.eye(4), (3, 1, 1))
    flat[1, :3, :3] = 0.0
    flat[2, 2, 2] = 0.0
    track = track_of(flat)
    assert np.isfinite(track.rotation).all() and np.allclose(
        matrices(track.location, track.rotation, track.scale), flat
    )


@settings(deadline=None, max_examples=40)
@given(SEEDS, st.booleans())
def test_bones_stand_where_they_stood(seed: int, uniform: bool) -> None:
    """Below their parents or, where these are stretched askew, below none."""
    random = np.random.default_rng(seed)
    rest = transforms(random, 3, uniform=True)
    rest[:, :3, :3] = rotation_of(rest)
    poses = np.stack([transforms(random, 8, uniform=uniform) for _ in range(3)], axis=1)
    tracks, parents = basis_tracks(poses, rest, [-1, 0, 1])
    assert parents == [-1, 0, 1] if uniform else parents[0] == -1
    for bone, (track, parent) in enumerate(zip(tracks, parents, strict=True)):
        basis = matrices(track.location, track.rotation, track.scale)
        start = rest[bone] if parent < 0 else poses[:, parent] @ np.linalg.inv(rest[parent]) @ rest[bone]
        if track.shear < 1e-4:
            assert np.allclose(start @ basis, poses[:, bone], atol=2e-3)
    assert all(track.shear < 1e-6 for track, parent in zip(tracks, parents, strict=True) if parent < 0)


def test_whom_a_bone_hangs_from() -> None:
    names = ["root", "ORG-jaw", "DEF-jaw", "MCH-lip", "DEF-lip", "DEF-alone"]
    parents = [-1, 0, 1, 1, 3, 0]
    assert exported_parents(names, parents, [2, 4, 5]) == [-1, 0, -1]
    assert exported_parents(names, parents, [0, 2, 4, 5]) == [-1, 0, 1, 0]


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_no_bone_hangs_from_itself(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 8))
    start = data.draw(st.lists(st.sampled_from(["ORG-", "DEF-", "MCH-"]), min_size=count, max_size=count))
    names = [f"{each}{i // 2}" for i, each in enumerate(start)]
    parents = [data.draw(st.integers(-1, i - 1)) for i in range(count)]
    chosen = sorted(data.draw(st.sets(st.integers(0, count - 1))))
    found = exported_parents(names, parents, chosen)
    assert len(found) == len(chosen)
    for at in range(len(found)):
        steps, above = 0, at
        while above >= 0:
            above, steps = found[above], steps + 1
            assert steps <= len(found)


def test_trajectories_find_each_other_in_any_order() -> None:
    random = np.random.default_rng(3)
    wanted = random.normal(size=(40, 6, 3))
    found = wanted[random.permutation(40)[:20]].copy()
    assert farthest(found, wanted).max() < 1e-6
    found[4, 2] += [0.0, 0.3, 0.0]
    off = farthest(found, wanted)
    assert off[4] == pytest.approx(0.3) and np.delete(off, 4).max() < 1e-6
    assert np.isinf(farthest(found, wanted[:0])).all()


@settings(deadline=None, max_examples=50)
@given(SEEDS, st.floats(0.0, 179.9))
def test_angles(seed: int, degrees: float) -> None:
    axis = np.random.default_rng(seed).normal(size=3)
    turn = exp(np.radians(degrees) * axis / np.linalg.norm(axis))
    assert angles_between(turn, np.array([1.0, 0.0, 0.0, 0.0])) == pytest.approx(degrees, abs=1e-4)
    assert angles_between(-turn, turn) == pytest.approx(0.0, abs=1e-6)


def test_what_bones_do_not_show_becomes_few_shapes() -> None:
    """A bump that comes and goes, and one that goes both ways, on a mesh that a bone carries about."""
    random = np.random.default_rng(5)
    rest, count = random.normal(size=(60, 3)), 30
    key = 0.1 * random.normal(size=(60, 3))
    bumps = 0.02 * random.normal(size=(2, 60, 3))
    time = np.linspace(0.0, 2.0 * np.pi, count)
    amounts = np.stack([1.0 - np.cos(time), np.sin(2.0 * time)], axis=1)
    weights = Weights(np.zeros((60, 1), int), np.ones((60, 1)))
    moved = transforms(random, count)
    corrector = Corrector(rest, key[None], 1e-4)
    for i in range(count):
        shown = rest + 0.5 * key + np.tensordot(amounts[i], bumps, 1)
        carried = weights.matrices(moved[i][None])
        points = np.einsum("vij,vj->vi", carried[:, :3, :3], shown) + carried[:, :3, 3]
        corrector.add(points, np.array([0.5]), carried)
    found = corrector.corrections()
    assert 2 <= len(found) <= 4
    assert all(one.values.min() >= 0.0 and one.values.max() == pytest.approx(1.0) for one in found)
    told = sum(one.values[:, None, None] * one.offsets for one in found)
    wanted = np.tensordot(amounts, bumps, 1)
    assert np.linalg.norm(told - wanted, axis=2).max() < 1.5e-4


def test_nothing_missing_makes_no_shapes() -> None:
    rest = np.random.default_rng(1).normal(size=(10, 3))
    corrector = Corrector(rest, np.zeros((0, 10, 3)), 1e-4)
    for _ in range(5):
        corrector.add(rest + 1e-7, np.zeros(0), None)
    assert corrector.corrections() == [] and corrector.fits
    corrector.add(rest[:4], np.zeros(0), None)
    assert not corrector.fits and corrector.corrections() == []

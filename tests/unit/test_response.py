# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Channels that bring the controls of a constrained rig where they are wanted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimica.mapping.response import Response, ResponseSolver, gaze_terms, groups_apart, idle_controls
from mimica.mapping.rotation import exp, matrix_from_quaternion

COUNT = 6
FULL = 0.4


def a_rig(seed: int, coupling: float = 0.5) -> tuple[Response, np.ndarray]:
    """A rig of controls along turned axes, each taking part of the next one along, more so as the jaw opens."""
    rng = np.random.default_rng(seed)
    axes = matrix_from_quaternion(exp(rng.normal(0.0, 1.0, (COUNT, 3))))
    jacobian = np.zeros((2, COUNT, 3, COUNT, 3))
    for k in range(COUNT):
        jacobian[:, k, :, k, :] = axes[k]
        if k:
            jacobian[0, k, :, k - 1, :] = coupling * axes[k - 1]
            jacobian[1, k, :, k - 1, :] = 1.5 * coupling * axes[k - 1]
    openings = np.linspace(0.0, FULL, 3)
    response = Response(
        bones=tuple(f"control.{k}" for k in range(COUNT)),
        angles=np.array([0.0, FULL]),
        jacobian=jacobian,
        openings=openings,
        opened=openings[:, None, None] * rng.normal(0.0, 5.0, (COUNT, 3)),
        tilted=openings[:, None, None] * np.array([1.0, 0.0, 0.0]) * np.ones((COUNT, 1)),
        slid=np.tile(0.5 * np.eye(3), (COUNT, 1, 1)),
        aside=np.tile([3.0, 0.0, 0.0], (2, COUNT, 1)),
        gaze=rng.normal(0.0, 0.5, (2, 5, COUNT, 3)),
        bend=np.zeros((4, COUNT, 3)),
    )
    return response, axes


def solved(solver: ResponseSolver, wanted: np.ndarray, opening: np.ndarray) -> np.ndarray:
    return solver.channels(wanted, solver.jaw(opening))


def placed(response: Response, channels: np.ndarray, at: int) -> np.ndarray:
    """Where channels (N, L, 3) bring the controls, at one of the measured openings."""
    return np.einsum("lakb,nkb->nla", response.jacobian[at], channels)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), at=st.integers(0, 1))
def test_controls_come_where_they_are_wanted(seed, at):
    response, axes = a_rig(seed)
    wanted = np.random.default_rng(seed + 1).normal(0.0, 0.5, (7, COUNT, 3))
    found = solved(ResponseSolver(response, axes), wanted, np.full(7, response.angles[at]))
    # Damping leaves a little out.
    assert np.abs(placed(response, found, at) - wanted).max() < 0.03


def test_what_rig_does_by_itself_needs_no_channel():
    """No double counting: what the jaw and the eyes carry is not asked of the controls once more."""
    response, axes = a_rig(3)
    solver = ResponseSolver(response, axes)
    opening, aside = np.array([0.0, 0.13, FULL, 1.2 * FULL]), np.array([0.0, 0.05, -0.05, 0.0])
    gaze = np.random.default_rng(0).normal(0.0, 0.3, (4, 2, 2))
    carried = solver.carried_by_jaw(solver.jaw(opening), aside) + solver.carried_by_gaze(gaze)
    expected = opening[:, None, None] * response.opened[-1] / FULL + aside[:, None, None] * [3.0, 0.0, 0.0]
    terms = np.stack([gaze[..., 0], gaze[..., 1], gaze[..., 0] ** 2, gaze[..., 1] ** 2, gaze.prod(axis=-1)], axis=-1)
    expected = expected + np.einsum("nek,eklj->nlj", terms, response.gaze)
    assert np.allclose(carried, expected)
    assert np.allclose(solver.channels(carried - expected, solver.jaw(opening)), 0.0)


def test_a_jaw_that_slides_carries_what_it_was_seen_to():
    response, axes = a_rig(3)
    slide = np.array([[0.4, 0.0, -0.2], [0.0, 0.0, 0.0]])
    found = ResponseSolver(response, axes).carried_by_slide(slide)
    assert np.allclose(found, 0.5 * slide[:, None])
    assert not response.jaw_slides


def test_one_instant_is_as_good_as_a_take():
    response, axes = a_rig(5)
    solver = ResponseSolver(response, axes, limit=0.6)
    rng = np.random.default_rng(2)
    wanted, opening = rng.normal(0.0, 0.5, (9, COUNT, 3)), rng.uniform(0.0, FULL, 9)
    whole = solved(solver, wanted, opening)
    single = np.concatenate([solved(solver, wanted[i : i + 1], opening[i : i + 1]) for i in range(9)])
    assert np.allclose(whole, single)


def test_an_idle_control_is_left_out_and_the_others_do_not_make_up_for_it():
    response, axes = a_rig(7)
    response.jacobian[:, :, :, 2, :] = 0.0
    assert idle_controls(response) == ("control.2",)
    wanted = np.zeros((1, COUNT, 3))
    wanted[0, 2] = [1.0, 0.0, 0.0]
    found = solved(ResponseSolver(response, axes), wanted, np.zeros(1))
    assert np.allclose(found, 0.0)


def test_a_locked_channel_is_not_written():
    response, axes = a_rig(8)
    response.jacobian[:, :, :, 1, 2] = 0.0
    wanted = np.random.default_rng(1).normal(0.0, 0.5, (4, COUNT, 3))
    found = solved(ResponseSolver(response, axes), wanted, np.zeros(4))
    assert np.allclose(found[:, 1, 2], 0.0)
    assert np.abs(found[:, 1, :2]).max() > 0.1


def test_a_control_kept_on_a_sphere_is_led_along_it():
    """A straight channel to a place on the sphere, of which the rig takes off what leaves it."""
    radius, rest = 2.0, np.array([0.0, -2.0, 0.0])
    jacobian = np.diag([1.0, 0.0, 1.0]).reshape(1, 1, 3, 1, 3)
    none = np.zeros((1, 1, 3))
    gaze, bend, slid = np.zeros((2, 5, 1, 3)), np.zeros((4, 1, 3)), np.zeros((1, 3, 3))
    response = Response(("lid",), np.zeros(1), jacobian, np.zeros(1), none, none, slid, none, gaze, bend)
    # Turned, so that no channel is square to the sphere.
    turn = matrix_from_quaternion(exp(np.array([0.4, 0.3, 0.2])))
    response.jacobian[0, 0, :, 0, :] = jacobian[0, 0, :, 0, :] @ turn
    angle = 0.7
    goal = radius * np.array([0.0, -np.cos(angle), -np.sin(angle)])
    channels = solved(ResponseSolver(response, turn[None]), (goal - rest)[None, None], np.zeros(1))[0, 0]
    led = rest + turn @ channels
    assert led / np.linalg.norm(led) * radius == pytest.approx(goal, abs=0.01)


def test_no_control_goes_beyond_its_limit():
    response, axes = a_rig(4)
    wanted = np.random.default_rng(1).normal(0.0, 5.0, (50, COUNT, 3))
    found = solved(ResponseSolver(response, axes, limit=1.5), wanted, np.zeros(50))
    assert np.linalg.norm(found, axis=2).max() <= 1.5 + 1e-9
    small = 0.1 * wanted / np.linalg.norm(wanted, axis=2, keepdims=True)
    assert np.allclose(
        solved(ResponseSolver(response, axes, 1.5), small, np.zeros(50)),
        solved(ResponseSolver(response, axes), small, np.zeros(50)),
    )


def test_lips_on_an_open_jaw_are_tilted():
    response, axes = a_rig(1)
    arm = np.array([[0.0, 0.0, 1.0]])
    solver = ResponseSolver(response, axes)
    found = solver.tilt(np.array([2]), arm, solver.jaw(np.array([0.0, FULL])))
    assert np.allclose(found[0], 0.0)
    assert found[1, 0] == pytest.approx([0.0, -np.sin(FULL), np.cos(FULL) - 1.0])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), density=st.floats(0.0, 0.5), count=st.integers(1, 20))
def test_groups_have_no_place_in_common(seed, density, count):
    influence = np.random.default_rng(seed).random((count, count)) < density
    influence |= np.eye(count, dtype=bool)
    groups = groups_apart(influence)
    assert sorted(np.concatenate(groups)) == list(range(count))
    for group in groups:
        assert influence[:, group].sum(axis=1).max() <= 1


def test_a_rig_of_separate_controls_is_measured_at_once():
    assert len(groups_apart(np.eye(30, dtype=bool))) == 1


def test_gaze_terms_are_found_again():
    angles = [(0.4, 0.0), (-0.4, 0.0), (0.0, 0.3), (0.0, -0.3), (0.3, 0.2), (-0.3, -0.2), (0.3, -0.2)]
    yaw, pitch = np.array(angles).T
    coefficients = np.random.default_rng(0).normal(size=(5, 3))
    ways = np.stack([yaw, pitch, yaw**2, pitch**2, yaw * pitch], axis=1) @ coefficients
    assert np.allclose(gaze_terms(angles) @ ways, coefficients)

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Train the learned part of the solve on what `make_training_data` rendered.

    python -m mimica.tools.train_solver --data FOLDER ... [--out FOLDER] [--report FILE.json]

Writes `expressions.npz` (what the average face does for each shape), `solver.npz` (landmarks and scores) and
`solver_geometry.npz` (landmarks alone), and prints how well each shape is told on identities that were kept out. The
same data and seed give the same weights on the same machine.
"""

import argparse
import json
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from ..mapping.data import FOLDER
from ..mapping.expressions import Expressions
from ..mapping.frame import ARKIT_SHAPES
from ..mapping.learned import Network, Reader, explanation, network_inputs, seen_by
from .training_samples import Samples, average_of, expressions_of, read_identity

COMPONENTS = 96
HIDDEN = 256
MEMBERS = 3
"""Networks whose mean is the result: they err differently. Written as one network, three times as wide."""
EPOCHS = 60
BATCH = 256
RATE = 2e-3
DECAY = 3e-4
NOISE = 0.35
"""Standard deviation of noise on every input, in its own: other faces than our rig's are never quite like it."""
HEAD_NOISE = 0.05
"""The same for the head's angles, which are measured well on every face."""
HEAD_INPUTS = slice(COMPONENTS + 156, COMPONENTS + 159)
KEPT_OUT = 0.12
STRENGTH = 0.12
"""Standard deviation of the logarithm of how strongly somebody shows a shape that they are asked for."""


def principal_basis(identities: list[Samples]) -> np.ndarray:
    """Return float32 (478 * 3, K): displacement to principal components, each over its standard deviation."""
    power = np.zeros((1, 1))
    for samples in identities:
        # Not centred: the neutral is the origin.
        flat = samples.displacement.reshape(len(samples.displacement), -1).astype(np.float64)
        power = power + flat.T @ flat
    power, vectors = np.linalg.eigh(power / sum(len(samples.controls) for samples in identities))
    spread = np.sqrt(np.maximum(power[::-1][:COMPONENTS], 0.0))
    return (vectors[:, ::-1][:, :COMPONENTS] / np.maximum(spread, 0.02)).astype(np.float32)


def known_of(random: np.random.Generator, own: Expressions, average: Expressions) -> list[Expressions]:
    """Return what may be known of a face: nothing, what it showed when asked, and a part of that."""

    def between(share: np.ndarray, strength: np.ndarray) -> Expressions:
        def mixed(a: np.ndarray, b: np.ndarray) -> np.ndarray:
            wide = (-1, *[1] * (a.ndim - 1))
            return (share.reshape(wide) * a * strength.reshape(wide) + (1.0 - share.reshape(wide)) * b).astype(
                np.float32
            )

        return replace(
            average,
            displacement=mixed(own.displacement, average.displacement),
            scores=mixed(own.scores, average.scores),
        )

    count = len(ARKIT_SHAPES)
    strength = np.exp(random.normal(0.0, STRENGTH, count))
    return [average, between(np.ones(count), strength), between(random.uniform(0.0, 1.0, count), strength)]


def inputs_of(samples: Samples, basis: np.ndarray, uses_scores: bool, expressions: Expressions) -> np.ndarray:
    """Return what the network sees of an identity of which these expressions are known, (M, F)."""
    components = samples.displacement.reshape(len(samples.displacement), -1) @ basis
    scores = samples.scores if uses_scores else None
    explained = seen_by(components, scores) @ explanation(basis, expressions, uses_scores)
    return network_inputs(components, explained, samples.head, samples.measured, scores)


def train(inputs: np.ndarray, targets: np.ndarray, seed: int) -> tuple[np.ndarray, ...]:
    """Adam on the mean squared error; returns inner, inner_bias, outer, linear.

    :param inputs: float32 (V, N, F): V views of each sample; each time one of them is drawn.
    """
    random = np.random.default_rng(seed)
    views, count, size = inputs.shape
    shapes = targets.shape[1]
    spread = np.sqrt((inputs.astype(np.float64) ** 2).mean(axis=(0, 1))).astype(np.float32) + 1e-6
    parameters = [
        random.normal(0, 1 / np.sqrt(size), (size, HIDDEN)).astype(np.float32),
        np.zeros(HIDDEN, np.float32),
        np.zeros((HIDDEN, shapes), np.float32),
        np.zeros((size, shapes), np.float32),
    ]
    moments = [(np.zeros_like(p), np.zeros_like(p)) for p in parameters]
    bias = np.zeros(shapes, np.float32)
    noise = np.full(size, NOISE, np.float32)
    noise[HEAD_INPUTS] = HEAD_NOISE
    steps = EPOCHS * (count // BATCH)
    for step in range(1, steps + 1):
        rows = random.integers(0, count, BATCH)
        x = inputs[random.integers(0, views, BATCH), rows] / spread
        x += random.standard_normal(x.shape, np.float32) * noise
        hidden = np.tanh(x @ parameters[0] + parameters[1])
        error = hidden @ parameters[2] + x @ parameters[3] + bias - targets[rows]
        back = (error @ parameters[2].T) * (1 - hidden**2)
        slopes = [x.T @ back, back.sum(axis=0), hidden.T @ error, x.T @ error]
        rate = np.float32(RATE * 0.5 * (1 + np.cos(np.pi * step / steps)))
        bias -= rate * error.mean(axis=0)
        for p, (first, second), slope in zip(parameters, moments, slopes, strict=True):
            slope = slope / BATCH + DECAY * p
            first += 0.1 * (slope - first)
            second += 0.001 * (slope**2 - second)
            p -= rate * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    inner, inner_bias, outer, linear = parameters
    return inner / spread[:, None], inner_bias, outer, linear / spread[:, None]


def fit(identities: list[Samples], average: Expressions, uses_scores: bool, seed: int) -> Network:
    """Train one network on identities (mirrored ones are added here)."""
    random = np.random.default_rng(seed)
    both = [*identities, *(samples.mirrored() for samples in identities)]
    basis = principal_basis(both)
    views = [
        np.stack(
            [
                inputs_of(samples, basis, uses_scores, known)
                for known in known_of(random, expressions_of(samples, average), average)
            ]
        )
        for samples in both
    ]
    inputs, targets = np.concatenate(views, axis=1), np.concatenate([samples.controls for samples in both])
    members = [train(inputs, targets, seed + i) for i in range(MEMBERS)]
    inner, inner_bias, outer, linear = zip(*members, strict=True)
    return Network(
        basis,
        uses_scores,
        np.concatenate(inner, axis=1),
        np.concatenate(inner_bias),
        np.concatenate(outer) / MEMBERS,
        np.mean(linear, axis=0),
    )


def correlations(
    network: Network, identities: list[Samples], average: Expressions, *, personal: bool
) -> dict[str, float]:
    """Return Pearson's r of each shape.

    :param personal: whether the network is given each face's own expressions.
    """
    told = np.concatenate(
        [
            Reader(network, expressions_of(s, average) if personal else average)(
                s.displacement, s.scores if network.uses_scores else None, s.head, s.measured
            )
            for s in identities
        ]
    )
    truth = np.concatenate([s.controls for s in identities])
    return {name: float(np.corrcoef(told[:, i], truth[:, i])[0, 1]) for i, name in enumerate(ARKIT_SHAPES)}


def _tested(
    name: str, learned: list[Samples], tested: list[Samples], uses_scores: bool, seed: int
) -> dict[str, dict[str, float]]:
    """Train on some identities, say how well the others are read, and return it."""
    average = average_of(learned)
    network = fit(learned, average, uses_scores, seed)
    report: dict[str, dict[str, float]] = {}
    for personal, known in ((False, "not known"), (True, "known")):
        found = correlations(network, tested, average, personal=personal)
        report[f"{name}, expressions {known}"] = found
        weakest = ", ".join(f"{shape} {r:.2f}" for r, shape in sorted((r, shape) for shape, r in found.items())[:8])
        print(f"{name}, expressions {known}: r {np.nanmean(list(found.values())):.3f}; {weakest}", flush=True)
    return report


def main() -> int:
    """Train both networks and write them."""
    parser = argparse.ArgumentParser(prog="train_solver", description=__doc__)
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders that make_training_data wrote")
    parser.add_argument("--out", type=Path, default=FOLDER, help="where the weights go (default: mapping/data)")
    parser.add_argument("--report", type=Path, help="write the correlations as JSON")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-test", action="store_true", help="do not keep identities out first: half the time")
    arguments = parser.parse_args()
    random = np.random.default_rng(arguments.seed)
    paths = [path for folder in arguments.data for path in sorted(folder.glob("identity_*.npz"))]
    read = [read_identity(path, float(random.uniform(38, 52))) for path in paths]
    identities = [samples for samples in read if samples is not None]
    tested = identities[: max(1, int(KEPT_OUT * len(identities)))]
    learned = identities[len(tested) :]
    count = sum(len(samples.controls) for samples in identities)
    print(f"{len(identities)} identities, {count} samples, {len(tested)} identities kept out", flush=True)
    average = average_of(identities)
    np.savez_compressed(
        arguments.out / "expressions.npz",
        **{field.name: getattr(average, field.name).astype(np.float16) for field in fields(average)},
    )
    report: dict[str, dict[str, float]] = {}
    for name, uses_scores in (("solver", True), ("solver_geometry", False)):
        if not arguments.no_test:
            report.update(_tested(name, learned, tested, uses_scores, arguments.seed))
        network = fit(identities, average, uses_scores, arguments.seed)
        np.savez_compressed(
            arguments.out / f"{name}.npz",
            basis=network.basis.astype(np.float16),
            uses_scores=network.uses_scores,
            inner=network.inner.astype(np.float16),
            inner_bias=network.inner_bias.astype(np.float16),
            outer=network.outer.astype(np.float16),
            linear=network.linear.astype(np.float16),
        )
    if arguments.report:
        arguments.report.write_text(json.dumps(report, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

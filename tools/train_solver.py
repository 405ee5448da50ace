# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Train the learned part of the solve on what `make_training_data` rendered.

    python -m mimica.tools.train_solver --data FOLDER [--out FOLDER] [--report FILE.json]

Writes `solver.npz` (landmarks and scores) and `solver_geometry.npz` (landmarks alone), and prints how well each shape
is told on identities that were kept out. The same data and seed give the same weights on the same machine.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..mapping.calibration import estimate_profile
from ..mapping.data import FOLDER
from ..mapping.face_space import fit_head, lift, to_face_space
from ..mapping.frame import ARKIT_SHAPES, FaceFrames
from ..mapping.learned import Network, evaluate, mirror_landmarks, mirror_shapes, network_inputs, score_change
from ..mapping.rotation import euler_from_matrix

COMPONENTS = 96
HIDDEN = 256
MEMBERS = 3
"""Networks whose mean is the result: they err differently. Written as one network, three times as wide."""
EPOCHS = 150
BATCH = 256
RATE = 2e-3
DECAY = 3e-4
NOISE = 0.35
"""Standard deviation of noise on every input, in its own: other faces than our rig's are never quite like it."""
KEPT_OUT = 0.15
FRONTAL_DEGREES = 8.0


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Samples of many identities as the network will meet them."""

    displacement: np.ndarray
    scores: np.ndarray
    head: np.ndarray
    controls: np.ndarray
    identity: np.ndarray


def read_identity(path: Path, assumed_view: float) -> Samples | None:
    """Read one identity through the mapping's own calibration; None when it has no usable neutral."""
    with np.load(path) as d:
        # A face that still moves after many looks at one picture is no measurement.
        found = d["found"] & np.isfinite(d["scores"][:, 0]) & (d["jitter"] < 1.0)
        frames = FaceFrames(
            times=np.arange(len(found), dtype=np.float64),
            landmarks=d["landmarks"],
            scores=d["scores"],
            image_sizes=np.tile(d["image_size"], (len(found), 1)),
            quality=found.astype(np.float32),
        )
        controls, turned, kind, identity = d["controls"], np.abs(d["head"]).max(axis=1), d["kind"], int(d["identity"])
    calm = found & (kind == 0) & (turned < FRONTAL_DEGREES)
    if not calm.any():
        return None
    rows = np.resize(np.flatnonzero(calm), max(3, int(calm.sum())))
    neutral = FaceFrames(
        np.arange(len(rows), dtype=np.float64),
        frames.landmarks[rows],
        d_scores(frames, rows),
        frames.image_sizes[rows],
        frames.quality[rows],
    )
    profile = estimate_profile(neutral, field_of_view=assumed_view, posed=True)
    if profile is None:
        return None
    keep = np.flatnonzero(found)
    points = lift(frames.landmarks[keep], frames.image_sizes[keep], assumed_view)
    pose = fit_head(points, profile.neutral)
    displacement = np.nan_to_num(to_face_space(points, pose) - profile.neutral.astype(np.float32))
    return Samples(
        displacement.astype(np.float32),
        score_change(d_scores(frames, keep), profile.scores).astype(np.float32),
        euler_from_matrix(profile.rotation.T @ pose.rotation).astype(np.float32),
        controls[keep],
        np.full(len(keep), identity),
    )


def d_scores(frames: FaceFrames, rows: np.ndarray) -> np.ndarray:
    """Scores of some frames, (R, 52)."""
    assert frames.scores is not None
    return frames.scores[rows]


def with_mirrored(samples: Samples) -> Samples:
    """Append each sample mirrored."""
    flip = np.array([-1.0, 1.0, 1.0], np.float32)
    return Samples(
        np.concatenate([samples.displacement, samples.displacement[:, mirror_landmarks()] * flip]),
        np.concatenate([samples.scores, samples.scores[:, mirror_shapes()]]),
        np.concatenate([samples.head, samples.head * np.array([-1.0, 1.0, -1.0], np.float32)]),
        np.concatenate([samples.controls, samples.controls[:, mirror_shapes()]]),
        np.concatenate([samples.identity, samples.identity]),
    )


def principal_basis(displacement: np.ndarray) -> np.ndarray:
    """Return float32 (478 * 3, K): displacement to principal components, each over its standard deviation."""
    flat = displacement.reshape(len(displacement), -1).astype(np.float64)
    # Not centred: the neutral is the origin.
    power, vectors = np.linalg.eigh(flat.T @ flat / len(flat))
    spread = np.sqrt(np.maximum(power[::-1][:COMPONENTS], 0.0))
    return (vectors[:, ::-1][:, :COMPONENTS] / np.maximum(spread, 0.02)).astype(np.float32)


def train(inputs: np.ndarray, targets: np.ndarray, seed: int) -> tuple[np.ndarray, ...]:
    """Adam on the mean squared error; returns inner, inner_bias, outer, linear."""
    random = np.random.default_rng(seed)
    size, shapes = inputs.shape[1], targets.shape[1]
    parameters = [
        random.normal(0, 1 / np.sqrt(size), (size, HIDDEN)),
        np.zeros(HIDDEN),
        np.zeros((HIDDEN, shapes)),
        np.zeros((size, shapes)),
    ]
    moments = [(np.zeros_like(p), np.zeros_like(p)) for p in parameters]
    bias = np.zeros(shapes)
    spread = inputs.std(axis=0)
    steps = EPOCHS * (len(inputs) // BATCH)
    for step in range(1, steps + 1):
        rows = random.integers(0, len(inputs), BATCH)
        x = inputs[rows] + random.normal(0, NOISE, (BATCH, size)) * spread
        hidden = np.tanh(x @ parameters[0] + parameters[1])
        error = hidden @ parameters[2] + x @ parameters[3] + bias - targets[rows]
        back = (error @ parameters[2].T) * (1 - hidden**2)
        slopes = [x.T @ back, back.sum(axis=0), hidden.T @ error, x.T @ error]
        rate = RATE * 0.5 * (1 + np.cos(np.pi * step / steps))
        bias -= rate * error.mean(axis=0)
        for p, (first, second), slope in zip(parameters, moments, slopes, strict=True):
            slope = slope / BATCH + DECAY * p
            first += 0.1 * (slope - first)
            second += 0.001 * (slope**2 - second)
            p -= rate * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    return tuple(p.astype(np.float32) for p in parameters)


def fit(samples: Samples, uses_scores: bool, seed: int) -> Network:
    """Train one network on samples (mirrored ones are added here)."""
    samples = with_mirrored(samples)
    # Iris depth carries no information.
    displacement = samples.displacement.copy()
    displacement[:, 468:, 2] = 0.0
    basis = principal_basis(displacement)
    components = displacement.reshape(len(displacement), -1) @ basis
    inputs = network_inputs(components, samples.scores if uses_scores else None, samples.head)
    members = [train(inputs.astype(np.float64), samples.controls, seed + i) for i in range(MEMBERS)]
    inner, inner_bias, outer, linear = zip(*members, strict=True)
    return Network(
        basis,
        uses_scores,
        np.concatenate(inner, axis=1),
        np.concatenate(inner_bias),
        np.concatenate(outer) / MEMBERS,
        np.mean(linear, axis=0),
    )


def correlations(network: Network, samples: Samples) -> dict[str, float]:
    """Pearson r of each shape."""
    told = evaluate(network, samples.displacement, samples.scores if network.uses_scores else None, samples.head)
    return {
        name: float(np.corrcoef(told[:, i], samples.controls[:, i])[0, 1]) for i, name in enumerate(ARKIT_SHAPES)
    }


def part(samples: Samples, chosen: np.ndarray) -> Samples:
    """Return the chosen samples."""
    return Samples(*(getattr(samples, f)[chosen] for f in Samples.__dataclass_fields__))


def main() -> int:
    """Train both networks and write them."""
    parser = argparse.ArgumentParser(prog="train_solver", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="what make_training_data wrote")
    parser.add_argument("--out", type=Path, default=FOLDER, help="where the weights go (default: mapping/data)")
    parser.add_argument("--report", type=Path, help="write the correlations as JSON")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    random = np.random.default_rng(arguments.seed)
    read = [read_identity(p, float(random.uniform(38, 52))) for p in sorted(arguments.data.glob("identity_*.npz"))]
    parts = [s for s in read if s is not None]
    samples = Samples(*(np.concatenate([getattr(s, f) for s in parts]) for f in Samples.__dataclass_fields__))
    identities = np.unique(samples.identity)
    tested = np.isin(samples.identity, identities[: max(1, int(KEPT_OUT * len(identities)))])
    print(f"{len(identities)} identities, {len(samples.head)} samples, {int(tested.sum())} kept out")
    report: dict[str, dict[str, float]] = {}
    for name, uses_scores in (("solver", True), ("solver_geometry", False)):
        network = fit(part(samples, ~tested), uses_scores, arguments.seed)
        report[name] = correlations(network, part(samples, tested))
        values = list(report[name].values())
        print(f"{name}: r {np.nanmean(values):.3f}, weakest {sorted(zip(values, report[name], strict=True))[:8]}")
        network = fit(samples, uses_scores, arguments.seed)
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

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find what tells faces apart: writes `capture/likeness.json` from what `make_training_data` made.

    python -m mimica.tools.fit_likeness FOLDER

Fisher's linear discriminants of the points' places, people as classes. Half of the people are kept back first, and what
the directions of the others say of them is printed.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from ..capture.likeness import aligned
from ..mapping.landmarks import average_face

# Eye corners, nose and its bridge, forehead, cheekbones: skin over bone, which expressions move least.
POINTS = (
    *(33, 133, 362, 263),
    *(168, 6, 197, 195, 5, 4, 1, 2, 98, 327, 64, 294, 48, 278, 129, 358),
    *(151, 9, 8),
    *(116, 345, 117, 346, 123, 352, 50, 280),
)
DIRECTIONS = 8
"""More gain nothing on people who were kept back."""
_RIDGE = 0.01
"""Added to the spread within a person, in units of its mean: keeps noise from being taken for what is constant."""
TARGET = Path(__file__).parents[1] / "capture" / "likeness.json"


def load_people(folder: Path) -> list[np.ndarray]:
    """Return for each file in the folder its shapes, (M, P, 3), in pixels, y up, z to the viewer."""
    people: list[np.ndarray] = []
    for path in sorted(folder.glob("identity_*.npz")):
        with np.load(path) as data:
            width, height = data["image_size"]
            points = data["landmarks"][data["found"]][:, POINTS]
        people.append(points.astype(np.float64) * (width, -height, -width))
    return people


def mean_face(people: list[np.ndarray]) -> np.ndarray:
    """Return the mean of all faces laid on each other, (P, 3), by generalised Procrustes analysis (Gower 1975).

    It looks where the average face does.
    """
    shapes = np.concatenate(people)
    mean = average_face()[list(POINTS)]
    mean = aligned(mean, mean)
    for _ in range(4):
        shape = np.mean([aligned(shape, mean) for shape in shapes], axis=0)
        mean = aligned(shape, mean)
    return mean


def discriminants(people: list[np.ndarray]) -> np.ndarray:
    """Return directions (D, K) of features (M, D) for each person, the most telling first, of unit spread within."""
    from scipy.linalg import eigh

    within = np.mean([np.cov(person.T) for person in people], axis=0)
    within += _RIDGE * np.trace(within) / len(within) * np.eye(len(within))
    between = np.cov(np.array([person.mean(axis=0) for person in people]).T)
    _, vectors = eigh(between, within)
    return vectors[:, ::-1][:, :DIRECTIONS]


def told_apart(people: list[np.ndarray], directions: np.ndarray) -> float:
    """Return the share of (image, other person) pairs in which the image is more like its own person's mean."""
    seen = [person @ directions for person in people]
    means = np.array([person.mean(axis=0) for person in seen])
    right: list[np.ndarray] = []
    for i, images in enumerate(seen):
        far = np.sqrt(np.mean((images[:, None] - means) ** 2, axis=2))
        right.append((far[:, [i]] < np.delete(far, i, axis=1)).ravel())
    return float(np.concatenate(right).mean())


def main() -> None:
    """Fit, check on people kept back, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="what make_training_data made")
    shapes = load_people(parser.parse_args().folder)
    mean = mean_face(shapes)
    people = [np.array([(aligned(s, mean) - mean).ravel() for s in person]) for person in shapes]
    halves = people[::2], people[1::2]
    shares = [told_apart(a, discriminants(b)) for a, b in (halves, halves[::-1])]
    print(f"{len(people)} people; of those kept back {np.mean(shares):.1%} of the pairs are told apart")
    table = {
        "schema": 1,
        "source": "Made by tools/fit_likeness.py from rendered faces of the own rig; see capture/likeness.py.",
        "points": list(POINTS),
        "mean": np.round(mean, 4).tolist(),
        "directions": np.round(discriminants(people).T, 3).tolist(),
    }
    TARGET.write_text(json.dumps(table, separators=(", ", ": ")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Learn the head's table (`mapping/data/head.npz`) from rendered faces whose head rotation is known.

    python -m mimica.tools.fit_head FOLDER ...

Each FOLDER holds what `tools/make_training_data.py` makes. What is learned is generic: how the tracker's landmarks
slide over a face that turns (linear in products of the turn; expressions are taken out by regression), and the best
linear estimate of the pose from what landmarks do beyond that. Expressions are the noise of that estimate: their
covariance over all samples says which landmarks move together when the head does not. Prints the error,
cross-validated.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..mapping.data import FOLDER
from ..mapping.face_space import fit_head, lift, view_frames
from ..mapping.frame import LANDMARK_COUNT
from ..mapping.head_table import HeadTable, turn_features
from ..mapping.landmarks import average_face, rigid_set
from ..mapping.mirror import mirror_landmarks
from ..mapping.rotation import euler_from_matrix, mean_rotation

LANDMARKS = """
    168 6 197 195 133 362 33 263 127 356 162 389 10 5 8 151 109 338 9 67 297 234 454 21 251 54 284 103 332 4
    2 98 327 94 19 1 50 280 117 346 123 352 116 345 111 340 143 372 35 265 226 446 130 359 243 463 244 464 245 465 193
    417 122 351 188 412 114 343 174 399 196 419 3 248 236 456 69 299 104 333 108 337 68 298 71 301 139 368
"""
"""Forehead, temples, nose, cheek bones, rims of the eye sockets: nothing of mouth, jaw, brows and lids."""
NOISE_CM = (0.2, 0.2, 0.6)
"""Each landmark's own error, which other faces have and the rig's do not show. Depth's is three times that."""
FRONTAL_DEGREES, UNSETTLED_PIXELS = 8.0, 0.5
_FLIP = np.array([-1.0, 1.0, 1.0])
_ODD = np.array([1, 0, 0, 1, 0])
"""Which of `turn_features` change sign in the mirror."""
_SLIDES = np.array([1.0, 1.0, 0.0])
"""Depth is left out: how the tracker's bends when a head turns differs from head to head. It counts as noise."""
_GAUGE_ROUNDS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Identity:
    """M samples of one face."""

    points: np.ndarray
    """float32 (M, 478, 3), camera space."""
    true: np.ndarray
    """float64 (M, 3, 3): rotation of the head in camera space."""
    head: np.ndarray
    """float64 (M, 3): the same as yaw, pitch, roll, degrees."""
    calm: np.ndarray
    """bool (M,): at rest and frontal."""
    controls: np.ndarray
    """float32 (M, 52)."""
    view: np.ndarray
    """float64 (M, 3, 3): `view_frames`."""
    neutral: np.ndarray
    """float64 (478, 3), face space: median of the calm samples."""
    rotation: np.ndarray
    """float64 (M, 3, 3): the true rotation from face space to the view frame."""


def load(path: Path) -> Identity | None:
    """Read one file; None when no sample is calm."""
    with np.load(path) as data:
        keep = data["found"] & (data["jitter"] < UNSETTLED_PIXELS)
        head = data["head"][keep].astype(np.float64)
        calm = (data["kind"][keep] == 0) & (np.abs(head).max(axis=1) < FRONTAL_DEGREES)
        sizes = np.tile(data["image_size"], (len(head), 1))
        points = lift(data["landmarks"][keep], sizes, float(data["field_of_view"]))
        controls = data["controls"][keep]
    if not calm.any():
        return None
    true = rotations(head)
    view = view_frames(points)
    neutral, turn = rest(points[calm], true[calm])
    return Identity(points, true, head, calm, controls, view, neutral, view.transpose(0, 2, 1) @ true @ turn)


def rotations(degrees: np.ndarray) -> np.ndarray:
    """Return Ry(yaw) Rx(pitch) Rz(roll), (N, 3, 3), of angles (N, 3)."""
    result = np.tile(np.eye(3), (len(degrees), 1, 1))
    for axis, angle in zip((1, 0, 2), np.radians(degrees).T, strict=True):
        turn = np.zeros((len(degrees), 3, 3))
        u, v = (axis + 1) % 3, (axis + 2) % 3
        turn[:, axis, axis] = 1.0
        turn[:, u, u] = turn[:, v, v] = np.cos(angle)
        turn[:, v, u] = np.sin(angle)
        turn[:, u, v] = -turn[:, v, u]
        result = result @ turn
    return result


def rest(points: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a face at rest in face space (478, 3), and the rotation (3, 3) from there to the rig's own frame."""
    indices, weights = rigid_set()
    unturned = points @ true
    unturned = unturned - (weights @ unturned[:, indices])[:, None]
    own = np.median(unturned, axis=0).astype(np.float64)
    face = average_face()[indices]
    middle = weights @ face
    u, singular, vt = np.linalg.svd((own[indices] * weights[:, None]).T @ (face - middle))
    if np.linalg.det(u @ vt) < 0:
        raise ValueError("A face is inside out.")
    turn = u @ vt
    size = singular.sum() / (weights @ ((face - middle) ** 2).sum(axis=1))
    return own @ turn / size + middle, turn


def left_over(face: Identity, slide: np.ndarray) -> np.ndarray:
    """Return (M, 478, 3): what landmarks do in face space beyond the head's motion and the slide (5, 478 * 3).

    Place and scale, which the data do not tell, are those that leave the least on the rigid set.
    """
    indices, weights = rigid_set()
    turn = face.rotation[:, :2, 2]
    expected = face.neutral + (turn_features(turn) @ slide).reshape(len(turn), -1, 3)
    seen = face.points @ (face.view @ face.rotation)
    seen = seen - (weights @ seen[:, indices])[:, None]
    expected = expected - (weights @ expected[:, indices])[:, None]
    size = np.einsum("k,nkc,nkc->n", weights, seen[:, indices], expected[:, indices]) / np.einsum(
        "k,nkc,nkc->n", weights, expected[:, indices], expected[:, indices]
    )
    rest_of = seen / size[:, None, None] - expected
    return rest_of - np.median(rest_of[face.calm], axis=0)


def learn(faces: list[Identity]) -> HeadTable:
    """Learn the table from identities."""
    landmarks = np.array([int(word) for word in LANDMARKS.split()])
    mirror = mirror_landmarks()
    features = np.concatenate([turn_features(face.rotation[:, :2, 2]) for face in faces])
    controls = np.concatenate([face.controls for face in faces])
    columns = np.concatenate([features, controls, np.ones((len(features), 1))], axis=1)
    slide = np.zeros((features.shape[1], LANDMARK_COUNT * 3))
    for _ in range(_GAUGE_ROUNDS):
        rest_of = np.concatenate([left_over(face, slide) for face in faces]).reshape(len(features), -1)
        slide = slide + np.linalg.lstsq(columns, rest_of, rcond=None)[0][: len(slide)]
        both = slide.reshape(-1, LANDMARK_COUNT, 3)
        sign = np.where(_ODD == 1, -1.0, 1.0)[:, None, None]
        slide = (0.5 * (both + both[:, mirror] * _FLIP * sign) * _SLIDES).reshape(slide.shape)
    noise = np.concatenate([left_over(face, slide) for face in faces])
    both = np.concatenate([noise[:, landmarks], noise[:, mirror[landmarks]] * _FLIP]).reshape(2 * len(noise), -1)
    covariance = both.T @ both / len(both) + np.diag(np.tile(np.square(NOISE_CM), len(landmarks)))
    change = response(average_face()[landmarks], slide.reshape(-1, LANDMARK_COUNT, 3)[:, landmarks])
    weighted = np.linalg.solve(covariance, change)
    gain = -np.linalg.solve(change.T @ weighted, weighted.T)
    return HeadTable.of(landmarks, gain, slide)


def response(face: np.ndarray, slide: np.ndarray) -> np.ndarray:
    """Return (K * 3, 7): change of residuals with the pose's rotation, log scale and translation, face not turned."""
    change = np.zeros((len(face), 3, 7))
    for axis in range(3):
        unit = np.eye(3)[axis]
        change[:, :, axis] = -np.cross(unit, face)
        change[:, axis, 4 + axis] = -1.0
    change[:, :, 3] = -face
    # Turning about y moves the face's z axis along x, turning about x along -y.
    change[:, :, 1] -= slide[0]
    change[:, :, 0] += slide[1]
    return change.reshape(-1, 7)


def errors(face: Identity, table: HeadTable) -> np.ndarray:
    """Return errors of yaw, pitch and roll, degrees (M, 3), with the constant offset of the calm samples removed."""
    rotation = fit_head(face.points, face.neutral, table).rotation
    offset = mean_rotation(face.true[face.calm].transpose(0, 2, 1) @ rotation[face.calm])
    return np.degrees(euler_from_matrix(rotation @ offset.T)) - face.head


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--out", type=Path, default=FOLDER / "head.npz")
    arguments = parser.parse_args()
    paths = [path for folder in arguments.folders for path in sorted(folder.glob("identity_*.npz"))]
    faces = [face for path in paths if (face := load(path))]
    if len(faces) < 4:
        parser.error("There are fewer than 4 identities that can be used.")
    for of_table in range(2):
        table = learn(faces[of_table::2])
        wrong = np.concatenate([errors(face, table) for face in faces[1 - of_table :: 2]])
        print("mean absolute error of yaw, pitch, roll on other faces, degrees:", np.abs(wrong).mean(axis=0).round(2))
    table = learn(faces)
    np.savez_compressed(
        arguments.out,
        landmarks=table.landmarks.astype(np.int16),
        gain=table.gain.astype(np.float32),
        slide=table.slide.astype(np.float32),
    )
    print(f"{len(faces)} faces; wrote {arguments.out}")


if __name__ == "__main__":
    main()

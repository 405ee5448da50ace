# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tongue's score, which the landmark model computes and Face Landmarker drops.

`face_landmarks_detector.tflite` of the official bundle has a third output, `Identity_2` (1, 1), which its own metadata
calls `tongue_out`: a probability. Face Landmarker reads the first two outputs only. Its landmark decoder, however,
takes as many numbers for a point as the first output has for it: x, y, z, and then the point's visibility, which this
model leaves unset and which the rest of the graph hands on untouched (MediaPipe's
mediapipe/calculators/tensor/tensors_to_landmarks_calculator.cc). So the first output is rearranged from 478 x 3 to
478 x 4 numbers, the fourth of each point being the tongue's score. Landmarks and other scores stay as they were, bit
for bit.

The model is changed in memory, as MediaPipe is given the bundle's bytes anyway: the file on disk stays Google's own.
"""

import hashlib
import io
import logging
import time
import zipfile
from functools import lru_cache

import numpy as np

from .model import LANDMARKS, OFFICIAL_SHA256
from .model_graph import ModelGraph, write_bundle

logger = logging.getLogger(__name__)

_POINTS = 478
_COORDINATES = 3 * _POINTS


def with_tongue(bundle: bytes) -> bytes | None:
    """Return the official bundle's contents changed so that every landmark's visibility is the tongue's score.

    None for any other bundle, and when the change fails, which is logged: the bundle is then to be used as it is. Takes
    about 0.15 s the first time in a process (none of it needs the main thread), and 5 ms afterwards.
    """
    if hashlib.sha256(bundle).hexdigest() != OFFICIAL_SHA256:
        return None
    return _changed(bundle)


@lru_cache(maxsize=1)
def _changed(bundle: bytes) -> bytes | None:
    """Remembered also when it failed, so that the log says it once."""
    began = time.perf_counter()
    try:
        with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        members[LANDMARKS] = _widen(members[LANDMARKS])
        changed = io.BytesIO()
        write_bundle(changed, members)
    except Exception as error:  # the tongue is an extra: nothing about it may keep the tracker from starting
        logger.warning("The tongue's score is not available (%s).", error, exc_info=True)
        return None
    logger.debug("The model was given its tongue score in %.3f s.", time.perf_counter() - began)
    return changed.getvalue()


def _widen(model: bytes) -> bytes:
    graph = ModelGraph(model)
    landmarks, presence, tongue = graph.outputs
    score = graph.reshape(tongue, (1, 1, 1, 1), "mimica_tongue")
    joined = graph.join([landmarks, score], _COORDINATES + 1, "mimica_joined")
    indices = np.full((_POINTS, 4), _COORDINATES)
    indices[:, :3] = np.arange(_COORDINATES).reshape(_POINTS, 3)
    graph.outputs = [graph.gather(joined, indices.reshape(-1), "mimica_landmarks"), presence, tongue]
    return graph.pack()

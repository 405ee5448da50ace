# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The self-test's look at the face model, at the tracker on a picture that comes with Mimica, and at the helper."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..mapping.frame import ARKIT_SHAPES
from .model import OFFLINE_NAME, ModelError, ModelFile
from .remote import RemoteCaptureSession
from .self_test import Finding
from .source import Image, SourceError, SourceSpec, decode_image, load_cv2
from .tracker import Tracker, TrackerError

FindModel = Callable[[], ModelFile | None]

_NO_MODEL = "There is no face model yet."
_GET_MODEL = "Press Download Face Model or Build Offline Model in Mimica's preferences."
_SIZE = 512
"""Side of the picture as the tracker is given it, in pixels: about what a face takes of a camera's picture."""
_IMAGES = 30
_WARM_UP = 5
"""Images that are not counted: the first ones find the face and fill caches."""
_SLOW_MS = 1000 / 30
_OPEN_JAW = 0.3
"""The score that the picture's open mouth has at least; it is about 0.5 to 1."""
_START_LIMIT = 30.0

_ORIGINS = {
    "path": "chosen in the preferences",
    "environment": "named by MIMICA_MODEL",
    "extension": "came with Mimica",
    "user": "in the user folder",
    "download": "downloaded",
    "offline": "built offline",
}


def check_model(find: FindModel) -> Finding:
    """Find the face model and check what is in it."""
    try:
        model = find()
    except ModelError as error:
        return Finding("failure", str(error), _GET_MODEL)
    if model is None:
        return Finding("failure", _NO_MODEL, _GET_MODEL)
    if model.official:
        kind, sentence = "original", "Google's original face model, unchanged."
    elif not model.has_scores and model.path.name == OFFLINE_NAME:
        kind, sentence = "offline", "The face model that was built offline: whole, without expression scores."
    else:
        kind, sentence = "own", "A face model of your own: whole, without scores."
        if model.has_scores:
            sentence = "A face model of your own: whole, with scores."
    details = (
        ("kind", kind),
        ("found", _ORIGINS[model.origin]),
        ("expression scores", "yes" if model.has_scores else "no"),
        ("sha256", model.sha256),
    )
    return Finding("ok", sentence, "", details)


def check_tracker(find: FindModel, picture: Path) -> Finding:
    """Track the face in a picture with its mouth open, again and again, and say how long that takes."""
    try:
        model = find()
    except ModelError as error:
        return Finding("skipped", "Without a usable face model there is no tracking.", str(error))
    if model is None:
        return Finding("skipped", "Without a face model there is no tracking.", _GET_MODEL)
    try:
        pixels = read_picture(picture)
        began = time.perf_counter()
        with Tracker(model) as tracker:
            started = time.perf_counter() - began
            faces, taken = [], []
            for i in range(_IMAGES):
                began = time.perf_counter()
                faces.append(tracker.track(Image(pixels, i / 30, i))[0])
                taken.append((time.perf_counter() - began) * 1e3)
    except (OSError, SourceError, TrackerError) as error:
        return Finding("failure", str(error), "Install Mimica again from the zip for your system.")
    face = faces[-1]
    taken_ms = statistics.median(taken[_WARM_UP:])
    details = [
        (
            "time per image",
            f"{taken_ms:.1f} ms (median of {_IMAGES - _WARM_UP}, slowest {max(taken[_WARM_UP:]):.1f} ms)",
        ),
        ("image", f"{_SIZE} x {_SIZE}"),
        ("start", f"{started * 1e3:.0f} ms"),
        ("face found", "yes" if face.found else "no"),
    ]
    advice = "Try the original face model: choose none in the preferences, and download it."
    if not face.found:
        return Finding("failure", "The tracker runs but finds no face in the test picture.", advice, tuple(details))
    opened = float(face.scores[ARKIT_SHAPES.index("jawOpen")]) if face.scores is not None else np.nan
    if np.isfinite(opened):
        details.append(("open mouth's score", f"{opened:.2f}"))
    if opened < _OPEN_JAW:
        sentence = "The tracker finds the face in the test picture, but not that its mouth is open."
        return Finding("warning", sentence, advice, tuple(details))
    sentence = f"A face is found in {taken_ms:.1f} ms per image."
    if taken_ms > _SLOW_MS:
        advice = "Close other programs, and plug the charger in: many computers are slower on battery."
        sentence += " That is too slow for 30 images a second."
        return Finding("warning", sentence, advice, tuple(details))
    return Finding("ok", sentence, "", tuple(details))


def check_helper(find: FindModel, picture: Path, *, wanted: bool, start_limit: float = _START_LIMIT) -> Finding:
    """Start the helper process, have it track the picture, and end it again.

    :param wanted: whether captures are made in it with the present settings.
    """
    try:
        model = find()
    except ModelError as error:
        return Finding("skipped", "Without a usable face model the helper process has nothing to do.", str(error))
    if model is None:
        return Finding("skipped", "Without a face model the helper process has nothing to do.", _GET_MODEL)
    advice = "Set Helper Process to Off, or install Mimica again."
    session = RemoteCaptureSession(SourceSpec("images", path=str(picture), loop=True), model)
    began = time.perf_counter()
    session.start()
    try:
        answered = _answer(session, began + start_limit)
        taken = time.perf_counter() - began
    finally:
        began = time.perf_counter()
        ended = session.stop(5.0)
        ending = time.perf_counter() - began
    details = [("used by captures", "yes" if wanted else "no")]
    if not answered:
        sentence = session.error or f"The helper process did not answer within {start_limit:g} s."
        # Without it captures go on as they are.
        return Finding("failure" if wanted else "warning", sentence, advice, tuple(details))
    details += [("start to first result", f"{taken * 1e3:.0f} ms"), ("end", f"{ending * 1e3:.0f} ms")]
    if not ended:
        return Finding("warning", "The helper process answers but does not end.", advice, tuple(details))
    sentence = "It starts, answers and ends."
    return Finding("ok", sentence, "", tuple(details))


def read_picture(picture: Path) -> np.ndarray:
    """Return the test picture as the tracker is given it: uint8 (512, 512, 3) RGB. Raises OSError, SourceError."""
    pixels = decode_image(picture.read_bytes())
    if pixels is None:
        raise SourceError("The test picture that comes with Mimica is damaged.")
    cv2 = load_cv2()
    return np.ascontiguousarray(cv2.resize(pixels, (_SIZE, _SIZE), interpolation=cv2.INTER_CUBIC))


def _answer(session: RemoteCaptureSession, deadline: float) -> bool:
    """Wait for the first result; return whether it came."""
    while time.perf_counter() < deadline:
        if session.latest() is not None:
            return True
        if session.wait(0.02):
            return session.latest() is not None
    return False

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find, download or build the face model and print its path on the last line of stdout; also have a face detector.

Runs in the environment.

    python tools/get_model.py FOLDER [--download]

In this order: the file that MIMICA_MODEL names, what is in FOLDER from an earlier time, the official address where it
can be reached, the offline bundle from the package registry. --download leaves an offline bundle in FOLDER out.
"""

import sys
import tempfile
import threading
import urllib.request
from pathlib import Path

from mimica.capture.detector_file import extract_detector, find_detector
from mimica.capture.model import MODEL_ADDRESS, ModelError, ModelFile, download_model, find_model
from mimica.capture.offline_model import build_offline_model, pip_download_wheel

PATIENCE = 5.0
"""Seconds in which the official address must answer. A machine without internet should not be kept waiting."""


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _reachable(address: str) -> bool:
    answered = threading.Event()

    def ask() -> None:
        try:
            with urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=PATIENCE):
                answered.set()
        except OSError:
            pass

    # In a thread of its own: looking up a name has no time limit.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return answered.is_set()


def get_model(folder: Path, *, download: bool) -> ModelFile:
    """Return a model, from wherever it can be had. Blocks. Raises ModelError when there is none."""
    found = find_model(explicit=None, extension_folder=None, user_folder=folder)
    if found is not None and not (download and found.origin == "offline"):
        return found
    if _reachable(MODEL_ADDRESS):
        try:
            return download_model(folder)
        except ModelError as error:
            _say(str(error))
    else:
        _say("The model's official address cannot be reached: a model without scores is put together instead.")
    return found or build_offline_model(pip_download_wheel(folder), folder)


def _get_detector(folder: Path, model: ModelFile) -> None:
    """Have the detector for faces far away in FOLDER, unless it is elsewhere; everything else works without it."""
    if find_detector("", folder, model.path.parent) is not None:
        return
    try:
        with tempfile.TemporaryDirectory() as wheels:
            extract_detector(pip_download_wheel(Path(wheels)), folder)
    except ModelError as error:
        _say(f"There is no face detector for faces far away. {error}")


def main() -> int:
    """Do it; 0 when there is a model."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    try:
        model = get_model(folder, download="--download" in sys.argv)
    except ModelError as error:
        _say(str(error))
        return 1
    _say(f"Face model: {model.path.name}, {'with' if model.has_scores else 'without'} scores ({model.origin}).")
    _get_detector(folder, model)
    print(model.path)
    return 0


if __name__ == "__main__":
    sys.exit(main())

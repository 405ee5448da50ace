# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clips that go through the tracker once and are read from their takes from then on."""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

from .. import capture
from ..capture.model import ModelFile
from ..capture.take import SUFFIX, Take
from ..capture.tracker import TrackerSettings
from ..mapping.frame import FaceFrames
from . import perform
from .failure import CommandError


def take_of(clip: Path, model: ModelFile, folder: Path, *, mirrored: bool = False) -> Path:
    """Return where the take of a clip stands: named for the clip, what is in it, the model and the tracker's code.

    Raises CommandError when the clip cannot be read.

    :param mirrored: that of the clip as a mirror shows it.
    """
    try:
        content = hashlib.sha256(clip.read_bytes()).hexdigest()
    except OSError as error:
        raise CommandError(f"The clip '{clip}' cannot be read ({error.strerror or error}).") from error
    name = f"{clip.stem}-mirrored" if mirrored else clip.stem
    return folder / f"{name}-{content[:12]}-{model.sha256[:12]}-{_tracker_code()[:8]}{SUFFIX}"


@cache
def _tracker_code() -> str:
    """Return the hash of the tracker's modules: what another Mimica tracked may not be what this one would."""
    folder = Path(capture.__file__).parent
    code = b"".join(path.read_bytes() for path in sorted(folder.glob("*.py")))
    return hashlib.sha256(code).hexdigest()


def track(
    clip: Path, model: ModelFile, path: Path, progress: Callable[[float], None], *, mirrored: bool = False
) -> None:
    """Track a clip into a take at `path`, which appears there only when it is whole. Blocks.

    Raises CommandError or SourceError.
    """
    part = path.with_name(f"part-{path.name}")
    perform.capture(
        perform.source_spec(clip),
        model,
        part,
        replace=True,
        field_of_view=None,
        settings=TrackerSettings(),
        progress=progress,
        mirrored=mirrored,
    )
    part.replace(path)


def frames_of(path: Path) -> FaceFrames:
    """Return the frames of the face in a take. Raises CommandError or TakeError."""
    return perform.best_face(Take.open(path))

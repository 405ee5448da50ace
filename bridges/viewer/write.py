# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A take into Rerun: a file .rrd, or a viewer that runs. See `columns` for what is written."""

import os
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...capture.take import Take
from .. import extras
from . import columns
from .address import Address, nobody_at
from .content import ControlContent, FaceContent, read_controls, read_faces
from .entities import APPLICATION, PICTURE, FacePaths
from .layout import Shown, layout
from .pictures import WIDTH, Pictures, jpeg_size, pictures_of

if TYPE_CHECKING:
    import rerun as rr

SUFFIX = ".rrd"
_PICTURES_AT_ONCE = 32
"""Pictures of one chunk: about a megabyte, which the viewer reads well."""
_BYTES_AN_IMAGE = 16_000
"""What an image of one face takes of the disk, without its picture; counted high."""
_SHARE = 0.4
"""Of the progress: what reading and solving take."""


_PATIENCE = 60.0
"""Seconds that a viewer has for what is still on its way to it."""


class ViewerError(Exception):
    """A recording cannot be written or shown; its text is a sentence for the user."""


@dataclass(slots=True)
class Written:
    """What was written."""

    faces: int = 0
    images: int = 0
    pictures: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """What of a take is shown, read and solved."""

    take: Take
    faces: tuple[FaceContent, ...]
    controls: tuple[ControlContent, ...]
    """In place of faces, where another program has solved them."""
    pictures: Pictures | None

    @property
    def shown(self) -> tuple[Shown, ...]:
        """For the layout."""
        if self.controls:
            return tuple(Shown(FacePaths.of(one.face), points=False, scores=False) for one in self.controls)
        return tuple(Shown(FacePaths.of(one.face), scores=one.frames.scores is not None) for one in self.faces)

    @property
    def images(self) -> int:
        """Instants."""
        return max([*(len(one.take) for one in self.controls), *(len(one.frames) for one in self.faces)], default=0)


def read_content(path: Path, width: int = WIDTH, video: Path | None = None) -> Content:
    """Read and solve a take. Blocks: about a second for a minute.

    Raises `TakeError`, `ViewerError` for a take without a face, or `PicturesError`.

    :param width: pixels that pictures are wide at most; 0 leaves them out.
    :param video: the video that the take was made of, where it does not lie beside it.
    """
    take = Take.open(path)
    if take.info.kind == "controls":
        return Content(take, (), read_controls(take), None)
    faces = read_faces(take)
    if not faces:
        raise ViewerError(f"The take '{take.info.name}' holds no face, so there is nothing to look into.")
    return Content(take, faces, (), pictures_of(take, faces[0].frames.times, width, video))


def write_file(path: Path, content: Content, progress: Callable[[float], None] = lambda _share: None) -> Written:
    """Write a take as a file at `path`, which appears there only when it is whole, and replaces what was there.

    Raises `ViewerError`, or `extras.ExtraMissing`. Blocks: a few seconds for ten minutes, longer with pictures.
    """
    extras.require("rerun")
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _check_room(part, content)
        with part.open("wb"):
            pass  # Rerun tells of a folder that cannot be written, but not so that a user understands it.
        recording = new_recording(content.take.info.name)
        try:
            recording.save(part, default_blueprint=layout(content.shown))
            written = fill(recording, content, progress)
        finally:
            recording.disconnect()
        _check_whole(part)
        os.replace(part, path)
    except OSError as error:
        raise ViewerError(f"'{path}' cannot be written ({error.strerror or error}). Choose another place.") from error
    finally:
        _forget(part)
    return written


def send_to(address: Address, content: Content, progress: Callable[[float], None] = lambda _share: None) -> Written:
    """Show a take in a viewer that runs. Raises `ViewerError`, or `extras.ExtraMissing`. Blocks."""
    extras.require("rerun")
    if not address.answers():
        raise ViewerError(nobody_at(address))
    recording = new_recording(content.take.info.name)
    try:
        recording.connect_grpc(address.url, default_blueprint=layout(content.shown))
        written = fill(recording, content, progress)
        recording.flush(timeout_sec=_PATIENCE)
    except (RuntimeError, ValueError) as error:
        raise ViewerError(f"The viewer at {address.text} did not take all of it. Is it still open?") from error
    finally:
        recording.disconnect()
    return written


def new_recording(name: str) -> "rr.RecordingStream":
    """Return a recording with a name that the viewer lists. Raises `extras.ExtraMissing`."""
    extras.require("rerun")
    import rerun as rr

    recording = rr.RecordingStream(APPLICATION)
    recording.send_recording_name(name)
    return recording


def fill(recording: "rr.RecordingStream", content: Content, progress: Callable[[float], None]) -> Written:
    """Write all of it into a recording that goes to a file or a viewer."""
    written = Written(len(content.shown), content.images)
    for i, one in enumerate(content.controls, start=1):
        paths = FacePaths.of(one.face)
        columns.send_static(recording, paths, False, None)
        columns.send_motion(recording, paths, one.motion, np.arange(len(one.motion)))
        progress(i / len(content.controls))
    share = _SHARE if content.pictures is not None else 1.0
    whole = sum(len(one.frames) for one in content.faces)
    done = 0
    for one in content.faces:
        paths = FacePaths.of(one.face)
        columns.send_static(recording, paths, one.frames.scores is not None, one.profile.neutral)
        columns.send_motion(recording, paths, one.motion, np.arange(len(one.motion)))
        columns.send_scores(recording, paths, one.frames, np.arange(len(one.frames)))
        for rows, points in one.blocks():
            part = one.frames.slice(rows.start, rows.stop)
            numbers = np.arange(rows.start, rows.stop)
            columns.send_points(recording, paths, part, numbers)
            columns.send_shape(recording, paths, part.times, points, numbers)
            done += len(part)
            progress(share * done / whole)
    if content.pictures is not None:
        first = content.faces[0].frames
        written.pictures = _send_pictures(
            recording,
            content.pictures,
            first.times,
            first.image_sizes,
            lambda part: progress(share + (1 - share) * part),
        )
    return written


def _send_pictures(
    recording: "rr.RecordingStream",
    pictures: Pictures,
    times: np.ndarray,
    sizes: np.ndarray,
    progress: Callable[[float], None],
) -> int:
    """Write the pictures as they are, scaled to the image's own pixels by a transform, and return how many."""
    import rerun as rr

    count, last = 0, -1
    left = iter(pictures)
    scale = 0.0
    while block := list(islice(left, _PICTURES_AT_ONCE)):
        numbers = np.array([number for number, _ in block])
        size = jpeg_size(block[0][1])
        wanted = float(sizes[numbers[0], 0]) / size[0] if size else 1.0
        if wanted != scale:
            scale = wanted
            recording.log(PICTURE, rr.Transform3D(scale=[scale, scale, 1.0]), static=True)
        recording.send_columns(
            PICTURE,
            columns.instants(times[numbers], numbers),
            rr.EncodedImage.columns(
                blob=[np.frombuffer(jpeg, np.uint8) for _, jpeg in block], media_type=["image/jpeg"] * len(block)
            ),
        )
        count, last = count + len(block), int(numbers[-1])
        progress(min(1.0, (last + 1) / len(times)))
    # Where the pictures end before the take does, the last one must not stay.
    if count and last + 1 < len(times):
        after = np.array([last + 1])
        nothing = rr.EncodedImage.columns(blob=[np.zeros(0, np.uint8)]).partition([0])
        recording.send_columns(PICTURE, columns.instants(times[after], after), nothing)
    return count


def _check_room(part: Path, content: Content) -> None:
    needed = content.images * len(content.shown) * _BYTES_AN_IMAGE
    if content.pictures is not None:
        needed += content.pictures.path.stat().st_size
    free = shutil.disk_usage(part.parent).free
    if free < needed:
        raise ViewerError(
            f"The disk of '{part.parent}' has {free / 1e6:.0f} MB left, and about {needed / 1e6:.0f} MB are needed. "
            "Free some space, choose another disk, or leave the pictures out."
        )


def _check_whole(part: Path) -> None:
    """See that all of it is on the disk: what writes it does not say when the disk takes no more."""
    from rerun.chunk import RrdReader

    try:
        with warnings.catch_warnings():
            # It warns of a file whose end is missing, and reads what is there.
            warnings.simplefilter("error")
            whole = bool(RrdReader(part).recordings())
    except Exception:
        whole = False
    if not whole:
        raise ViewerError(f"The disk takes no more, so '{part.parent}' holds nothing new. Free some space.")


def _forget(part: Path) -> None:
    try:
        part.unlink(missing_ok=True)
    except OSError:
        pass

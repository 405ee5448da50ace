# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A take's sound as a strip of the scene's sequencer, in time with the keys of its bake."""

import math
from dataclasses import dataclass
from pathlib import Path

import bpy

from ..capture.take_schema import Sound
from . import compat
from .sound_copy import WavLength, copy_wav, wav_length

TAKE_PROPERTY = "mimica_take"
"""On a strip: the name of the take's file."""
_DRIFT = 0.010
"""Seconds by which the sound may drift from the keys until its end."""
_FURTHEST = 0.01
"""Part of a sound's rate by which a device's clock cannot be off: more is no measurement."""
_SUBFRAME = 0.001
"""Seconds; closer to a frame is on it."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a strip begins: a scene frame and the seconds after it; and what of it is not exact."""

    path: Path
    frame: int
    after: float
    frames: int
    """How many scene frames it lasts."""
    notes: tuple[str, ...] = ()


def lay_sound(
    scene: bpy.types.Scene,
    take_path: Path,
    sound: Sound,
    *,
    start_frame: float,
    take_start: float,
    offset_ms: float = 0.0,
    ends: tuple[float, float] | None = None,
) -> str | None:
    """Put a take's sound into the scene's sequencer, in place of what that take laid there before. Main thread.

    A strip that is replaced hands on its channel, volume, panning and mute. Blender's strips begin on whole frames; the
    rest goes into the strip's own offset of the sound, or (Blender 4.2) into silence at the beginning of a copy. Where
    the device's clock was so far off that the sound would drift by 10 ms, a copy is laid that says the rate measured.

    :param start_frame: scene frame that shows the instant `take_start`, seconds on the take's clock.
    :param offset_ms: milliseconds by which the sound comes later.
    :param ends: first and last scene frame to be heard; None: all of it is.
    :return: what there is to say of it, as sentences: why it could not be laid, or not exactly; None when all is well.
    """
    path = take_path.with_name(Path(sound.file).name)
    if not compat.has_sound():
        return "This Blender was built without sound, so the take's was not laid."
    try:
        length = wav_length(path)
    except FileNotFoundError:
        return (
            f"The sound of the take '{take_path.stem}' is not in its folder, so none was laid. Put '{path.name}' back "
            "beside the take and bake again."
        )
    except (OSError, ValueError) as error:
        return f"The sound '{path.name}' cannot be read ({error}), so none was laid."
    if not length.frames:
        return f"The sound '{path.name}' is empty, so none was laid."
    rate = scene.render.fps / scene.render.fps_base
    begin = start_frame + (sound.start + offset_ms / 1000.0 - take_start) * rate
    if not math.isfinite(begin) or not abs(sound.rate / length.rate - 1.0) < _FURTHEST:
        return f"The take '{take_path.stem}' does not say rightly when its sound was heard, so none was laid."
    place = _place(path, length, sound.rate, begin, rate)
    editor = scene.sequence_editor_create()
    old = [strip for strip in compat.strips(editor) if strip.get(TAKE_PROPERTY) == take_path.stem]
    was = (old[0].channel, old[0].volume, old[0].pan, old[0].mute) if old else (1, 1.0, 0.0, False)
    heard = {strip.sound.name_full for strip in old if strip.sound is not None}
    for strip in old:
        compat.strips(editor).remove(strip)
    channel = _free_channel(editor, was[0], place.frame, place.frame + place.frames + 1)
    try:
        strip = compat.strips(editor).new_sound(take_path.stem, str(place.path), channel, place.frame)
    except RuntimeError as error:
        return f"Blender cannot read the sound '{place.path.name}' ({error}), so none was laid."
    strip[TAKE_PROPERTY] = take_path.stem
    strip.volume, strip.pan, strip.mute = was[1:]
    compat.set_sound_offset(strip, place.after)
    if bpy.data.filepath:
        strip.sound.filepath = _relative(place.path)
    # What the strip before held may stay behind without a user.
    unused = [sound for sound in bpy.data.sounds if sound.name_full in heard and not sound.users]
    for sound_block in unused:
        bpy.data.sounds.remove(sound_block)
    if ends is not None:
        compat.trim_strip(strip, math.floor(ends[0]), math.floor(ends[1]) + 1)
    return " ".join(place.notes) or None


def _place(path: Path, length: WavLength, measured: float, begin: float, rate: float) -> _Place:
    """Return where and how a sound is laid.

    :param measured: its samples a second as measured.
    :param begin: scene frame of its first sample.
    :param rate: the scene's frames a second.
    """
    drift = length.frames / measured - length.frames / length.rate
    said = round(measured) if abs(drift) > _DRIFT else length.rate
    # What drift stays is shared out: as early at the beginning as late at the end.
    begin += (length.frames / measured - length.frames / said) / 2.0 * rate
    frame = math.floor(begin + _SUBFRAME * rate)
    after = (begin - frame) / rate
    silence = 0 if compat.has_sound_offset() or after < _SUBFRAME else round(after * 1000.0)
    notes: list[str] = []
    if said != length.rate or silence:
        try:
            path = copy_wav(path, said, silence)
        except OSError as error:
            notes.append(
                f"The sound is up to {max(abs(drift), 0.5 / rate if silence else 0.0) * 1000:.0f} ms off: the copy of "
                f"it that is exact cannot be written ({error.strerror or error})."
            )
            frame, silence, said = (round(begin), 0, length.rate) if silence else (frame, 0, length.rate)
        else:
            if said != length.rate:
                notes.append(
                    f"The microphone's clock differs from the camera's by {drift * 1000:.0f} ms until the end. "
                    f"'{path.name}' was laid, which says so in its rate."
                )
    rest = length.frames / measured - length.frames / said
    if said != length.rate and abs(rest) > _DRIFT:
        notes.append(f"At its end it is still {abs(rest) * 1000:.0f} ms off.")
    seconds = length.frames / said + silence / 1000.0
    return _Place(path, frame, after if compat.has_sound_offset() else 0.0, math.ceil(seconds * rate), tuple(notes))


def _free_channel(editor: bpy.types.SequenceEditor, wanted: int, first: int, last: int) -> int:
    """Return the lowest channel from the wanted one on in which nothing lies from one frame to another."""
    taken = {
        strip.channel
        for strip in compat.strips(editor)
        for begin, end in [compat.ends_of_strip(strip)]
        if begin < last and end > first
    }
    taken |= {i for i, channel in enumerate(editor.channels) if channel.lock}
    free = (channel for channel in (*range(wanted, 129), *range(1, wanted)) if channel not in taken)
    return next(free, 128)


def _relative(path: Path) -> str:
    try:
        return bpy.path.relpath(str(path))
    except ValueError:
        return str(path)  # on another drive

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""WAV files: how long they are, and copies that say another rate or begin later. No Blender here."""

import os
import wave
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_CHUNK = 2**18


@dataclass(frozen=True, slots=True)
class WavLength:
    """How much sound there is."""

    frames: int
    """Samples of each channel."""
    rate: int
    """Samples a second, as the file says."""


def wav_length(path: Path) -> WavLength:
    """Return it. Raises OSError when the file cannot be read, ValueError when it is no WAV file."""
    try:
        with wave.open(os.fspath(path), "rb") as file:
            return WavLength(file.getnframes(), file.getframerate())
    except (wave.Error, EOFError) as error:
        raise ValueError(str(error) or "it ends too early") from error


def copy_wav(path: Path, rate: int, silence_ms: int) -> Path:
    """Copy a WAV file beside it, with the rate it really has, and silence first. Return the copy, made or found there.

    No sample is altered.

    :param rate: samples a second that the copy says.
    :raises OSError: it cannot be written.
    """
    words = f"{rate} Hz" + (f" +{silence_ms} ms" if silence_ms else "")
    copy = path.with_name(f"{path.stem} ({words}){path.suffix}")
    silence = round(silence_ms / 1000.0 * rate)
    with wave.open(os.fspath(path), "rb") as source:
        frames = source.getnframes()
        with suppress(OSError, ValueError):
            if wav_length(copy) == WavLength(frames + silence, rate):
                return copy
        part = copy.with_name(f".{copy.name}.part")
        try:
            with wave.open(os.fspath(part), "wb") as target:
                target.setnchannels(source.getnchannels())
                target.setsampwidth(source.getsampwidth())
                target.setframerate(rate)
                target.setnframes(frames + silence)
                target.writeframes(bytes(silence * source.getnchannels() * source.getsampwidth()))
                while data := source.readframes(_CHUNK):
                    target.writeframesraw(data)
            part.replace(copy)
        finally:
            part.unlink(missing_ok=True)
    return copy

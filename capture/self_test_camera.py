# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The self-test's look at cameras and microphones."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .camera import list_cameras
from .camera_reasons import Reason, look_around, why_no_camera
from .model import ModelError, ModelFile
from .remote import RemoteCaptureSession
from .self_test import Finding
from .self_test_scrub import device_name
from .sound_devices import MicrophoneError, check_macos, microphones
from .source import FrameSource, Image, SourceError, SourceSpec, make_source

SECONDS = 1.0
"""For how long pictures are taken."""
OPEN_LIMIT = 10.0
"""Seconds until a camera's first picture."""
LIMIT = 30.0
"""Seconds for all of the check: looking for cameras, opening one, closing it."""
STARTING = 15.0
"""Seconds that a helper process has beside those of its camera."""
_SLOW = 20.0
"""Images a second, below which a camera is slow that was not asked for less."""
_DARK = 0.12
"""[0, 1]: mean brightness of a picture in which most faces are too dark to be followed well."""
_BLACK = 0.02


@dataclass(frozen=True, slots=True)
class Sample:
    """What a camera sent."""

    width: int
    height: int
    rate: float
    """Images a second, as they came; NaN when there were too few to tell."""
    nominal: float | None
    """The same as the camera says."""
    opening: float
    """Seconds until the first image."""
    brightness: float
    """Mean of the last image, [0, 1]; NaN without one."""


Look = Callable[[SourceSpec], Sample]
"""Opens a camera for a moment. Raises SourceError."""


def check_camera(
    spec: SourceSpec,
    look: Look,
    *,
    where: str,
    capturing: Callable[[], bool] = lambda: False,
    cameras: Callable[[], Sequence[str]] = lambda: [camera.name for camera in list_cameras()],
    reason: Callable[[], Reason] = lambda: why_no_camera(look_around()),
) -> Finding:
    """List the cameras, and open the chosen one, else the first, for a second.

    :param spec: a camera as a capture would open it.
    :param where: in which process it is opened, as the report says it.
    :param capturing: whether a capture runs: then no camera is touched.
    """
    if capturing():
        return Finding(
            "skipped", "A capture is running, so no camera was opened.", "Stop the capture to test the camera."
        )
    try:
        names = list(cameras())
    except SourceError as error:
        return Finding("failure", str(error), "Install Mimica again from the zip for your system.")
    if not names:
        told = reason()
        return Finding("warning", told.sentence, " ".join(told.advice), (("cameras", "none"), ("cause", told.kind)))
    chosen = spec.name if spec.name in names else names[0]
    listed = ", ".join(f"{device_name(name)}{' (tested)' if name == chosen else ''}" for name in names)
    asked = f"{spec.width} x {spec.height}" if spec.width else "its own choice"
    details = [("cameras", listed), ("opened", where), ("asked for", f"{asked}, {spec.rate:g} images/s")]
    called = device_name(chosen)
    try:
        sample = look(replace(spec, name=chosen, open_timeout=OPEN_LIMIT))
    except SourceError as error:
        sentence = str(error).replace(chosen, device_name(chosen))
        return Finding("failure", sentence, "", tuple(details))
    rate = "too few to tell" if np.isnan(sample.rate) else f"{sample.rate:.1f} images/s"
    nominal = f", the camera says {sample.nominal:g}" if sample.nominal else ""
    details += [
        ("size", f"{sample.width} x {sample.height}"),
        ("rate", f"{rate}{nominal}"),
        ("opened in", f"{sample.opening:.1f} s"),
        ("brightness", "unknown" if np.isnan(sample.brightness) else f"{sample.brightness:.0%}"),
    ]
    if spec.name and chosen != spec.name:
        sentence = "The camera that is chosen in the panel is not connected; another one works."
        return Finding("warning", sentence, "Connect it, or choose the other one under Source.", tuple(details))
    return _judged(called, sample, spec.rate, tuple(details))


def _judged(called: str, sample: Sample, asked: float, details: tuple[tuple[str, str], ...]) -> Finding:
    if sample.brightness < _BLACK:
        sentence = f"The camera '{called}' sends a black picture."
        return Finding("warning", sentence, "Open its cover, or put more light on.", details)
    if sample.brightness < _DARK:
        sentence = f"The camera '{called}' sends a dark picture."
        return Finding("warning", sentence, "Put light in front of you, not behind.", details)
    # Who asks for few images is not to be told that there are few. A camera keeps its rate roughly.
    slow = min(_SLOW, 0.8 * asked) if asked else _SLOW
    if not sample.rate >= slow:
        sentence = f"The camera '{called}' sends few images a second."
        return Finding("warning", sentence, "Give it more light: cameras expose longer in the dark.", details)
    size = f"{sample.width} x {sample.height}"
    return Finding("ok", f"The camera '{called}' sends {sample.rate:.0f} images a second of {size}.", "", details)


def look_here(
    spec: SourceSpec, seconds: float = SECONDS, make: Callable[[SourceSpec], FrameSource] = make_source
) -> Sample:
    """Open a camera in this process, take pictures for so many seconds and close it. Raises SourceError."""
    source = make(spec)
    began = time.perf_counter()
    moments: list[float] = []
    image: Image | None = None
    try:
        info = source.open()
        opening = time.perf_counter() - began
        deadline = time.perf_counter() + seconds
        while time.perf_counter() < deadline and (newest := source.read()) is not None:
            image = newest
            moments.append(image.grabbed)
    finally:
        source.close()
    passed = moments[-1] - moments[0] if moments else 0.0
    rate = (len(moments) - 1) / passed if passed > 0 else np.nan
    return Sample(info.width, info.height, rate, info.rate, opening, brightness(image))


def look_in_helper(spec: SourceSpec, find: Callable[[], ModelFile | None], seconds: float = SECONDS) -> Sample:
    """Do the same in a helper process: a driver that crashes leaves this process alone. Raises SourceError."""
    try:
        model = find()
    except ModelError as error:
        raise SourceError(str(error)) from error
    if model is None:
        raise SourceError("The helper process needs the face model first. Download it in Mimica's preferences.")
    session = RemoteCaptureSession(spec, model)
    began = time.perf_counter()
    session.start()
    try:
        deadline = began + spec.open_timeout + STARTING
        while session.latest() is None:
            if session.wait(0.01):
                raise SourceError(session.error or "The capture in the helper process ended at once.")
            if time.perf_counter() > deadline:
                raise SourceError(f"The helper process had no picture within {spec.open_timeout + STARTING:g} s.")
        opening = time.perf_counter() - began
        before, since = session.stats().captured, time.perf_counter()
        session.wait(seconds)
        after, passed = session.stats().captured, time.perf_counter() - since
        image, info = session.newest_image(), session.info
        if session.error:
            raise SourceError(session.error)
    finally:
        session.stop(3.0)
    rate = (after - before) / passed if after > before else np.nan
    assert info is not None, "results come from what was opened"
    return Sample(info.width, info.height, rate, info.rate, opening, brightness(image))


def brightness(image: Image | None) -> float:
    """Return the mean of an image's pixels, [0, 1]; NaN without an image."""
    return np.nan if image is None else float(image.pixels[::8, ::8].mean()) / 255.0


def check_microphone(
    wanted: bool,
    device: str,
    find: Callable[[], Sequence[str]] = microphones,
    allowed: Callable[[], None] = check_macos,
) -> Finding:
    """List the microphones where sound is switched on. Nothing is recorded.

    :param device: the one that is chosen; empty is the system's default.
    """
    if not wanted:
        return Finding("skipped", "Microphone is switched off, so none was looked for.")
    try:
        names = list(find())
        allowed()
    except MicrophoneError as error:
        return Finding("failure", str(error))
    if not names:
        return Finding("failure", "No microphone was found.", "Connect one, or switch Microphone off.")
    details = (("microphones", ", ".join(device_name(name) for name in names)),)
    if device and device not in names:
        sentence = "The microphone that is chosen is not connected."
        return Finding("failure", sentence, "Connect it, or choose another one.", details)
    found = f"{len(names)} microphones found." if len(names) > 1 else "1 microphone found."
    return Finding("ok", found, "", details)

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cameras by name, on Windows, macOS and Linux."""

import json
import logging
import platform
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .camera_reasons import look_around, why_no_camera
from .device import CaptureDevice, LiveSource
from .images import natural_key
from .source import SourceError, SourceSpec, load_cv2

log = logging.getLogger(__name__)

_V4L2_NAMES = Path("/sys/class/video4linux")
_UNCOMPRESSED_PIXELS = 640 * 480
"""USB 2 carries uncompressed pictures up to about this size at 30 images a second; beyond, cameras send JPEG."""


@dataclass(frozen=True, slots=True)
class Camera:
    """A connected camera."""

    name: str
    """Unique among those connected: the second of two like ones is called `Name (2)`."""
    index: int
    """Number of the camera within its back-end."""
    backend: int
    """OpenCV's number of the back-end: CAP_MSMF, CAP_DSHOW, CAP_AVFOUNDATION or CAP_V4L2."""
    path: str = ""
    """The system's own identification: device file, device path or unique id; empty when not known."""


def list_cameras() -> tuple[Camera, ...]:
    """Return the connected cameras in the system's order, each once.

    Opens none of them. Takes a moment the first time (it loads OpenCV), so call it when the user asks, never while
    drawing. Any thread. Raises SourceError when OpenCV cannot be loaded.
    """
    by_name: dict[str, Camera] = {}
    for camera in _all_cameras():
        by_name.setdefault(camera.name, camera)
    return tuple(by_name.values())


def camera_source(spec: SourceSpec) -> LiveSource:
    """Return the source for the camera `spec.name` (the first camera if empty), not yet opened."""
    called = f"The camera '{spec.name}'" if spec.name else "The camera"
    return LiveSource(
        "camera",
        lambda: open_camera(spec),
        timeout_sentence=f"{called} did not answer within {spec.open_timeout:g} seconds. Unplug it and plug it in "
        "again, or choose another.",
        silent_sentence=f"{called} opens but sends no picture. Close other programs that may be using it and start "
        "again.",
        lost_sentence=f"{called} stopped sending pictures. Check its cable, then start the capture again.",
        open_timeout=spec.open_timeout,
    )


def open_camera(spec: SourceSpec) -> CaptureDevice:
    """Find and open the camera, ask for size and rate. Raises SourceError. May take long: not for the main thread.

    The device may choose another size or rate than it was asked for: its images say which.
    """
    cameras = _all_cameras()
    if not cameras:
        raise SourceError(str(why_no_camera(look_around())))
    name = spec.name or cameras[0].name
    # One entry for each back-end that knows this camera, the preferred one first.
    wanted = [camera for camera in cameras if camera.name == name]
    if not wanted:
        others = ", ".join(dict.fromkeys(camera.name for camera in cameras))
        raise SourceError(f"The camera '{name}' is not connected. Connect it, or choose another: {others}.")
    for camera in wanted:
        capture = _open_capture(camera, spec)
        if capture is not None:
            return CaptureDevice(capture, camera.name)
        log.info("'%s' does not open through back-end %d.", camera.name, camera.backend)
    raise SourceError(_refused(wanted[0]))


def _refused(camera: Camera) -> str:
    """Return the sentences for a camera that is there but does not open."""
    device = camera.path if camera.path.startswith("/dev/") else ""
    return str(why_no_camera(look_around(), camera.name, device))


def _open_capture(camera: Camera, spec: SourceSpec) -> Any:
    """Return an opened `cv2.VideoCapture` with the size and rate asked for where the camera has them, or None."""
    cv2 = load_cv2()
    wishes = [
        (cv2.CAP_PROP_FRAME_WIDTH, float(spec.width)),
        (cv2.CAP_PROP_FRAME_HEIGHT, float(spec.height)),
        (cv2.CAP_PROP_FPS, spec.rate),
    ]
    wishes = [(wish, value) for wish, value in wishes if value > 0]
    if camera.backend == cv2.CAP_MSMF and wishes:
        # Media Foundation takes seconds for each change of an open camera (opencv issue 26495), so it is told at once.
        parameters = [int(number) for wish in wishes for number in wish]
        capture = _opened(camera.index, camera.backend, parameters)
        if capture is not None:
            return capture
    capture = _opened(camera.index, camera.backend)
    if capture is None:
        return None
    jpeg = spec.width * spec.height > _UNCOMPRESSED_PIXELS or spec.rate > 30
    if jpeg and camera.backend in (cv2.CAP_V4L2, cv2.CAP_DSHOW):
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
    for wish, value in wishes:
        if not capture.set(wish, value):
            log.info("'%s' does not accept %g for property %d.", camera.name, value, wish)
    return capture


def _opened(*arguments: Any) -> Any:
    """Return `cv2.VideoCapture(*arguments)` if it opens, else None."""
    cv2 = load_cv2()
    try:
        capture = cv2.VideoCapture(*arguments)
    except cv2.error as error:
        log.info("OpenCV: %s", error)
        return None
    if capture.isOpened():
        return capture
    capture.release()
    return None


def _all_cameras() -> list[Camera]:
    """Return every camera once for each back-end that knows it, preferred back-ends first."""
    cv2 = load_cv2()
    backends: dict[str, tuple[int, ...]] = {
        # DirectShow after Media Foundation: virtual cameras are known to it alone.
        "Windows": (cv2.CAP_MSMF, cv2.CAP_DSHOW),
        "Darwin": (cv2.CAP_AVFOUNDATION,),
        "Linux": (cv2.CAP_V4L2,),
    }
    fallbacks: dict[str, Callable[[], list[Camera]]] = {"Darwin": _profiler_cameras, "Linux": _v4l2_cameras}
    system = platform.system()
    try:
        from cv2_enumerate_cameras import enumerate_cameras
    except ImportError as error:
        log.warning("Camera names come from the system, because cv2_enumerate_cameras cannot be loaded: %s", error)
        fallback = fallbacks.get(system)
        return _tell_apart(fallback()) if fallback else []
    cameras: list[Camera] = []
    for backend in backends.get(system, ()):
        found = enumerate_cameras(backend)
        cameras += _tell_apart([Camera(c.name or f"Camera {c.index}", c.index, backend, c.path or "") for c in found])
    return cameras


def _tell_apart(cameras: list[Camera]) -> list[Camera]:
    """Return the cameras of one back-end in order of index, with a number behind names that occur again.

    The numbers follow the device paths, which are alike in all back-ends of a system.
    """
    seen: Counter[str] = Counter()
    result: list[Camera] = []
    for camera in sorted(cameras, key=lambda camera: (natural_key(camera.path), camera.index)):
        seen[camera.name] += 1
        number = seen[camera.name]
        result.append(replace(camera, name=f"{camera.name} ({number})") if number > 1 else camera)
    return sorted(result, key=lambda camera: camera.index)


def _v4l2_cameras() -> list[Camera]:
    """Return Linux's cameras from the names that the kernel shows."""
    backend: int = load_cv2().CAP_V4L2
    cameras: list[Camera] = []
    for entry in _V4L2_NAMES.glob("video*"):
        number = entry.name.removeprefix("video")
        try:
            # A camera has more nodes than one, for example for metadata: the picture is its first.
            if not number.isdecimal() or (entry / "index").read_text(encoding="utf-8").strip() != "0":
                continue
            name = (entry / "name").read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            continue  # unplugged meanwhile
        cameras.append(Camera(name or entry.name, int(number), backend, f"/dev/{entry.name}"))
    return cameras


def _profiler_cameras() -> list[Camera]:
    """Return macOS's cameras from its system profiler. OpenCV numbers them in order of their unique ids."""
    backend: int = load_cv2().CAP_AVFOUNDATION
    command = ["/usr/sbin/system_profiler", "-json", "SPCameraDataType"]
    try:
        answer = subprocess.run(command, capture_output=True, timeout=8, check=True).stdout
        entries = json.loads(answer)["SPCameraDataType"]
        found = sorted((str(entry.get("spcamera_unique-id", "")), str(entry["_name"])) for entry in entries)
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError) as error:
        log.warning("macOS does not list its cameras: %s", error)
        return []
    return [Camera(name, index, backend, unique) for index, (unique, name) in enumerate(found)]

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network cameras as a source: MJPEG over HTTP with a small parser of its own, RTSP and the like through OpenCV."""

import contextlib
import http.client
import logging
import socket
import time
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

import numpy as np

from .device import CaptureDevice, Device, LiveSource
from .source import SourceError, SourceSpec, decode_image, load_cv2

log = logging.getLogger(__name__)

_STALL_LIMIT = 3.0
"""Seconds without an image after which a connection counts as lost."""
_LONGEST_PART = 64 * 2**20
"""Bytes. A longer part is no picture but a server that does not speak MJPEG."""
_LONGEST_LINE = 64 * 2**10
_SCHEMES = frozenset(("http", "https", "rtsp", "rtsps", "rtmp", "rtmps", "srt", "tcp", "udp"))


def stream_source(spec: SourceSpec) -> LiveSource:
    """Return the source for the stream at `spec.address`, not yet connected. A lost one is connected to again once."""
    shown = shown_address(spec.address)
    return LiveSource(
        "stream",
        lambda: connect(spec.address, spec.open_timeout),
        timeout_sentence=f"The stream {shown} did not answer within {spec.open_timeout:g} seconds. Check the address "
        "and that the camera is on.",
        silent_sentence=f"The stream {shown} answers but sends no picture. Check that the address is that of its "
        "video.",
        lost_sentence=f"The stream {shown} was lost and could not be connected to again. Check the network, then start "
        "the capture again.",
        open_timeout=spec.open_timeout,
        stall_limit=_STALL_LIMIT,
        reconnects=1,
    )


def shown_address(address: str) -> str:
    """Return the address without user name and password, which belong in no message, log or take."""
    try:
        return urlunsplit(_without_login(urlsplit(address)))
    except ValueError:
        return "with this address"


def connect(address: str, timeout: float) -> Device:
    """Connect to a stream, `timeout` seconds at most for each step. Raises SourceError."""
    try:
        parts = urlsplit(address.strip())
        parts.port  # noqa: B018  # raises where the port is no number
    except ValueError as error:
        raise SourceError(f"The stream address is not valid ({error}). Correct it.") from error
    if parts.scheme not in _SCHEMES or not parts.netloc:
        raise SourceError(
            "The stream address is not complete. Enter one like http://192.168.0.10:8080/video or "
            "rtsp://192.168.0.10/live."
        )
    if parts.scheme in ("http", "https"):
        device = _connect_http(parts, timeout)
        if device is not None:
            return device
    return _connect_opencv(address.strip(), timeout)


def _without_login(parts: SplitResult) -> SplitResult:
    return parts._replace(netloc=parts.netloc.rpartition("@")[2])


def _connect_opencv(address: str, timeout: float) -> CaptureDevice:
    cv2 = load_cv2()
    shown = shown_address(address)
    limits = [
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
        max(1, int(timeout * 1000)),
        cv2.CAP_PROP_READ_TIMEOUT_MSEC,
        int(_STALL_LIMIT * 1000),
    ]
    capture = cv2.VideoCapture(address, cv2.CAP_FFMPEG, limits)
    if not capture.isOpened():
        capture.release()
        raise SourceError(
            f"The stream {shown} does not open. Check the address, the user name and password in it, and that the "
            "camera is on."
        )
    device = CaptureDevice(capture, shown)
    _skip_backlog(capture, device.rate)
    return device


def _skip_backlog(capture: Any, rate: float | None) -> None:
    """Pass over the images that FFmpeg collected while it looked into the stream: their moment is gone."""
    pause = 0.25 / (rate or 30.0)
    end = time.perf_counter() + _STALL_LIMIT
    while (begin := time.perf_counter()) < end and capture.grab() and time.perf_counter() - begin < pause:
        pass


def _connect_http(parts: SplitResult, timeout: float) -> "MjpegDevice | None":
    """Return the MJPEG stream at an address, or None where something else is sent, perhaps a video for OpenCV."""
    url = urlunsplit(_without_login(parts))
    # Cameras are on the local network, where a proxy for the internet does not reach.
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if parts.username is not None:
        logins = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        logins.add_password(None, url, unquote(parts.username), unquote(parts.password or ""))
        handlers += [urllib.request.HTTPBasicAuthHandler(logins), urllib.request.HTTPDigestAuthHandler(logins)]
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "Mimica"})
        response = urllib.request.build_opener(*handlers).open(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (401, 403):
            raise SourceError(
                f"The stream {url} asks for a user name and password, or refuses those given. Write them into the "
                f"address: {parts.scheme}://name:password@{_without_login(parts).netloc}{parts.path}"
            ) from error
        raise SourceError(f"The stream {url} is refused ({error.code} {error.reason}). Check the address.") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise SourceError(
            f"The stream {url} does not answer ({reason}). Check the address and that the camera is on."
        ) from error
    kind = response.headers.get_content_type()
    if kind.startswith("multipart/"):
        boundary = response.headers.get_boundary() or ""
        return MjpegDevice(response, boundary.encode("latin-1", "replace"), url)
    response.close()
    if kind.startswith(("text/", "image/")):
        raise SourceError(
            f"The address {url} sends {kind}, not a video stream. Enter the address of the stream itself."
        )
    return None


class MjpegDevice:
    """JPEG pictures in the parts of one endless HTTP answer (multipart/x-mixed-replace)."""

    def __init__(self, response: Any, boundary: bytes, name: str) -> None:
        self.name = name
        self.rate: float | None = None
        self._response = response
        # Servers disagree on whether the dashes before a boundary belong to its name.
        self._boundary = boundary.strip(b"-")
        self._at_part = False
        # A second handle on the connection, to end it from another thread while this one waits for data.
        self._socket: socket.socket | None = None
        with contextlib.suppress(OSError):
            self._socket = socket.fromfd(response.fileno(), socket.AF_INET, socket.SOCK_STREAM)

    def read(self) -> tuple[np.ndarray, float] | None:
        """See `Device.read`. The time is that of the picture's last byte."""
        try:
            data = self._part()
        except (http.client.HTTPException, ValueError) as error:
            raise ConnectionError(str(error)) from error
        grabbed = time.perf_counter()
        pixels = decode_image(data)
        if pixels is None:
            log.info("A picture of %d bytes from %s cannot be decoded.", len(data), self.name)
            return None
        return pixels, grabbed

    def abort(self) -> None:
        """See `Device.abort`."""
        connection = self._socket
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        """See `Device.release`."""
        connection, self._socket = self._socket, None
        if connection is not None:
            connection.close()
        with contextlib.suppress(OSError, http.client.HTTPException):
            self._response.close()

    def _line(self) -> bytes:
        line: bytes = self._response.readline(_LONGEST_LINE)
        if not line:
            raise ConnectionError("the server ended the stream")
        return line

    def _is_boundary(self, line: bytes) -> bool:
        return line.startswith(b"--") and line.strip().strip(b"-") == self._boundary

    def _part(self) -> bytes:
        """Return the content of the next part. Raises OSError or HTTPException when the connection ends."""
        skipped = 0
        # After a part without a length, its end was the boundary of this one, which is then already read.
        while not self._at_part:
            line = self._line()
            skipped += len(line)
            if skipped > _LONGEST_PART:
                raise ConnectionError("the answer has no parts")
            self._at_part = self._is_boundary(line)
        self._at_part = False
        length = -1
        while line := self._line().strip():
            key, _, value = line.partition(b":")
            if key.strip().lower() == b"content-length":
                length = int(value)
        if length > _LONGEST_PART:
            raise ConnectionError(f"a part of {length} bytes")
        if length >= 0:
            data: bytes = self._response.read(length)
            if len(data) < length:
                raise ConnectionError("the server ended the stream within a picture")
            return data
        lines: list[bytes] = []
        size = 0
        while not self._is_boundary(line := self._line()):
            lines.append(line)
            size += len(line)
            if size > _LONGEST_PART:
                raise ConnectionError("a part without end")
        self._at_part = True
        return b"".join(lines).removesuffix(b"\n").removesuffix(b"\r")

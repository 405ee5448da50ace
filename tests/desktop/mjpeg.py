# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network camera on the loopback: it plays a clip as MJPEG over HTTP, in a loop, in real time."""

import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2

CLIPS_VARIABLE = "MIMICA_TEST_CLIPS"
"""A folder of real clips (*.mp4). Without it the tests use the sample clip that Mimica makes itself."""


def test_clips(folder: Path) -> list[Path]:
    """Real clips where there are any, else the sample clip, made in `folder`."""
    if (named := os.environ.get(CLIPS_VARIABLE)) and (clips := sorted(Path(named).glob("*.mp4"))):
        return clips
    from mimica.cli.sample import write_sample

    path = folder / "sample.mp4"
    if not path.exists():
        write_sample(path)
    return [path]


test_clips.__test__ = False


class MjpegCamera:
    """Serves `address`. Use as a context manager.

    `frozen` holds the picture back without closing the connection, `cut()` drops every viewer, `refuse` turns new ones
    away; `viewers` counts who is watching now, `sent` the pictures sent so far, `position` is the clip's next frame.
    """

    def __init__(self, clip: Path, rate: float | None = None) -> None:
        video = cv2.VideoCapture(str(clip))
        self.rate = rate or video.get(cv2.CAP_PROP_FPS) or 30.0
        self.frames: list[bytes] = []
        while (got := video.read())[0]:
            self.frames.append(cv2.imencode(".jpg", got[1], [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes())
        video.release()
        if not self.frames:
            raise ValueError(f"{clip} has no pictures")
        self.frozen = False
        self.refuse = False
        self.viewers = 0
        self.sent = 0
        self.position = 0
        self._generation = 0
        self._changed = threading.Condition()
        self._ending = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}/stream.mjpg"
        self._threads = [
            threading.Thread(target=self._server.serve_forever, daemon=True),
            threading.Thread(target=self._play, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def cut(self) -> None:
        """Drop every viewer, as a network does."""
        with self._changed:
            self._generation += 1
            self._changed.notify_all()

    def close(self) -> None:
        """End the camera."""
        self._ending = True
        self.cut()
        self._server.shutdown()
        self._server.server_close()

    def _play(self) -> None:
        start, count = time.monotonic(), 0
        while not self._ending:
            count += 1
            time.sleep(max(0.0, start + count / self.rate - time.monotonic()))
            if not self.frozen:
                with self._changed:
                    self.position = (self.position + 1) % len(self.frames)
                    self._changed.notify_all()

    def _handler(camera) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - `self` is the handler's below
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if camera.refuse:
                    self.send_error(503)
                    return
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                generation = camera._generation
                camera.viewers += 1
                try:
                    while True:
                        with camera._changed:
                            camera._changed.wait()
                            if camera._generation != generation:
                                return
                            data = camera.frames[camera.position]
                        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                        self.wfile.write(head.encode() + data + b"\r\n")
                        camera.sent += 1
                except OSError:
                    pass
                finally:
                    camera.viewers -= 1

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        return Handler

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

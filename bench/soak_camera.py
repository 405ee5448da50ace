# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A network camera in a process of its own: plays a clip as MJPEG over HTTP and notes when it sent each picture.

Standard output is its address. The notes are pairs of float64: the wall clock, and `time.perf_counter`.
"""

import struct
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

NOTE = struct.Struct("=dd")


class SoakCamera:
    """The process, to be used as a context manager."""

    def __init__(self, clip: Path, rate: float, width: int, notes: Path) -> None:
        self.rate, self.notes = rate, notes
        command = [sys.executable, "-m", __name__, str(clip), str(rate), str(width), str(notes)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.address = self._process.stdout.readline().strip()
        if not self.address:
            raise RuntimeError("The camera did not start.")

    def sent(self) -> np.ndarray:
        """Return when the pictures were sent so far, float64 (N, 2): wall clock, and `time.perf_counter`."""
        data = self.notes.read_bytes()
        return np.frombuffer(data[: len(data) // NOTE.size * NOTE.size]).reshape(-1, 2)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # It ends with its standard input, also when this process is killed.
        self._process.communicate()


def _pictures(clip: Path, width: int) -> list[bytes]:
    video, pictures = cv2.VideoCapture(str(clip)), []
    while (got := video.read())[0]:
        height = round(got[1].shape[0] * width / got[1].shape[1])
        small = cv2.resize(got[1], (width, height), interpolation=cv2.INTER_AREA)
        pictures.append(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes())
    return pictures


def main(clip: str, rate: str, width: str, notes: str) -> None:
    """Serve until standard input ends."""
    pictures, period = _pictures(Path(clip), int(width)), 1 / float(rate)
    noted = open(notes, "wb", buffering=0)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            start, count = time.perf_counter(), 0
            try:
                while True:
                    data = pictures[count % len(pictures)]
                    count += 1
                    time.sleep(max(0.0, start + count * period - time.perf_counter()))
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                    noted.write(NOTE.pack(time.time(), time.perf_counter()))
                    self.wfile.write(head.encode() + data + b"\r\n")
            except OSError:
                pass

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_address[1]}/stream.mjpg", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])

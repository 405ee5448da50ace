# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small RTSP camera for tests: pictures as RTP/JPEG (RFC 2435) within the RTSP connection (RFC 2326, 10.12)."""

import socket
import struct
import threading
import time

import cv2

from .clips import SIZE, numbered

_PACKET = 1200


def split_jpeg(data: bytes) -> tuple[bytes, bytes]:
    """Return the quantization tables and the scan of a baseline JPEG."""
    tables = b""
    position = 2
    while True:
        marker, length = struct.unpack_from(">HH", data, position)
        body = data[position + 4 : position + 2 + length]
        if marker == 0xFFDB:
            while body:
                tables += body[1:65]
                body = body[65:]
        position += 2 + length
        if marker == 0xFFDA:
            return tables, data[position:-2]


class RtspCamera:
    """Serves one client at a time on the loopback interface, 25 images a second, until it is closed."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"rtsp://127.0.0.1:{self._listener.getsockname()[1]}/live"
        self._closed = threading.Event()
        self._client: socket.socket | None = None
        threading.Thread(target=self._serve, daemon=True).start()

    def drop(self) -> None:
        """Cut the connection, as a camera does that restarts."""
        if self._client:
            self._client.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._closed.set()
        self._listener.close()
        self.drop()

    def _serve(self) -> None:
        while not self._closed.is_set():
            try:
                self._client, _ = self._listener.accept()
                with self._client:
                    self._talk(self._client)
            except OSError:
                continue
            finally:
                self._client = None

    def _talk(self, client: socket.socket) -> None:
        lines = client.makefile("rb")
        while request := lines.readline().decode():
            method, url, _ = request.split()
            headers = {}
            while line := lines.readline().decode().strip():
                key, _, value = line.partition(":")
                headers[key.lower()] = value.strip()
            extra, body = "", ""
            if method == "OPTIONS":
                extra = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
            elif method == "DESCRIBE":
                body = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=test\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
                body += "m=video 0 RTP/AVP 26\r\na=control:track1\r\na=framerate:25\r\n"
                extra = f"Content-Base: {url}/\r\nContent-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
            elif method == "SETUP":
                extra = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n"
            elif method == "PLAY":
                extra = "Session: 1\r\nRange: npt=0-\r\n"
            client.sendall(f"RTSP/1.0 200 OK\r\nCSeq: {headers['cseq']}\r\n{extra}\r\n{body}".encode())
            if method == "PLAY":
                self._play(client)

    def _play(self, client: socket.socket) -> None:
        sequence = 0
        for number in range(10_000):
            if self._closed.wait(0.04):
                return
            image = cv2.cvtColor(numbered(number % 1024), cv2.COLOR_RGB2BGR)
            # RTP/JPEG knows 4:2:0 as type 1 and brings the tables that Q = 255 announces.
            options = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
            tables, scan = split_jpeg(cv2.imencode(".jpg", image, options)[1].tobytes())
            stamp = int(time.time() * 90_000) & 0xFFFFFFFF
            for offset in range(0, len(scan), _PACKET):
                part = scan[offset : offset + _PACKET]
                last = offset + _PACKET >= len(scan)
                payload = struct.pack(">BBHI", 0x80, 26 | last << 7, sequence & 0xFFFF, stamp) + struct.pack(">I", 1)
                payload += struct.pack(">II", offset, 1 << 24 | 255 << 16 | SIZE[0] // 8 << 8 | SIZE[1] // 8)
                if offset == 0:
                    payload += struct.pack(">HH", 0, len(tables)) + tables
                client.sendall(struct.pack(">BBH", 0x24, 0, len(payload) + len(part)) + payload + part)
                sequence += 1

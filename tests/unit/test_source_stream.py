# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network streams against real servers on the loopback interface: dialects, dead addresses, lost connections."""

import base64
import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from mimica.capture.source import FrameSource, Image, SourceError, SourceSpec, make_source
from mimica.capture.stream import shown_address
from mimica.tests.unit.clips import SIZE, is_upright, jpeg, number_of

pytest.importorskip("cv2")

PICTURES = [jpeg(number) for number in range(100)]


class MjpegCamera(ThreadingHTTPServer):
    """A camera that sends MJPEG in the dialect it is told, 50 images a second."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lengths = True
        self.boundary = "frame"
        self.head = "multipart/x-mixed-replace; boundary=frame"
        self.authentication: Callable[[str], bool] | None = None
        self.challenge = ""
        self.end_after = -1
        self.freeze_after = -1
        self.broken: set[int] = set()
        self.connections = 0
        self.open_connections = 0
        self.closing = threading.Event()
        self.address = f"http://127.0.0.1:{self.server_address[1]}/video"

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that leave are normal."""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        camera = self.server
        assert isinstance(camera, MjpegCamera)
        if camera.authentication and not camera.authentication(self.headers.get("Authorization", "")):
            self.send_response(401)
            self.send_header("WWW-Authenticate", camera.challenge)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/video")
            self.end_headers()
            return
        if self.path != "/video":
            self.send_error(404)
            return
        camera.connections += 1
        camera.open_connections += 1
        try:
            self.stream(camera)
        finally:
            camera.open_connections -= 1

    def stream(self, camera: MjpegCamera) -> None:
        self.send_response(200)
        self.send_header("Content-Type", camera.head)
        self.end_headers()
        if not camera.head.lower().startswith("multipart"):
            self.wfile.write(b"<html>hello</html>")
            return
        boundary = b"--" + camera.boundary.encode()
        for number in range(100_000):
            if number == camera.end_after:
                return
            if number == camera.freeze_after:
                camera.closing.wait(30)
                return
            data = PICTURES[number % len(PICTURES)]
            if number in camera.broken:
                data = b"\xff\xd8 this is no picture"
            length = b"Content-Length: %d\r\n" % len(data) if camera.lengths else b""
            self.wfile.write(boundary + b"\r\nContent-Type: image/jpeg\r\n" + length + b"\r\n" + data + b"\r\n")
            if camera.closing.wait(0.02):
                return

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def camera() -> Iterator[MjpegCamera]:
    server = MjpegCamera()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield server
    server.closing.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def stream() -> Iterator[Callable[..., FrameSource]]:
    made: list[FrameSource] = []

    def make(address: str, open_timeout: float = 5.0) -> FrameSource:
        source = make_source(SourceSpec("stream", address=address, open_timeout=open_timeout))
        made.append(source)
        return source

    yield make
    for source in made:
        source.close()


Make = Callable[..., FrameSource]


def read(source: FrameSource, count: int) -> list[Image]:
    images = []
    for _ in range(count):
        image = source.read()
        assert image is not None
        images.append(image)
    return images


def refusal(source: FrameSource) -> str:
    with pytest.raises(SourceError) as caught:
        source.open()
    assert str(caught.value).endswith((".", "/video"))
    return str(caught.value)


DIALECTS = [
    (True, "frame", "multipart/x-mixed-replace; boundary=frame"),
    (False, "frame", "multipart/x-mixed-replace; boundary=frame"),
    (True, "my frame", 'multipart/x-mixed-replace;boundary="my frame"'),
    (True, "myboundary", "multipart/x-mixed-replace; boundary=--myboundary"),
    (False, "--two", "multipart/x-mixed-replace; boundary=--two"),
    (True, "frame", "Multipart/X-Mixed-Replace; Boundary=frame; charset=x"),
]


@pytest.mark.parametrize("lengths, boundary, head", DIALECTS)
def test_mjpeg_dialects(camera: MjpegCamera, stream: Make, lengths: bool, boundary: str, head: str) -> None:
    camera.lengths, camera.boundary, camera.head = lengths, boundary, head
    source = stream(camera.address)
    info = source.open()
    assert (info.kind, info.name, info.live) == ("stream", camera.address, True)
    assert (info.width, info.height, info.duration) == (*SIZE, None)
    images = read(source, 30)
    assert [number_of(image.pixels) for image in images] == list(range(30))
    assert all(is_upright(image.pixels) for image in images)


def test_times_are_those_of_the_arrival(camera: MjpegCamera, stream: Make) -> None:
    source = stream(camera.address)
    start = time.perf_counter()
    source.open()
    images = read(source, 50)
    end = time.perf_counter()
    times = np.array([image.time for image in images])
    assert np.all(np.diff(times) > 0)
    assert 0.0 <= times[0] and times[-1] <= end - start
    assert np.median(np.diff(times)) == pytest.approx(0.02, abs=0.004)
    assert images[-1].grabbed - images[0].grabbed == pytest.approx(times[-1] - times[0])


def test_a_broken_picture_is_left_out(camera: MjpegCamera, stream: Make) -> None:
    camera.broken = {0, 3, 4}
    source = stream(camera.address)
    source.open()
    assert [number_of(image.pixels) for image in read(source, 5)] == [1, 2, 5, 6, 7]


def test_redirection(camera: MjpegCamera, stream: Make) -> None:
    source = stream(camera.address.replace("/video", "/moved"))
    source.open()
    assert number_of(read(source, 1)[0].pixels) == 0


def test_password(camera: MjpegCamera, stream: Make) -> None:
    expected = "Basic " + base64.b64encode(b"me:s ecret").decode()
    camera.challenge, camera.authentication = 'Basic realm="camera"', lambda header: header == expected
    host = camera.address.removeprefix("http://")
    source = stream(f"http://me:s%20ecret@{host}")
    assert source.open().name == camera.address
    assert "asks for a user name and password" in refusal(stream(camera.address))
    wrong = refusal(stream(f"http://me:wrongword@{host}"))
    assert "or refuses those given" in wrong
    assert "wrongword" not in wrong


def test_digest_password(camera: MjpegCamera, stream: Make) -> None:
    def digest(text: str) -> str:
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    def check(header: str) -> bool:
        response = digest(f"{digest('me:camera:pw')}:abc:{digest('GET:/video')}")
        return header.startswith("Digest ") and f'response="{response}"' in header

    camera.challenge, camera.authentication = 'Digest realm="camera", nonce="abc"', check
    source = stream(camera.address.replace("http://", "http://me:pw@"))
    source.open()
    assert camera.connections == 1


def test_addresses_that_cannot_work(camera: MjpegCamera, stream: Make) -> None:
    assert "is not complete" in refusal(stream(""))
    assert "is not complete" in refusal(stream("192.168.0.10/video"))
    assert "is not complete" in refusal(stream("file:///etc/passwd"))
    assert "is not valid" in refusal(stream("http://camera:port/video"))
    assert "is not valid" in refusal(stream("http://[::1/video"))
    assert "404" in refusal(stream(camera.address + "s"))
    camera.head = "text/html"
    assert "sends text/html, not a video stream" in refusal(stream(camera.address))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_a_dead_address_is_said_in_time(stream: Make, scheme: str) -> None:
    start = time.perf_counter()
    sentence = refusal(stream(f"{scheme}://127.0.0.1:{free_port()}/video", open_timeout=3.0))
    assert time.perf_counter() - start < 3.5
    assert "Check the address" in sentence


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_a_server_that_says_nothing_is_said_in_time(stream: Make, scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        source = stream(f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/video", open_timeout=1.0)
        start = time.perf_counter()
        assert "Check the address" in refusal(source)
        assert time.perf_counter() - start < 1.5


def test_a_stream_without_a_picture_is_said(camera: MjpegCamera, stream: Make) -> None:
    camera.broken = set(range(1000))
    assert "answers but sends no picture" in refusal(stream(camera.address, open_timeout=1.0))


def test_a_lost_connection_is_opened_again(camera: MjpegCamera, stream: Make) -> None:
    camera.end_after = 20
    source = stream(camera.address)
    source.open()
    images = read(source, 70)  # over three losses, each after images: the one try is for each loss
    assert camera.connections >= 4
    assert [number_of(image.pixels) for image in images[:41]] == [*range(20), *range(20), 0]
    assert np.all(np.diff([image.time for image in images]) > 0)
    assert [image.index for image in images] == list(range(70))


def test_a_connection_lost_for_good_is_a_sentence(camera: MjpegCamera, stream: Make) -> None:
    source = stream(camera.address, open_timeout=2.0)
    source.open()
    read(source, 5)
    camera.closing.set()
    camera.shutdown()
    camera.server_close()
    start = time.perf_counter()
    with pytest.raises(SourceError, match=r"was lost and could not be connected to again\. Check the network"):
        read(source, 1000)
    assert time.perf_counter() - start < 5


def test_a_frozen_stream_is_opened_again(camera: MjpegCamera, stream: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mimica.capture.stream._STALL_LIMIT", 0.5)
    camera.freeze_after = 10
    source = stream(camera.address)
    source.open()
    start = time.perf_counter()
    images = read(source, 15)
    assert time.perf_counter() - start < 3
    assert camera.connections == 2
    assert images[10].time - images[9].time > 0.4


def test_interrupt_ends_a_waiting_read_and_close_the_connection(camera: MjpegCamera, stream: Make) -> None:
    camera.freeze_after = 3
    source = stream(camera.address)
    source.open()
    read(source, 3)
    threading.Timer(0.3, source.interrupt).start()
    start = time.perf_counter()
    assert source.read() is None
    source.close()
    assert time.perf_counter() - start < 0.8
    assert not [thread for thread in threading.enumerate() if thread.name == "mimica-stream"]


def test_close_while_streaming_releases_the_camera(camera: MjpegCamera, stream: Make) -> None:
    source = stream(camera.address)
    source.open()
    source.close()
    source.close()
    end = time.perf_counter() + 2
    while camera.open_connections and time.perf_counter() < end:
        time.sleep(0.01)
    assert camera.open_connections == 0


def test_there_is_no_seeking(camera: MjpegCamera, stream: Make) -> None:
    with pytest.raises(SourceError):
        stream(camera.address).seek(1.0)


def test_rtsp(stream: Make) -> None:
    from mimica.tests.unit.rtsp_server import RtspCamera

    camera = RtspCamera()
    try:
        source = stream(camera.address, open_timeout=8.0)
        info = source.open()
        assert (info.kind, info.name, info.width, info.height) == ("stream", camera.address, *SIZE)
        images = read(source, 40)
        numbers = [number_of(image.pixels) for image in images]
        assert np.all(np.diff(numbers) == 1)
        assert all(is_upright(image.pixels) for image in images)
        times = np.array([image.time for image in images])
        assert np.median(np.diff(times)) == pytest.approx(0.04, abs=0.01)
        camera.drop()
        images = read(source, 30)
        assert number_of(images[-1].pixels) < numbers[-1]  # connected again, where the camera begins anew
        camera.close()
        with pytest.raises(SourceError, match="was lost"):
            read(source, 1000)
    finally:
        camera.close()


def test_no_address_shows_its_password() -> None:
    assert shown_address("rtsp://me:pw@host:554/live?a=b") == "rtsp://host:554/live?a=b"
    assert shown_address("http://me:p@w@host/x") == "http://host/x"
    assert "pw" not in shown_address("http://me:pw@[::1/x")

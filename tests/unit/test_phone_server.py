# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server for phones as a device meets it, on the loopback: who gets what, what is bounded, and that it ends."""

import asyncio
import itertools
import json
import os
import socket
import ssl
import stat
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mimica.bridges.phone import certificate, server
from mimica.bridges.phone.messages import unpack_points
from mimica.bridges.phone.qr import qr_matrix, qr_text
from mimica.bridges.phone.server import PhoneServer, ServerSettings
from mimica.capture.tracker import TrackerSettings
from mimica.mapping.frame import FaceFrame

aiohttp, aiortc, av, mediastreams = map(pytest.importorskip, ("aiohttp", "aiortc", "av", "aiortc.mediastreams"))
for package in ("cryptography", "segno"):
    pytest.importorskip(package)

KEY = "0123456789abcdef"
PATIENCE = 20.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("phone")


@pytest.fixture
def phone(folder: Path) -> Iterator[PhoneServer]:
    phone = PhoneServer(ServerSettings(folder, port=0, host="127.0.0.1"))
    phone.start()
    assert phone.wait_started(), phone.error
    yield phone
    assert phone.stop()


class Film(mediastreams.VideoStreamTrack):
    """A picture whose left half is red, for as long as somebody takes it."""

    async def recv(self) -> Any:
        pixels = np.zeros((120, 160, 3), np.uint8)
        pixels[:, :80, 0] = 255
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        frame.pts, frame.time_base = await self.next_timestamp()
        return frame


class Peer:
    """What the page does, without a browser."""

    def __init__(self, phone: PhoneServer, key: str = KEY, name: str = "Test Phone") -> None:
        self.phone, self.key, self.name = phone, key, name
        self.connection = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
        self.results: list[bytes] = []
        self.states: list[dict[str, Any]] = []

    async def offer(self) -> dict[str, Any]:
        self.connection.addTrack(Film())
        self.connection.createDataChannel("results", ordered=False, maxRetransmits=0).on("message", self.results.append)
        self.control = self.connection.createDataChannel("control")
        self.control.on("message", lambda text: self.states.append(json.loads(text)))
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return {"sdp": self.connection.localDescription.sdp, "device": self.key, "name": self.name}

    async def join(self) -> int:
        status, values = await post(self.phone, json.dumps(await self.offer()).encode())
        if status == 200:
            await self.connection.setRemoteDescription(aiortc.RTCSessionDescription(values["sdp"], "answer"))
        return status

    async def leave(self) -> None:
        await self.connection.close()


async def ask(phone: PhoneServer, path: str, method: str = "GET", body: bytes | None = None) -> tuple[int, bytes, dict]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False, force_close=True)) as client:
        address = f"https://127.0.0.1:{phone.port}{path}"
        async with client.request(method, address, data=body) as answer:
            return answer.status, await answer.read(), dict(answer.headers)


async def post(phone: PhoneServer, body: bytes) -> tuple[int, dict[str, Any]]:
    status, data, _headers = await ask(phone, f"/{phone.code}/offer", "POST", body)
    return status, json.loads(data)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.02)


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(work(), 60.0))  # pyright: ignore[reportArgumentType]


def test_the_page_comes_with_nothing_from_elsewhere(phone: PhoneServer) -> None:
    async def work() -> None:
        for path in ("", "page.js", "page.css", "mesh.json", "ice.json"):
            status, body, headers = await ask(phone, f"/{phone.code}/{path}")
            assert status == 200 and body
            assert "default-src 'none'" in headers["Content-Security-Policy"]
            if not path.endswith(".json"):
                assert b"http://" not in body and b"https://" not in body
        status, body, _ = await ask(phone, f"/{phone.code}/ice.json")
        assert json.loads(body) == {"iceServers": []}, "no server of others unless the user names one"

    run(work)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "OPTIONS"])
def test_a_wrong_code_gets_an_empty_404(phone: PhoneServer, method: str) -> None:
    async def work() -> None:
        wrong = phone.code[:-1] + ("A" if phone.code[-1] != "A" else "B")
        for path in ("/", f"/{wrong}/", f"/{wrong}/page.js", f"/{wrong}/offer", f"/{phone.code}", "/page.js", "/%00/"):
            status, body, headers = await ask(phone, path, method)
            assert (status, body) == (404, b"")
            assert set(headers) <= {"Server", "Connection", "Content-Length", "Date", "Content-Type"}
            assert not headers.get("Server")

    run(work)


def test_what_is_no_http_gets_the_same(phone: PhoneServer) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for data in (b"\x00\x01\x02\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n\r\n"):
        with (
            socket.create_connection(("127.0.0.1", phone.port), 10) as raw,
            context.wrap_socket(raw, server_hostname="localhost") as secure,
        ):
            secure.settimeout(15)
            secure.sendall(data)
            answer = b""
            while part := secure.recv(65536):
                answer += part
        assert answer == b"" or (b" 404 " in answer[:13] and answer.endswith(b"\r\n\r\n")), answer[:200]


def test_codes_are_long_and_each_server_has_its_own(folder: Path) -> None:
    codes = {PhoneServer(ServerSettings(folder)).code for _ in range(20)}
    assert len(codes) == 20
    assert all(len(code) >= 22 for code in codes)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[" * 60000,
        b"{" * 70000,
        b"\xff\xfe",
        json.dumps({"sdp": 1, "device": KEY}).encode(),
        json.dumps({"sdp": "v=0", "device": KEY}).encode(),
        json.dumps({"sdp": "m=video 9\r\nm=application 9\r\n", "device": KEY}).encode(),
        json.dumps({"sdp": "m=video 9\r\nm=application 9\r\n", "device": "../../x"}).encode(),
        json.dumps({"sdp": "m=video\r\nm=application\r\n" + "a=candidate:x\r\n" * 100, "device": KEY}).encode(),
    ],
    ids=range(10),
)
def test_malformed_offers_are_refused_and_leave_nothing(phone: PhoneServer, body: bytes) -> None:
    async def work() -> None:
        status, values = await post(phone, body)
        assert status == 400 and set(values) == {"error"}
        assert phone.devices() == ()
        assert (await ask(phone, f"/{phone.code}/"))[0] == 200, "it goes on"

    run(work)


def test_a_device_sends_pictures_and_gets_results(phone: PhoneServer) -> None:
    async def work() -> None:
        peer = Peer(phone, name="A  \n phone\x00" + "x" * 200)
        assert await peer.join() == 200
        await until(lambda: peer.states)
        assert peer.states[-1]["capturing"] is False, "it is told that nobody captures yet"
        source = phone.source(PATIENCE)
        info = await asyncio.to_thread(source.open)
        assert (info.kind, info.live, info.width, info.height) == ("phone", True, 160, 120)
        images = [await asyncio.to_thread(source.read) for _ in range(8)]
        assert all(b.time > a.time for a, b in itertools.pairwise(images))
        red = images[-1].pixels[60].mean(axis=-1)
        assert red[20] > red[140] + 40, "never mirrored"
        await until(lambda: peer.states[-1]["capturing"])
        points = np.random.default_rng(1).uniform(0, 1, (478, 3)).astype(np.float32)
        faces = (FaceFrame(images[-1].time, points, None, (160, 120)),)
        source.tracked(images[-1], faces)  # pyright: ignore[reportArgumentType]
        await until(lambda: peer.results)
        np.testing.assert_allclose(unpack_points(peer.results[0])[0], points[:, :2], atol=1e-4)
        (device,) = phone.devices()
        assert device.state == "sending" and device.size == (160, 120)
        assert device.name.startswith("A phone x") and len(device.name) <= 40
        peer.control.send(json.dumps({"type": "settings", "faces": 3, "detection": 0.2, "tracking": 0.7}))
        await until(lambda: phone.settings_of(0) is not None)
        assert phone.settings_of(0) == TrackerSettings(3, 0.2, 0.5, 0.7)
        for text in ("", "x" * 5000, "[1]", '{"type": "settings", "faces": 9}', '{"type": "figures", "delay": NaN}'):
            peer.control.send(text)
        peer.control.send(json.dumps({"type": "figures", "delay": 12.5, "rate": 20}))
        await until(lambda: phone.devices()[0].delay_ms == 12.5)
        assert phone.settings_of(0) == TrackerSettings(3, 0.2, 0.5, 0.7), "what is malformed changes nothing"
        source.close()
        await peer.leave()
        await until(lambda: not phone.devices())

    run(work)


def test_a_device_that_comes_back_has_its_number_again_and_there_is_a_limit(phone: PhoneServer) -> None:
    async def work() -> None:
        peers = [Peer(phone, f"{i}" * 16) for i in range(server.MOST_CLIENTS)]
        for peer in peers:
            assert await peer.join() == 200
        await until(lambda: all(device.state == "sending" for device in phone.devices()))
        one_more = Peer(phone, "x" * 16)
        assert await one_more.join() == 503
        again = Peer(phone, "1" * 16)
        assert await again.join() == 200, "its half-open connection gives way"
        await until(lambda: len(phone.devices()) == 4 and phone.devices()[1].state == "sending")
        assert [device.number for device in phone.devices()] == [0, 1, 2, 3]
        for peer in (*peers, one_more, again):
            await peer.leave()

    run(work)


def test_a_device_that_never_sends_is_let_go(phone: PhoneServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from mimica.bridges.phone import device

    monkeypatch.setattr(device, "CONNECT_SECONDS", 0.5)

    async def work() -> None:
        peer = Peer(phone)
        status, _values = await post(phone, json.dumps(await peer.offer()).encode())
        assert status == 200 and len(phone.devices()) == 1
        await until(lambda: not phone.devices())
        await peer.leave()

    run(work)


def test_nobody_joins_a_server_that_ends(phone: PhoneServer) -> None:
    async def work() -> None:
        peer = Peer(phone)
        phone._stop_asked = True
        status, _values = await post(phone, json.dumps(await peer.offer()).encode())
        assert status == 503 and not phone._devices
        await peer.leave()

    run(work)


def test_many_offers_at_once_are_bounded(phone: PhoneServer) -> None:
    async def work() -> None:
        answers: list[int] = []
        for _ in range(16):
            answers.append((await post(phone, b"{}"))[0])
            await asyncio.sleep(0.05)  # closed connections are counted for a moment yet
        assert answers[:5] == [400] * 5
        assert answers[-1] == 429

    run(work)


def test_a_flood_of_connections_is_bounded_and_ends(phone: PhoneServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_STRANGER_SECONDS", 0.5)
    monkeypatch.setattr(server, "_HANDSHAKE_SECONDS", 0.5)
    threads = threading.active_count()
    flood = []
    for _ in range(100):
        connection = socket.create_connection(("127.0.0.1", phone.port), 10)
        connection.settimeout(PATIENCE)
        flood.append(connection)
    time.sleep(0.2)
    assert phone._open.total() <= server._MOST_FROM_ONE
    for connection in flood:
        try:
            assert connection.recv(1) == b"", "nobody who says nothing is kept"
        except ConnectionResetError:
            pass
        connection.close()
    limit = time.monotonic() + PATIENCE
    while phone._open.total() and time.monotonic() < limit:
        time.sleep(0.05)
    assert phone._open.total() == 0
    assert threading.active_count() <= threads + 2
    assert asyncio.run(ask(phone, f"/{phone.code}/"))[0] == 200


def test_nothing_listens_before_the_start_and_after_the_end(folder: Path) -> None:
    phone = PhoneServer(ServerSettings(folder, port=0, host="127.0.0.1"))
    assert phone.link == "" and phone.port == 0
    phone.start()
    assert phone.wait_started()
    port = phone.port
    half_open = socket.create_connection(("127.0.0.1", port), 5)
    began = time.monotonic()
    assert phone.stop()
    assert time.monotonic() - began < 8
    assert phone.state == "off" and phone.link == ""
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
    half_open.close()


def test_a_port_that_is_taken_is_said(folder: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        phone = PhoneServer(ServerSettings(folder, port=other.getsockname()[1], host="127.0.0.1"))
        phone.start()
        assert not phone.wait_started()
        assert phone.state == "failed" and "Choose another port" in phone.error


def test_a_reader_ends_when_it_is_interrupted_and_when_the_server_stops(folder: Path) -> None:
    phone = PhoneServer(ServerSettings(folder, port=0, host="127.0.0.1"))
    phone.start()
    assert phone.wait_started()
    source = phone.source()
    threading.Timer(0.2, source.interrupt).start()
    source.open()
    assert source.read() is None
    assert phone.stop()


def test_a_server_waits_for_the_end_of_the_one_before(folder: Path) -> None:
    first = PhoneServer(ServerSettings(folder, port=0, host="127.0.0.1"))
    first.start()
    assert first.wait_started()
    port = first.port
    assert first._loop is not None
    first._loop.call_soon_threadsafe(time.sleep, 0.5)  # busy, so that it cannot close its port at once
    first.stop(0.0)
    second = PhoneServer(ServerSettings(folder, port=port, host="127.0.0.1"), first)
    second.start()
    try:
        assert second.wait_started(), second.error
        assert second.port == port and first.state == "off"
    finally:
        assert second.stop()


def test_a_certificate_whose_key_is_damaged_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / certificate.FILE
    certificate.server_context(tmp_path, ())
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"-----BEGIN PRIVATE")])
    certificate.server_context(tmp_path, ())
    assert b"-----BEGIN PRIVATE" in path.read_bytes()


def test_a_capture_that_ends_late_leaves_the_images_to_the_next(folder: Path) -> None:
    phone = PhoneServer(ServerSettings(folder))
    old, new = phone.source(), phone.source()
    phone.attach(old)
    phone.attach(new)
    old.close()
    assert phone._source is new
    new.close()
    assert phone._source is None


def test_the_certificate_is_kept_and_made_anew_for_other_addresses(tmp_path: Path) -> None:
    certificate.server_context(tmp_path, ("192.168.0.7",))
    path = tmp_path / certificate.FILE
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first = path.read_bytes()
    certificate.server_context(tmp_path, ("192.168.0.7",))
    assert path.read_bytes() == first, "a phone need accept it only once"
    certificate.server_context(tmp_path, ("10.0.0.7",))
    assert path.read_bytes() != first
    path.write_bytes(b"damaged")
    certificate.server_context(tmp_path, ("10.0.0.7",))
    assert certificate.is_valid(path, ("10.0.0.7",))


def test_helpers_are_those_that_the_user_names() -> None:
    assert server.ice_server("stun:example.org:3478") == {"urls": "stun:example.org:3478"}
    turn = server.ice_server(" turn:me:secret@example.org:3478 ")
    assert turn == {"urls": "turn:example.org:3478", "username": "me", "credential": "secret"}
    for text in ("", "http://example.org", "stun:", "stun:a b"):
        with pytest.raises(server.ServerError, match="no STUN or TURN"):
            server.ice_server(text)


def test_the_code_can_be_read_again() -> None:
    cv2 = pytest.importorskip("cv2")
    link = "https://192.168.100.100:8443/0123456789abcdefABCDEFgh/"
    matrix = qr_matrix(link)
    picture = np.kron(np.where(matrix, 0, 255).astype(np.uint8), np.ones((8, 8), np.uint8))
    assert cv2.QRCodeDetector().detectAndDecode(picture)[0] == link
    assert len(qr_text(link).splitlines()) > 10

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server for phones: a page over HTTPS, and the connections of the devices that opened it. Needs no Blender.

One thread with an event loop of its own does everything. Nothing listens before `start` or after `stop`. Who does not
know the pairing code gets an empty 404, however the request looks.
"""

import asyncio
import contextlib
import logging
import socket
import threading
import time
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from ...capture.tracker import TrackerSettings
from ...mapping.data import load_table
from ..extras import require
from .addresses import own_addresses
from .certificate import CertificateError, server_context
from .device import Device, DeviceState, Picture
from .messages import LARGEST_OFFER, MessageError, parse_offer, state_message
from .pairing import new_code, split_path
from .source import PhoneSource

log = logging.getLogger(__name__)

DEFAULT_PORT = 8443
MOST_CLIENTS = 4
_MOST_CONNECTIONS = 48
"""TCP connections at once; each lives for some seconds only, as video does not go over them."""
_MOST_FROM_ONE = 16
"""Of one address."""
_HANDSHAKE_SECONDS = 5.0
_STRANGER_SECONDS = 8.0
"""Until a connection has to have shown the pairing code."""
_CONNECTION_SECONDS = 30.0
_BODY_SECONDS = 5.0
_OFFERS, _OFFERS_SECONDS = 12, 10.0
"""Offers that are looked at in so many seconds."""
_MOST_ANSWERING = 2
"""Offers that are answered at once: making keys and looking for ways costs time."""
_STOP_SECONDS = 4.0
_SOURCES = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "media-src": "'self' blob:",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
"""Whence the page may take what: from this server alone."""
_HEADERS = {
    "Server": "",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(self), microphone=()",
    "Content-Security-Policy": "; ".join(f"{what} {whence}" for what, whence in _SOURCES.items()),
}
_FOLDER = Path(__file__).parent / "page"
_PAGE = {
    "": ("index.html", "text/html"),
    "page.js": ("page.js", "text/javascript"),
    "page.css": ("page.css", "text/css"),
}

ServerState = Literal["off", "starting", "on", "failed"]


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How the server is started."""

    folder: Path
    """Where the certificate is kept."""
    port: int = DEFAULT_PORT
    """0: any that is free."""
    host: str = "0.0.0.0"
    """The address that is listened on; 127.0.0.1 keeps other devices out."""
    helpers: tuple[str, ...] = ()
    """STUN and TURN servers for devices in other networks, as stun:HOST:PORT or turn:USER:PASSWORD@HOST:PORT."""


class PhoneServer:
    """From `start` to `stop`; not restartable, make a new one. All methods may be called from any thread."""

    def __init__(self, settings: ServerSettings, before: "PhoneServer | None" = None) -> None:
        """Nothing is opened yet. Raises `ExtraMissing` when packages are missing, ServerError for a bad helper.

        :param before: a server that was stopped just now; its end is waited for, as it may have the same port.
        """
        require("phone")
        self.settings = settings
        self._before = before
        self.code = new_code()
        self.state: ServerState = "off"
        self.error = ""
        """A sentence for the user when the state is failed."""
        self.defaults = TrackerSettings()
        """What pages show until their sliders were touched; set by whoever captures."""
        self._helpers = tuple(ice_server(text) for text in settings.helpers)
        self._addresses: tuple[str, ...] = ()
        self._port = 0
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Event | None = None
        self._stop_asked = False
        self._started = threading.Event()
        self._devices: dict[int, Device] = {}
        """By number; those that are gone stay, for their number."""
        self._source: PhoneSource | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._answering = 0
        self._offers: deque[float] = deque(maxlen=_OFFERS)
        self._open: Counter[str] = Counter()
        self._known: set[Any] = set()
        """Connections that have shown the code."""

    # For the outside

    def start(self) -> None:
        """Begin to serve, in a thread; returns at once. `state` tells what became of it, `wait_started` waits."""
        if self._thread is not None:
            raise RuntimeError("A server for phones starts once.")
        self.state = "starting"
        self._thread = threading.Thread(target=self._run, name="mimica-phone", daemon=True)
        self._thread.start()

    def wait_started(self, timeout: float = 15.0) -> bool:
        """Wait until it serves or has failed; whether it serves."""
        self._started.wait(timeout)
        return self.state == "on"

    def stop(self, timeout: float = 2 * _STOP_SECONDS) -> bool:
        """End everything: no port is open any more, devices are disconnected. Safe to call twice.

        :param timeout: seconds to wait for that; 0 only orders it.
        :return: whether it is done.
        """
        self._stop_asked = True
        loop, ending = self._loop, self._ending
        if loop is not None and ending is not None:
            with contextlib.suppress(RuntimeError):  # closed just now
                loop.call_soon_threadsafe(ending.set)
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return True
        thread.join(timeout)
        return not thread.is_alive()

    @property
    def running(self) -> bool:
        """Whether it serves, or is about to."""
        return self.state in ("starting", "on") and not self._stop_asked

    @property
    def port(self) -> int:
        """The port that is listened on, 0 while none is."""
        return self._port

    @property
    def link(self) -> str:
        """The page's address with the pairing code, for the QR code; empty while nothing is served."""
        return self.links[0] if self.links else ""

    @property
    def links(self) -> tuple[str, ...]:
        """The same for each address of this computer."""
        if not self._port:
            return ()
        hosts = self._addresses or ("localhost",)
        if self.settings.host != "0.0.0.0":
            hosts = (self.settings.host,)
        return tuple(f"https://{host}:{self._port}/{self.code}/" for host in hosts)

    def devices(self) -> tuple[DeviceState, ...]:
        """Return the devices that are connected, by their numbers."""
        return tuple(device.state() for _, device in sorted(self._devices.copy().items()) if not device.gone)

    def source(self, open_timeout: float = 0.0) -> PhoneSource:
        """Return a source of a capture: see `PhoneSource`. One at a time gets the images."""
        return PhoneSource(self, open_timeout)

    # As `source.Host`

    def attach(self, source: PhoneSource) -> None:
        """See `Host.attach`."""
        self._source = source
        self._on_loop(self._tell_all)

    def detach(self, source: PhoneSource) -> None:
        """See `Host.detach`."""
        # A capture that ends late must not take the images from the one that began meanwhile.
        if self._source is source:
            self._source = None
            self._on_loop(self._tell_all)

    def send_result(self, device: int, result: bytes) -> None:
        """See `Host.send_result`."""
        found = self._devices.get(device)
        if found is not None and not found.gone:
            self._on_loop(found.send, result)

    def settings_of(self, device: int) -> TrackerSettings | None:
        """See `Host.settings_of`."""
        found = self._devices.get(device)
        return found.settings if found is not None else None

    def is_away(self, device: int) -> bool:
        """See `Host.is_away`."""
        found = self._devices.get(device)
        return found is None or found.away

    def _on_loop(self, call: Any, *arguments: Any) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # closed just now
                self._loop.call_soon_threadsafe(call, *arguments)

    # The thread

    def _run(self) -> None:
        try:
            before, self._before = self._before, None
            if before is not None:
                before.stop()
            asyncio.run(self._serve())
            self.state = "off" if self.state != "failed" else "failed"
        except (CertificateError, ServerError) as error:
            self._fail(str(error))
        except Exception as error:
            log.exception("The server for phones failed")
            self._fail(f"The server for phones stopped at an error ({error}). The system console has the details.")
        finally:
            self._loop = None
            self._port = 0
            self._started.set()

    def _fail(self, sentence: str) -> None:
        self.error = sentence
        self.state = "failed"

    async def _serve(self) -> None:
        self._ending = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._addresses = own_addresses()
        context = server_context(self.settings.folder, self._addresses)
        http = _make_http(self._answer_request)
        listener = _listen(self.settings.host, self.settings.port)
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="mimica-phone-image")
        tasks: list[asyncio.Task[None]] = []
        try:
            _warm_up()
            self._port = listener.getsockname()[1]
            self.state = "on"
            self._started.set()
            tasks = [
                asyncio.create_task(self._accept(listener, http, context)),
                asyncio.create_task(self._look_after()),
            ]
            if not self._stop_asked:
                ending = asyncio.create_task(self._ending.wait())
                done, _ = await asyncio.wait([ending, *tasks], return_when=asyncio.FIRST_COMPLETED)
                ending.cancel()
                for task in done & set(tasks):
                    task.result()
        finally:
            listener.close()
            self._port = 0
            for task in tasks:
                task.cancel()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_STOP_SECONDS):
                    await asyncio.gather(*(device.close() for device in self._devices.values()), return_exceptions=True)
                    await http.shutdown(0.5)
            self._pool.shutdown(wait=False, cancel_futures=True)

    async def _accept(self, listener: socket.socket, http: Any, context: Any) -> None:
        loop = asyncio.get_running_loop()
        handshakes: set[asyncio.Task[None]] = set()
        while True:
            try:
                connection, address = await loop.sock_accept(listener)
            except OSError as error:  # for example too many open files
                log.info("A connection cannot be taken (%s)", error)
                await asyncio.sleep(0.2)
                continue
            host = address[0]
            if self._open.total() >= _MOST_CONNECTIONS or self._open[host] >= _MOST_FROM_ONE:
                connection.close()
                continue
            self._open[host] += 1
            task = asyncio.create_task(self._guard(connection, host, http, context))
            handshakes.add(task)
            task.add_done_callback(handshakes.discard)

    async def _guard(self, connection: socket.socket, host: str, http: Any, context: Any) -> None:
        """Lead a connection from its beginning to its end, which comes soon."""
        loop = asyncio.get_running_loop()
        transport = None
        try:
            connection.setblocking(False)
            transport, protocol = await loop.connect_accepted_socket(
                http, connection, ssl=context, ssl_handshake_timeout=_HANDSHAKE_SECONDS, ssl_shutdown_timeout=1.0
            )
            began = time.monotonic()
            while not transport.is_closing():
                age = time.monotonic() - began
                if age > _CONNECTION_SECONDS or (age > _STRANGER_SECONDS and protocol not in self._known):
                    break
                await asyncio.sleep(0.1)
            self._known.discard(protocol)
        except (OSError, ConnectionError, TimeoutError):
            connection.close()
        finally:
            if transport is not None:
                transport.abort()
            self._open[host] -= 1
            if not self._open[host]:
                del self._open[host]

    async def _look_after(self) -> None:
        """Let go of devices that are gone without a word."""
        while True:
            await asyncio.sleep(0.5)
            for device in tuple(self._devices.values()):
                if not device.gone and device.overdue:
                    log.info("%s sends nothing any more", device.name)
                    await device.close()

    # Requests

    async def _answer_request(self, request: Any) -> Any:
        from aiohttp import web

        rest = split_path(request.rel_url.raw_path, self.code)
        if rest is None:
            return web.Response(status=404, headers={"Server": "", "Connection": "close"})
        self._known.add(request.protocol)
        try:
            if request.method == "GET" and rest in _PAGE:
                name, kind = _PAGE[rest]
                return web.Response(body=_page_file(name), content_type=kind, charset="utf-8", headers=_HEADERS)
            if request.method == "GET" and rest == "mesh.json":
                return web.json_response(_mesh(), headers=_HEADERS)
            if request.method == "GET" and rest == "ice.json":
                return web.json_response({"iceServers": self._helpers}, headers=_HEADERS)
            if request.method == "POST" and rest == "offer":
                status, values = await self._take_offer(await _read_body(request))
                return web.json_response(values, status=status, headers=_HEADERS)
        except MessageError as error:
            return web.json_response({"error": str(error)}, status=400, headers=_HEADERS)
        return web.Response(status=404, headers=_HEADERS)

    async def _take_offer(self, body: bytes) -> tuple[int, dict[str, Any]]:
        if self._stop_asked:
            # Nobody would end its connection. The page says that nobody answers.
            return 503, {"error": ""}
        now = time.monotonic()
        if len(self._offers) == _OFFERS and now - self._offers[0] < _OFFERS_SECONDS:
            return 429, {"error": "Too many devices ask at once. Try again in some seconds."}
        self._offers.append(now)
        offer = parse_offer(body)
        if self._answering >= _MOST_ANSWERING:
            return 429, {"error": "Too many devices ask at once. Try again in some seconds."}
        number = self._number_for(offer.device)
        if number is None:
            return 503, {"error": f"{MOST_CLIENTS} devices are connected already. Close the page on one of them."}
        self._answering += 1
        try:
            before = self._devices.get(number)
            connection = _make_connection(self._helpers)
            device = Device(number, offer, connection, self._executor(), self._wanted, self._take, self._tell)
            if before is not None and before.key == offer.device:
                device.settings = before.settings
            self._devices[number] = device
            if before is not None:
                await before.close()
            try:
                sdp = await device.answer(offer)
            except MessageError:
                await device.close()
                raise
            return 200, {"type": "answer", "sdp": sdp, "number": number}
        finally:
            self._answering -= 1

    def _number_for(self, key: str) -> int | None:
        """Return the number of a device: its own again, else one that nobody had, else of who is gone for longest."""
        for number, device in self._devices.items():
            if device.key == key:
                return number
        for number in range(MOST_CLIENTS):
            if number not in self._devices:
                return number
        gone = [number for number, device in self._devices.items() if device.gone]
        return min(gone, key=lambda number: self._devices[number].last_image, default=None)

    def _executor(self) -> ThreadPoolExecutor:
        assert self._pool is not None
        return self._pool

    def _wanted(self) -> bool:
        return self._source is not None

    def _take(self, picture: Picture) -> None:
        source = self._source
        if source is not None:
            source.offer(picture)

    def _tell_all(self) -> None:
        for device in self._devices.values():
            self._tell(device)

    def _tell(self, device: Device) -> None:
        if not device.gone:
            settings = device.settings or self.defaults
            device.tell(state_message(device.number, capturing=self._wanted(), settings=settings))


class ServerError(Exception):
    """The server cannot be started so; the text is a sentence for the user."""


def ice_server(text: str) -> dict[str, str]:
    """Return a STUN or TURN server as browsers and aiortc take it. Raises ServerError."""
    scheme, _, rest = text.strip().partition(":")
    login, at, address = rest.rpartition("@")
    if scheme not in ("stun", "stuns", "turn", "turns") or not address or " " in text.strip():
        raise ServerError(f"'{text}' is no STUN or TURN server. Write stun:HOST:PORT, or turn:USER:PASSWORD@HOST:PORT.")
    server = {"urls": f"{scheme}:{address}"}
    if at:
        server["username"], _, server["credential"] = login.partition(":")
    return server


def _listen(host: str, port: int) -> socket.socket:
    """Return the listening socket. Raises ServerError."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        exclusive: int | None = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)
        if exclusive is not None:  # Windows, where REUSEADDR would share the port with others
            listener.setsockopt(socket.SOL_SOCKET, exclusive, 1)
        else:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(64)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise ServerError(
            f"Port {port} cannot be opened for phones ({error.strerror or error}). Choose another port."
        ) from error
    return listener


def _make_http(handler: Any) -> Any:
    """Return aiohttp's protocol factory: what is not even HTTP gets the same empty 404 as a wrong code."""
    from aiohttp import web
    from aiohttp.web_protocol import RequestHandler

    class Bare(RequestHandler):
        def handle_error(self, request: Any, status: int = 500, exc: Any = None, message: Any = None) -> Any:
            log.debug("A request failed with %s (%s)", status, exc)
            response = web.Response(status=404, headers={"Server": "", "Connection": "close"})
            response.force_close()
            return response

    class Http(web.Server):
        def __call__(self) -> Any:
            # No log of requests: the code is in them.
            limits: dict[str, Any] = {"keepalive_timeout": 10.0, "lingering_time": 1.0, "access_log": None}
            return Bare(self, loop=asyncio.get_running_loop(), **limits)

    return Http(handler)


async def _read_body(request: Any) -> bytes:
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for part in request.content.iter_chunked(8192):
                size += len(part)
                if size > LARGEST_OFFER:
                    raise MessageError("The message is too long.")
                parts.append(part)
    except TimeoutError as error:
        raise MessageError("The message did not come in time.") from error
    return b"".join(parts)


def _make_connection(helpers: tuple[dict[str, str], ...]) -> Any:
    from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection

    # An empty list: aiortc would otherwise ask a STUN server of its own choice.
    servers = [RTCIceServer(**server) for server in helpers]
    return RTCPeerConnection(RTCConfiguration(iceServers=servers))


def _warm_up() -> None:
    """Import what answering an offer needs, before anybody waits for it."""
    import aiortc  # noqa: F401


@cache
def _page_file(name: str) -> bytes:
    return (_FOLDER / name).read_bytes()


@cache
def _mesh() -> dict[str, Any]:
    """Return what the page draws: contours as lines of landmarks, and the mesh as edges."""
    triangles = load_table("face_topology")["triangles"]
    edges = {tuple(sorted((t[i], t[(i + 1) % 3]))) for t in triangles for i in range(3)}
    return {"contours": load_table("face_contours")["lines"], "edges": sorted(edges)}

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server for phones as Blender has it: at most one, from its switch on to its switch off. Main thread."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import bpy
import bpy.utils.previews  # pyright: ignore[reportMissingImports]
import numpy as np

from ..capture.devices import DeviceSource
from ..capture.tracker import TrackerSettings
from .paths import user_folder

if TYPE_CHECKING:
    from ..bridges.phone.server import PhoneServer

DEFAULT_PORT = 8443
_STOP_SECONDS = 3.0
"""For how long quitting waits for the server's end."""
_MODULE_PIXELS = 8

_server: "PhoneServer | None" = None
_ending: "PhoneServer | None" = None
"""The one that was switched off last, which may have its port for a moment yet."""
_icons: Any = None
_shown: "tuple[str, int]" = ("", 0)


@dataclass(frozen=True, slots=True)
class PhoneShown:
    """What a panel shows of a device."""

    number: int
    name: str
    state: str
    """connecting, sending, or away."""
    rate: float
    delay_ms: float


def current() -> "PhoneServer | None":
    """Return the server while it is switched on, also when it failed to start: `state` and `error` tell."""
    return _server


def start(port: int, helpers: tuple[str, ...] = ()) -> None:
    """Switch the server on; returns at once. One that runs is switched off first.

    Raises `ExtraMissing` when packages are missing, `ServerError` for an address that is none.
    """
    global _server
    from ..bridges.phone.server import PhoneServer, ServerSettings

    stop()
    server = PhoneServer(ServerSettings(user_folder(), port=port, helpers=helpers), _ending)
    server.start()
    _server = server


def stop(timeout: float = 0.0) -> None:
    """Switch it off: it closes its port at once, and its connections in the background.

    :param timeout: seconds to wait for that.
    """
    global _server, _ending
    server, _server = _server, None
    if server is not None:
        _ending = server
        server.stop(timeout)


def source(tracker: TrackerSettings) -> DeviceSource | None:
    """Return a new source of a capture with all phones' images; None while the server is off.

    :param tracker: the capture's, which pages show until their sliders are touched.
    """
    if _server is None or not _server.running:
        return None
    _server.defaults = tracker
    return _server.source()


def devices() -> tuple[PhoneShown, ...]:
    """Return the phones that are connected."""
    if _server is None:
        return ()
    return tuple(PhoneShown(d.number, d.name, d.state, d.rate, d.delay_ms) for d in _server.devices())


def code_icon() -> int:
    """Return the number of an icon that shows the link as QR code; 0 while there is none."""
    global _icons, _shown
    link = _server.link if _server is not None else ""
    if not link:
        return 0
    if _shown[0] != link:
        from ..bridges.phone.qr import qr_matrix

        if _icons is None:
            _icons = bpy.utils.previews.new()
        _icons.clear()
        matrix = np.kron(qr_matrix(link)[::-1], np.ones((_MODULE_PIXELS, _MODULE_PIXELS), bool))
        icon = _icons.new("code")
        icon.image_size = icon.icon_size = (matrix.shape[1], matrix.shape[0])
        pixels = np.ones((*matrix.shape, 4), np.float32)
        pixels[matrix, :3] = 0.0
        icon.image_pixels_float[:] = pixels.ravel().tolist()
        icon.icon_pixels_float[:] = pixels.ravel().tolist()
        _shown = (link, icon.icon_id)
    return _shown[1]


def forget_icons() -> None:
    """Free the code's picture, before the add-on goes."""
    global _icons, _shown
    if _icons is not None:
        bpy.utils.previews.remove(_icons)
        _icons, _shown = None, ("", 0)


def register() -> None:
    """Nothing to register."""


def unregister() -> None:
    """Nothing listens any more when the add-on is disabled or Blender quits."""
    stop(_STOP_SECONDS)
    forget_icons()

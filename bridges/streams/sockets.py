# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sockets that receive, and what the system's errors mean for the user."""

import errno
import socket

from .protocol import StreamError

_BUFFER = 1 << 20
"""Bytes that the system may keep for the socket."""


def bound_socket(host: str, port: int) -> socket.socket:
    """Return a UDP socket that receives there and does not wait. Raises StreamError."""
    if not 0 <= port <= 65_535:
        raise StreamError(f"There is no port {port}. Choose one from 1024 to 65535.")
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host or "0.0.0.0", port, 0, socket.SOCK_DGRAM, 0, socket.AI_PASSIVE
        )[0]
        held = socket.socket(family, kind, proto)
    except (OSError, UnicodeError) as error:
        raise StreamError(
            f"'{host}' is no address to receive at: {reason_of(error)}. Leave it empty for all."
        ) from error
    try:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        # Windows else lets two programs have one port.
        exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)
        if exclusive is not None:
            held.setsockopt(socket.SOL_SOCKET, exclusive, 1)
        held.setblocking(False)
        held.bind(address)
    except OSError as error:
        held.close()
        raise StreamError(_bind_sentence(error, host, port)) from error
    return held


def _bind_sentence(error: OSError, host: str, port: int) -> str:
    # Windows does not let in who would share a port with a program that wants it alone.
    denied = error.errno in (errno.EACCES, errno.EPERM, getattr(errno, "WSAEACCES", -1))
    if error.errno in (errno.EADDRINUSE, getattr(errno, "WSAEADDRINUSE", -1)) or (denied and port > 1023):
        return (
            f"Port {port} is in use by another program, or by another stream of Mimica. End that one, or choose "
            "another port here and in the program that sends."
        )
    if denied:
        return f"The system does not let Mimica receive at port {port}. Choose one from 1024 to 65535."
    if error.errno in (errno.EADDRNOTAVAIL, getattr(errno, "WSAEADDRNOTAVAIL", -1)):
        return f"'{host}' is no address of this computer. Leave it empty to receive at all that it has."
    return f"Nothing can be received at port {port}: {reason_of(error)}."


def reason_of(error: Exception) -> str:
    """Return what the system says of an error."""
    return getattr(error, "strerror", None) or str(error)

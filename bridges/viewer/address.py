# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a viewer listens: what users write, what Rerun wants, and whether somebody is there. Needs no package."""

import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

PORT = 9876
"""Where Rerun's viewer listens unless it is told otherwise."""
DEFAULT = f"127.0.0.1:{PORT}"
_SCHEMES = ("rerun+http", "rerun", "rerun+https", "http", "https")


class AddressError(Exception):
    """What was given is no address; the text is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a viewer listens."""

    host: str
    port: int
    scheme: str = "rerun+http"

    @property
    def url(self) -> str:
        """As Rerun has it."""
        return f"{self.scheme}://{_bracketed(self.host)}:{self.port}/proxy"

    @property
    def text(self) -> str:
        """As it is shown to users."""
        return f"{_bracketed(self.host)}:{self.port}"

    def answers(self, timeout: float = 1.0) -> bool:
        """Whether somebody listens there. Blocks, `timeout` seconds at most."""
        try:
            with socket.create_connection((self.host, self.port), timeout):
                return True
        except (OSError, UnicodeError):  # the latter for a name that no network has
            return False


def read_address(text: str) -> Address:
    """Return the address of a text: HOST, HOST:PORT, :PORT, or an address as the viewer shows it.

    Raises `AddressError`.
    """
    given = text.strip()
    wrong = AddressError(f"'{given}' is no address of a viewer. Write one as {DEFAULT}.")
    scheme, found, rest = given.partition("://")
    if not found:
        scheme, rest = "rerun+http", given
    if scheme not in _SCHEMES or any(character.isspace() for character in rest):
        raise wrong
    if scheme in ("http", "https"):
        scheme = f"rerun+{scheme}"
    try:
        parts = urlsplit(f"//{rest}")
        port = parts.port
    except ValueError:
        raise wrong from None
    if parts.username is not None or parts.path not in ("", "/", "/proxy") or parts.query or port == 0:
        raise wrong
    host = parts.hostname or ("127.0.0.1" if rest[:1] in ("", ":") else "")
    if not host:
        raise wrong
    return Address(host, PORT if port is None else port, scheme)


def nobody_at(address: Address) -> str:
    """Return what to say when nobody listens there."""
    return (
        f"There is no Rerun viewer at {address.text}. Start one ('rerun' in a terminal), or check the address and the "
        "firewall."
    )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pairing code: who does not know it gets nothing."""

import hmac
import secrets

_BYTES = 18
"""144 bits, which are 24 characters of an address."""


def new_code() -> str:
    """Return a code that nobody can guess, for the address in the QR code."""
    return secrets.token_urlsafe(_BYTES)


def split_path(path: str, code: str) -> str | None:
    """Return what follows `/CODE/` in a request's path; None when the code is wrong.

    How long that takes tells nothing of the code.
    """
    given, slash, rest = path.removeprefix("/").partition("/")
    right = hmac.compare_digest(given.encode("utf-8", "replace"), code.encode())
    return rest if right and slash else None

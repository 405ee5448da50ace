# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetch one file over HTTP(S) with its hash checked; the only module of Mimica that opens an outgoing address.

Nothing here runs by itself: each call answers something that the user pressed or typed.
"""

import contextlib
import errno
import hashlib
import http.client
import logging
import os
import ssl
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Generator
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

logger = logging.getLogger(__name__)

BLOCK = 1 << 16
TIMEOUT = 20.0
"""Seconds without an answer before an address counts as unreachable."""

Progress = Callable[[float], None]
"""Called with the share done in [0, 1], on the calling thread."""


class DownloadError(Exception):
    """A download that failed; its text is a sentence for the user."""


def no_progress(share: float) -> None:
    """Ignore progress."""


def download(address: str, target: Path, sha256: str, progress: Progress = no_progress) -> None:
    """Fetch `address` into `target`, which appears only when complete and with the expected SHA-256.

    Runs on any thread and blocks it. Raises `DownloadError`; a file that was at `target` before is then untouched.
    """
    with atomic_file(target) as stream, _open(address) as response:
        digest = hashlib.sha256()
        total = int(response.headers.get("Content-Length") or 0)
        done = 0
        while block := _read(response, address):
            stream.write(block)
            digest.update(block)
            done += len(block)
            if total:
                progress(min(done / total, 1.0))
        if done < total:
            raise DownloadError(
                f"The download of {target.name} from {_host(address)} stopped after {done:,} of {total:,} bytes. "
                "Try again."
            )
        if digest.hexdigest() != sha256:
            raise DownloadError(
                f"What {_host(address)} sent is not the expected {target.name} (its SHA-256 differs), so it was thrown "
                "away. Try again later, or choose a file that you have."
            )
    progress(1.0)


@contextlib.contextmanager
def atomic_file(target: Path) -> Generator[IO[bytes], None, None]:
    """Give a binary stream whose contents become `target` when the block ends without an error.

    The stream is a temporary file in the same folder (so that the last step is a rename), gone afterwards in any case.
    Raises `DownloadError` when the disk refuses.
    """
    temporary = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(prefix=f".{target.name}.", dir=target.parent, delete=False) as stream:
            temporary = Path(stream.name)
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o644)
        os.replace(temporary, target)
        temporary = None
    except OSError as error:
        raise _unwritable(target, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _unwritable(target: Path, error: OSError) -> DownloadError:
    logger.info("Writing %s failed: %s", target, error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return DownloadError(
            f"There is not enough room on the disk for {target.name} in '{target.parent}'. Free some and try again."
        )
    reason = error.strerror or type(error).__name__
    return DownloadError(
        f"{target.name} cannot be written to '{target.parent}' ({reason}). Check the folder's permissions."
    )


def _open(address: str) -> Any:
    request = urllib.request.Request(address, headers={"User-Agent": "mimica"})
    context = _certificates() if address.startswith("https:") else None
    try:
        return urllib.request.urlopen(request, timeout=TIMEOUT, context=context)
    except urllib.error.HTTPError as error:
        raise DownloadError(
            f"{_host(address)} refused the download (HTTP {error.code} {error.reason}). Try again later."
        ) from error
    except (OSError, ValueError) as error:
        raise _unreachable(address, error) from error


def _read(response: Any, address: str) -> bytes:
    try:
        return response.read(BLOCK)
    except (OSError, http.client.HTTPException) as error:
        raise _unreachable(address, error) from error


def _unreachable(address: str, error: Exception) -> DownloadError:
    logger.info("Fetching %s failed: %s", address, error)
    reason = getattr(error, "reason", error)
    return DownloadError(
        f"{_host(address)} cannot be reached ({reason}). Check the internet connection, then try again."
    )


def _host(address: str) -> str:
    return urlsplit(address).hostname or address


def _certificates() -> ssl.SSLContext:
    """Return the system's certificates, with certifi's added: Blender's own Python finds no system store everywhere."""
    context = ssl.create_default_context()
    try:
        import certifi
    except ImportError:
        return context
    context.load_verify_locations(certifi.where())
    return context

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate that the page is served with: browsers give a camera to secure pages only.

Nobody signs for a computer in a local network, so it signs for itself, and the browser asks once whether that is all
right. The certificate is therefore kept until it runs out or the computer gets other addresses.
"""

import contextlib
import datetime
import ipaddress
import os
import ssl
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FILE = "phone-certificate.pem"
"""Certificate and key in one file."""
_DAYS = 397
"""Browsers refuse certificates that are valid for longer."""
_LEFT = 7
"""Days before its end at which a new one is made."""


class CertificateError(Exception):
    """No certificate can be kept; the text is a sentence for the user."""


def server_context(folder: Path, addresses: Sequence[str]) -> ssl.SSLContext:
    """Return the TLS settings of a server, with the certificate kept in `folder` or a new one. Raises CertificateError.

    :param addresses: IP addresses that the certificate has to be valid for, besides localhost.
    """
    path = folder / FILE
    try:
        if not is_valid(path, addresses):
            _keep(path, make_certificate(addresses))
        try:
            return _context(path)
        except ssl.SSLError:  # a file that is damaged, beyond the certificate that was looked at
            _keep(path, make_certificate(addresses))
            return _context(path)
    except OSError as error:
        raise CertificateError(
            f"The certificate for the phone's page cannot be kept in '{folder}' ({error.strerror or error}). Check "
            "that you may write there."
        ) from error


def _context(path: Path) -> ssl.SSLContext:
    """Return the TLS settings with a certificate. Raises OSError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(path)
    return context


def is_valid(path: Path, addresses: Sequence[str]) -> bool:
    """Whether a certificate is there that is valid for these addresses, and for some days yet."""
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificate(path.read_bytes())
        names: Any = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        known = {str(address) for address in names.get_values_for_type(x509.IPAddress)}
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    left = found.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    return set(addresses) <= known and left > datetime.timedelta(days=_LEFT)


def make_certificate(addresses: Sequence[str]) -> bytes:
    """Return a new certificate, signed by itself, and its key as PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Mimica")])
    now = datetime.datetime.now(datetime.UTC)
    ips = [x509.IPAddress(ipaddress.ip_address(text)) for text in dict.fromkeys((*addresses, "127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=_DAYS - 1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost"), *ips]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM) + private


def _keep(path: Path, data: bytes) -> None:
    """Write the file for its owner's eyes only, all of it or nothing. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # mkstemp gives a file that only its owner reads.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=FILE)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise

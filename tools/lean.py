# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wheels without what a zip must not or need not carry. The same input gives the same bytes."""

import re
import zipfile
from pathlib import Path

# All systems' builds of PortAudio are in each wheel. Those with ASIO are made with Steinberg's kit, whose terms are not
# the GPL's; sounddevice loads them only when it is asked to.
LEFT_OUT = {
    ("sounddevice", "windows-x64"): r".*/portaudio-binaries/(?!(libportaudio64bit\.dll|README\.md)$).*",
    ("sounddevice", "macos-arm64"): r".*/portaudio-binaries/(?!(libportaudio\.dylib|README\.md)$).*",
}
"""By package and platform: the members that are left out."""


def lean_copy(wheel: Path, package: str, platform: str, target: Path) -> bool:
    """Copy a wheel without what is left out of it, its list of files included. Return whether there was anything."""
    pattern = LEFT_OUT.get((package, platform))
    if pattern is None:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as lean:
        for member in source.infolist():
            if re.fullmatch(pattern, member.filename):
                continue
            data = source.read(member)
            if member.filename.endswith(".dist-info/RECORD"):
                lines = data.decode("utf-8").splitlines(keepends=True)
                data = "".join(line for line in lines if not re.fullmatch(pattern, line.split(",", 1)[0])).encode()
            lean.writestr(member, data, zipfile.ZIP_DEFLATED)
    return True

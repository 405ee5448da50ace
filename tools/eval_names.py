# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which ARKit shape a shape key is, in the spellings that characters come with."""

import re
from collections.abc import Iterable

from ..mapping.frame import ARKIT_SHAPES

_KNOWN = {name.lower(): name for name in ARKIT_SHAPES}
_SIDE = re.compile(r"[ _.\-](l|r)$")
"""`_L`, `.R` and the like at the end of a lower-case name."""


def arkit_name(key: str) -> str | None:
    """Return the ARKit shape that a shape key's name means, None when it means none.

    Case, `_L` for Left, words apart and what stands before the name do not matter: `EyeBlink_L`, `eye_blink_left`,
    `blendShape1.eyeBlinkLeft` and `Head_eyeBlinkLeft` are all eyeBlinkLeft.
    """
    text = key.strip().lower()
    side = _SIDE.search(text)
    if side:
        text = text[: side.start()] + {"l": "left", "r": "right"}[side.group(1)]
    # Before the name may stand that of a mesh, with a mark between.
    parts = re.split(r"[^a-z0-9]+", text)
    for first in range(len(parts)):
        found = _KNOWN.get("".join(parts[first:]))
        if found:
            return found
    return None


def arkit_keys(keys: Iterable[str]) -> dict[str, str]:
    """Return, for each ARKit shape that one of `keys` means, the first such key."""
    found: dict[str, str] = {}
    for key in keys:
        name = arkit_name(key)
        if name:
            found.setdefault(name, key)
    return found

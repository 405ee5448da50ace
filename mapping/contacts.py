# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""When lids are closed and lips touch, and which of a character's channels see to it: what key reduction must keep."""

import numpy as np

from .character_map import CharacterMap
from .data import load_table
from .landmarks import average_face
from .motion import Motion

_CLOSED = 0.999
"""eyeBlink from which on a lid is closed."""

Contacts = dict[tuple[str, str], np.ndarray]
"""Kind (`bone`, `shape_key` or `property`) and name of what is in contact, to bool (N,): when."""


def find_contacts(character: CharacterMap, motion: Motion) -> Contacts:
    """Return the contacts of a motion's N instants for whatever of a character takes part in any."""
    lips = _lips_touch(motion)
    blink = {side: motion.control(f"eyeBlink{name}") for side, name in (("L", "Left"), ("R", "Right"))}
    found: Contacts = {}

    def note(kind: str, name: str, when: np.ndarray) -> None:
        known = found.get((kind, name))
        found[kind, name] = when if known is None else known | when

    bones = {entry.bone for entry in character.bones}
    for entry in character.bones:
        if entry.drive == "lid":
            side = entry.side if not entry.mirror else "R" if entry.side == "L" else "L"
            if side in blink:
                note("bone", entry.bone, blink[side] * entry.gain * character.strength(entry.region) >= _CLOSED)
        elif entry.drive == "jaw":
            note("bone", entry.bone, lips)
        elif entry.drive == "landmarks" and entry.pair in bones:
            note("bone", entry.bone, lips)
            note("bone", entry.pair, lips)
    touching = {"jawOpen": lips, "mouthClose": lips}
    touching |= {"eyeBlinkLeft": blink["L"] >= _CLOSED, "eyeBlinkRight": blink["R"] >= _CLOSED}
    for entry in character.controls:
        if entry.control in touching and entry.enabled:
            for channel in entry.channels:
                kind = channel.kind if channel.kind in ("shape_key", "property") else "bone"
                note(kind, channel.name, touching[entry.control])
    return found


def _lips_touch(motion: Motion) -> np.ndarray:
    """Return when the lips close what the jaw opens, bool (N,)."""
    face = average_face()
    reach = float(face[[234, 454], 1].mean() - face[14, 1])
    way = load_table("geometry")["jaw"]["open_full"] * reach
    left = (motion.control("jawOpen") - motion.control("mouthClose")) * way
    return left <= load_table("lip_contact")["contact"][0]

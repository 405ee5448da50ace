# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which parts of the face move which channels of a character. A channel that several entries move belongs to several
parts.
"""

from collections import defaultdict
from collections.abc import Set as AbstractSet

from .character_map import CharacterMap, ControlEntry
from .control_channels import entry_region
from .face_regions import FACE_REGIONS, FaceRegion, face_region, group_shares
from .landmarks import weight_matrix

ChannelKey = tuple[str, str, str]
"""What it is ("bone", "shape_key", "property"), the object (empty as in the map, and for bones), the name."""


def channel_regions(character: CharacterMap) -> dict[ChannelKey, AbstractSet[FaceRegion]]:
    """Return the parts of the face of each bone, shape key and property that a map drives; only what is enabled."""
    found: defaultdict[ChannelKey, set[FaceRegion]] = defaultdict(set)
    for bone in character.bones:
        if bone.enabled:
            found["bone", "", bone.bone].add(face_region(bone.region) or _of_landmarks(bone.landmarks))
    for entry in character.controls:
        if entry.enabled:
            region = _of_entry(entry)
            for channel in entry.channels:
                if channel.kind in ("shape_key", "property"):
                    found[channel.kind, channel.object, channel.name].add(region)
                else:
                    found["bone", "", channel.name].add(region)
    return dict(found)


def _of_entry(entry: ControlEntry) -> FaceRegion:
    return face_region(entry_region(entry)) or _of_landmarks(entry.landmarks)


def _of_landmarks(landmarks: dict[str, float]) -> FaceRegion:
    """Return the part that landmarks belong to most; the mouth where there are none."""
    if not landmarks:
        return "MOUTH"
    return FACE_REGIONS[int(group_shares(weight_matrix([landmarks]))[0].argmax())]

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trying a character out without a performer: one control is shown as far as a slider says, then all is as before.

The same binding and the same writing as in a capture, so what is seen here is what a performer gets.
"""

from dataclasses import dataclass, replace
from functools import cache

import bpy
import numpy as np

from ..mapping.character_map import CONTROLS
from ..mapping.control_channels import control_values
from ..mapping.control_pose import control_that_moves, full_amount, goes_both_ways, motion_of
from . import bake_preview, character
from .apply import PoseWriter
from .bind import bind
from .kept_pose import KeptPose
from .map_rows import MimicaEntry, entry_of


@dataclass(slots=True, eq=False)
class _Test:
    """The test that is on. Names only."""

    target: str
    control: str
    share: float
    revision: int
    writer: PoseWriter
    kept: KeptPose
    values: np.ndarray
    """(C,), as `CONTROLS`."""


_test: _Test | None = None


def control_of(row: MimicaEntry) -> str:
    """Return the control that shows what a row does; empty while the row is not complete."""
    entry = entry_of(row)
    return control_that_moves(entry) if entry is not None else ""


def both_ways(control: str) -> bool:
    """Whether a control is shown in both directions, from -1 to 1; else from 0 to 1."""
    return goes_both_ways(control)


def share() -> float:
    """Return how far a control is shown now, 0 when none is."""
    return _test.share if _test is not None else 0.0


def share_of(obj: bpy.types.Object | None) -> float:
    """Return how far a control is shown now on this character."""
    return _test.share if _test is not None and obj is not None and _test.target == obj.name else 0.0


def values_of(obj: bpy.types.Object | None) -> np.ndarray | None:
    """Return what the controls are tested with on this character, float (C,) as `CONTROLS`; None when they are not."""
    return _test.values if _test is not None and obj is not None and _test.target == obj.name else None


@cache
def values_range() -> np.ndarray:
    """Return how far each control goes in full, float (C,) as `CONTROLS`: for bars."""
    return np.array([full_amount(name) for name in CONTROLS])


def show_active(obj: bpy.types.Object | None, share: float) -> None:
    """Show the control of a character's active entry: see `show`."""
    data = character.data_of(obj)
    if data is not None and 0 <= data.index < len(data.entries):
        control = control_of(data.entries[data.index])
        if control and share != share_of(obj):
            show(obj, control, share)


def show(obj: bpy.types.Object | None, control: str, share: float) -> None:
    """Put a character into the pose that one control tells, and nothing else.

    :param control: one of `CONTROLS`.
    :param share: of what it is in full; 0 gives the character back as it was.
    :raises TargetError: the character cannot be bound.
    """
    global _test
    if obj is None or share == 0.0:
        end()
        return
    if _test is None or _test.target != obj.name or _test.revision != character.revision(obj):
        end()
        # One of both at a time: each gives back what it found.
        bake_preview.end()
        binding = bind(obj)
        kept = KeptPose.of(binding)
        _test = _Test(obj.name, "", 0.0, character.revision(obj), PoseWriter(binding), kept, np.zeros(len(CONTROLS)))
    motion = motion_of({control: share * full_amount(control)})
    _test.control, _test.share, _test.values = control, share, control_values(motion)[0]
    plan = _test.writer.binding.plan
    groups = np.einsum("gp,npi->ngi", plan.groups, motion.displacement)
    _test.writer.write(plan.pose(replace(motion, displacement=groups)))
    _redraw()


def end() -> None:
    """Give the character back as it was before the test, if one is on."""
    global _test
    if _test is None:
        return
    kept, _test = _test.kept, None
    kept.restore()
    _redraw()


def _follow(data: character.MimicaCharacter) -> None:
    """Show the test with what was just edited; end it when another entry was picked that another control moves."""
    if _test is None:
        return
    target = bpy.data.objects.get(_test.target)
    if target is not None and character.data_of(target) != data:
        return
    if target is None or not 0 <= data.index < len(data.entries):
        end()
    elif control_of(data.entries[data.index]) != _test.control:
        end()
    elif _test.revision != character.revision(target):
        show(target, _test.control, _test.share)


def _redraw() -> None:
    """Draw what Blender does not know to have changed: bones set in bulk."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()


def register() -> None:
    """Follow edits of maps."""
    character.listeners.append(_follow)


def unregister() -> None:
    """End the test and no longer follow edits."""
    end()
    character.listeners.remove(_follow)

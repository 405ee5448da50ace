# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys over the 3D viewport. Each has an entry in Blender's keymap editor, also where its usual key is taken.

Entries of add-ons come before Blender's own and would hide them. So a key that Blender's keymap has for something else
is left to it, and the entry has none until the user gives it one.
"""

from dataclasses import dataclass

import bpy
import rna_keymap_ui  # pyright: ignore[reportMissingImports]

_KEYMAP = "3D View"
_BESIDE = (
    "3D View Generic",
    "Object Mode",
    "Object Non-modal",
    "Pose",
    "Animation",
    "Frames",
    "Property Editor",
    "Screen Editing",
    "Screen",
    "Asset Shelf",
    "View2D Buttons List",
    "Region Context Menu",
    "User Interface",
    "Window",
)
"""Keymaps that Blender asks for a key that is pressed over the viewport in Object and Pose Mode, beside its own."""
_TOOLS = "3D View Tool: "
"""How the keymaps of the toolbar's tools begin: one of them is asked as well."""
_TRIES = 20
"""How often Blender's own keymap is waited for, while Blender starts."""
_PAUSE = 0.25


@dataclass(frozen=True, slots=True)
class Entry:
    """An operator and its usual key."""

    operator: str
    key: str
    shift: bool = True
    alt: bool = True
    ctrl: bool = False


ENTRIES = (
    Entry("mimica.toggle_capture", "C"),
    Entry("mimica.record", "R"),
    Entry("mimica.set_neutral", "N"),
    Entry("mimica.freeze", "F"),
    Entry("mimica.recentre_head", "H"),
    Entry("mimica.mirror", "M"),
)
"""What has a key; what the version at hand lacks is left out. Shift and Alt together for all."""

_tries = 0


def clashes(keyconfig: bpy.types.KeyConfig | None, entry: Entry) -> list[str]:
    """Return what Blender does with the key of an entry over the viewport: "Pose: pose.copy". Mimica's own not."""
    found: list[str] = []
    for keymap in keyconfig.keymaps if keyconfig is not None else ():
        if keymap.is_modal or not (keymap.name in (_KEYMAP, *_BESIDE) or keymap.name.startswith(_TOOLS)):
            continue
        found += [f"{keymap.name}: {item.idname}" for item in keymap.keymap_items if _same_key(item, entry)]
    return found


def _same_key(item: bpy.types.KeyMapItem, entry: Entry) -> bool:
    if item.type != entry.key or not item.active or item.idname.startswith("mimica."):
        return False
    if item.key_modifier != "NONE":
        return False
    # -1 stands for a modifier that may be held or not.
    wanted = ((item.shift, entry.shift), (item.alt, entry.alt), (item.ctrl, entry.ctrl), (item.oskey, False))
    return item.any or all(has in (-1, int(want)) for has, want in wanted)


def user_items(context: bpy.types.Context) -> list[tuple[bpy.types.KeyMap, bpy.types.KeyMapItem]]:
    """Return Mimica's entries as the user has them now, with their keymap, in the order of the table."""
    keyconfig = context.window_manager.keyconfigs.user
    keymap = keyconfig.keymaps.get(_KEYMAP) if keyconfig is not None else None
    if keymap is None:
        return []
    names = [entry.operator for entry in ENTRIES]
    items = sorted((item for item in keymap.keymap_items if item.idname in names), key=lambda i: names.index(i.idname))
    return [(keymap, item) for item in items]


def draw_keys(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Draw the entries as Blender's keymap editor does, to be given another key."""
    keyconfig = context.window_manager.keyconfigs.user
    column = layout.column()
    column.use_property_split = False
    column.label(text="Keys over the 3D Viewport", icon="KEYINGSET")
    for keymap, item in user_items(context):
        column.context_pointer_set("keymap", keymap)
        rna_keymap_ui.draw_kmi([], keyconfig, keymap, item, column, 0)


def _exists(operator: str) -> bool:
    group, _, name = operator.partition(".")
    return hasattr(bpy.types, f"{group.upper()}_OT_{name}")


def _add() -> float | None:
    """Add the entries; later, while Blender has not read its own keymap yet."""
    global _tries
    keyconfigs = bpy.context.window_manager.keyconfigs
    if keyconfigs.addon is None:
        return None
    known = (keyconfigs.default, keyconfigs.active)
    ready = any(kc is not None and _KEYMAP in kc.keymaps and kc.keymaps[_KEYMAP].keymap_items for kc in known)
    if not ready and not bpy.app.background and _tries < _TRIES:
        _tries += 1
        return _PAUSE
    keymap = keyconfigs.addon.keymaps.new(name=_KEYMAP, space_type="VIEW_3D")
    for entry in ENTRIES:
        if not _exists(entry.operator):
            continue
        if any(clashes(keyconfig, entry) for keyconfig in known):
            keymap.keymap_items.new(entry.operator, "NONE", "PRESS")
        else:
            keymap.keymap_items.new(
                entry.operator, entry.key, "PRESS", shift=entry.shift, alt=entry.alt, ctrl=entry.ctrl
            )
    return None


def register() -> None:
    """Add the entries, after the operators are registered. What the user changed in them before counts again."""
    global _tries
    _tries = 0
    pause = _add()
    if pause is not None:
        bpy.app.timers.register(_add, first_interval=pause, persistent=True)


def unregister() -> None:
    """Take the entries away. Blender keeps what the user changed in them."""
    if bpy.app.timers.is_registered(_add):
        bpy.app.timers.unregister(_add)
    keyconfig = bpy.context.window_manager.keyconfigs.addon
    keymap = keyconfig.keymaps.get(_KEYMAP) if keyconfig is not None else None
    if keymap is None:
        return
    names = [entry.operator for entry in ENTRIES]
    for item in [item for item in keymap.keymap_items if item.idname in names]:
        keymap.keymap_items.remove(item)

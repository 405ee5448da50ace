# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Editing a character's map entry by entry, or many at once."""

import re
from collections.abc import Hashable, Sequence
from contextlib import suppress
from typing import Any

import bpy
from bpy.props import EnumProperty, FloatProperty, IntProperty, StringProperty

from ..mapping.character_map import CONTROLS, NO_LIMIT, BoneEntry, Channel, ControlEntry
from ..mapping.frame import ARKIT_SHAPES
from ..rig import character, map_mirror, map_view
from ..rig.bind import TargetError
from ..rig.language import say, sentence
from ..rig.map_rows import CONTROL_ITEMS, KIND_ITEMS, MimicaEntry, entry_of, fill_channel, fill_entry
from .character import OnCharacter, OnMap, data_of, detect_into, target_of

_SCOPES = (
    ("ACTIVE", "Active Entry", "The one that is picked in the list"),
    ("REGION", "Active Region", "All entries of the active one's region"),
    ("ALL", "All Entries", "The whole mapping"),
)
_FULL_PATH = re.compile(r'bpy\.data\.objects\["(?P<object>(?:[^"\\]|\\.)*)"\]\.?(?P<path>.+)')
"""What Blender's Copy Full Data Path gives."""

_AMOUNTS = {"rotation": 0.5, "location": 0.01}
"""What a new target is moved by at first: radians, scene units; all else by 1."""


def _amount_of(kind: str) -> str:
    """Return the property that asks for a target's amount in its own unit."""
    return {"rotation": "angle", "location": "distance"}.get(kind, "amount")


class _OnEntry(OnMap):
    """Works on the active entry."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not super().poll(context):
            return False
        data = data_of(context)
        if not 0 <= data.index < len(data.entries):
            cls.poll_message_set(say("Pick an entry in the list first"))
            return False
        return True


class MIMICA_OT_add_entry(OnCharacter):
    bl_idname = "mimica.add_entry"
    bl_label = "Add Entry"
    bl_description = "Let something of the character follow a control: a shape key, a bone's channel or any property"
    bl_options = {"REGISTER", "UNDO"}

    control: EnumProperty(
        name="Control",
        description="Which part of the performance is followed",
        items=CONTROL_ITEMS[1:],
        default="jawOpen",
        options={"SKIP_SAVE"},
    )
    kind: EnumProperty(name="Target", description="What is set", items=KIND_ITEMS)
    object: StringProperty(
        name="Object",
        description="The object. Empty is each of the character's meshes that has the shape key, or its armature",
        options={"SKIP_SAVE"},
    )
    shape_key: StringProperty(name="Shape Key", description="The shape key to set", options={"SKIP_SAVE"})
    bone: StringProperty(name="Bone", description="The bone to move", options={"SKIP_SAVE"})
    path: StringProperty(
        name="Data Path",
        description='The property, as Copy Data Path gives it, such as ["smile"] or pose.bones["jaw"]["lock"]',
        options={"SKIP_SAVE"},
    )
    axis: EnumProperty(
        name="Axis",
        description="Which of the bone's own axes",
        items=(("0", "X", "The bone's own X"), ("1", "Y", "Along the bone"), ("2", "Z", "The bone's own Z")),
    )
    amount: FloatProperty(
        name="Amount", description="What is added when the control stands at 1", default=1.0, precision=3
    )
    angle: FloatProperty(
        name="Amount",
        description="How far the bone is turned when the control stands at 1",
        subtype="ANGLE",
        default=_AMOUNTS["rotation"],
    )
    distance: FloatProperty(
        name="Amount",
        description="How far the bone is moved when the control stands at 1",
        subtype="DISTANCE",
        precision=4,
        default=_AMOUNTS["location"],
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self._guess(context)
        return context.window_manager.invoke_props_dialog(self, title="Add Entry", confirm_text=say("Add"))

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(self, "control")
        layout.prop(self, "kind")
        layout.prop_search(self, "object", bpy.data, "objects")
        owner = self._owner(context)
        if self.kind == "shape_key":
            keys = _shape_keys(context, self.object)
            if keys is not None:
                layout.prop_search(self, "shape_key", keys, "key_blocks", icon="SHAPEKEY_DATA")
            else:
                layout.prop(self, "shape_key", icon="SHAPEKEY_DATA")
        elif self.kind == "property":
            layout.prop(self, "path", icon="RNA")
        elif owner is not None and owner.type == "ARMATURE":
            layout.prop_search(self, "bone", owner.data, "bones", icon="BONE_DATA")
        if self.kind in ("location", "rotation", "scale"):
            layout.row().prop(self, "axis", expand=True)
        layout.prop(self, _amount_of(self.kind))

    def execute(self, context: bpy.types.Context) -> set[str]:
        name = {"shape_key": self.shape_key, "property": self.path}.get(self.kind, self.bone)
        if not name:
            self.report({"ERROR"}, "Nothing was chosen that the entry could set. Press Add again and choose it.")
            return {"CANCELLED"}
        obj, owner = target_of(context), self.object
        if self.kind == "property":
            name, owner = _short_path(name, owner, _armature(context) or obj)
        channel = Channel(self.kind, name, int(self.axis), getattr(self, _amount_of(self.kind)), owner)
        limits = (0.0, 1.0) if self.kind == "shape_key" else (-NO_LIMIT, NO_LIMIT)
        if not data_of(context).stored:
            # Where names tell nothing, the map begins with this entry.
            with suppress(TargetError):
                detect_into(obj)
        entry = ControlEntry((channel,), self.control, minimum=limits[0], maximum=limits[1])
        character.add_entry(obj, entry, data_of(context).index)
        view = map_view.view(obj)
        if view is not None and (missing := view.missing(channel)):
            self.report({"WARNING"}, sentence(missing))
        return {"FINISHED"}

    def _owner(self, context: bpy.types.Context) -> bpy.types.Object | None:
        return bpy.data.objects.get(self.object) if self.object else _armature(context)

    def _guess(self, context: bpy.types.Context) -> None:
        """Take what the user has picked in the scene: a bone in Pose Mode, or a mesh's active shape key."""
        active = context.active_object
        if bone := _active_bone(context):
            self.bone = bone
            if self.kind not in ("location", "rotation", "scale"):
                self.kind = "rotation"
        elif active is not None and active.type == "MESH" and active.active_shape_key_index > 0:
            self.kind, self.shape_key = "shape_key", active.active_shape_key.name
            near = self.shape_key.replace("_", "").lower()
            if not self.properties.is_property_set("control"):
                self.control = next((name for name in ARKIT_SHAPES if name.lower() == near), self.control)


class MIMICA_OT_add_bone_entry(OnCharacter):
    bl_idname = "mimica.add_bone_entry"
    bl_label = "Add Bone"
    bl_description = "Let a bone do what its part of the performer's face does"
    bl_options = {"REGISTER", "UNDO"}

    drive: EnumProperty(
        name="Part",
        description="What the bone does",
        items=(
            ("jaw", "Jaw", "Turns as the performer's jaw opens and shifts"),
            ("eye_L", "Left Eye", "Turns to where the performer's left eye looks"),
            ("eye_R", "Right Eye", "Turns to where the performer's right eye looks"),
            ("head", "Head", "Turns as the performer's head, without the neck's share"),
            ("neck", "Neck", "Takes the neck's share of the head's turn"),
        ),
    )
    bone: StringProperty(name="Bone", description="The bone of the character's armature")

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not super().poll(context):
            return False
        if map_view.armature_of(target_of(context)) is None:
            cls.poll_message_set(say("The character has no armature"))
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if (
            context.mode == "POSE"
            and context.active_object == _armature(context)
            and context.active_pose_bone is not None
        ):
            self.bone = context.active_pose_bone.name
        return context.window_manager.invoke_props_dialog(self, title="Add Bone", confirm_text=say("Add"))

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(self, "drive")
        layout.prop_search(self, "bone", _armature(context).data, "bones", icon="BONE_DATA")

    def execute(self, context: bpy.types.Context) -> set[str]:
        obj = target_of(context)
        if self.bone not in _armature(context).data.bones:
            text = say("There is no bone '{bone}'. Press Add again and choose one.", bone=self.bone)
            self.report({"ERROR"}, text)
            return {"CANCELLED"}
        drive, _, side = self.drive.partition("_")
        region = {"jaw": "jaw", "eye": "gaze"}.get(drive, "head")
        character.add_entry(obj, BoneEntry(self.bone, drive, region, side=side), data_of(context).index)
        return {"FINISHED"}


class MIMICA_OT_remove_entry(_OnEntry):
    bl_idname = "mimica.remove_entry"
    bl_label = "Remove Entry"
    bl_description = "Take the active entry out of the mapping. To try without it, disable it instead"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        obj = target_of(context)
        character.remove_entry(obj, data_of(context).index)
        return {"FINISHED"}


class MIMICA_OT_duplicate_entry(_OnEntry):
    bl_idname = "mimica.duplicate_entry"
    bl_label = "Duplicate Entry"
    bl_description = "Add a copy of the active entry, to let the same target follow another control too"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        obj = target_of(context)
        data = data_of(context)
        entry = entry_of(data.entries[data.index])
        if entry is None:
            self.report({"ERROR"}, "The active entry is not complete yet. Choose what it follows and sets first.")
            return {"CANCELLED"}
        character.add_entry(obj, entry, data.index)
        return {"FINISHED"}


class MIMICA_OT_mirror_entries(_OnEntry):
    bl_idname = "mimica.mirror_entries"
    bl_label = "Copy to Other Side"
    bl_description = (
        "Give the other side of the character the same settings, as its mirror image: the counterpart of a bone, shape "
        "key or property is found by its name, else by its place or by what it does"
    )
    bl_options = {"REGISTER", "UNDO"}

    scope: EnumProperty(name="Entries", description="Which entries are copied", items=_SCOPES, default="ALL")
    side: EnumProperty(
        name="From",
        description="The character's side that is copied; the active entry is always copied to its other side",
        items=(("L", "Left to Right", "The character's left is copied"), ("R", "Right to Left", "Its right is")),
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        obj = target_of(context)
        data = data_of(context)
        chosen = [entry for entry in map(entry_of, _rows(data, self.scope)) if entry is not None]
        symmetry = map_mirror.symmetry_of(obj, chosen)
        if self.scope != "ACTIVE":
            side = 1 if self.side == "L" else -1
            chosen = [entry for entry in chosen if symmetry.side_of(entry) == side]
        made = [map_mirror.mirrored(entry, symmetry) for entry in chosen if symmetry.side_of(entry)]
        if not made:
            self.report({"WARNING"}, "Nothing is copied: neither targets nor controls here are left or right ones.")
            return {"CANCELLED"}
        others = [other for other, _ in made if other is not None]
        with character.one_change(obj) as data:
            there = _Counterparts(data)
            for other in others:
                place = there.take(other)
                fill_entry(data.entries[place] if place is not None else data.entries.add(), other)
        copied, alone = len(others), len(made) - len(others)
        missing = dict.fromkeys(name for other, lost in made if other is not None for name in lost)
        told = [say("1 entry is copied") if copied == 1 else say("{n} entries are copied", n=copied)]
        if alone:
            told.append(say("{n} have no counterpart on the other side", n=alone))
        if missing:
            told.append(say("Left out, having no counterpart: {names}", names=", ".join(missing)))
        self.report({"WARNING" if missing else "INFO"}, ". ".join(told))
        return {"FINISHED"}


class _Counterparts:
    """The rows that entries of the other side take the place of, each once."""

    def __init__(self, data: character.MimicaCharacter) -> None:
        self._exact: dict[Hashable, list[int]] = {}
        self._alike: dict[Hashable, list[int]] = {}
        for i, entry in enumerate(map(entry_of, data.entries)):
            if entry is not None:
                self._exact.setdefault(_identity(entry), []).append(i)
                self._alike.setdefault(_identity(entry, axes=False), []).append(i)
        self._taken: set[int] = set()

    def take(self, entry: BoneEntry | ControlEntry) -> int | None:
        """Return the row that is this entry with other settings, None when there is none."""
        # Where axes are oblique, one channel has become several, which may have been set by hand before.
        rows = (*self._exact.get(_identity(entry), ()), *self._alike.get(_identity(entry, axes=False), ()))
        row = next((i for i in rows if i not in self._taken), None)
        if row is not None:
            self._taken.add(row)
        return row


class MIMICA_OT_enable_entries(_OnEntry):
    bl_idname = "mimica.enable_entries"
    bl_label = "Enable Entries"
    bl_options = {"REGISTER", "UNDO"}

    scope: EnumProperty(name="Entries", description="Which entries", items=_SCOPES, default="ALL")
    action: EnumProperty(
        name="Action",
        items=(
            ("ENABLE", "Enable", "Let these entries move the character"),
            ("DISABLE", "Disable", "Keep these entries, but let them move nothing"),
            ("ONLY", "Only These", "Let these entries move the character, and no others"),
        ),
    )

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        actions = cls.bl_rna.properties["action"].enum_items
        return say(actions[properties.action].description)

    def execute(self, context: bpy.types.Context) -> set[str]:
        with character.one_change(target_of(context)) as data:
            if self.action == "ONLY":
                chosen = [row.as_pointer() for row in _rows(data, self.scope)]
                for row in data.entries:
                    row.enabled = row.as_pointer() in chosen
            else:
                for row in _rows(data, self.scope):
                    row.enabled = self.action == "ENABLE"
        return {"FINISHED"}


class MIMICA_OT_reset_entries(OnMap):
    bl_idname = "mimica.reset_entries"
    bl_label = "Reset to Detected"
    bl_description = "Take back what was edited since the character was detected"
    bl_options = {"REGISTER", "UNDO"}

    scope: EnumProperty(name="Entries", description="Which entries are reset", items=_SCOPES, default="ALL")

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not super().poll(context):
            return False
        if not data_of(context).detected:
            cls.poll_message_set(say("This mapping was not detected. Press Detect"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        obj = target_of(context)
        detected = character.detected_map(obj)
        assert detected is not None
        if self.scope == "ALL":
            character.store_map(obj, detected, detected=True)
            return {"FINISHED"}
        entries = (*detected.bones, *detected.controls)
        if not any(0 <= row.detected < len(entries) for row in _rows(data_of(context), self.scope)):
            self.report({"WARNING"}, "What was added by hand was not detected. Remove it instead.")
            return {"CANCELLED"}
        with character.one_change(obj) as data:
            for row in _rows(data, self.scope):
                if 0 <= row.detected < len(entries):
                    fill_entry(row, entries[row.detected])
        return {"FINISHED"}


class MIMICA_OT_add_channel(_OnEntry):
    bl_idname = "mimica.add_channel"
    bl_label = "Add Target"
    bl_description = "Let the active entry set one thing more"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        with character.one_change(target_of(context)) as data:
            channels = data.entries[data.index].channels
            last = channels[-1] if channels else None
            kind, obj = (last.kind, last.owner) if last else ("shape_key", "")
            fill_channel(channels.add(), Channel(kind, "", amount=_AMOUNTS.get(kind, 1.0), object=obj))
        return {"FINISHED"}


class MIMICA_OT_remove_channel(_OnEntry):
    bl_idname = "mimica.remove_channel"
    bl_label = "Remove Target"
    bl_description = "No longer set this"
    bl_options = {"REGISTER", "UNDO"}

    index: IntProperty(options={"HIDDEN", "SKIP_SAVE"}, min=0)

    def execute(self, context: bpy.types.Context) -> set[str]:
        with character.one_change(target_of(context)) as data:
            channels = data.entries[data.index].channels
            if self.index < len(channels):
                channels.remove(self.index)
        return {"FINISHED"}


class MIMICA_OT_add_suggestion(OnMap):
    bl_idname = "mimica.add_suggestion"
    bl_label = "Add Suggestion"
    bl_description = "Let this shape key follow the control that was not matched"
    bl_options = {"REGISTER", "UNDO"}

    control: StringProperty(options={"HIDDEN", "SKIP_SAVE"})
    shape_key: StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        if self.control not in CONTROLS:
            self.report({"ERROR"}, say("'{name}' is no control. Press Detect once more.", name=self.control))
            return {"CANCELLED"}
        entry = ControlEntry((Channel("shape_key", self.shape_key),), self.control, minimum=0.0, maximum=1.0)
        character.add_entry(target_of(context), entry)
        return {"FINISHED"}


def _armature(context: bpy.types.Context) -> Any:
    return map_view.armature_of(target_of(context))


def _active_bone(context: bpy.types.Context) -> str:
    """Return the bone that is active in Pose Mode, if it is the character's."""
    bone = context.active_pose_bone if context.mode == "POSE" else None
    return bone.name if bone is not None and bone.id_data == _armature(context) else ""


def _rows(data: bpy.types.PropertyGroup, scope: str) -> Sequence[MimicaEntry]:
    """Return the rows that an operator works on. They hold until one is added or removed."""
    active = data.entries[data.index]
    if scope == "ACTIVE":
        return [active]
    if scope == "ALL":
        return list(data.entries)
    return [row for row in data.entries if map_view.region(row) == map_view.region(active)]


def _identity(entry: BoneEntry | ControlEntry, axes: bool = True) -> Hashable:
    """Return what makes an entry this one, whatever its settings are.

    :param axes: whether bones' axes are told apart.
    """
    if isinstance(entry, BoneEntry):
        return entry.bone, entry.drive, entry.control
    channels = frozenset((c.kind, c.object, c.name, c.axis if axes else 0) for c in entry.channels)
    return entry.control, frozenset(entry.landmarks.items()), entry.axis if entry.landmarks else 0, channels


def _shape_keys(context: bpy.types.Context, name: str) -> bpy.types.Key | None:
    """Return the shape keys to choose from: of the object that was named, else of the active or first mesh."""
    names = (name,) if name else map_view.character_meshes(target_of(context))
    active = context.active_object
    if active is not None and active.name in names:
        names = (active.name,)
    obj = bpy.data.objects.get(names[0]) if names else None
    return obj.data.shape_keys if obj is not None and obj.type == "MESH" else None


def _short_path(path: str, owner: str, holder: bpy.types.Object) -> tuple[str, str]:
    """Return a data path from its object, and the object's name, empty for the character's own."""
    full = _FULL_PATH.fullmatch(path.strip())
    if full is None:
        return path.strip(), owner
    name = full["object"].replace('\\"', '"')
    return full["path"], "" if name == holder.name else name


_CLASSES = (
    MIMICA_OT_add_entry,
    MIMICA_OT_add_bone_entry,
    MIMICA_OT_remove_entry,
    MIMICA_OT_duplicate_entry,
    MIMICA_OT_mirror_entries,
    MIMICA_OT_enable_entries,
    MIMICA_OT_reset_entries,
    MIMICA_OT_add_channel,
    MIMICA_OT_remove_channel,
    MIMICA_OT_add_suggestion,
)
register, unregister = bpy.utils.register_classes_factory(_CLASSES)

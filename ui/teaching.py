# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Learn by Example: the guided list of expressions with its pictures. Drawing only reads."""

from pathlib import Path
from typing import Any

import bpy
import bpy.utils.previews  # pyright: ignore[reportMissingImports]

from ..rig import teaching_steps
from ..rig.language import say
from ..rig.teaching_steps import Expression, expressions, find_expression
from .sentence import draw_sentence

PICTURES = Path(__file__).parent / "pictures"
_SCALE = 8.0
"""Size of the large picture, in heights of a button."""

_pictures: Any = None
"""Blender's collection of the pictures, by the expressions' ids."""
_learned: frozenset[str] = frozenset()
"""What the list's rows tick, found once for all of them as the panel is drawn."""


class MIMICA_UL_expressions(bpy.types.UIList):
    def draw_item(
        self,
        _context: bpy.types.Context,
        layout: bpy.types.UILayout,
        _data: object,
        item: teaching_steps.MimicaTeachingStep,
        _icon: int,
        _active_data: object,
        _active_property: str,
    ) -> None:
        shown = find_expression(item.name)
        if shown is not None:
            row = layout.row(align=True)
            row.label(text=shown.label, icon_value=_picture(shown))
            row.label(text="", icon="CHECKMARK" if shown.id in _learned else "BLANK1")

    def filter_items(
        self, _context: bpy.types.Context, data: teaching_steps.MimicaTeaching, _property: str
    ) -> tuple[list[int], list[int]]:
        labels = [shown.label if (shown := find_expression(step.name)) else "" for step in data.steps]
        wanted = self.filter_name.lower()
        flags = [self.bitflag_filter_item if wanted in label.lower() else 0 for label in labels] if wanted else []
        order = [0] * len(labels)
        for place, i in enumerate(sorted(range(len(labels)), key=labels.__getitem__)):
            order[i] = place
        return flags, order if self.use_filter_sort_alpha else []


class VIEW3D_PT_mimica_teaching(bpy.types.Panel):
    bl_label = "Learn by Example"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Mimica"
    bl_parent_id = "VIEW3D_PT_mimica_character"
    bl_order = 1
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        global _learned
        layout = self.layout
        character = context.scene.mimica.target
        state = teaching_steps.state_of(character)
        if state is None:
            draw_sentence(layout, context, "Pick a character above to teach it expressions.", "INFO")
            return
        _learned = teaching_steps.learned(character)
        shown = teaching_steps.present(character)
        if shown is None:
            _draw_start(layout, context, state)
        else:
            _draw_step(layout, context, character, state, shown)


def _draw_start(layout: bpy.types.UILayout, context: bpy.types.Context, state: teaching_steps.MimicaTeaching) -> None:
    draw_sentence(
        layout, context, "Pose the character once for each expression, for rigs whose names tell nothing.", "INFO"
    )
    _draw_groups(layout, state)
    wanted = [e.id for e in expressions() if e.group in state.groups]
    done = sum(name in _learned for name in wanted)
    row = layout.row()
    row.scale_y = 1.3
    row.operator("mimica.teach_start", text="Resume Teaching" if done else "Start Teaching", icon="POSE_HLT")
    _draw_progress(layout, done, len(wanted))


def _draw_step(
    layout: bpy.types.UILayout,
    context: bpy.types.Context,
    character: bpy.types.Object,
    state: teaching_steps.MimicaTeaching,
    shown: Expression,
) -> None:
    _draw_progress(layout, sum(step.name in _learned for step in state.steps), len(state.steps))
    box = layout.box()
    row = box.row()
    row.label(text=shown.label, icon="CHECKMARK" if shown.id in _learned else "POSE_HLT")
    row = row.row()
    row.alignment = "RIGHT"
    row.label(text=f"{state.index + 1} / {len(state.steps)}", translate=False)
    box.template_icon(_picture(shown), scale=_SCALE)
    draw_sentence(box, context, shown.say, "BLANK1", inset=2)
    for first in teaching_steps.missing_before(character, shown):
        text = "Learn {label} first, or pose it now and press Start from This Pose."
        draw_sentence(box, context, say(text, label=say(first.label)), "ERROR", inset=2)

    row = layout.row()
    row.scale_y = 1.6
    row.operator("mimica.teach_learn", icon="ADD")
    row = layout.row(align=True)
    row.operator("mimica.teach_back", icon="TRIA_LEFT")
    row.operator("mimica.teach_skip", icon="TRIA_RIGHT")
    column = layout.column(align=True)
    row = column.row(align=True)
    row.operator("mimica.teach_reset", icon="LOOP_BACK")
    row.operator("mimica.teach_show", icon="HIDE_OFF")
    column.operator("mimica.teach_begin_here", icon="ARMATURE_DATA")
    row = column.row(align=True)
    row.operator("mimica.teach_mirror", icon="MOD_MIRROR")
    row.operator("mimica.teach_forget", text="", icon="TRASH")

    _draw_groups(layout, state)
    layout.template_list("MIMICA_UL_expressions", "", state, "steps", state, "index", rows=6, sort_lock=False)
    column = layout.column()
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(state, "amount")
    column.prop(state, "mirror")
    column.prop(state, "return_to_rest", text="Return to Rest")
    layout.operator("mimica.teach_end", icon="CHECKMARK")


def _draw_groups(layout: bpy.types.UILayout, state: teaching_steps.MimicaTeaching) -> None:
    row = layout.row(align=True)
    row.prop(state, "groups")


def _draw_progress(layout: bpy.types.UILayout, done: int, count: int) -> None:
    text = say("{done} of {count} learned", done=done, count=count)
    layout.progress(factor=done / max(count, 1), text=text, translate=False)


def _picture(shown: Expression) -> int:
    """Return the icon of an expression's picture."""
    return _pictures[shown.id].icon_id if _pictures is not None and shown.id in _pictures else 0


_CLASSES = (MIMICA_UL_expressions, VIEW3D_PT_mimica_teaching)
_register, _unregister = bpy.utils.register_classes_factory(_CLASSES)


def register() -> None:
    """Register list and panel. The pictures are read when they are first seen."""
    global _pictures
    _pictures = bpy.utils.previews.new()
    for shown in expressions():
        _pictures.load(shown.id, str(PICTURES / f"{shown.id}.png"), "IMAGE")
    _register()


def unregister() -> None:
    """Undo `register`."""
    global _pictures
    _unregister()
    if _pictures is not None:
        bpy.utils.previews.remove(_pictures)
        _pictures = None

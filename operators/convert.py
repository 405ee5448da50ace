# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shape Keys and Bones: an animation carried over from the one to the other, and shape keys made of bones."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import bpy

from ..rig import bake_preview, live, test_pose
from ..rig.bake_settings import BakeError
from ..rig.bind import TargetError
from ..rig.convert import ConvertError, ConvertSettings, by_keys, convert
from ..rig.language import say, sentence
from ..rig.make_shapes import make_arkit_shapes

_PERCENT = 100


class _Operator(bpy.types.Operator):
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if live.current() is not None:
            cls.poll_message_set(say("Stop the capture first: it poses the character too"))
            return False
        if context.mode not in ("OBJECT", "POSE"):
            cls.poll_message_set(say("Switch to Object Mode or Pose Mode first"))
            return False
        return True


class MIMICA_OT_convert(_Operator):
    bl_idname = "mimica.convert"
    bl_label = "Convert"
    bl_description = (
        "Read the source's animation as ARKit's controls, and key the target with them at each scene frame. The source "
        "is left as it is"
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        settings = context.scene.mimica.convert
        if settings.source is None or settings.target is None:
            cls.poll_message_set(say("Pick a source and a target first"))
            return False
        return super().poll(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene, settings = context.scene, context.scene.mimica.convert
        wanted = ConvertSettings(
            settings.first if settings.part else None,
            settings.last if settings.part else None,
            scene.mimica.existing_animation,
        )
        with _progress(context) as progress:
            try:
                done = convert(scene, settings.source, settings.target, wanted, progress)
            except (ConvertError, TargetError, BakeError) as error:
                self.report({"ERROR"}, sentence(str(error)))
                return {"CANCELLED"}
        for note in done.notes:
            self.report({"INFO"}, sentence(note))
        result = done.result
        keys = "'{action}': {keys} keys for shape keys of '{target}', frames {first:.0f} to {last:.0f}"
        bones = "'{action}': {keys} keys for bones of '{target}', frames {first:.0f} to {last:.0f}"
        text = say(
            keys if by_keys(settings.target) else bones,
            action=result.action,
            keys=result.keys,
            target=settings.target.name,
            first=result.first_frame,
            last=result.last_frame,
        )
        self.report({"INFO"}, text)
        return {"FINISHED"}


class MIMICA_OT_make_arkit_shapes(_Operator):
    bl_idname = "mimica.make_arkit_shapes"
    bl_label = "Make ARKit Shape Keys"
    bl_description = (
        "Give the target's mesh the 52 shape keys of ARKit's names, each shaped as its armature's bones show it. Keys "
        "of these names that are there stay as they are"
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        target = context.scene.mimica.convert.target
        if target is None or target.type != "MESH" or target.find_armature() is None:
            cls.poll_message_set(say("Pick a mesh as the target that an armature deforms"))
            return False
        return super().poll(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        mesh = context.scene.mimica.convert.target
        with _progress(context) as progress:
            try:
                done = make_arkit_shapes(mesh, progress)
            except TargetError as error:
                self.report({"ERROR"}, sentence(str(error)))
                return {"CANCELLED"}
        if done.kept:
            self.report({"INFO"}, say("There already, and left as they are: {names}", names=", ".join(done.kept)))
        if done.still:
            names = ", ".join(done.still)
            self.report({"INFO"}, say("These move nothing of '{mesh}': {names}", mesh=mesh.name, names=names))
        self.report({"INFO"}, say("'{mesh}' has {count} new shape keys", mesh=mesh.name, count=done.made))
        return {"FINISHED"}


@contextmanager
def _progress(context: bpy.types.Context) -> Iterator[Callable[[float], None]]:
    """Give the characters back as they stand, and show how far the work is."""
    test_pose.end()
    bake_preview.end()
    manager = context.window_manager
    manager.progress_begin(0, _PERCENT)
    try:
        yield lambda share: manager.progress_update(share * _PERCENT)
    finally:
        manager.progress_end()


register, unregister = bpy.utils.register_classes_factory((MIMICA_OT_convert, MIMICA_OT_make_arkit_shapes))

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding the cameras of this computer."""

import bpy

from ..capture.source import SourceSpec
from ..rig import cameras
from ..rig.language import say


class MIMICA_OT_refresh_cameras(bpy.types.Operator):
    bl_idname = "mimica.refresh_cameras"
    bl_label = "Find Cameras"
    bl_description = "Look for the cameras that are connected now"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if cameras.is_looking():
            cls.poll_message_set(say("Cameras are being looked for"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        cameras.look()
        return {"FINISHED"}


def source_spec(scene: bpy.types.Scene) -> SourceSpec:
    """Return the source that the scene's settings describe."""
    settings = scene.mimica
    width, height = (int(n) for n in settings.resolution.split("x"))
    if settings.source == "CAMERA":
        return SourceSpec("camera", name=settings.camera, width=width, height=height, rate=settings.rate)
    if settings.source == "VIDEO":
        return SourceSpec("video", path=bpy.path.abspath(settings.video), loop=settings.loop)
    if settings.source == "IMAGES":
        path = bpy.path.abspath(settings.images)
        return SourceSpec("images", path=path, rate=settings.image_rate, loop=settings.loop)
    if settings.source == "PROGRAM":
        return SourceSpec("program")
    if settings.source == "PHONE":
        return SourceSpec("phone")
    return SourceSpec("stream", address=settings.address.strip())


register, unregister = bpy.utils.register_classes_factory((MIMICA_OT_refresh_cameras,))

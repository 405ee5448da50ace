# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding the face model, and getting one."""

import threading
from collections.abc import Callable
from pathlib import Path

import bpy
from bpy.app.handlers import persistent

from ..capture.detector_file import fetch_detector, find_detector
from ..capture.model import ModelError, ModelFile, download_model, find_model
from ..capture.offline_model import fetch_offline_model
from ..rig.language import later, say, sentence
from ..rig.paths import BASE_PACKAGE, EXTENSION_FOLDER, user_folder
from .redraw import redraw

_ORIGINS = {
    "path": later("from the preferences"),
    "environment": later("from MIMICA_MODEL"),
    "extension": later("with the extension"),
    "user": later("in the user folder"),
    "download": later("downloaded"),
    "offline": later("offline bundle"),
}


def model_in_use(context: bpy.types.Context) -> ModelFile | None:
    """Return the model, and note on the window manager which one it is. Raises `ModelError` for a damaged one."""
    state = context.window_manager.mimica
    state.model = ""
    model = find_model(explicit=preferred_model(context), extension_folder=EXTENSION_FOLDER, user_folder=user_folder())
    if model is not None:
        kind = "Face model" if model.has_scores else "Face model without scores"
        state.model = f"{say(kind)}, {say(_ORIGINS[model.origin])}"
    detector_in_use(context)
    return model


def detector_in_use(context: bpy.types.Context) -> str:
    """Return the file of the face detector for faces far away, empty when there is none; note which on the manager."""
    state, settings = context.window_manager.mimica, context.scene.mimica
    chosen = bpy.path.abspath(settings.detector_file) if settings.detector_file else ""
    preferred = preferred_model(context)
    beside = [preferred.parent] if preferred is not None else []
    found = find_detector(chosen, *beside, EXTENSION_FOLDER, user_folder())
    state.detector = found is not None
    return str(found or "")


def preferred_model(context: bpy.types.Context) -> Path | None:
    """Return the model file that the preferences name, if any."""
    addon = context.preferences.addons.get(BASE_PACKAGE)
    text = addon.preferences.model_path if addon and addon.preferences else ""
    return Path(bpy.path.abspath(text)) if text else None


class MIMICA_OT_find_model(bpy.types.Operator):
    bl_idname = "mimica.find_model"
    bl_label = "Find Face Model"
    bl_description = "Look again for a face model, and check it"

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            model = model_in_use(context)
        except ModelError as error:
            self.report({"ERROR"}, sentence(str(error)))
            return {"CANCELLED"}
        if model is None:
            self.report({"WARNING"}, "There is no face model yet. Download it, or build the offline model")
            return {"CANCELLED"}
        self.report({"INFO"}, ": ".join((context.window_manager.mimica.model, str(model.path))))
        return {"FINISHED"}


class _Fetch(bpy.types.Operator):
    """Runs a download in a thread while the window stays alive; Esc lets it end by itself and ignores the result."""

    _timer: bpy.types.Timer | None = None

    def _fetch(self, progress: Callable[[float], None]) -> None:
        raise NotImplementedError

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self._share = 0.0
        self._error = ""
        self._thread = threading.Thread(target=self._run, name="mimica model", daemon=True)
        self._thread.start()
        manager = context.window_manager
        self._timer = manager.event_timer_add(0.1, window=context.window)
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Without a window: wait for the result."""
        self._share, self._error = 0.0, ""
        self._run()
        return self._end(context)

    def _progress(self, share: float) -> None:
        self._share = share

    def _run(self) -> None:
        try:
            self._fetch(self._progress)
        except ModelError as error:
            self._error = str(error)

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        if self._thread.is_alive():
            context.window_manager.mimica.progress = self._share
            _redraw(context)
            return {"PASS_THROUGH"}
        return self._end(context)

    def cancel(self, context: bpy.types.Context) -> None:
        self._clear(context)

    def _end(self, context: bpy.types.Context) -> set[str]:
        self._clear(context)
        if self._error:
            self.report({"ERROR"}, sentence(self._error))
            return {"CANCELLED"}
        return bpy.ops.mimica.find_model()

    def _clear(self, context: bpy.types.Context) -> None:
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
        context.window_manager.mimica.progress = -1.0
        _redraw(context)


class _OnlineFetch(_Fetch):
    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if bpy.app.online_access:
            return True
        if bpy.app.online_access_override:
            cls.poll_message_set(say("Blender was started without online access"))
        else:
            cls.poll_message_set(say("Allow online access in Preferences > System > Network first"))
        return False


class MIMICA_OT_download_model(_OnlineFetch):
    bl_idname = "mimica.download_model"
    bl_label = "Download Face Model"
    bl_description = "Fetch the face model (3.8 MB) from Google's address and check it. Nothing is sent"

    def _fetch(self, progress: Callable[[float], None]) -> None:
        download_model(user_folder(), progress)


class MIMICA_OT_build_offline_model(_OnlineFetch):
    bl_idname = "mimica.build_offline_model"
    bl_label = "Build Offline Model"
    bl_description = (
        "Build a face model from the MediaPipe package on PyPI (35 MB), for places where Google's address cannot be "
        "reached. It has no expression scores; Mimica measures them on the landmarks"
    )

    def _fetch(self, progress: Callable[[float], None]) -> None:
        fetch_offline_model(user_folder(), online=bpy.app.online_access)


class MIMICA_OT_fetch_detector(_OnlineFetch):
    bl_idname = "mimica.fetch_detector"
    bl_label = "Get Face Detector"
    bl_description = (
        "Take MediaPipe's full-range face detector out of its package on PyPI (35 MB), for faces far away. Nothing is "
        "sent"
    )

    def _fetch(self, progress: Callable[[float], None]) -> None:
        fetch_detector(user_folder(), online=bpy.app.online_access)


def _redraw(context: bpy.types.Context) -> None:
    """Show a download's progress in both places that have it."""
    redraw(context, "UI")
    redraw(context, "WINDOW", "PREFERENCES")


def _look_once() -> None:
    """Find the model once Blender has a full context; errors show when a capture is started."""
    try:
        model_in_use(bpy.context)
    except ModelError:
        pass


@persistent
def _on_load(*_arguments: object) -> None:
    """What the window manager knew is forgotten with the file before."""
    _look_once()


_CLASSES = (MIMICA_OT_find_model, MIMICA_OT_download_model, MIMICA_OT_build_offline_model, MIMICA_OT_fetch_detector)
_register, _unregister = bpy.utils.register_classes_factory(_CLASSES)


def register() -> None:
    """Register the operators, and look for the model as soon as Blender is ready and after each load of a file."""
    _register()
    bpy.app.handlers.load_post.append(_on_load)
    bpy.app.timers.register(_look_once, first_interval=0.1, persistent=True)


def unregister() -> None:
    """Undo `register`."""
    if bpy.app.timers.is_registered(_look_once):
        bpy.app.timers.unregister(_look_once)
    bpy.app.handlers.load_post.remove(_on_load)
    _unregister()

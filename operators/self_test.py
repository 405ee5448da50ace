# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Self-Test: begins it, looks after it while Blender's window stays alive, and gives its report away."""

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import bpy
from bpy.props import BoolProperty, StringProperty

from ..bridges.extras import packages
from ..capture.model import ModelFile, find_model
from ..capture.self_test import Finding, SelfTest
from ..capture.self_test_plan import Setup, make_self_test
from ..capture.self_test_report import report_text
from ..capture.self_test_scrub import Scrubber, personal_secrets
from ..capture.source import SourceSpec
from ..rig import live, self_test
from ..rig.language import say, sentence
from ..rig.paths import EXTENSION_FOLDER, takes_folder, user_folder
from .capture import helper_wanted
from .model import preferred_model
from .redraw import redraw
from .sources import source_spec

_TICK_SECONDS = 0.1
_waiting: deque[tuple[str, Callable[[], Finding]]] = deque()
"""What is still to be looked at on the main thread."""


class MIMICA_OT_self_test(bpy.types.Operator):
    bl_idname = "mimica.self_test"
    bl_label = "Self-Test"
    bl_description = (
        "Check libraries, face model, tracker, camera, graphics and disk, and write a report without personal data. "
        "The camera is opened for a second, and nothing is sent or kept"
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if _running() is not None:
            cls.poll_message_set(say("The self-test is running"))
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        _waiting.clear()
        _waiting.extend(self_test.findings())
        test = self_test.current = make_self_test(
            _setup(context), Scrubber(personal_secrets() | self_test.personal()), [title for title, _ in _waiting]
        )
        test.start()
        if bpy.app.background:
            # Without a window no timer runs.
            while _waiting:
                _look_once(test)
            test.wait()
            return {"FINISHED"}
        if not bpy.app.timers.is_registered(_tick):
            bpy.app.timers.register(_tick, first_interval=_TICK_SECONDS, persistent=True)
        redraw(context, "WINDOW", "PREFERENCES")
        return {"FINISHED"}


class MIMICA_OT_cancel_self_test(bpy.types.Operator):
    bl_idname = "mimica.cancel_self_test"
    bl_label = "Cancel Self-Test"
    bl_description = "End the self-test. What was found out so far stays"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _running() is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        test = _running()
        if test is not None:
            _waiting.clear()
            test.cancel()
        return {"FINISHED"}


class _WithReport(bpy.types.Operator):
    """Does something with the report."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if self_test.current is None or _running() is not None:
            cls.poll_message_set(say("Run the self-test first"))
            return False
        return True


class MIMICA_OT_copy_self_test(_WithReport):
    bl_idname = "mimica.copy_self_test"
    bl_label = "Copy Report"
    bl_description = "Copy the report, to paste it into a bug report. It has no names of people, computers or files"

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.window_manager.clipboard = _report()
        self.report({"INFO"}, say("The report was copied. Paste it into your bug report"))
        return {"FINISHED"}


class MIMICA_OT_save_self_test(_WithReport):
    bl_idname = "mimica.save_self_test"
    bl_label = "Save Report"
    bl_description = "Save the report as a text file"

    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: StringProperty(default="*.txt", options={"HIDDEN"})
    check_existing: BoolProperty(default=True, options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.filepath = "mimica-self-test.txt"
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        path = Path(bpy.path.ensure_ext(bpy.path.abspath(self.filepath), ".txt"))
        try:
            path.write_text(_report(), "utf-8")
        except OSError as error:
            said = f"The report cannot be written ({error.strerror or error}). Choose another place."
            self.report({"ERROR"}, sentence(said))
            return {"CANCELLED"}
        self.report({"INFO"}, say("The report was saved as {name}", name=path.name))
        return {"FINISHED"}


def _setup(context: bpy.types.Context) -> Setup:
    """Return what is looked at, with the settings of this moment: the checks are on other threads."""
    explicit, user = preferred_model(context), user_folder()

    def find() -> ModelFile | None:
        return find_model(explicit=explicit, extension_folder=EXTENSION_FOLDER, user_folder=user)

    settings = context.scene.mimica
    spec = source_spec(context.scene)
    if spec.kind != "camera":
        width, height = (int(n) for n in settings.resolution.split("x"))
        spec = SourceSpec("camera", width=width, height=height, rate=settings.rate)
    return Setup(
        extension_folder=EXTENSION_FOLDER,
        user_folder=user,
        folders={"takes folder": takes_folder(), "user folder": user},
        find_model=find,
        camera=replace(spec, loop=False),
        places=self_test.library_places(),
        installed=self_test.is_extension(),
        helper=helper_wanted(context),
        microphone=settings.microphone.use,
        microphone_device=settings.microphone.device,
        extras=packages(),
        capturing=lambda: live.current() is not None,
    )


def _running() -> SelfTest | None:
    """Return the run that is not over yet, if any."""
    test = self_test.current
    return test if test is not None and (_waiting or not test.done) else None


def _look_once(test: SelfTest) -> None:
    title, check = _waiting.popleft()
    test.add(title, self_test.look(check))


def _tick() -> float | None:
    """Do one of the main thread's checks and show what is new, until all is known."""
    test = self_test.current
    if test is None:
        return None
    if _waiting:
        _look_once(test)
    redraw(bpy.context, "WINDOW", "PREFERENCES")
    return _TICK_SECONDS if _running() is not None else None


def _report() -> str:
    test = self_test.current
    assert test is not None, "what asks for it is greyed until then"
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return report_text(test.results, when=when, complete=not test.cancelled, scrub=test.scrub)


_CLASSES = (MIMICA_OT_self_test, MIMICA_OT_cancel_self_test, MIMICA_OT_copy_self_test, MIMICA_OT_save_self_test)
register, _unregister = bpy.utils.register_classes_factory(_CLASSES)


def unregister() -> None:
    """End a test that runs; what it found goes too."""
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    test = _running()
    if test is not None:
        test.cancel()
    _waiting.clear()
    self_test.current = None
    _unregister()

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Export GLB or FBX: begins it with a copy of the file, and looks after it while Blender's window stays alive."""

import shutil
from dataclasses import replace
from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from ..mapping.calibration import ProfileError
from ..rig import bake_preview, export_process, live, test_pose
from ..rig.export_job import ExportError, Job
from ..rig.export_process import ExportProcess, new_folder, try_output
from ..rig.language import say, sentence
from ..rig.performances import Choice, choice_to_bake, stored_profile
from ..rig.recipe import settings_to_json
from ..rig.script_trust import scripts_allowed
from .bake import settings_of
from .redraw import redraw
from .takes import active_take

_TICK_SECONDS = 0.2


class MIMICA_OT_export_character(bpy.types.Operator):
    bl_idname = "mimica.export_character"
    bl_label = "Export GLB or FBX"
    bl_description = (
        "Write the target with its meshes, bones, shape keys and their animation as a file for other programs. A copy "
        "is exported in the background: the file that is open stays as it is"
    )

    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: StringProperty(default="*.glb;*.fbx", options={"HIDDEN"})
    check_existing: BoolProperty(default=True, options={"HIDDEN"})
    form: EnumProperty(
        name="Format",
        description="The kind of file",
        items=(
            ("glb", "GLB", "For nearly everything: browsers, game engines, other 3D programs"),
            ("fbx", "FBX", "For Unity, Unreal and Maya"),
        ),
    )
    motion: EnumProperty(
        name="Motion",
        description="What the character does in the file",
        items=(
            ("TAKE", "Active Take", "The active take, with the settings of the panel Bake"),
            ("SCENE", "Timeline", "What is animated over the scene's frames, or its preview range"),
        ),
    )
    check_file: BoolProperty(
        name="Import and Compare",
        description="Import the file again in the background, and say by how many millimetres and degrees it differs",
        default=True,
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.scene.mimica.target is None:
            cls.poll_message_set(say("Pick a character, or press Create Face Rig"))
            return False
        if live.current() is not None:
            cls.poll_message_set(say("Stop the capture first: it poses the character too"))
            return False
        if running() is not None:
            cls.poll_message_set(say("An export is running"))
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        take = active_take(context)
        self.motion = "SCENE" if take is None else "TAKE"
        name = context.scene.mimica.target.name if take is None else take.stem
        folder = Path(bpy.data.filepath).parent if bpy.data.filepath else Path.home()
        self.filepath = str(folder / f"{name}.{self.form}")
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def check(self, context: bpy.types.Context) -> bool:
        """Let the file's name end as the format says."""
        path = _with_suffix(self.filepath, self.form)
        changed, self.filepath = path != self.filepath, path
        return changed

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(self, "form")
        column.prop(self, "motion")
        column.prop(self, "check_file")

    def execute(self, context: bpy.types.Context) -> set[str]:
        # What is tried out by hand is no part of how the character stands.
        test_pose.end()
        bake_preview.end()
        # The process works in a folder of its own.
        output = Path(_with_suffix(bpy.path.abspath(self.filepath), self.form)).absolute()
        try:
            try_output(output)
            process = export_process.current = _start(context, self, output)
        except (ExportError, ProfileError) as error:
            self.report({"ERROR"}, sentence(str(error)))
            return {"CANCELLED"}
        if not bpy.app.background:
            if not bpy.app.timers.is_registered(_tick):
                bpy.app.timers.register(_tick, first_interval=_TICK_SECONDS, persistent=True)
            return {"FINISHED"}
        # Without a window no timer runs.
        try:
            process.wait()
        except ExportError as error:
            self.report({"ERROR"}, sentence(str(error)))
            return {"CANCELLED"}
        return {"FINISHED"}


class MIMICA_OT_cancel_export(bpy.types.Operator):
    bl_idname = "mimica.cancel_export"
    bl_label = "Cancel Export"
    bl_description = "End the export. A file that stood there before stays"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return running() is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        process = running()
        if process is not None:
            process.cancel()
        return {"FINISHED"}


def running() -> ExportProcess | None:
    """Return the export that is not over yet, if any."""
    process = export_process.current
    return process if process is not None and not process.ended else None


def _start(context: bpy.types.Context, operator: MIMICA_OT_export_character, output: Path) -> ExportProcess:
    """Start an export of a copy of the file. Raises `ExportError`, or `ProfileError` without an active performer."""
    scene = context.scene
    target = scene.mimica.target
    take = active_take(context) if operator.motion == "TAKE" else None
    if operator.motion == "TAKE" and take is None:
        raise ExportError("There is no take to export. Record one, or choose Timeline.")
    recipe = performer = None
    first, last = scene.frame_start, scene.frame_end
    if scene.use_preview_range:
        first, last = scene.frame_preview_start, scene.frame_preview_end
    if take is not None:
        choice = _absolute(choice_to_bake(scene.mimica, take, scene.mimica.bake_face))
        recipe = {"choice": choice.to_json(), "settings": settings_to_json(settings_of(scene.mimica))}
        profile = stored_profile() if choice.performer == "ACTIVE" else None
        performer = profile.to_json() if profile is not None else None
    folder = new_folder()
    copy = folder / "copy.blend"
    try:
        bpy.ops.wm.save_as_mainfile(filepath=str(copy), copy=True, compress=False, check_existing=False)
    except RuntimeError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise ExportError("A copy of the file cannot be saved. Make room on the disk, and try again.") from error
    job = Job(
        str(copy),
        scene.name,
        target.name,
        str(output),
        operator.form,
        take.stem if take is not None else target.name,
        first,
        last,
        recipe,
        performer,
        scripts=scripts_allowed(),
        check=operator.check_file,
        at_place=scene.mimica.recording.at_place,
    )
    return ExportProcess(job, folder, bpy.app.binary_path)


def _absolute(choice: Choice) -> Choice:
    """Return a choice whose takes are found from anywhere: the copy of the file lies in another folder."""
    over = tuple(replace(layer, path=bpy.path.abspath(layer.path)) for layer in choice.layers)
    return replace(choice, path=bpy.path.abspath(choice.path), layers=over)


def _with_suffix(path: str, form: str) -> str:
    if Path(path).suffix.lower() == f".{form}":
        return path
    named = Path(path).suffix.lower() in (".glb", ".fbx")
    return f"{path[:-4] if named else path}.{form}"


def _tick() -> float | None:
    """Show how far it is, until it is over."""
    process = export_process.current
    over = process is None or process.done
    redraw(bpy.context, "UI")
    return None if over else _TICK_SECONDS


register, _unregister = bpy.utils.register_classes_factory((MIMICA_OT_export_character, MIMICA_OT_cancel_export))


def unregister() -> None:
    """End an export that runs."""
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    process = running()
    if process is not None:
        process.cancel()
    export_process.current = None
    _unregister()

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of controls: a take's for other programs, and those of other programs as takes or onto the character."""

from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, StringProperty
from bpy_extras.io_utils import ExportHelper, ImportHelper  # pyright: ignore[reportMissingImports]

from ..capture.control_takes import write_control_take
from ..capture.take import Take, TakeError, TakeInfo
from ..capture.take_files import file_stem, free_path
from ..mapping.calibration import ProfileError
from ..mapping.control_take import ControlsFileError, ControlTake, rate_of, take_of_motion
from ..mapping.controls_file import SUFFIXES, read_controls, write_controls
from ..mapping.mapper import MappingSettings
from ..mapping.performance import ControlPerformance, MirroredPerformance, Performance
from ..mapping.read_table import ReadSettings
from ..rig import bake_preview, live, test_pose
from ..rig.bake import BakeError, bake
from ..rig.bind import TargetError
from ..rig.language import say, sentence
from ..rig.paths import takes_folder
from ..rig.performances import PerformanceError, choice_of, open_performance
from .bake import settings_of
from .own_takes import remember
from .takes import active_take, refresh_takes

_FORMATS = (
    ("livelink", "Live Link Face", "The table that the app writes, for Unreal and what imports its recordings (.csv)"),
    ("csv", "Table", "Time in seconds, controls from 0 to 1, angles in degrees (.csv)"),
    ("json", "JSON", "The same for programs (.json)"),
)


class MIMICA_OT_export_controls(bpy.types.Operator, ExportHelper):
    bl_idname = "mimica.export_controls"
    bl_label = "Export Controls"
    bl_description = "Write the active take's controls, head and gaze to a file for other programs"

    filename_ext = ".csv"
    filter_glob: StringProperty(default="*.csv;*.json", options={"HIDDEN"})
    format: EnumProperty(name="Format", description="How the file is written", items=_FORMATS)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if active_take(context) is None:
            cls.poll_message_set(say("Record a take first"))
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        path = active_take(context)
        if path is not None:
            self.filepath = path.stem + SUFFIXES[self.format]
        return super().invoke(context, event)

    def check(self, _context: bpy.types.Context) -> bool:
        """Keep the name's ending that of the format."""
        path = str(Path(self.filepath).with_suffix(SUFFIXES[self.format])) if Path(self.filepath).name else ""
        if not path or path == self.filepath:
            return False
        self.filepath = path
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        path = active_take(context)
        if path is None:
            return {"CANCELLED"}
        settings = context.scene.mimica
        output = Path(bpy.path.abspath(self.filepath)).with_suffix(SUFFIXES[self.format])
        window_manager = context.window_manager
        window_manager.progress_begin(0, 1)
        try:
            performance = open_performance(choice_of(settings, path, settings.bake_face))
            if not performance.found.any():
                raise PerformanceError(
                    f"The take '{performance.name}' holds no face. Record it again, with your face in view."
                )
            write_controls(output, _controls_of(performance, path, settings.smoothness), self.format)
        except (TakeError, PerformanceError, ProfileError, ControlsFileError) as error:
            self.report({"ERROR"}, sentence(str(error)))
            return {"CANCELLED"}
        finally:
            window_manager.progress_end()
        self.report({"INFO"}, say("Saved: {path}", path=output))
        return {"FINISHED"}


def _controls_of(performance: Performance, path: Path, smoothness: float) -> ControlTake:
    """Return a performance's controls: those of another program as they came, if nothing is missing of them."""
    if isinstance(performance, ControlPerformance) and performance.found.all():
        return performance.take
    motion = performance.motion(None, MappingSettings(smoothness=smoothness))
    source = Take.open(path).info.source
    rate = source.rate if source is not None and source.rate else rate_of(performance.times)
    return take_of_motion(performance.name, motion, rate)


class MIMICA_OT_import_controls(bpy.types.Operator, ImportHelper):
    bl_idname = "mimica.import_controls"
    bl_label = "Import Controls"
    bl_description = (
        "Read a file of controls of Live Link Face, Audio2Face or Mimica: as a take that is listed and baked as others"
        " are, or at once to the character as keyframes"
    )
    bl_options = {"REGISTER", "UNDO"}

    filename_ext = ".csv"
    filter_glob: StringProperty(default="*.csv;*.json", options={"HIDDEN"})
    way: EnumProperty(
        name="As",
        description="What becomes of the file",
        items=(
            ("TAKE", "A Take", "Into the folder of takes, in the list: baked, layered and exported as others are"),
            ("KEYS", "Keyframes", "At once to the character, as one action at the scene's frame rate"),
        ),
    )
    unit: EnumProperty(
        name="Angles",
        description="Unit of the angles in a recording of Live Link Face",
        items=(
            ("auto", "Automatic", "Told by their size: what is larger than radians can be is in degrees"),
            ("radians", "Radians", "As the app writes them"),
            ("degrees", "Degrees", "As some other programs write them"),
        ),
    )
    landscape: BoolProperty(
        name="Landscape",
        description="The phone lay on its side while it recorded: the head's yaw and pitch change their sign",
    )
    rate: FloatProperty(
        name="Rate",
        description="Frames a second of a table that has no times. What other files say themselves is used",
        default=30.0,
        min=1.0,
        max=1000.0,
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        path = Path(bpy.path.abspath(self.filepath))
        try:
            take = read_controls(path, ReadSettings(self.unit, self.landscape, self.rate))
            done = _keep(context, take) if self.way == "TAKE" else _key(context, take)
        except (ControlsFileError, TakeError, BakeError, TargetError) as error:
            self.report({"ERROR"}, sentence(str(error)))
            return {"CANCELLED"}
        for note in (*take.notes, *done):
            self.report({"INFO"}, sentence(note))
        if take.unknown:
            self.report({"INFO"}, say("Not understood, and left out: {names}", names=", ".join(take.unknown)))
        return {"FINISHED"}


def _keep(context: bpy.types.Context, take: ControlTake) -> tuple[str, ...]:
    """Make a take of a file's controls in the folder of takes, and pick it. Returns what is to be said."""
    path = free_path(takes_folder(), file_stem(take.name) or "Controls")
    write_control_take(path, TakeInfo.imported(take.name), take)
    remember(context.scene, path)
    refresh_takes(context.window_manager, str(path))
    return (f"Imported as a take: {path}",)


def _key(context: bpy.types.Context, take: ControlTake) -> tuple[str, ...]:
    """Bake a file's controls. Returns what is to be said. Raises what `bake` does."""
    settings, scene = context.scene.mimica, context.scene
    if settings.target is None:
        raise TargetError("There is no character to key. Pick one in the Character panel, or import as a take.")
    test_pose.end()
    bake_preview.end()
    session = live.current()
    kept = session.kept_of(settings.target) if session is not None else None
    performance = MirroredPerformance(ControlPerformance(take)) if settings.feel.mirror else ControlPerformance(take)
    result = bake(scene, settings.target, performance, settings=settings_of(settings), kept=kept)
    scene.frame_end = max(scene.frame_end, int(result.last_frame))
    return (*result.notes, f"'{result.action}': {result.keys} keys in {result.seconds:.1f} s")


def _draw_menu(self: bpy.types.Menu, _context: bpy.types.Context) -> None:
    self.layout.separator()
    self.layout.operator_context = "INVOKE_DEFAULT"
    self.layout.operator("mimica.export_controls", icon="EXPORT")
    self.layout.operator("mimica.import_controls", icon="IMPORT")


_register, _unregister = bpy.utils.register_classes_factory((MIMICA_OT_export_controls, MIMICA_OT_import_controls))


def register() -> None:
    """Register the operators, and put them into the menu of takes."""
    _register()
    bpy.types.MIMICA_MT_takes.append(_draw_menu)


def unregister() -> None:
    """Undo `register`."""
    bpy.types.MIMICA_MT_takes.remove(_draw_menu)
    _unregister()

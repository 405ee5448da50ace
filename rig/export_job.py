# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a process of its own is told to export, what it does, and what it says of it. The job itself is plain data."""

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

Format = Literal["glb", "fbx"]
FORMATS: tuple[Format, ...] = get_args(Format)
Tell = Callable[[float], None]
"""Is told how much is done, [0, 1]."""


class ExportError(Exception):
    """A character cannot be exported; the text is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is exported."""

    file: str
    """The .blend with the character: a copy, which nobody else uses."""
    scene: str
    character: str
    """Name of one of its objects."""
    output: str
    """The file to write; its end tells the format."""
    format: Format
    name: str
    """Of the animation in the file."""
    first: int = 1
    last: int = 1
    """Scene frames, both included; those of the take when there is a recipe."""
    recipe: dict[str, Any] | None = None
    """How a take is baked before: as `Recipe.to_json` gives it. None: what is animated is exported."""
    performer: dict[str, Any] | None = None
    """The active performer's profile, for a recipe that reads the take with it."""
    at_place: bool = False
    """Whether the take is baked to where on the timeline it was performed, where that is known."""
    scripts: bool = False
    """Whether scripts and Python drivers of the file run: only where the user surely allowed it."""
    check: bool = True
    """Whether the file is imported again and compared."""

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Job":
        """Return what `to_json` gave."""
        return cls(**data)


@dataclass(frozen=True, slots=True)
class Result:
    """What was exported."""

    output: str
    size: int
    """Bytes."""
    frames: int
    rate: float
    """Frames a second."""
    meshes: int
    vertices: int
    bones: int
    keys: int
    """Shape keys of all meshes."""
    difference: dict[str, Any] | None = None
    """As `Difference.to_json` gives it; None when it was not looked at."""
    notes: tuple[str, ...] = field(default=())
    """What is not carried over, as sentences."""

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Result":
        """Return what `asdict` gave."""
        known: dict[str, Any] = {**data, "notes": tuple(data.get("notes", ()))}
        return cls(**known)


def run(job: Job, tell: Tell) -> Result:
    """Export a character, in a process that does nothing else. Main thread; needs Blender.

    :raises ExportError: it cannot be exported; the text is a sentence for the user.
    """
    import bpy

    from . import export_check, export_plain, export_write
    from .export_sample import fill, prepare

    output = Path(job.output)
    try:
        bpy.ops.wm.open_mainfile(filepath=job.file, use_scripts=job.scripts)
    except RuntimeError as error:
        raise ExportError(f"The copy of the file cannot be opened ({error}). Save the file, and try again.") from error
    scene, obj = bpy.data.scenes.get(job.scene), bpy.data.objects.get(job.character)
    if scene is None or obj is None:
        raise ExportError(f"There is no '{job.character}' in the scene '{job.scene}'. Choose a character.")
    first, last, notes = job.first, job.last, ()
    if job.recipe is not None:
        first, last, notes = _bake(job, scene, obj)
    tell(0.1)
    sample = prepare(scene, obj, first, last)
    sample.notes[:0] = notes
    copies = export_plain.make_meshes(scene, sample, lambda share: tell(0.1 + 0.1 * share))
    fill(scene, sample, first, lambda share: tell(0.2 + 0.4 * share))
    if bpy.app.autoexec_fail:
        sample.notes.append("Scripts and Python drivers of the file were held back: what they move may stand still.")
    try:
        with tempfile.TemporaryDirectory(prefix="mimica-", ignore_cleanup_errors=True) as folder:
            plain, made = Path(folder) / "meshes.blend", Path(folder) / f"character.{job.format}"
            names = export_plain.write_meshes(sample, copies, plain)
            export_plain.build(sample, plain, names, job.name)
            meshes = [thing.data for thing in bpy.data.objects if thing.type == "MESH"]
            vertices = sum(len(mesh.vertices) for mesh in meshes)
            tell(0.65)
            export_write.write(made, job.format, job.name, points=not any(len(mesh.polygons) for mesh in meshes))
            tell(0.85)
            size = made.stat().st_size
            try:
                difference = export_check.check(made, job.format, sample) if job.check else None
            finally:
                # One that Blender cannot read again may be what the user is after all the same.
                put(made, output)
    except OSError as error:
        raise ExportError(unwritable(output, error)) from error
    tell(1.0)
    return Result(
        str(output),
        size,
        sample.frames,
        sample.rate,
        len(sample.meshes),
        vertices,
        len(sample.bones),
        sum(len(one.keys) for one in sample.meshes),
        difference.to_json() if difference is not None else None,
        tuple(dict.fromkeys(sample.notes)),
    )


def put(made: Path, output: Path) -> None:
    """Put a file that is complete into its place; what stands there stays until then. Raises OSError."""
    part = output.with_name(f".{output.name}.part")
    try:
        shutil.copyfile(made, part)
        os.replace(part, output)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def unwritable(output: Path, error: OSError) -> str:
    """Return the sentence for a file that cannot be written."""
    why = error.strerror or error
    return f"'{output.name}' cannot be written ({why}). Choose another folder, or make room on the disk."


def _bake(job: Job, scene: Any, obj: Any) -> tuple[int, int, tuple[str, ...]]:
    """Bake the take of a recipe, and return the frames it takes and what is to be said."""
    from ..capture.take_schema import TakeError
    from ..mapping.calibration import PerformerProfile, ProfileError
    from .bake import bake
    from .bake_settings import BakeError
    from .bind import TargetError
    from .performances import Choice, PerformanceError, open_performance, read_with
    from .recipe import settings_from_json
    from .take_place import placed

    assert job.recipe is not None
    settings = settings_from_json(job.recipe["settings"])
    try:
        if job.performer is not None:
            read_with(PerformerProfile.from_json(job.performer))
        choice = Choice.from_json(job.recipe["choice"])
        performance = open_performance(choice)
        if job.at_place:
            settings = placed(scene, Path(choice.path), performance.times, settings)
        result = bake(scene, obj, performance, settings=settings)
    except (TakeError, ProfileError, BakeError, TargetError, PerformanceError) as error:
        raise ExportError(str(error)) from error
    return round(result.first_frame), round(result.last_frame), result.notes

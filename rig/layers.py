# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which takes lie over which, where and with which parts of the face: kept in the scene, so undone and saved with it.

Times are stored in seconds on the base take's clock; frames are how the panel shows them. So layers stay where they
belong when the base is baked to other frames.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import bpy
from bpy.app.handlers import persistent
from bpy.props import BoolProperty, CollectionProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from ..capture.take_span import TakeSpan, read_span
from ..mapping.face_regions import FACE_REGIONS
from ..mapping.layering import FADE_SECONDS, MOST, Layer

_REGION_TEXTS = {
    "BROWS": "Brows and forehead",
    "EYES": "Lids, and where the eyes look",
    "CHEEKS": "Cheeks and nose",
    "MOUTH": "Jaw, lips, corners of the mouth and tongue",
    "HEAD": "Turning and moving the head",
}
_FACES = (
    ("MOST", "Seen Most", "The face that is in most of the take's images"),
    *((str(i), f"Face {i + 1}", f"The face with the number {i + 1}") for i in range(4)),
)
_moved: dict[Path, Path] = {}
"""Where takes are by now that were moved or renamed since the file was loaded: undo brings their old places back."""


class LayerError(Exception):
    """A take cannot lie over another; the text says why and what to do."""


def layered_of(layer: "MimicaLayer") -> "MimicaLayeredTake":
    """Return the take that a layer lies over."""
    return layer.id_data.path_resolve(layer.path_from_id().rpartition(".layers[")[0])


def _frames(name: str) -> dict[str, Any]:
    """Return how a time is shown as a scene frame, and set by one."""

    def get(self: "MimicaLayer") -> int:
        return round(layered_of(self).frame_at(getattr(self, name)))

    def put(self: "MimicaLayer", value: int) -> None:
        setattr(self, name, layered_of(self).time_at(value))

    return {"get": get, "set": put}


def _get_begin(self: "MimicaLayer") -> int:
    return round(layered_of(self).frame_at(self.at + self.own_first))


def _set_begin(self: "MimicaLayer", value: int) -> None:
    self.at = layered_of(self).time_at(value) - self.own_first


def _region(region: str) -> Any:
    return BoolProperty(name=region.capitalize(), description=f"{_REGION_TEXTS[region]}: from this take", default=True)


class MimicaLayer(bpy.types.PropertyGroup):
    """One take over another; `name` is the take's. Without a file the base itself shows: a phrase not yet cast."""

    file: StringProperty(options={"HIDDEN"})
    """Absolute."""
    path: StringProperty(options={"HIDDEN"})
    """The same as it is saved: relative where it is beside the .blend."""
    enabled: BoolProperty(
        name="Enabled", description="Whether this take shows. Off shows what is below it", default=True
    )
    face: EnumProperty(name="Face", description="The face of the take that is used", items=_FACES)
    at: FloatProperty(options={"HIDDEN"})
    start: FloatProperty(options={"HIDDEN"})
    end: FloatProperty(options={"HIDDEN"})
    own_first: FloatProperty(options={"HIDDEN"})
    """Seconds on its own clock of the take's first image."""
    phrase_start: FloatProperty(options={"HIDDEN"})
    phrase_end: FloatProperty(options={"HIDDEN"})
    """Seconds on the base's clock: its phrase, before its ends were moved to the best cuts; 0 for none."""
    first: IntProperty(
        name="First Frame",
        description="Scene frame from which the take shows alone. It fades in before",
        **_frames("start"),
    )
    last: IntProperty(
        name="Last Frame",
        description="Scene frame until which the take shows alone. It fades out after",
        **_frames("end"),
    )
    begin: IntProperty(
        name="Take Begins",
        description="Scene frame of the take's first image. Change it to slide the performance below its range",
        get=_get_begin,
        set=_set_begin,
    )
    fade_in: FloatProperty(
        name="Fade In",
        description="Seconds for which the take fades in before its first frame. 0 cuts",
        subtype="TIME_ABSOLUTE",
        min=0.0,
        soft_max=1.0,
        max=10.0,
        default=FADE_SECONDS,
        step=1,
        precision=2,
    )
    fade_out: FloatProperty(
        name="Fade Out",
        description="Seconds for which the take fades out after its last frame. 0 cuts",
        subtype="TIME_ABSOLUTE",
        min=0.0,
        soft_max=1.0,
        max=10.0,
        default=FADE_SECONDS,
        step=1,
        precision=2,
    )
    brows: _region("BROWS")
    eyes: _region("EYES")
    cheeks: _region("CHEEKS")
    mouth: _region("MOUTH")
    head: _region("HEAD")

    def regions(self) -> tuple[str, ...]:
        """Return the parts of the face that it gives."""
        return tuple(region for region in FACE_REGIONS if getattr(self, region.lower()))


class MimicaLayeredTake(bpy.types.PropertyGroup):
    """A take with others over it."""

    file: StringProperty()
    """Absolute."""
    path: StringProperty()
    on: BoolProperty(name="Layers", description="Whether the layers show. Off shows the take as it is", default=True)
    layers: CollectionProperty(type=MimicaLayer)
    index: IntProperty(name="Layer", description="The layer whose settings are shown below")
    timed: BoolProperty()
    """Whether the take was recorded while the timeline played."""
    frame: FloatProperty()
    """Scene frame at which its clock showed 0 then."""
    first_time: FloatProperty()
    """Seconds on its clock of its first image."""
    last_time: FloatProperty()

    def zero(self) -> float:
        """Return the scene frame at which the take's clock shows 0, as a bake lays it by what the panels say."""
        settings, rate = self.id_data.mimica, frame_rate(self.id_data)
        if self.timed and settings.recording.at_place:
            return self.frame
        skipped = settings.bake_from if settings.bake_part else 0.0
        return settings.bake_start - (self.first_time + skipped) * rate

    def frame_at(self, time: float) -> float:
        """Return the scene frame at a time on the take's clock, seconds."""
        return self.zero() + time * frame_rate(self.id_data)

    def time_at(self, frame: float) -> float:
        """Return the time on the take's clock, seconds, at a scene frame."""
        return (frame - self.zero()) / frame_rate(self.id_data)


def frame_rate(scene: bpy.types.Scene) -> float:
    """Return the scene's frames a second."""
    return scene.render.fps / scene.render.fps_base


def find_layered(scene: bpy.types.Scene, base: Path) -> MimicaLayeredTake | None:
    """Return what the scene holds over a take, None when it never had a layer."""
    return next((item for item in scene.mimica.layered if file_of(item) == base), None)


def active(context: bpy.types.Context) -> tuple[Path | None, MimicaLayeredTake | None]:
    """Return the file of the take that is active in the list, if it can be read, and what lies over it."""
    state = context.window_manager.mimica
    if not 0 <= state.take_index < len(state.takes) or state.takes[state.take_index].error:
        return None, None
    take = Path(state.takes[state.take_index].path)
    return take, find_layered(context.scene, take)


def layers_of(scene: bpy.types.Scene, base: Path) -> tuple[Layer, ...]:
    """Return what lies over a take, from the lowest to the highest; nothing while its layers are off."""
    layered = find_layered(scene, base)
    if layered is None or not layered.on:
        return ()
    return tuple(layer_of(row) for row in layered.layers if row.file)


def layer_of(row: MimicaLayer) -> Layer:
    """Return what a row says, with the file as the .blend would name it."""
    return Layer(
        path=_stored(file_of(row), bpy.path.abspath("//")),
        face=MOST if row.face == "MOST" else int(row.face),
        at=row.at,
        start=row.start,
        end=row.end,
        regions=row.regions(),
        fade_in=row.fade_in,
        fade_out=row.fade_out,
        enabled=row.enabled,
    )


def add_layer(
    scene: bpy.types.Scene, base: Path, take: Path, *, first: float, last: float, regions: frozenset[str]
) -> MimicaLayer:
    """Lay a take over another, above what lies there, and switch the base's layers on.

    Where both were recorded to the timeline they lie as they did then; else the take's first image comes at `first`.
    Main thread, a timer too; pushes no undo step itself.

    :param first: scene frames, the base lying where it was recorded to, else where it would be baked to.
    :param regions: of `FACE_REGIONS`.
    :raises TakeError: a take cannot be read.
    :raises LayerError: a take is empty, or there is nothing in the range.
    """
    own = span_of(take)
    if last < first:
        raise LayerError(f"The range from frame {first:g} to {last:g} is empty. Let it end after it begins.")
    layered = ensure_layered(scene, base)
    row = layered.layers.add()
    row.start, row.end = layered.time_at(first), layered.time_at(last)
    for region in FACE_REGIONS:
        setattr(row, region.lower(), region in regions)
    put_take(row, take)
    if own.timeline is None:
        row.at = row.start - row.own_first
    layered.index = len(layered.layers) - 1
    layered.on = True
    redraw()
    return row


def ensure_layered(scene: bpy.types.Scene, base: Path) -> MimicaLayeredTake:
    """Return what the scene holds over a take, made if need be. Raises `TakeError` or `LayerError`."""
    layered = find_layered(scene, base)
    if layered is None:
        span = span_of(base)
        layered = scene.mimica.layered.add()
        layered.file, layered.path = str(base), _stored(base, bpy.path.abspath("//"))
        layered.timed = span.timeline is not None
        layered.frame = span.timeline.frame if span.timeline is not None else 0.0
        layered.first_time, layered.last_time = float(span.times[0]), float(span.times[-1])
    return layered


def add_phrase(layered: MimicaLayeredTake, start: float, end: float) -> MimicaLayer:
    """Add a row for a phrase, seconds on the base's clock, at which the base itself shows."""
    row = layered.layers.add()
    row.start = row.phrase_start = start
    row.end = row.phrase_end = end
    layered.index = len(layered.layers) - 1
    return row


def put_take(row: MimicaLayer, take: Path | None) -> None:
    """Let a row show a take, where that lies over the base; None: the base. Raises `TakeError` or `LayerError`."""
    if take is None:
        row.file = row.path = row.name = ""
        return
    span = span_of(take)
    row.name, row.file, row.path = span.name, str(take), _stored(take, bpy.path.abspath("//"))
    row.own_first = float(span.times[0])
    row.at = place(layered_of(row), span)


def place(layered: MimicaLayeredTake, span: TakeSpan) -> float:
    """Return the time on the base's clock, seconds, at which a take's own shows 0.

    Where the take was recorded to the timeline it is where it was played to; else it begins when the base does.
    """
    if span.timeline is None:
        return layered.first_time - float(span.times[0])
    # In the rate in which it was performed: what was heard and seen then was at these seconds.
    return (span.timeline.frame - layered.zero()) / span.timeline.rate


def span_of(take: Path) -> TakeSpan:
    """Return when a take is, read once as long as its file stays the same. Raises `TakeError` or `LayerError`."""
    try:
        status = take.stat()
        span = _read(take, status.st_mtime_ns, status.st_size)
    except OSError:
        # Reading says it better.
        span = read_span(take)
    if not len(span.times):
        raise LayerError(f"The take '{span.name}' holds no frames. Choose another take.")
    return span


@lru_cache(maxsize=256)
def _read(take: Path, _changed: int, _size: int) -> TakeSpan:
    return read_span(take)


def file_of(item: MimicaLayer | MimicaLayeredTake) -> Path:
    """Return where the take of a row is by now."""
    file = Path(item.file)
    seen: set[Path] = set()
    while file in _moved and file not in seen:
        seen.add(file)
        file = _moved[file]
    return file


def take_moved(old: Path, new: Path) -> None:
    """Follow a take to its new file."""
    _moved[old] = new
    _moved.pop(new, None)
    for _scene, item in _items():
        if item.file == str(old):
            item.file, item.path = str(new), _stored(new, bpy.path.abspath("//"))
            if isinstance(item, MimicaLayer):
                item.name = new.stem


def redraw() -> None:
    """Draw the sidebars anew."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("VIEW_3D", "DOPESHEET_EDITOR"):
                area.tag_redraw()


def _stored(file: Path, folder: str) -> str:
    """Return a file as a .blend in a folder names it: relative where it is beside it. `folder` empty: never saved."""
    if folder and file.is_relative_to(folder):
        return f"//{file.relative_to(folder).as_posix()}"
    return str(file)


def _items() -> list[tuple[bpy.types.Scene, Any]]:
    """Return everything that names a take, with its scene."""
    return [
        (scene, item)
        for scene in bpy.data.scenes
        for layered in scene.mimica.layered
        for item in (layered, *layered.layers)
        if item.file
    ]


@persistent
def _before_save(path: object = None, *_arguments: object) -> None:
    # Under its new name, of which Blender itself knows only after saving.
    if isinstance(path, str) and path:
        for _scene, item in _items():
            item.path = _stored(file_of(item), str(Path(path).parent))


@persistent
def _after_save(*_arguments: object) -> None:
    # It may have been saved as a copy elsewhere.
    for _scene, item in _items():
        item.path = _stored(file_of(item), bpy.path.abspath("//"))


@persistent
def _after_load(*_arguments: object) -> None:
    _moved.clear()
    for _scene, item in _items():
        item.file = bpy.path.abspath(item.path)


CLASSES = (MimicaLayer, MimicaLayeredTake)


def _handlers() -> tuple[tuple[list[Any], Any], ...]:
    handlers = bpy.app.handlers
    return (handlers.load_post, _after_load), (handlers.save_pre, _before_save), (handlers.save_post, _after_save)


def register() -> None:
    """Follow loading and saving. The classes are registered with the scene's."""
    for handlers, handler in _handlers():
        handlers.append(handler)


def unregister() -> None:
    """Undo `register`."""
    for handlers, handler in _handlers():
        handlers.remove(handler)
    _moved.clear()

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the names of a character's bones, shape keys and properties to what drives it.

What there is comes in layers, the finest first: shapes for each of ARKit's, a maker's own set, then vowels and
visemes. A coarser layer is used as far as no finer one does the same already. Bones do what no shape does.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .bone_families import BoneFamily, known_rig, plain_bones
from .character_map import REGIONS, BoneEntry, Channel, CharacterMap, ControlEntry, own_rig_map, region_of
from .data import load_table
from .frame import ARKIT_SHAPES
from .naming import joined, looks_facial, nearest_control
from .regions import controls_of
from .rigify import is_metarig, rigify_map
from .shape_families import ARKIT, Hit, Layer, find_shapes, shape_layers

_LOOKS = tuple(name for name in ARKIT_SHAPES if name.startswith("eyeLook"))
_ENOUGH_LOOKS = 6
"""With as many of the eight eyeLook shapes, the eyes need no bones."""
_MOST = 40
"""From as many controls on, ARKit's names are a character's own, and not some that a maker's set shares with them."""
_VRM = "vrm_addon_extension"
_SHOWN = 3
"""As many names are given in a sentence."""
_GENERATE = (
    "This is a metarig, which has no controls yet: press Generate Rig in the armature's Rigify panel, then Detect "
    "again."
)


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a character consists of, by name; `rig.detect.inventory` reads it from the scene."""

    target: str
    """Name of the object that the user picked."""
    armature: str = ""
    """Name of the armature object; empty without one."""
    bones: tuple[tuple[str, str], ...] = ()
    """Name and parent's name, empty for roots."""
    meshes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Name of each mesh object that has shape keys, and the keys without the basis."""
    properties: tuple[tuple[str, str], ...] = ()
    """Properties that could be driven: their path from the armature object (see `Channel.name`), and what they are
    called, which for items of a list is not in the path."""
    driven_keys: tuple[tuple[str, str], ...] = ()
    """Mesh and key of shape keys that have a driver: to set them does nothing."""
    driven_bones: tuple[str, ...] = ()
    """Bones with a driver on a channel."""
    own_rig: bool = False
    """Whether Create Face Rig made the armature."""
    rigify: bool = False
    """Whether Rigify generated the armature."""
    metarig: bool = False
    """Whether Rigify is yet to generate the rig from it."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was found, and what was not."""

    family: str
    """What kind of character it is: one or more makers or conventions; empty for none."""
    matched: tuple[tuple[str, str], ...] = ()
    """Control or part of the face, and what it drives."""
    missing: tuple[str, ...] = ()
    """ARKit controls that nothing was found for."""
    unmatched: tuple[tuple[str, str], ...] = ()
    """Names that speak of the face and drive nothing, each with the control that it may mean, or nothing."""
    notes: tuple[str, ...] = ()
    """Sentences."""

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain JSON data."""
        return {
            "family": self.family,
            "matched": [list(pair) for pair in self.matched],
            "missing": list(self.missing),
            "unmatched": [list(pair) for pair in self.unmatched],
            "notes": list(self.notes),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Report":
        """Read what `to_json` wrote. Raises KeyError, TypeError or ValueError for anything else."""
        return cls(
            str(data["family"]),
            tuple((str(what), str(by)) for what, by in data["matched"]),
            tuple(str(name) for name in data["missing"]),
            tuple((str(name), str(near)) for name, near in data["unmatched"]),
            tuple(str(note) for note in data["notes"]),
        )


@dataclass(frozen=True, slots=True)
class Detection:
    """A character's map as names tell it, and how it came about."""

    character: CharacterMap
    report: Report


def detect(inventory: Inventory) -> Detection:
    """Find out how to drive a character from the names of what it consists of.

    Nothing found gives an empty map, and a report whose notes say what to do.
    """
    bones = dict(inventory.bones)
    if inventory.metarig or (is_metarig(bones) and not inventory.rigify):
        report = Report("Rigify metarig", missing=ARKIT_SHAPES, notes=(_GENERATE,))
        return Detection(CharacterMap(inventory.target), report)
    shapes = _find_all_shapes(inventory)
    rig = _find_rig(inventory, bones)
    entries = _share_work(inventory, rig, shapes)
    controls = _control_entries(inventory, shapes.hits)
    if inventory.rigify and not any(entry.drive not in ("head", "neck") for entry in rig.entries):
        shapes.notes.append("This Rigify rig has no face: only its head and neck are driven by bones.")
    if not entries and not controls:
        shapes.notes.append(
            "Nothing was found that Mimica could drive. Give the shape keys ARKit's names, add entries to the mapping "
            "list, or press Create Face Rig."
        )
    character = CharacterMap(inventory.target, entries, controls, response=rig.response)
    labels = [*_shape_labels(inventory, shapes.hits), _bone_label(rig, entries)]
    report = Report(
        " + ".join(dict.fromkeys(label for label in labels if label)),
        (*_matched_shapes(shapes.hits), *_matched_bones(entries)),
        _missing(shapes, entries),
        _unmatched(inventory, shapes),
        tuple(shapes.notes),
    )
    return Detection(character, report)


@dataclass(slots=True)
class _Shapes:
    """Shape keys and properties as far as they are understood."""

    hits: list[Hit] = field(default_factory=list)
    """Those that are driven."""
    understood: set[str] = field(default_factory=set)
    """Names that mean something, driven or not."""
    idle: list[str] = field(default_factory=list)
    """Names of coarse sets that finer ones make needless."""
    notes: list[str] = field(default_factory=list)

    def shown(self, coarse: bool = True) -> set[str]:
        """Return the controls that something shows, coarse sets included or not."""
        return {control for hit in self.hits if coarse or not hit.layer.coarse for control in hit.raised}


def _find_all_shapes(inventory: Inventory) -> _Shapes:
    driven = set(inventory.driven_keys)
    keys = [(mesh, [name for name in names if (mesh, name) not in driven]) for mesh, names in inventory.meshes]
    own = [("", [name for path, name in inventory.properties if _VRM not in path])]
    previews = [("", [name for path, name in inventory.properties if _VRM in path])]
    makers = tuple(load_table("shape_families")["rig_prefixes"])
    fine = [layer for layer in shape_layers() if not layer.coarse]
    shapes = _Shapes()
    # A maker's own properties move shape keys and bones together, which the shape keys alone do not.
    for layer in fine:
        _add(shapes, layer, own, lambda hit: hit.prefix.startswith(makers))
    for holders in (keys, own):
        for layer in fine:
            _add(shapes, layer, holders)
    _add(shapes, fine[0], previews)
    for layer in shape_layers():
        if layer.coarse:
            _add(shapes, layer, previews)
            _add(shapes, layer, keys)
    if shapes.idle:
        shapes.notes.append(f"Finer shapes do the same as these, which are left alone: {_list(shapes.idle)}.")
    facial = [name for _, name in inventory.driven_keys if looks_facial(name)]
    if facial:
        shapes.notes.append(f"Shape keys with a driver follow something else and are left alone: {_list(facial)}.")
    unsided = [hit.name for hit in shapes.hits if hit.layer.name == ARKIT and len(hit.meaning.follows) > 1]
    if unsided:
        shapes.notes.append(f"Shapes without a side follow both sides of the face, half each: {_list(unsided)}.")
    speech = [hit.name for hit in shapes.hits if hit.layer.coarse and "jawOpen" in hit.raised]
    if speech:
        shapes.notes.append(
            f"There is no shape for each of ARKit's: the mouth speaks by coarse ones ({_list(speech)})."
        )
    return shapes


def _add(
    shapes: _Shapes,
    layer: Layer,
    holders: Sequence[tuple[str, Sequence[str]]],
    wanted: Callable[[Hit], bool] = lambda hit: True,
) -> None:
    """Add what a set of shapes finds, as far as nothing finer shows the same already."""
    hits, understood = find_shapes(layer, holders)
    shown = shapes.shown()
    new = [hit for hit in hits if wanted(hit) and shown.isdisjoint(hit.raised)]
    idle = [hit.name for hit in hits if not shown.isdisjoint(hit.raised) and hit.name not in shapes.understood]
    shapes.hits += new
    shapes.understood |= understood
    if layer.coarse:
        shapes.idle += idle


def _find_rig(inventory: Inventory, bones: Mapping[str, str]) -> BoneFamily:
    """Return what the armature's bones do, whatever shapes there are."""
    if inventory.own_rig:
        return BoneFamily("Mimica face rig", own_rig_map().bones, both=REGIONS)
    rigify = rigify_map(bones)
    if rigify is not None:
        face = "old" if "lips.L" in bones else "new"
        return BoneFamily(f"Rigify ({face} face)", rigify.bones, response=rigify.response)
    plain = plain_bones(bones)
    family = known_rig(bones)
    if family is None:
        return BoneFamily("", plain)
    drives = {entry.drive for entry in family.entries}
    more = (entry for entry in plain if entry.drive in ("head", "neck") and entry.drive not in drives)
    return replace(family, entries=(*family.entries, *more))


def _share_work(inventory: Inventory, rig: BoneFamily, shapes: _Shapes) -> tuple[BoneEntry, ...]:
    """Return the bones that are driven, and leave the shapes that are, where both could move the same."""
    entries = rig.entries
    driven = set(inventory.driven_bones)
    idle = [entry.bone for entry in entries if entry.bone in driven]
    if idle:
        shapes.notes.append(f"Bones with a driver follow something else and are left alone: {_list(idle)}.")
        entries = tuple(entry for entry in entries if entry.bone not in driven)
    eyes = [entry for entry in entries if entry.region == "gaze"]
    looks = [hit for hit in shapes.hits if set(hit.raised) <= set(_LOOKS)]
    if eyes and looks and "gaze" in rig.both:
        if not inventory.own_rig:
            shapes.notes.append("The eyes turn by their bones, and shapes move what is around them.")
    elif eyes and looks:
        if len(shapes.shown(coarse=False) & set(_LOOKS)) >= _ENOUGH_LOOKS:
            entries = tuple(entry for entry in entries if entry not in eyes)
            shapes.notes.append(f"The eyes look by shapes; their bones are left alone: {_list(e.bone for e in eyes)}.")
        else:
            shapes.hits = [hit for hit in shapes.hits if hit not in looks]
            shapes.notes.append(f"The eyes look by bones; these shapes are left alone: {_list(h.name for h in looks)}.")
    done = _regions_done(shapes) - set(rig.both)
    idle = [entry.bone for entry in entries if entry.region in done]
    if idle:
        shapes.notes.append(f"Shapes move the same as these bones, which are left alone: {_list(idle)}.")
    return tuple(entry for entry in entries if entry.region not in done)


def _regions_done(shapes: _Shapes) -> set[str]:
    """Return the regions, but for gaze and head, that shapes move well enough for bones to be in their way."""
    fine, shown = shapes.shown(coarse=False), shapes.shown()
    done = {region_of(control) for control in shown - fine}
    for region in REGIONS:
        own = [ARKIT_SHAPES[i] for i in controls_of(region)]
        if own and sum(control in fine for control in own) * 2 >= len(own):
            done.add(region)
    # Whatever else the jaw has shapes for: its bone opens the mouth unless one of them does.
    done = done | {"jaw"} if "jawOpen" in shown else done - {"jaw"}
    return done - {"gaze", "head"}


def _control_entries(inventory: Inventory, hits: Iterable[Hit]) -> tuple[ControlEntry, ...]:
    """Return the entries for shapes and properties, by control: one for all that follow it alone and in full."""
    paths = {name: path for path, name in reversed(inventory.properties)}
    together: dict[tuple[str, float, float, str], dict[str, list[str]]] = {}
    for hit in hits:
        for control, gain in hit.meaning.follows:
            label = "" if len(hit.meaning.follows) == 1 and gain == 1.0 else hit.name
            group = together.setdefault((control, gain, hit.meaning.dead_zone, label), {})
            # Properties have no mesh.
            group.setdefault(hit.name, []).append(hit.holder)
    entries = [
        ControlEntry(
            tuple(channel for name, holders in names.items() for channel in _channels(inventory, name, holders, paths)),
            control,
            label=label,
            gain=gain,
            dead_zone=dead_zone,
            minimum=-1.0 if gain < 0 else 0.0,
            maximum=0.0 if gain < 0 else 1.0,
        )
        for (control, gain, dead_zone, label), names in together.items()
    ]
    return tuple(sorted(entries, key=lambda entry: ARKIT_SHAPES.index(entry.control)))


def _channels(inventory: Inventory, name: str, holders: list[str], paths: Mapping[str, str]) -> list[Channel]:
    """Return the channels of a name: by mesh only where another mesh has a key of this name that is left alone."""
    channels = [Channel("property", paths[name])] if "" in holders else []
    meshes = [holder for holder in holders if holder]
    everywhere = [mesh for mesh, keys in inventory.meshes if name in keys]
    if meshes and len(meshes) == len(everywhere):
        return [*channels, Channel("shape_key", name)]
    return [*channels, *(Channel("shape_key", name, object=mesh) for mesh in meshes)]


def _shape_labels(inventory: Inventory, hits: Sequence[Hit]) -> list[str]:
    """Return what kinds of shapes there are."""
    paths = {name: path for path, name in reversed(inventory.properties)}
    labels: list[str] = []
    plain = 0
    for hit in hits:
        path = paths.get(hit.name, "") if not hit.holder else ""
        if _VRM in path:
            labels.append("VRM 0" if ".vrm0." in path else "VRM 1")
        elif hit.prefix.startswith("facs"):
            labels.append("Daz FACS")
        elif hit.prefix.startswith("ctrl expressions"):
            labels.append("MetaHuman")
        elif hit.layer.name != ARKIT:
            labels.append(hit.layer.name)
        else:
            plain += 1
    labels = list(dict.fromkeys(labels))
    fine = {layer.name for layer in shape_layers() if not layer.coarse}
    if plain >= _MOST or (plain and not fine.intersection(labels)):
        where = "shape keys" if any(hit.holder for hit in hits) else "properties"
        labels.insert(0, f"ARKit {where}")
    return labels


def _bone_label(rig: BoneFamily, entries: Sequence[BoneEntry]) -> str:
    """Return what kind of rig it is; an empty string where no bone is driven."""
    if not entries or rig.name:
        return rig.name if entries else ""
    more = [what for what, drive in (("jaw", "jaw"), ("eye", "eye")) if any(e.drive == drive for e in entries)]
    return " and ".join(["head", *more]) + " bones"


def _matched_shapes(hits: Sequence[Hit]) -> list[tuple[str, str]]:
    by_control: dict[str, list[str]] = {}
    for hit in hits:
        for control in hit.raised:
            by_control.setdefault(control, []).append(f"{hit.holder}: {hit.name}" if hit.holder else hit.name)
    return [(control, ", ".join(by_control[control])) for control in ARKIT_SHAPES if control in by_control]


def _matched_bones(entries: Sequence[BoneEntry]) -> list[tuple[str, str]]:
    parts: dict[str, list[str]] = {}
    for entry in entries:
        parts.setdefault(_part(entry), []).append(entry.bone)
    return [(part, ", ".join(bones)) for part, bones in parts.items()]


def _part(entry: BoneEntry) -> str:
    """Return what the user calls what a bone moves."""
    if entry.drive in ("eye", "eye_target"):
        return "Left Eye" if entry.side == "L" else "Right Eye"
    return (entry.drive if entry.drive in ("head", "neck", "jaw") else entry.region).title()


def _missing(shapes: _Shapes, entries: Sequence[BoneEntry]) -> tuple[str, ...]:
    """Return the controls that neither shapes nor bones show."""
    shown = shapes.shown()
    for entry in entries:
        side = "Left" if entry.side == "L" else "Right"
        if entry.drive == "jaw":
            shown |= {"jawOpen", "jawLeft", "jawRight"}
        elif entry.drive in ("eye", "eye_target"):
            shown |= {control for control in _LOOKS if control.endswith(side)}
        elif entry.drive == "lid":
            shown |= {f"{what}{side}" for what in ("eyeBlink", "eyeSquint", "eyeWide")}
        elif entry.drive == "control":
            shown.add(entry.control)
        elif entry.drive == "landmarks":
            shown |= {ARKIT_SHAPES[i] for i in controls_of(entry.region)}
    return tuple(control for control in ARKIT_SHAPES if control not in shown)


def _unmatched(inventory: Inventory, shapes: _Shapes) -> tuple[tuple[str, str], ...]:
    """Return names that speak of the face and drive nothing, each with the control it may mean."""
    driven = set(inventory.driven_keys)
    keys = {name for mesh, names in inventory.meshes for name in names if (mesh, name) not in driven}
    named = [name for _, names in inventory.meshes for name in names if name in keys]
    # Those of Mimica's own rig are switches.
    named += [name for path, name in inventory.properties if _VRM not in path and not inventory.own_rig]
    idle = frozenset().union(*(layer.idle for layer in shape_layers()))
    left = [name for name in dict.fromkeys(named) if name not in shapes.understood and joined(name) not in idle]
    pairs = ((name, nearest_control(name)) for name in left)
    # Rigs have many properties that speak of the face: switches, mostly.
    return tuple((name, near) for name, near in pairs if near or (name in keys and looks_facial(name)))


def _list(names: Iterable[str]) -> str:
    """Return a few names for a sentence, and how many more there are."""
    unique = list(dict.fromkeys(names))
    shown = unique if len(unique) <= _SHOWN + 1 else unique[:_SHOWN]
    more = len(unique) - len(shown)
    text = ", ".join(shown)
    return f"{text} and {more} more" if more else text

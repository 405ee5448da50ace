# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The self-test's look at the libraries: whether they load, in which version, and whose they are."""

import importlib
import importlib.util
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import ModuleType

from .self_test import BUNDLED, Finding
from .sound_devices import without_sound

Importer = Callable[[str], ModuleType]


@dataclass(frozen=True, slots=True)
class Library:
    """A library that Mimica works with."""

    module: str
    distribution: str
    """What it is called in the package registry."""
    optional: bool = False
    """Then it is looked for and not loaded: sounddevice begins with the system's sound as it loads."""
    extra: bool = False
    """Whether it belongs to an optional part: told, and no fault whosever it is."""


LIBRARIES = (
    Library("mediapipe", "mediapipe"),
    Library("cv2", "opencv-python-headless"),
    Library("numpy", "numpy"),
    Library("scipy", "scipy"),
    Library("cv2_enumerate_cameras", "cv2-enumerate-cameras"),
    Library("flatbuffers", "flatbuffers"),
    Library("sounddevice", "sounddevice", optional=True),
    Library("pythonosc", "python-osc", optional=True),
)
_REINSTALL = "Install Mimica again from the zip for your system, then start Blender again."


def pinned_versions(extension_folder: Path) -> dict[str, str]:
    """Return the version that each library has to have, by its name in the registry; empty where nothing says it.

    A release says it by its wheels, a checkout by its pyproject.toml.
    """
    manifest, project = extension_folder / "blender_manifest.toml", extension_folder / "pyproject.toml"
    try:
        wheels = tomllib.loads(manifest.read_text("utf-8")).get("wheels", [])
        names = [Path(wheel).name.split("-") for wheel in wheels]
        if not names and project.is_file():
            told = tomllib.loads(project.read_text("utf-8"))["project"]
            optional = told["optional-dependencies"]
            asked = [*told["dependencies"], *optional["microphone"], *optional["streams"]]
            names = [text.partition(";")[0].split("==") for text in asked if "==" in text]
    except (OSError, tomllib.TOMLDecodeError, KeyError):
        return {}
    return {_key(parts[0]): parts[1].strip() for parts in names if len(parts) > 1}


def check_libraries(
    pinned: Mapping[str, str],
    places: Sequence[tuple[str, Path]],
    *,
    bundled: bool,
    extras: Sequence[tuple[str, str]] = (),
    load: Importer = importlib.import_module,
    version: Callable[[str], str] = metadata.version,
) -> Finding:
    """Load each library and say its version and where it comes from. Takes a second or two the first time.

    :param pinned: see `pinned_versions`.
    :param places: folders with what they are called in the report; the first that holds a library counts.
    :param bundled: whether they have to be the extension's own.
    :param extras: packages of optional parts, each as (name to import, name in the registry).
    """
    details: list[tuple[str, str]] = []
    missing: list[str] = []
    other: list[str] = []
    foreign: list[str] = []
    for library in (*LIBRARIES, *(Library(module, name, optional=True, extra=True) for module, name in extras)):
        try:
            module = None if library.optional else _loaded(library, load)
            found = _version(library, module, version)
        except Exception as error:  # a library that is there but broken raises anything
            absent = isinstance(error, ImportError) and error.name in (library.module, library.distribution)
            details.append((library.module, "not there" if absent else f"does not load: {error}"))
            if not library.optional:
                missing.append(library.module)
            continue
        place = _place(_file(library, module), places)
        wanted = pinned.get(_key(library.distribution))
        text = f"{found or 'version unknown'}, from {place}"
        if wanted and not _agree(found, wanted):
            text += f" (made for {wanted})"
            other.append(f"{library.module} {found}")
        if bundled and library.module != "numpy" and not library.extra and place != BUNDLED:
            foreign.append(library.module)
        details.append((library.module, text))
    said = tuple(details)
    if missing:
        return Finding("failure", f"Cannot be loaded: {', '.join(missing)}.", _REINSTALL, said)
    if other:
        sentence = f"Not the versions that Mimica was made with: {', '.join(other)}."
        advice = "Another add-on may have brought its own. Install Mimica again, and switch the other add-on off."
        return Finding("warning", sentence, advice if bundled else "Install the pinned versions with pip.", said)
    if foreign:
        sentence = f"Not from Mimica's own wheels: {', '.join(foreign)}."
        advice = "If anything fails, see whether another add-on or a Python package of yours brings them."
        return Finding("warning", sentence, advice, said)
    whole = "All libraries load, in the versions they should have." if pinned else "All libraries load."
    return Finding("ok", whole, "", said)


def _loaded(library: Library, load: Importer) -> ModuleType:
    if library.module == "mediapipe":
        with without_sound():
            return load(library.module)
    return load(library.module)


def _version(library: Library, module: ModuleType | None, version: Callable[[str], str]) -> str:
    """Return the version; that of the module itself where what is installed says another one."""
    own = str(getattr(module, "__version__", "") or "")
    try:
        installed = version(library.distribution) or ""
    except metadata.PackageNotFoundError:
        if module is None:
            raise
        return own
    return installed if not own or _agree(own, installed) else own


def _agree(found: str, wanted: str) -> bool:
    """Whether two versions are the same as far as both go: OpenCV's module has three numbers, its package four."""
    mine, theirs = re.split(r"[.+]", found), re.split(r"[.+]", wanted)
    length = max(2, min(len(mine), len(theirs)))
    return mine[:length] == theirs[:length]


def _file(library: Library, module: ModuleType | None) -> str | None:
    if module is None:
        found = importlib.util.find_spec(library.module)
        return found.origin if found is not None else None
    return getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", [])), None)


def _place(file: str | None, places: Sequence[tuple[str, Path]]) -> str:
    if file is None:
        return "Python itself"
    path = Path(file).resolve()
    return next((role for role, folder in places if path.is_relative_to(folder.resolve())), "another folder")


def _key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower().strip()

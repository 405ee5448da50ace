# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which checks a self-test has, in which order, and what they are given."""

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from . import self_test_camera as camera
from .model import ModelFile
from .self_test import CAMERA, Check, Finding, SelfTest, Trail
from .self_test_libraries import check_libraries, pinned_versions
from .self_test_scrub import Scrubber
from .self_test_system import check_disk, check_system
from .self_test_tracker import check_helper, check_model, check_tracker
from .source import SourceSpec

TITLES = (
    "Last Self-Test",
    "Mimica",
    "Blender",
    "Computer",
    "Settings",
    "Libraries",
    "Face Model",
    "Tracker",
    "Helper Process",
    CAMERA,
    "Capture",
    "Microphone",
    "Graphics",
    "Disk",
)
"""In the order of the report."""
PICTURE = Path("ui", "pictures", "jawOpen.png")
"""In the extension's folder: a face with its mouth open, which the tracker has to find."""
_TRAIL = "self-test.json"


@dataclass(frozen=True, slots=True)
class Setup:
    """What is looked at, and how captures are made here."""

    extension_folder: Path
    user_folder: Path
    folders: dict[str, Path]
    """Where takes are written, by what the folders are called."""
    find_model: Callable[[], ModelFile | None]
    """Any thread. Raises ModelError."""
    camera: SourceSpec
    places: Sequence[tuple[str, Path]]
    """Folders of libraries with what they are called; the first that holds one counts."""
    installed: bool
    """Whether this is an extension, which has its own libraries."""
    helper: bool = False
    """Whether captures are made in a helper process."""
    test_camera: bool = True
    microphone: bool = False
    microphone_device: str = ""
    extras: Sequence[tuple[str, str]] = ()
    """Packages of optional parts, each as (name to import, name in the registry)."""
    capturing: Callable[[], bool] = lambda: False
    """Whether a capture runs. Any thread."""


def make_self_test(setup: Setup, scrub: Scrubber, others: Sequence[str] = ()) -> SelfTest:
    """Return the self-test, not yet begun.

    :param others: titles of results that are added from elsewhere, for the progress.
    """
    trail = Trail(setup.user_folder / _TRAIL)
    left = trail.left()
    checks = make_checks(setup, left)
    known = {check.title for check in checks} | set(others)
    return SelfTest(checks, scrub, [title for title in TITLES if title in known], trail)


def make_checks(setup: Setup, left: str = "") -> tuple[Check, ...]:
    """Return the checks. What could end Blender along with it comes last: until then the rest is known.

    :param left: title of the check in which Blender ended the last time. A camera that did that is opened in a helper
        process.
    """
    picture = setup.extension_folder / PICTURE
    apart = setup.helper or left == CAMERA
    look = partial(camera.look_in_helper, find=setup.find_model) if apart else camera.look_here
    where = "in the helper process" if apart else "in this process"
    tracker = partial(check_tracker, setup.find_model, picture) if left != "Tracker" else _not_again
    pinned = pinned_versions(setup.extension_folder)
    libraries = partial(check_libraries, pinned, setup.places, bundled=setup.installed, extras=setup.extras)
    mimica = partial(check_mimica, setup.extension_folder, installed=setup.installed)
    microphone = partial(camera.check_microphone, setup.microphone, setup.microphone_device)
    helper = partial(check_helper, setup.find_model, picture, wanted=setup.helper)
    checks = [
        Check("Mimica", mimica, "Mimica's own folder"),
        Check("Computer", check_system, "The system"),
        Check("Disk", partial(check_disk, setup.folders), "The disk", 60.0, "Choose another folder for takes."),
        Check("Libraries", libraries, "A library", 60.0),
        Check("Face Model", partial(check_model, setup.find_model), "The disk of the face model"),
        Check("Microphone", microphone, "The system's sound"),
        Check("Helper Process", helper, "The helper process", 60.0),
        Check("Tracker", tracker, "The tracker", 60.0),
    ]
    if left:
        checks.insert(0, Check("Last Self-Test", partial(_told, left), "The user folder"))
    if setup.test_camera:
        asked = partial(camera.check_camera, setup.camera, look, where=where, capturing=setup.capturing)
        advice = "Unplug it and plug it in again, then start Blender again."
        limit = camera.LIMIT + camera.STARTING if apart else camera.LIMIT
        checks.append(Check(CAMERA, asked, "The camera", limit, advice))
    return tuple(checks)


def check_mimica(extension_folder: Path, *, installed: bool) -> Finding:
    """Say which Mimica this is."""
    manifest = tomllib.loads((extension_folder / "blender_manifest.toml").read_text("utf-8"))
    made_for = ", ".join(manifest.get("platforms", [])) or "any system"
    version = str(manifest["version"])
    details = (
        ("version", version),
        ("made for", made_for),
        ("installed", "as an extension" if installed else "as a Python package"),
    )
    return Finding("ok", f"Version {version}.", "", details)


def _not_again() -> Finding:
    sentence = "Not tried in Blender itself, which ended here the last time."
    return Finding("skipped", sentence, "See Helper Process: it tracks the same picture.")


def _told(left: str) -> Finding:
    sentence = f"The last self-test did not come to its end: Blender ended during the check '{left}'."
    advice = {
        CAMERA: "Set Helper Process to On: then a camera's driver that crashes leaves Blender alone.",
        "Tracker": "Set Helper Process to On: then a tracker that crashes leaves Blender alone.",
    }
    return Finding("warning", sentence, advice.get(left, "Tell this with the report."), (("check", left),))

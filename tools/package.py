# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension zips, one a platform, made and checked by Blender's own packer. The same input gives the same bytes."""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
import tomllib
import zipfile
from pathlib import Path

from .docs_site import ensure_site, site_files
from .environment import CACHE, ROOT, ToolError, progress
from .lean import lean_copy
from .lock import DEFAULT_PYTHONS, PLATFORMS, Wheel, fetch, select

PACKAGES = ("bridges", "capture", "cli", "mapping", "operators", "rig", "ui")
ROOT_FILES = ("__init__.py", "LICENSE", "LICENSES/Apache-2.0.txt", "NOTICE.md")
SUFFIXES = {".py", ".json", ".png", ".svg", ".npz", ".blend", ".html", ".css", ".js"}
"""Kinds of file that belong to the extension. Anything else in its folders is an error: better than forgetting it."""
HELP = "help"
"""The documentation's site in the zip; `rig/help_pages.py` looks for it there."""
DETECTOR_NAME = "face_detection_full_range_sparse.tflite"
"""As `capture/detector_file.py` has it."""
MODEL_NAMES = ("face_landmarker.task", "face_landmarker_offline.task")

STAMP = time.mktime((2026, 1, 1, 0, 0, 0, 0, 0, 0))
"""The time of every member: local, because that is what a zip holds, so it is the same in every time zone."""


def build(
    python: Path,
    model: Path,
    detector: Path | None,
    output: Path,
    platforms: list[str],
    pythons: list[str],
    *,
    strict: bool = True,
) -> list[Path]:
    """Make the zips in `output` and print their sizes. Empty `platforms` means all. Raises ToolError.

    :param detector: the detector for faces far away; None where it could not be had: the zips are made without.
    :param strict: False takes documentation with faults too, for those who test something else.
    """
    packer = find_packer(python)
    wanted = tuple(sorted({*DEFAULT_PYTHONS, *pythons}))
    site = ensure_site(python, strict=strict)
    output.mkdir(parents=True, exist_ok=True)
    zips = []
    for platform in platforms or list(PLATFORMS):
        wheels = select(platform, wanted)
        with progress(f"{platform}: wheels for Python {', '.join(wanted)}"):
            paths = fetch(python, wheels)
        with progress(f"{platform}: zip"):
            zips.append(_build_one(python, packer, platform, paths, (model, detector), site, output))
    for path in zips:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        print(f"{path}  {path.stat().st_size / 1e6:.1f} MB  sha256 {digest}")
    return zips


def find_packer(python: Path) -> Path:
    """Blender's command line for extensions, as it lies in the module `bpy`."""
    program = "import importlib.util as u; print(u.find_spec('bpy').submodule_search_locations[0])"
    result = subprocess.run([str(python), "-c", program], capture_output=True, text=True, check=False)
    found = list(Path(result.stdout.strip() or "/nowhere").glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))
    if result.returncode or len(found) != 1:
        raise ToolError("Blender's module does not have the packer for extensions.")
    return found[0]


def source_files(root: Path = ROOT) -> list[str]:
    """The extension's own files, relative to `root`, sorted. Raises ToolError for a file of an unknown kind."""
    files: list[str] = [*ROOT_FILES]
    for package in PACKAGES:
        for path in (root / package).rglob("*"):
            relative = path.relative_to(root)
            if path.is_dir() or any(part.startswith(".") or part == "__pycache__" for part in relative.parts):
                continue
            if path.suffix not in SUFFIXES:
                name = relative.as_posix()
                raise ToolError(f"{name} is of no kind that the extension carries: remove it or add its suffix.")
            files.append(relative.as_posix())
    missing = [name for name in files if not (root / name).is_file()]
    if missing:
        raise ToolError(f"The extension needs {', '.join(missing)}, which is not there.")
    return sorted(files)


def manifest_for(platform: str, wheels: list[str], files: list[str], root: Path = ROOT) -> str:
    """The manifest with what differs by zip: platform, wheels, and the list of files. `files` without the manifest."""
    text = (root / "blender_manifest.toml").read_text("utf-8")
    head, separator, tail = text.partition("[permissions]")
    if not separator:
        raise ToolError("blender_manifest.toml has no [permissions]: the platform's lines go before it.")
    # JSON's lists of plain strings are TOML's too.
    wheel_paths = json.dumps([f"./wheels/{name}" for name in sorted(wheels)], indent=2)
    generated = f"platforms = {json.dumps([platform])}\nwheels = {wheel_paths}\n\n"
    paths = f"\n[build]\npaths = {json.dumps(files, indent=2)}\n"
    return head + generated + separator + tail + paths


def _build_one(
    python: Path,
    packer: Path,
    platform: str,
    wheels: dict[Wheel, Path],
    models: tuple[Path, Path | None],
    site: Path,
    output: Path,
) -> Path:
    # Of its own: two builds may go on at once.
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="stage-") as folder:
        return _build_in(Path(folder) / platform, python, packer, platform, wheels, models, site, output)


def _build_in(
    stage: Path,
    python: Path,
    packer: Path,
    platform: str,
    wheels: dict[Wheel, Path],
    models: tuple[Path, Path | None],
    site: Path,
    output: Path,
) -> Path:
    files = source_files()
    for name in files:
        stage_file(ROOT / name, stage / name)
    model, detector = models
    model_name = MODEL_NAMES[0] if _has_scores(model) else MODEL_NAMES[1]
    stage_file(model, stage / model_name)
    files.append(model_name)
    if detector is not None:
        stage_file(detector, stage / DETECTOR_NAME)
        files.append(DETECTOR_NAME)
    for name in site_files(site):
        stage_file(site / name, stage / HELP / name)
        files.append(f"{HELP}/{name}")
    for wheel, path in wheels.items():
        target = stage / "wheels" / wheel.file
        if lean_copy(path, wheel.name, platform, target):
            _stamp(target)
        else:
            stage_file(path, target)
    text = manifest_for(platform, [wheel.file for wheel in wheels], files)
    stage_text(text, stage / "blender_manifest.toml")

    version = tomllib.loads(text)["version"]
    target = output / f"mimica-{version}-{platform.replace('-', '_')}.zip"
    pack(
        python, packer, stage, target, [*files, "blender_manifest.toml", *(f"wheels/{wheel.file}" for wheel in wheels)]
    )
    return target


def pack(python: Path, packer: Path, stage: Path, target: Path, expected: list[str]) -> None:
    """Make the zip of a folder, and check it and that it has the expected members. Raises ToolError."""
    _packer(python, packer, "build", "--source-dir", str(stage), "--output-filepath", str(target))
    check_contents(target, expected)
    _packer(python, packer, "validate", str(target))


def check_contents(path: Path, expected: list[str]) -> None:
    """Compare a zip's members with what belongs in it. Raises ToolError."""
    with zipfile.ZipFile(path) as archive:
        members = [name for name in archive.namelist() if not name.endswith("/")]
    if sorted(members) != sorted(expected):
        extra, missing = set(members) - set(expected), set(expected) - set(members)
        raise ToolError(f"{path.name} has {sorted(extra)} too much and lacks {sorted(missing)}.")


def _has_scores(model: Path) -> bool:
    with zipfile.ZipFile(model) as bundle:
        return "face_blendshapes.tflite" in bundle.namelist()


def stage_file(source: Path, target: Path) -> None:
    """Copy a file to where a zip is made of it, always with the same time and mode."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    _stamp(target)


def stage_text(text: str, target: Path) -> None:
    """Write a file where a zip is made of it, always with the same time and mode."""
    target.write_bytes(text.encode())
    _stamp(target)


def _stamp(target: Path) -> None:
    os.utime(target, (STAMP, STAMP))
    target.chmod(0o644)


def _packer(python: Path, packer: Path, *command: str) -> None:
    result = subprocess.run([str(python), str(packer), *command], capture_output=True, text=True, check=False)
    if result.returncode:
        output = f"{result.stdout.strip()}\n{result.stderr.strip()}"
        raise ToolError(f"Blender's `extension {command[0]}` refuses:\n{output}")

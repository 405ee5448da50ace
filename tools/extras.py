# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The zips of the optional packages: small extensions that bring wheels and nothing else.

Blender keeps the wheels of all its extensions in one place, so Mimica finds what these bring. Which packages they
need in turn is asked of pip once, when they are locked.
"""

import hashlib
import json
import subprocess
import tempfile
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path

from .environment import CACHE, ROOT, ToolError, progress
from .lock import DEFAULT_PYTHONS, PLATFORMS, SCHEMA, Wheel, fetch, lock_one, tags
from .package import find_packer, pack, stage_file, stage_text

LOCK = ROOT / "tools" / "wheels_extras.json"
INIT = ROOT / "tools" / "extra_init.py"
CARRIED = ("LICENSE", "LICENSES/Apache-2.0.txt", "NOTICE.md")


@dataclass(frozen=True, slots=True)
class ExtraZip:
    """What is said about one extension, and where it runs."""

    name: str
    tagline: str
    """At most 64 letters and no full stop: Blender's rule."""
    pythons: tuple[str, ...] = ("3.11", "3.13", "3.14")
    """Those that the wheels are locked for, the oldest first: its versions are everybody's."""
    blender: str = "4.2.0"
    """The oldest Blender that installs it."""


EXTRA_ZIPS = {
    "phone": ExtraZip("Mimica: Phone as Camera", "Packages for a phone or another computer as camera"),
    # It needs NumPy 2, which Blender brings from 5.1 on.
    "rerun": ExtraZip("Mimica: Rerun Viewer", "Packages to look into takes with Rerun", ("3.13", "3.14"), "5.1.0"),
    "detector": ExtraZip("Mimica: Other Face Detectors", "Packages for face detectors in ONNX files"),
}
"""By the name of the extra in pyproject.toml. What is not here, the main zip brings."""

LEFT_OUT = {
    "numpy": "Blender's own",
    "cffi": "in the main zip",
    "flatbuffers": "in the main zip",
    "pycparser": "cffi needs it only to build",
    "protobuf": "onnxruntime needs it only in its tools for making models",
    "packaging": "onnxruntime needs it only in its tools for making models",
}
"""What pip would install too, and why it is in no zip."""


def build_extras(
    python: Path, output: Path, platforms: list[str], pythons: list[str], keys: tuple[str, ...] = tuple(EXTRA_ZIPS)
) -> list[Path]:
    """Make the extras' zips in `output` and print their sizes. Empty `platforms` means all. Raises ToolError."""
    packer = find_packer(python)
    output.mkdir(parents=True, exist_ok=True)
    zips = []
    for platform in platforms or list(PLATFORMS):
        for key in keys:
            wheels = select_extra(key, platform, tuple(sorted({*DEFAULT_PYTHONS, *pythons})))
            with progress(f"{platform}: wheels of {key}"):
                paths = fetch(python, wheels)
            with (
                progress(f"{platform}: zip of {key}"),
                tempfile.TemporaryDirectory(dir=CACHE, prefix="stage-") as folder,
            ):
                zips.append(_build_one(Path(folder) / key, python, packer, key, platform, paths, output))
    for path in zips:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        print(f"{path}  {path.stat().st_size / 1e6:.1f} MB  sha256 {digest}")
    return zips


def select_extra(key: str, platform: str, pythons: tuple[str, ...]) -> tuple[Wheel, ...]:
    """The wheels of one extra's zip for one platform; of `pythons` those that it is for. Raises ToolError."""
    if platform not in PLATFORMS:
        raise ToolError(f"There is no zip for {platform}. Choose from {', '.join(PLATFORMS)}.")
    wheels = (wheel for wheel in read_extras_lock()[key] if wheel.platform == platform)
    return tuple(wheel for wheel in wheels if wheel.python is None or wheel.python in pythons)


def read_extras_lock() -> dict[str, tuple[Wheel, ...]]:
    """The lock file's contents: the wheels of each extra."""
    document = json.loads(LOCK.read_text("utf-8"))
    if document["schema"] != SCHEMA:
        raise ToolError(f"{LOCK.name} has schema {document['schema']}, this program reads {SCHEMA}.")
    return {key: tuple(Wheel(**entry) for entry in entries) for key, entries in document["extras"].items()}


def write_extras_lock(python: Path) -> None:
    """Ask the package registry what each extra needs, and for each wheel; write names and hashes to the lock file."""
    extras = {key: _lock_extra(python, key) for key in EXTRA_ZIPS}
    LOCK.write_text(json.dumps({"schema": SCHEMA, "extras": extras}, indent=1) + "\n", "utf-8")


def requirements(key: str) -> tuple[str, ...]:
    """What pyproject.toml pins for an extra, as pip reads it; without the markers that say where it runs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return tuple(line.partition(";")[0].strip() for line in project["optional-dependencies"][key])


def extra_manifest(key: str, platform: str, wheels: list[str], files: list[str]) -> str:
    """The manifest of an extra's extension. `files` without the manifest."""
    of_mimica = tomllib.loads((ROOT / "blender_manifest.toml").read_text("utf-8"))
    extra = EXTRA_ZIPS[key]
    values = {
        "schema_version": of_mimica["schema_version"],
        "id": f"mimica_{key}",
        "version": of_mimica["version"],
        "name": extra.name,
        "tagline": extra.tagline,
        "maintainer": of_mimica["maintainer"],
        "type": "add-on",
        "blender_version_min": extra.blender,
        "license": of_mimica["license"],
        "copyright": of_mimica["copyright"],
        "tags": of_mimica["tags"],
        "platforms": [platform],
        "wheels": [f"./wheels/{name}" for name in sorted(wheels)],
    }
    # JSON's plain strings, and lists of them, are TOML's too.
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    return "\n".join([*lines, "", "[build]", f"paths = {json.dumps(files)}", ""])


def _build_one(
    stage: Path, python: Path, packer: Path, key: str, platform: str, wheels: dict[Wheel, Path], output: Path
) -> Path:
    stage_file(INIT, stage / "__init__.py")
    for name in CARRIED:
        stage_file(ROOT / name, stage / name)
    for wheel, path in wheels.items():
        stage_file(path, stage / "wheels" / wheel.file)
    files = ["__init__.py", *CARRIED]
    text = extra_manifest(key, platform, [wheel.file for wheel in wheels], files)
    stage_text(text, stage / "blender_manifest.toml")
    version = tomllib.loads(text)["version"]
    target = output / f"mimica_{key}-{version}-{platform.replace('-', '_')}.zip"
    pack(
        python, packer, stage, target, [*files, "blender_manifest.toml", *(f"wheels/{wheel.file}" for wheel in wheels)]
    )
    return target


def _lock_extra(python: Path, key: str) -> list[dict[str, object]]:
    extra = EXTRA_ZIPS[key]
    wheels: set[Wheel] = set()
    for platform in PLATFORMS:
        with progress(f"{platform}: what {key} needs"):
            needed = _resolve(python, key, platform, extra.pythons[0])
        for name, version in needed.items():
            with progress(f"{platform}: {name} {version}"):
                for target in extra.pythons:
                    wheel = lock_one(python, platform, name, version, target)
                    wheels.add(wheel)
                    if wheel.python is None:
                        break
    return [asdict(wheel) for wheel in sorted(wheels, key=lambda wheel: (wheel.platform, wheel.name, wheel.file))]


def _resolve(python: Path, key: str, platform: str, target: str) -> dict[str, str]:
    """Name and version of all that an extra needs, but for what is left out."""
    command = [
        str(python),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--dry-run",
        "--report",
        "-",
    ]
    command += [
        "--ignore-installed",
        "--only-binary=:all:",
        "--python-version",
        target,
        "--target",
        str(CACHE / "none"),
    ]
    for name in requirements(key):
        for tag in tags(platform, name.partition("==")[0]):
            command += ["--platform", tag]
    result = subprocess.run([*command, *requirements(key)], capture_output=True, text=True, check=False)
    if result.returncode:
        raise ToolError(f"What {key} needs on {platform} could not be found out:\n{result.stderr.strip()}")
    found = (entry["metadata"] for entry in json.loads(result.stdout)["install"])
    return {data["name"]: data["version"] for data in found if data["name"].lower() not in LEFT_OUT}

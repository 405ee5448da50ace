# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wheels inside the extension zips: which they are, with SHA-256, and fetching them."""

import hashlib
import json
import re
import subprocess
import tempfile
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path

from .environment import CACHE, ROOT, ToolError, progress

LOCK = ROOT / "tools" / "wheels.json"
SCHEMA = 1

PLATFORMS = {
    "windows-x64": ("win_amd64",),
    # opencv 4.11 sets the limit: macOS 13.
    "macos-arm64": ("macosx_13_0_arm64",),
    "linux-x64": ("manylinux_2_28_x86_64", "manylinux2014_x86_64"),
}
"""Blender's name of a platform, and the wheel tags that pip may choose from for it."""

NEWER_SYSTEMS = {
    ("macos-arm64", "av"): ("macosx_14_0_arm64",),
    ("macos-arm64", "onnxruntime"): ("macosx_14_0_arm64",),
}
"""Wheels, all of extras, for which the system has to be newer than for the main zip."""

PYTHONS = ("3.11", "3.13", "3.14")
"""Blender 4.2 to 5.0, Blender 5.1 and later, and what Linux distributions build Blender with."""
DEFAULT_PYTHONS = ("3.11", "3.13")

BUNDLED = (
    "mediapipe",
    "opencv-python-headless",
    "scipy",
    "cv2-enumerate-cameras",
    "flatbuffers",
    "sounddevice",
    "cffi",
    "python-osc",
)
"""Of the dependencies in pyproject.toml, those that Blender does not bring itself. Not mediapipe's absl-py, which its
Face Landmarker does not load, nor cffi's pycparser, which only those need who write C in Python."""

PYOBJC = "12.2.2"
MACOS_ONLY = {
    # What cv2-enumerate-cameras needs to read a camera's name on macOS.
    name: PYOBJC
    for name in (
        "pyobjc-core",
        "pyobjc-framework-AVFoundation",
        "pyobjc-framework-Cocoa",
        "pyobjc-framework-CoreAudio",
        "pyobjc-framework-CoreMedia",
        "pyobjc-framework-Quartz",
    )
}


@dataclass(frozen=True, slots=True, order=True)
class Wheel:
    """One file of the lock."""

    platform: str
    name: str
    version: str
    python: str | None
    """The one Python it is for, as "3.11"; None: for all."""
    file: str
    sha256: str
    size: int


def pinned_versions() -> dict[str, str]:
    """Name and version of what the zips carry on every platform, from pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    optional = project["optional-dependencies"]
    lines = (*project["dependencies"], *optional["microphone"], *optional["streams"])
    pins = dict(line.split("==", 1) for line in lines if "==" in line)
    return {name: pins[name] for name in BUNDLED}


def read_lock() -> tuple[Wheel, ...]:
    """The lock file's contents."""
    document = json.loads(LOCK.read_text("utf-8"))
    if document["schema"] != SCHEMA:
        raise ToolError(f"{LOCK.name} has schema {document['schema']}, this program reads {SCHEMA}.")
    return tuple(Wheel(**entry) for entry in document["wheels"])


def write_lock(python: Path) -> None:
    """Ask the package registry for each wheel and write their names and hashes to the lock file."""
    wheels: set[Wheel] = set()
    for platform in PLATFORMS:
        packages = pinned_versions() | (MACOS_ONLY if platform.startswith("macos") else {})
        for name, version in packages.items():
            with progress(f"{platform}: {name} {version}"):
                for target in PYTHONS:
                    wheels.add(lock_one(python, platform, name, version, target))
    entries = [asdict(wheel) for wheel in sorted(wheels, key=lambda wheel: (wheel.platform, wheel.name, wheel.file))]
    LOCK.write_text(json.dumps({"schema": SCHEMA, "wheels": entries}, indent=1) + "\n", "utf-8")


def select(platform: str, pythons: tuple[str, ...]) -> tuple[Wheel, ...]:
    """The wheels of one platform's zip. Raises ToolError for a platform or Python that is not locked."""
    if platform not in PLATFORMS:
        raise ToolError(f"There is no zip for {platform}. Choose from {', '.join(PLATFORMS)}.")
    unknown = sorted(set(pythons) - set(PYTHONS))
    if unknown:
        raise ToolError(
            f"No wheels are locked for Python {', '.join(unknown)}. Add it to PYTHONS in tools/lock.py and run "
            "`dev.py lock`."
        )
    wheels = [wheel for wheel in read_lock() if wheel.platform == platform]
    return tuple(wheel for wheel in wheels if wheel.python is None or wheel.python in pythons)


def fetch(python: Path, wheels: tuple[Wheel, ...]) -> dict[Wheel, Path]:
    """Download what is not in the cache yet; every file is checked against the lock. Raises ToolError."""
    folder = CACHE / "wheels"
    folder.mkdir(parents=True, exist_ok=True)
    absent = [wheel for wheel in wheels if not (folder / wheel.file).exists()]
    # One call of pip for all that it is to choose by the same tags.
    kinds = {(wheel.platform, wheel.python, tags(wheel.platform, wheel.name)) for wheel in absent}
    for kind in sorted(kinds, key=str):
        group = [wheel for wheel in absent if (wheel.platform, wheel.python, tags(wheel.platform, wheel.name)) == kind]
        with tempfile.TemporaryDirectory(dir=folder) as temporary:
            packages = [(wheel.name, wheel.version) for wheel in group]
            got = {path.name: path for path in _download(python, Path(temporary), kind[0], packages, kind[1])}
            for wheel in group:
                if wheel.file not in got:
                    raise ToolError(f"The registry gave {', '.join(got)}, locked is {wheel.file}. Run `dev.py lock`.")
                got[wheel.file].replace(folder / wheel.file)
    paths = {wheel: folder / wheel.file for wheel in wheels}
    for wheel, path in paths.items():
        if _sha256(path) != wheel.sha256:
            path.unlink()
            raise ToolError(f"{wheel.file} is not the locked file: its SHA-256 differs. It was thrown away.")
    return paths


def python_of(file: str) -> str | None:
    """The one Python a wheel is for ("3.11"), or None when it serves every later one too."""
    _name, _version, *_build, tag, abi, _platform = file.removesuffix(".whl").split("-")
    match = re.fullmatch(r"cp(\d)(\d+)", tag)
    if match is None or abi == "abi3":
        return None
    return f"{match[1]}.{match[2]}"


def tags(platform: str, name: str) -> tuple[str, ...]:
    """The wheel tags that pip may choose from for a package."""
    return NEWER_SYSTEMS.get((platform, name), PLATFORMS[platform])


def lock_one(python: Path, platform: str, name: str, version: str, target: str) -> Wheel:
    """Download one wheel, for the Python `target`, and return what the lock says of it. Raises ToolError."""
    folder = CACHE / "wheels"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        (got,) = _download(python, Path(temporary), platform, [(name, version)], target)
        path = got.replace(folder / got.name)
    return Wheel(platform, name, version, python_of(path.name), path.name, _sha256(path), path.stat().st_size)


def _download(
    python: Path, folder: Path, platform: str, packages: list[tuple[str, str]], target: str | None
) -> list[Path]:
    """Download wheels, by name and version, that have the same `tags`. Raises ToolError."""
    command = [str(python), "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--python-version", target or DEFAULT_PYTHONS[0], "--dest", str(folder)]
    for tag in tags(platform, packages[0][0]):
        command += ["--platform", tag]
    wanted = [f"{name}=={version}" for name, version in packages]
    result = subprocess.run([*command, *wanted], capture_output=True, text=True, check=False)
    files = list(folder.glob("*.whl"))
    if result.returncode or len(files) != len(packages):
        raise ToolError(f"{', '.join(wanted)} for {platform} could not be downloaded:\n{result.stderr.strip()}")
    return files


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The virtual environment: one for each pair of Python and Blender module, made on first use, made again when
what it should hold has changed."""

import contextlib
import ctypes
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"


class ToolError(Exception):
    """Something a developer can put right. Its text is a sentence."""


@dataclass(frozen=True, slots=True)
class Blender:
    """A Blender published as the Python module `bpy`."""

    version: str
    python: tuple[int, int]
    constraints: tuple[str, ...] = ()
    """What the Blender of this version has itself, where the module's own requirements leave it open."""


BLENDERS = (
    Blender("5.2.3", (3, 13)),
    Blender("5.0.1", (3, 11)),
    Blender("4.5.15", (3, 11), ("numpy<2",)),
    Blender("4.2.23", (3, 11), ("numpy<2",)),
)
"""The first that fits the running Python is the default."""

LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libICE.so.6": "libice6",
    "libSM.so.6": "libsm6",
    "libX11.so.6": "libx11-6",
    "libXext.so.6": "libxext6",
    "libXfixes.so.3": "libxfixes3",
    "libXi.so.6": "libxi6",
    "libXrender.so.1": "libxrender1",
    "libXt.so.6": "libxt6",
    "libXxf86vm.so.1": "libxxf86vm1",
    "libgomp.so.1": "libgomp1",
    "libxkbcommon.so.0": "libxkbcommon0",
}
"""Shared libraries that `bpy` loads on Linux, and the Debian package of each."""


def find_blender(version: str | None) -> Blender:
    """The Blender module to use with the running Python. Raises ToolError for one that does not fit it."""
    mine = sys.version_info[:2]
    fitting = [blender for blender in BLENDERS if blender.python == mine]
    for blender in fitting:
        if version is None or blender.version == version:
            return blender
    offered = ", ".join(blender.version for blender in fitting) or "none"
    raise ToolError(f"Blender {version} is not offered for Python {mine[0]}.{mine[1]}. Offered: {offered}.")


def missing_packages() -> list[str]:
    """Debian packages of the system libraries that are needed and not there. Empty on other systems."""
    if not sys.platform.startswith("linux"):
        return []
    return [package for library, package in LIBRARIES.items() if not _loads(library)]


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def ensure_libraries() -> None:
    """Install missing system libraries where that is possible (root on Debian), else name them on stderr."""
    missing = missing_packages()
    if not missing:
        return
    names = " ".join(missing)
    if os.geteuid() == 0 and shutil.which("apt-get"):
        with progress(f"Installing system libraries: {names}"):
            environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            subprocess.run(["apt-get", "update", "-q"], env=environment, capture_output=True, check=False)
            subprocess.run(
                ["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing],
                env=environment,
                capture_output=True,
                check=False,
            )
        missing = missing_packages()
    if missing:
        print(
            f"System libraries are missing that Blender's module loads. On Debian or Ubuntu:\n"
            f"    sudo apt-get install {' '.join(missing)}",
            file=sys.stderr,
        )


def ensure_environment(blender: Blender) -> Path:
    """Make the virtual environment if it is not there or out of date. Returns its Python. Raises ToolError."""
    ensure_libraries()
    folder = CACHE / f"venv-{blender.python[0]}.{blender.python[1]}-blender-{blender.version}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = folder / "mimica.json"
    requirements = ["--editable", f"{ROOT}[dev]", f"bpy=={blender.version}", *blender.constraints]
    key = hashlib.sha256(json.dumps([requirements, sys.base_prefix, sys.version, _dependencies()]).encode()).hexdigest()
    with contextlib.suppress(OSError, ValueError, KeyError):
        if json.loads(stamp.read_text("utf-8"))["key"] == key and python.exists():
            return python
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    log = folder.with_suffix(".log")
    with progress(f"Making the environment with Blender {blender.version} (some 700 MB, the first time only)"):
        _run_logged([sys.executable, "-m", "venv", str(folder)], log, "The virtual environment could not be made")
        _run_logged(
            [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", *requirements],
            log,
            "The packages could not be installed",
        )
    stamp.write_text(json.dumps({"key": key}), "utf-8")
    return python


def _dependencies() -> list[object]:
    # What of pyproject.toml decides the environment's contents: settings of the linters do not.
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    return [project["project"], project["tool"]["setuptools"]]


def _run_logged(command: list[str], log: Path, failure: str) -> None:
    with log.open("ab") as out:
        code = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, check=False).returncode
    if code:
        tail = "\n".join(log.read_text("utf-8", "replace").splitlines()[-12:])
        raise ToolError(f"{failure}; the whole log is {log}. Its end:\n{tail}")


@contextlib.contextmanager
def progress(title: str) -> Iterator[None]:
    """Tell what takes long: on a terminal a line that counts seconds, elsewhere one line before and one after."""
    start = time.monotonic()
    done = threading.Event()

    def count() -> None:
        while not done.wait(1.0):
            print(f"\r{title} ... {time.monotonic() - start:.0f} s ", end="", flush=True)

    print(f"{title} ...", end="" if sys.stdout.isatty() else "\n", flush=True)
    counter = threading.Thread(target=count, daemon=True)
    if sys.stdout.isatty():
        counter.start()
    try:
        yield
    except BaseException:
        done.set()
        print(f"\r{title}: failed after {time.monotonic() - start:.0f} s", flush=True)
        raise
    done.set()
    if counter.is_alive():
        counter.join()
    print(f"\r{title}: {time.monotonic() - start:.0f} s ", flush=True)

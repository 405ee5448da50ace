# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One clip of a batch: `mimica run` in a process of its own, because Blender serves one file at a time.

Runs where the batch was started, or on any machine that sees the same folders. It writes into a folder of its own;
who started the batch moves the finished files to their places.
"""

import hashlib
import importlib.metadata
import os
import secrets
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..capture.detector_file import find_detector
from . import perform
from .failure import CommandError

STOP = "stop"
"""A file of this name in a job's folder ends the job, as the end of the folder does."""
FACTS = "facts.json"
"""What was found and made, among the files of each job."""
_POLL = 0.2
"""Seconds between two looks whether the job is still wanted."""
_PATIENCE = 5.0
"""Seconds that a process is given to end by itself."""
_LOG = 4000
"""Characters kept of what a failing job said."""


@dataclass(frozen=True, slots=True)
class Job:
    """A clip, and what to do with it. Plain values: it travels to other machines."""

    name: str
    clip: str
    """Path of the video, the folder of images or the take."""
    folder: str
    """Path of a folder that is there as long as the job is wanted."""
    files: Mapping[str, str]
    """Option of `mimica run` -> name of the file to make."""
    arguments: tuple[str, ...] = ()
    """Further arguments of `mimica run`."""
    program: tuple[str, ...] = ()
    """The command line of Mimica; empty for this machine's own."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended."""

    name: str
    problem: str
    """A sentence; empty when all is well."""
    seconds: float
    log: str = ""
    """What a failing job said."""
    folder: str = ""
    """Path of the folder in which the files are, when all is well."""


def run_job(job: Job) -> Outcome:
    """Do the job and wait for it. Any thread.

    The files are made in a folder of this attempt alone, beside the job's own: a machine that was given up may still
    be at work on the same clip.
    """
    began = time.perf_counter()
    wanted = Path(job.folder)
    folder = wanted.with_name(f"{wanted.stem}-{secrets.token_hex(4)}{wanted.suffix}")
    try:
        folder.mkdir()
        problem, log = _run(job, wanted, folder)
    except OSError as error:
        problem, log = f"'{error.filename}' cannot be used ({error.strerror or error}).", ""
    if problem:
        shutil.rmtree(folder, ignore_errors=True)
    return Outcome(job.name, problem, time.perf_counter() - began, log, "" if problem else str(folder))


def _run(job: Job, wanted: Path, folder: Path) -> tuple[str, str]:
    """Make the files in `folder`; return what went wrong, and what the process said. Raises OSError."""
    command = [*(job.program or own_program()), "run", job.clip]
    for option, file in job.files.items():
        command += [option, str(folder / file)]
    process = subprocess.Popen(
        [*command, *job.arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "PYTHONUTF8": "1"},
    )
    while True:
        try:
            said = process.communicate(timeout=_POLL)[0]
            break
        except subprocess.TimeoutExpired:
            if not wanted.is_dir() or (wanted / STOP).exists():
                _end(process)
                return "Interrupted.", ""
    problem = _problem(process.returncode, said, [folder / file for file in job.files.values()])
    return problem, said[-_LOG:] if problem else ""


def _end(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.communicate(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def _problem(code: int, said: str, files: Sequence[Path]) -> str:
    """Return the sentence with which a run ended; empty when it went well."""
    if code == 0:
        missing = [file.name for file in files if not file.is_file()]
        return f"It ended well but made no {', '.join(missing)}." if missing else ""
    sentences = [line.partition("mimica: ")[2] for line in said.splitlines() if line.startswith("mimica: ")]
    if sentences:
        # The unfinished take that it speaks of goes with the job's folder.
        return sentences[-1].partition(" What was captured until then")[0]
    if code < 0:
        return f"Its process was ended by signal {-code}: perhaps the memory was not enough. Try with fewer --jobs."
    return f"It ended with code {code} and without a word; its log is beside the report."


def own_program() -> tuple[str, ...]:
    """Return the command line of Mimica here: Blender's, else this Python's."""
    bpy: Any = sys.modules.get("bpy")
    if bpy is not None and bpy.app.binary_path:  # as a module it has none
        return bpy.app.binary_path, "--command", "mimica"
    return sys.executable, "-m", __name__.rpartition(".cli.")[0]


OF_TRACKING = ("model", "detector")
"""What of `surroundings` takes do without: another one changes nothing for them."""


def surroundings(model: Path | None, extension: Path, user: Path, *, tracking: bool) -> dict[str, str]:
    """Return what decides the result beside clip and options: versions, and the models' hashes. Raises CommandError.

    :param tracking: whether a model is needed; takes do without.
    """
    found = {"mimica": mimica_version(), "blender": _blender_version()}
    if not tracking:
        return found
    chosen = perform.need_model(model, extension, user)
    detector = find_detector("", chosen.path.parent, extension, user)
    with_detector = hashlib.sha256(detector.read_bytes()).hexdigest() if detector and detector.is_file() else "none"
    return found | {"model": chosen.sha256, "detector": with_detector}


def mimica_version() -> str:
    """Return Mimica's version."""
    manifest = Path(__file__).resolve().parent.parent / "blender_manifest.toml"
    if manifest.is_file():
        return str(tomllib.loads(manifest.read_text("utf-8"))["version"])
    return importlib.metadata.version("mimica")


def _blender_version() -> str:
    bpy: Any = sys.modules.get("bpy")
    if bpy is not None:
        return bpy.app.version_string.split()[0]
    return importlib.metadata.version("bpy")


def check_worker(paths: Sequence[str], folder: str, model: str | None, expected: Mapping[str, str]) -> str:
    """Return why a worker cannot do the batch as who asks would, as a sentence; empty when it can.

    :param paths: what has to be readable.
    :param folder: what has to be writable.
    :param expected: `surroundings` of who asks.
    """
    for path in paths:
        if not os.access(path, os.R_OK):
            return f"cannot read '{path}'. Put clips and results where all machines see them under the same path."
    if not os.access(folder, os.W_OK):
        return f"cannot write into '{folder}'. Choose a folder that all machines see under the same path."
    try:
        found = surroundings(
            Path(model) if model else None,
            Path(__file__).resolve().parent.parent,
            perform.user_folder(),
            tracking="model" in expected,
        )
    except CommandError as error:
        return f"says: {error}"
    except importlib.metadata.PackageNotFoundError as error:
        return f"has no {error.name}. Install there the packages that are here."
    for what, here in expected.items():
        if found[what] != here:
            return f"has {what} {found[what]}, here it is {here}. Install the same, else the results would differ."
    return ""

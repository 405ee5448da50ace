# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`mimica batch`: a folder of clips becomes takes, baked files and a report."""

import argparse
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ..capture.take import SUFFIX, TakeError
from . import batch_plan, controls, perform, scene
from .batch_job import FACTS, OF_TRACKING, Job, Outcome, check_worker, surroundings
from .batch_plan import Clip
from .batch_report import PAGE, Entry, write_report
from .batch_runners import run_here, run_on_dask
from .console import Console
from .failure import BAD_INPUT, INTERRUPTED, OK, USAGE, CommandError

CORES_A_JOB = 2
"""The tracker keeps about two cores busy."""


@dataclass(frozen=True, slots=True)
class _Task:
    """A clip and what is asked for."""

    clip: Clip
    folder: Path
    """Where its results stand."""
    files: Mapping[str, str]
    """Kind, the option of `mimica run`, -> name of the result."""
    asked: Mapping[str, Any]


def run_batch(
    arguments: argparse.Namespace,
    console: Console,
    extension: Path,
    user: Path,
    program: tuple[str, ...] = (),
) -> int:
    """Do what the command line says and return the exit code. Main thread.

    :param extension: the package's own folder.
    :param user: the user's data folder.
    :param program: the command line that does a clip; empty for Mimica's own.
    :raises CommandError: nothing was begun.
    """
    began = time.perf_counter()
    scene.need_blender()
    out: Path = arguments.out.absolute()
    clips = batch_plan.find_clips(arguments.folder, out)
    if arguments.character is None and arguments.object is not None:
        raise CommandError("--object names an object of a file. Add --character FILE.blend.", USAGE)
    if arguments.character and (arguments.fps or arguments.proportions):
        raise CommandError("--fps and --proportions are for the rig that Mimica makes. Leave them out.", USAGE)
    passed, inputs = _passed_on(arguments)
    tracking = not all(perform.is_take(clip.path) for clip in clips)
    around = surroundings(arguments.model, extension, user, tracking=tracking)
    tasks = [_task(clip, out, passed, inputs, around, arguments) for clip in clips]
    with batch_plan.locked(out), _terminable():
        batch_plan.sweep(out)
        entries, todo = _sort(tasks, out, arguments.overwrite)
        if len(todo) + len(entries) < len(tasks):
            console.note(f"{len(tasks) - len(todo) - len(entries)} of {len(tasks)} clips are done already.")
        # What is largest takes longest: begun last, it would be waited for alone.
        todo.sort(key=lambda task: -task.clip.size)
        jobs = [_job(task, out, passed, program) for task in todo]
        if arguments.scheduler is None:
            run = partial(run_here, jobs, arguments.jobs or default_jobs())
        else:
            model = str(arguments.model.absolute()) if arguments.model else None
            paths = [str(task.clip.path) for task in tasks] + [str(path) for path in inputs]
            check = partial(check_worker, paths, str(out), model, around)
            run = partial(run_on_dask, jobs, arguments.scheduler, check)
        interrupted = False
        try:
            if jobs:
                _do(todo, run, entries, console, len(tasks))
        except KeyboardInterrupt:
            interrupted = True
        finally:
            batch_plan.sweep(out)
        entries = {task.clip.name: entries.get(task.clip.name) or _entry(task, out) for task in tasks}
        write_report(out, arguments.folder.resolve().name, list(entries.values()), time.perf_counter() - began)
    failed = [entry for entry in entries.values() if entry.problem]
    if interrupted:
        raise CommandError("Interrupted. The same command goes on where this one ended.", INTERRUPTED)
    console.figures(
        [
            ("clips", f"{len(tasks)}, {len(todo)} of them worked on in {time.perf_counter() - began:.1f} s"),
            ("problems", str(len(failed) or "none")),
            ("report", str(out / PAGE)),
        ]
    )
    return BAD_INPUT if failed else OK


def default_jobs() -> int:
    """Return as many clips as this machine's cores can do at once."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // CORES_A_JOB)


def _passed_on(arguments: argparse.Namespace) -> tuple[tuple[str, ...], list[Path]]:
    """Return the arguments that `mimica run` is to be given, and the files that they name, by their whole paths."""
    passed: list[str] = []
    inputs: list[Path] = []
    for action in arguments.passed_on:
        value = getattr(arguments, action.dest)
        if value == action.default and action.dest != "moments":
            continue
        if isinstance(value, bool):
            passed.append(action.option_strings[0 if value else -1])
            continue
        if isinstance(value, Path):
            value = value.absolute()
            inputs.append(value)
        passed += [action.option_strings[0], str(value)]
    return tuple(passed), inputs


def _task(
    clip: Clip,
    out: Path,
    passed: Sequence[str],
    inputs: Sequence[Path],
    around: Mapping[str, str],
    arguments: argparse.Namespace,
) -> _Task:
    files = {"output": f"{clip.name}.blend", "csv": f"{clip.name}.csv"}
    if perform.is_take(clip.path):
        around = {what: value for what, value in around.items() if what not in OF_TRACKING}
    else:
        files["take"] = f"{clip.name}{SUFFIX}"
    if arguments.sheet and not _holds_controls(clip.path):
        files["sheet"] = f"{clip.name}.png"
    asked = batch_plan.asked_of(clip, passed, inputs, list(files.values()), around)
    return _Task(clip, out / clip.name, files, asked)


def _holds_controls(path: Path) -> bool:
    """Whether a clip is a take without a face to be shown. What cannot be read says so when it is worked on."""
    try:
        return controls.is_controls(path)
    except TakeError:
        return False


def _sort(tasks: Sequence[_Task], out: Path, overwrite: bool) -> tuple[dict[str, Entry], list[_Task]]:
    """Return the clips whose results stand in the way, and those that are to be done; the others are done."""
    entries: dict[str, Entry] = {}
    todo: list[_Task] = []
    for task in tasks:
        record = batch_plan.read_record(task.folder)
        if overwrite:
            todo.append(task)
        elif not batch_plan.is_done(task.folder, record, task.asked):
            mine = batch_plan.not_ours(task.folder, record, task.asked["results"])
            if mine is None:
                todo.append(task)
            else:
                problem = f"'{task.folder.name}/{mine}' is not as a batch left it. Move it away, or add --overwrite."
                entries[task.clip.name] = Entry(task.clip.name, task.clip.path.name, problem)
    return entries, todo


def _job(task: _Task, out: Path, passed: tuple[str, ...], program: tuple[str, ...]) -> Job:
    files = {f"--{kind}": name for kind, name in task.files.items()} | {"--json": FACTS}
    return Job(task.clip.name, str(task.clip.path), str(batch_plan.begin(out, task.clip.name)), files, passed, program)


def _do(
    todo: Sequence[_Task],
    run: Callable[[], Generator[Outcome, None, None]],
    entries: dict[str, Entry],
    console: Console,
    total: int,
) -> None:
    """Do the jobs, and add the clips that have a problem to `entries`."""
    by_name = {task.clip.name: task for task in todo}
    finished = total - len(todo)
    with console.progress(f"Clips, {len(todo)} to do") as progress, closing(run()) as outcomes:
        for outcome in outcomes:
            task = by_name[outcome.name]
            problem = outcome.problem or _keep(task, Path(outcome.folder), outcome.seconds)
            finished += 1
            console.note(f"{finished:>4} of {total}  {task.clip.path.name}: {problem or f'{outcome.seconds:.1f} s'}")
            log = task.folder.with_name(f"{task.clip.name}.log")
            if problem:
                if outcome.log:
                    log.write_text(outcome.log, encoding="utf-8")
                files = {"log": log.name} if outcome.log else {}
                entries[outcome.name] = Entry(outcome.name, task.clip.path.name, problem, {}, files, outcome.seconds)
            else:
                log.unlink(missing_ok=True)
            progress(finished / total)


def _keep(task: _Task, part: Path, seconds: float) -> str:
    """Move the results to their place; return what is wrong with them, as a sentence, or nothing."""
    try:
        facts = json.loads((part / FACTS).read_text("utf-8"))
        batch_plan.finish(part, task.folder, task.asked, facts, seconds)
    except (OSError, ValueError) as error:
        return f"The results cannot be read ({error}). Check the disk, and run the same command again."
    except CommandError as error:
        return str(error)
    return ""


def _entry(task: _Task, out: Path) -> Entry:
    """Return what the report says of a clip by its record."""
    name, clip = task.clip.name, task.clip.path.name
    record = batch_plan.read_record(task.folder)
    if record is None or not batch_plan.is_done(task.folder, record, task.asked):
        return Entry(name, clip, "Not done yet: the batch was interrupted.")
    folder = task.folder.relative_to(out)
    files = {kind: (folder / file).as_posix() for kind, file in task.files.items()}
    return Entry(name, clip, "", record["facts"], files, record["seconds"])


@contextmanager
def _terminable() -> Iterator[None]:
    """Let a request to end do what Ctrl+C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    kept = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, kept)

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the jobs of a batch are done: several at once on this machine, or on a Dask cluster."""

import logging
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from pathlib import Path
from typing import Any

from .batch_job import STOP, Job, Outcome, run_job
from .failure import MISSING, CommandError

_CONNECT = 10.0
"""Seconds to wait for a scheduler."""


def run_here(jobs: Sequence[Job], at_once: int) -> Generator[Outcome, None, None]:
    """Do the jobs, `at_once` at a time, and give each outcome when it is there. Closing it ends the jobs."""
    with ThreadPoolExecutor(at_once) as pool:
        futures = [pool.submit(run_job, job) for job in jobs]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            for future in futures:
                future.cancel()
            _stop(jobs)


def run_on_dask(jobs: Sequence[Job], address: str, check: Callable[[], str]) -> Generator[Outcome, None, None]:
    """Do the jobs on the workers of a Dask scheduler, as `run_here` does; each worker thread takes one at a time.

    :param check: runs on each worker before any job; a sentence about what is wrong there, or nothing.
    :raises CommandError: Dask is not installed, nobody answers, there is no worker, or one cannot do the jobs.
    """
    try:
        import distributed
    except ImportError as error:
        raise CommandError(
            "--scheduler needs Dask, which is not installed. Install it here and on the workers with:"
            " pip install mimica[dask]",
            MISSING,
        ) from error
    # Its losses of connection at the end are of no interest.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        client = distributed.Client(address, timeout=_CONNECT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise CommandError(
            f"No Dask scheduler answers at '{address}'. Start one with 'dask scheduler', and workers with 'dask worker"
            " ADDRESS', and give its address, as in tcp://host:8786."
        ) from error
    with client:
        # Its type counts with clients that answer later, too.
        answers: Any = client.run(check, on_error="return")
        _check_workers(answers, address)
        by_key = {f"mimica-{Path(job.folder).name}": job for job in jobs}
        futures = [client.submit(run_job, job, key=key, pure=False) for key, job in by_key.items()]
        try:
            for future in distributed.as_completed(futures, loop=client.loop):
                if future.status == "finished":
                    yield future.result()
                else:
                    yield Outcome(by_key[future.key].name, f"The worker failed: {future.exception()!r}.", 0.0)
                future.release()
        finally:
            _stop(jobs)
            with suppress(Exception):  # whatever Dask says when a cluster goes away
                client.cancel(futures)


def _check_workers(answers: "dict[str, str | BaseException]", address: str) -> None:
    if not answers:
        raise CommandError(f"The Dask scheduler at '{address}' has no workers. Start some: dask worker {address}")
    for worker, answer in sorted(answers.items()):
        if isinstance(answer, ImportError):
            answer = f"cannot load Mimica ({answer}). Install there what is installed here."
        if answer:
            raise CommandError(f"The worker {worker} {answer}")


def _stop(jobs: Sequence[Job]) -> None:
    """Tell whoever does one of the jobs to end it."""
    for job in jobs:
        with suppress(OSError):  # done, and its folder gone
            (Path(job.folder) / STOP).touch()

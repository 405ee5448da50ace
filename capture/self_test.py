# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The self-test: checks one after another on a thread of its own, none of which can hold up or end the others.

What the checks look at is in `self_test_libraries`, `self_test_tracker`, `self_test_camera` and `self_test_system`.
"""

import json
import logging
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

log = logging.getLogger(__name__)

BUNDLED = "Mimica's wheels"
"""What the folder is called in which an extension's own libraries lie."""
CAMERA = "Camera"
"""Title of the check that opens a camera."""

Outcome = Literal["ok", "warning", "failure", "skipped"]
"""What a check came to. Warning: it works, but not as well as it should. Skipped: there was nothing to check."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found."""

    outcome: Outcome
    sentence: str
    """What is so."""
    advice: str = ""
    """What to do about it; empty where nothing needs to be done."""
    details: tuple[tuple[str, str], ...] = ()
    """Names and values for the report."""


@dataclass(frozen=True, slots=True)
class Result(Finding):
    """What a check found, and which one it was."""

    title: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at."""

    title: str
    run: Callable[[], Finding]
    """Called on a thread of its own. What it raises becomes a failure."""
    subject: str
    """What does not answer when the time is over, as a sentence begins."""
    limit: float = 30.0
    """Seconds after which nobody waits any longer."""
    advice: str = "Start Blender again and repeat the test."
    """What to do when it fails by itself or does not answer."""


def run_check(check: Check) -> Result:
    """Do a check and return its result, within its time whatever happens. Waits; any thread but Blender's."""
    findings: list[Finding] = []

    def run() -> None:
        try:
            findings.append(check.run())
        except Exception as error:
            log.info("The check '%s' failed.", check.title, exc_info=True)
            findings.append(fault(error, check.advice))

    # A driver that hangs keeps its thread; as a daemon it does not keep Blender.
    thread = threading.Thread(target=run, name="mimica check", daemon=True)
    thread.start()
    thread.join(check.limit)
    if findings:
        return named(check.title, findings[0])
    late = f"{check.subject} did not answer within {check.limit:g} s."
    return Result("failure", late, check.advice, title=check.title)


def fault(error: BaseException, advice: str) -> Finding:
    """Return the finding of a check that itself failed, with the place in the details."""
    said = str(error).strip() or type(error).__name__
    place = [
        f"{Path(step.filename).name}:{step.lineno} {step.name}" for step in traceback.extract_tb(error.__traceback__)
    ]
    details = (("error", type(error).__name__), ("at", " < ".join(reversed(place[-4:]))))
    return Finding("failure", f"This check failed: {said.rstrip('.')}.", advice, details)


def named(title: str, finding: Finding) -> Result:
    """Return a finding as the result of the check of this title."""
    return Result(finding.outcome, finding.sentence, finding.advice, finding.details, title)


class SelfTest:
    """A run of the self-test. Results may be read from any thread at any time."""

    def __init__(
        self,
        checks: Sequence[Check],
        scrub: Callable[[str], str],
        order: Sequence[str] = (),
        trail: "Trail | None" = None,
    ) -> None:
        """Nothing is begun yet.

        :param scrub: takes personal data out of a text; each result goes through it before anybody sees it.
        :param order: titles in the order in which results are shown, those of `add` among them; others come last.
        :param trail: where it is noted which check runs.
        """
        self._checks = tuple(checks)
        self.scrub = scrub
        self._order = tuple(order) or tuple(check.title for check in checks)
        self._trail = trail
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        """Held while the trail is written: a run that is over leaves it to the next one."""
        self._results: dict[str, Result] = {}
        self._thread = threading.Thread(target=self._run, name="mimica self-test", daemon=True)
        self._cancelled = threading.Event()
        self._over = threading.Event()
        self.current = ""
        """Title of the check that runs."""

    @property
    def results(self) -> tuple[Result, ...]:
        """What is known so far, in order."""
        with self._lock:
            found = list(self._results.values())
        places = {title: place for place, title in enumerate(self._order)}
        return tuple(sorted(found, key=lambda result: places.get(result.title, len(places))))

    @property
    def progress(self) -> float:
        """The share of the checks that are done, [0, 1]."""
        return min(1.0, len(self._results) / max(1, len(set(self._order))))

    @property
    def done(self) -> bool:
        """Whether all checks of the thread are over, or the test was cancelled."""
        return self._over.is_set()

    def start(self) -> None:
        """Begin, in the background."""
        self._thread.start()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the checks are over; return whether they are."""
        return self._over.wait(timeout)

    @property
    def cancelled(self) -> bool:
        """Whether it was ended before its time."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Begin no further check. Returns at once; a check that runs ends by itself, and nobody waits for it."""
        self._cancelled.set()
        self._end()

    def add(self, title: str, finding: Finding) -> None:
        """Add what was found out elsewhere: in Blender, on its main thread."""
        clean = Result(
            finding.outcome,
            self.scrub(finding.sentence),
            self.scrub(finding.advice),
            tuple((name, self.scrub(value)) for name, value in finding.details),
            title,
        )
        with self._lock:
            self._results[title] = clean

    def _run(self) -> None:
        try:
            for check in self._checks:
                if not self._begin(check):
                    break
                result = run_check(check)
                if not self._cancelled.is_set():
                    self.add(check.title, result)
        finally:
            self._end()

    def _begin(self, check: Check) -> bool:
        with self._turn:
            if self._cancelled.is_set():
                return False
            self.current = check.title
            if self._trail is not None:
                self._trail.note(check.title)
            return True

    def _end(self) -> None:
        with self._turn:
            if self._over.is_set():
                return
            self.current = ""
            if self._trail is not None:
                self._trail.end()
            self._over.set()


class Trail:
    """A small file that says which check runs. If Blender ends in the middle of one, the next self-test can tell."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def note(self, title: str) -> None:
        """Say which check begins. A folder that cannot be written is another check's matter."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_text(json.dumps({"check": title, "time": time.time()}), "utf-8")
        except OSError as error:
            log.info("No trail of the self-test: %s", error)

    def end(self) -> None:
        """Say that the self-test came to its end."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            log.info("The trail of the self-test stays: %s", error)

    def left(self) -> str:
        """Return the title of the check in which the last self-test ended along with Blender; empty for none."""
        try:
            return str(json.loads(self._path.read_text("utf-8"))["check"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""


def count(results: Sequence[Result], outcome: Outcome) -> int:
    """Return how many results came to an outcome."""
    return sum(result.outcome == outcome for result in results)

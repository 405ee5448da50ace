# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a running capture, and what to do: from a few figures to sentences that do not flicker."""

import math
from dataclasses import dataclass, replace

from .data import load_table

Severity = int
"""0 well, 1 the capture is worse for it, 2 what is captured is of no use."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a capture goes at a moment. NaN is what is not known: then nothing is said of it."""

    time: float
    """Seconds, increasing."""
    found: float
    """1 when the face is in the newest image, else 0."""
    outside: float = math.nan
    """See `Sight`."""
    away: float = math.nan
    width: float = math.nan
    luma: float = math.nan
    """[0, 1] of the face."""
    camera_rate: float = math.nan
    """Images a second that arrive; NaN for files, which have no other."""
    skipped: float = math.nan
    """[0, 1]: share of the images that nobody tracked in time."""
    lost: float = math.nan
    """The same of what should be in a take."""
    latency_ms: float = math.nan


@dataclass(frozen=True, slots=True)
class Complaint:
    """Something that is wrong."""

    kind: str
    severity: Severity
    sentence: str
    """What it is and what to do."""


@dataclass(frozen=True, slots=True)
class _State:
    """What is known of one rule."""

    complaint: Complaint | None = None
    """While it is said."""
    since: float = math.inf
    """Since when the readings have been against what is said or not said."""


class Health:
    """What is wrong, reading after reading: said when it lasts, gone when it is well again for a while."""

    def __init__(self) -> None:
        """All is well."""
        self._states: dict[str, _State] = {}

    def step(self, reading: Reading) -> tuple[Complaint, ...]:
        """Return what is wrong after a new reading, the most important first."""
        table = load_table("health")
        for rule in table["rules"]:
            state = self._states.get(rule["kind"], _State())
            self._states[rule["kind"]] = _stepped(state, rule, reading, table["seconds"])
        return tuple(state.complaint for state in self._states.values() if state.complaint is not None)


def severity_of(complaints: tuple[Complaint, ...]) -> Severity:
    """Return how bad the worst is; 0 without any."""
    return max((complaint.severity for complaint in complaints), default=0)


def _stepped(state: _State, rule: dict, reading: Reading, seconds: dict[str, float]) -> _State:
    value = getattr(reading, rule["of"])
    if state.complaint is None:
        if not _beyond(value, rule["bad"], rule):
            return _State()
        since = min(state.since, reading.time)
        if reading.time - since < seconds["until_said"]:
            return _State(since=since)
        return _State(Complaint(rule["kind"], rule["severity"], rule["say"].format(value=value)))
    if _beyond(value, rule["good"], rule):
        return replace(state, since=math.inf)
    since = min(state.since, reading.time)
    return _State() if reading.time - since >= seconds["until_gone"] else replace(state, since=since)


def _beyond(value: float, limit: float, rule: dict) -> bool:
    """Whether a value is on the bad side of a limit; what is not known is not."""
    return value < limit if rule["bad"] < rule["good"] else value > limit

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rerun's viewer: takes that other processes show in it, and the running capture. For the main thread."""

import logging
from dataclasses import dataclass
from pathlib import Path

from ..bridges.extras import ExtraMissing
from ..bridges.viewer.address import DEFAULT, AddressError, read_address
from ..bridges.viewer.child import Showing
from ..bridges.viewer.live import LiveViewer, Moment, ViewerHealth
from ..bridges.viewer.write import ViewerError
from ..mapping.calibration import PerformerProfile
from ..mapping.frame import FaceFrame
from ..mapping.motion import Motion
from . import live

logger = logging.getLogger(__name__)

__all__ = ["DEFAULT", "ExtraMissing", "ViewerError", "ViewerHealth"]


@dataclass(slots=True)
class _Live:
    """The capture that goes to a viewer."""

    address: str
    problem: str = ""
    """Why it cannot be switched on as it is."""
    viewer: LiveViewer | None = None
    session: live.LiveSession | None = None
    """The capture that the viewer is shown; another one is another recording."""


_live: _Live | None = None
_showings: list[Showing] = []
failed = ""
"""Why the last take could not be shown, as a sentence; until another one is on its way."""


def is_on() -> bool:
    """Whether captures go to a viewer."""
    return _live is not None


def goes_to() -> str | None:
    """Return the address that captures go to, as it was given; None when they do not."""
    return _live.address if _live is not None else None


def switch(address: str | None) -> None:
    """Let captures go to the viewer at an address, in the stead of where they went; None switches it off."""
    global _live
    _end()
    _live = None if address is None else _Live(address)
    follow()


def follow() -> None:
    """Take up the capture that runs, if any; to be called at each change and a few times a second."""
    session = live.current()
    if _live is None or session is _live.session:
        return
    _end()
    if session is None:
        return
    _live.session = session
    try:
        viewer = LiveViewer(read_address(_live.address), _name_of(session))
        viewer.start()
    except (AddressError, ExtraMissing) as error:
        _live.problem = str(error)
        return
    _live.problem, _live.viewer = "", viewer

    def see(faces: live.Faces, motions: dict[int, Motion], profiles: dict[int, PerformerProfile | None]) -> None:
        seen = session.seen
        viewer.offer(
            Moment(
                faces[0].time,
                tuple(frame for frame in faces if isinstance(frame, FaceFrame)),
                dict(motions),
                {face: profile for face, profile in profiles.items() if profile is not None},
                seen.image.pixels if seen is not None else None,
            )
        )

    session.watcher = see


def health() -> ViewerHealth | None:
    """Return how the viewer of the running capture is; None when there is nothing to be shown."""
    viewer = _live.viewer if _live is not None else None
    return viewer.health if viewer is not None else None


def problem() -> str:
    """Return why captures are not shown, as a sentence; empty when nothing is wrong."""
    now = health()
    return (_live.problem if _live is not None else "") or (now.problem if now is not None else "")


def show_take(path: Path) -> None:
    """Open a take in a viewer of its own, by a process of its own. Raises `ExtraMissing` or `ViewerError`."""
    global failed
    failed = ""
    _showings.append(Showing(path))


def opening() -> Showing | None:
    """Return the newest take that is on its way to a viewer."""
    return next((one for one in reversed(_showings) if not one.over and not one.open), None)


def problems() -> tuple[str, ...]:
    """Return what went wrong with takes since the last look, as sentences; those that are over are forgotten."""
    global failed
    over = [one for one in _showings if one.over]
    for one in over:
        _showings.remove(one)
    found = tuple(one.problem for one in over if one.problem)
    failed = found[-1] if found else failed
    return found


def close() -> None:
    """End what goes on: the add-on is switched off. Viewers that are open stay."""
    global failed
    switch(None)
    failed = ""
    for one in _showings:
        one.end()
    _showings.clear()


def _name_of(session: live.LiveSession) -> str:
    info = session.capture.info
    return info.name if info is not None else session.settings.source.kind


def _end() -> None:
    """Let go of the capture that is shown; nobody waits for the viewer."""
    if _live is None:
        return
    if _live.session is not None:
        _live.session.watcher = None
    if _live.viewer is not None:
        _live.viewer.stop()
    _live.session, _live.viewer, _live.problem = None, None, ""

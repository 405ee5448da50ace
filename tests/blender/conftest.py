# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender 4.2 as a module frees its panels after Python has ended when anything still refers to it, and crashes then.

The tests are over and told by that time, so with it the process ends without ending Python.
"""

import os
import sys

import pytest

_status = pytest.StashKey[int]()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Remember how the tests went."""
    session.config.stash[_status] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """End here with the old module."""
    bpy = sys.modules.get("bpy")
    if bpy is None or bpy.app.version >= (5, 0, 0) or _status not in config.stash:
        return
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(config.stash[_status])

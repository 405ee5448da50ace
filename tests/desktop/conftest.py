# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures for the tests with a window: the zip is built once, installed once in each Blender, started by module."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mimica.tests.desktop.harness import BlenderProgram, Desktop, Installation, find_blenders
from mimica.tools import package
from mimica.tools.environment import ToolError
from mimica.tools.lock import PYTHONS

BLENDERS = find_blenders() if shutil.which("Xvfb") and shutil.which("xdotool") else []
ALONE = "MIMICA_BLENDER_ALONE"
"""Number of the only Blender to test, of those that there are: several can so be tested side by side."""
ABSENT = pytest.mark.skip(reason="no desktop Blender, Xvfb or xdotool here: name one in MIMICA_BLENDER")


def _tested() -> list[BlenderProgram]:
    alone = os.environ.get(ALONE)
    return BLENDERS if alone is None else BLENDERS[int(alone) : int(alone) + 1]


@pytest.fixture(scope="session")
def extension_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip for this machine, with scipy for every Python that a Blender under test runs."""
    model = os.environ.get("MIMICA_MODEL")
    if not model:
        pytest.skip("needs a face model: run by `dev.py desktop`, or name one in MIMICA_MODEL")
    pythons = sorted({blender.python for blender in BLENDERS} & set(PYTHONS))
    try:
        folder = tmp_path_factory.mktemp("zip")
        return package.build(Path(sys.executable), Path(model), None, folder, ["linux-x64"], pythons, strict=False)[0]
    except ToolError as error:
        pytest.fail(str(error))


@pytest.fixture(
    scope="session",
    params=_tested() or [pytest.param(None, marks=ABSENT)],
    ids=lambda blender: blender.name if blender else "none",
)
def installation(
    request: pytest.FixtureRequest, extension_zip: Path, tmp_path_factory: pytest.TempPathFactory
) -> Installation:
    """A new user's Blender with the zip installed and enabled."""
    blender: BlenderProgram = request.param
    if blender.python not in PYTHONS:
        pytest.skip(f"{blender.path} runs Python {blender.python}, for which no wheels are locked")
    installation = Installation(blender, tmp_path_factory.mktemp(blender.name))
    installation.install(extension_zip)
    return installation


@pytest.fixture(scope="module")
def in_newest(installation: Installation) -> None:
    """For what no version of Blender does in its own way: drawn in software, a window takes minutes."""
    if installation.blender.name != BLENDERS[0].name:
        pytest.skip("tested in the newest Blender")


@pytest.fixture(scope="module")
def desktop(installation: Installation) -> Iterator[Desktop]:
    """Blender with its window, the same for all tests of a module."""
    desktop = installation.start()
    try:
        yield desktop
        if desktop.running:
            assert desktop.quit() == 0, desktop.log()
    finally:
        desktop.kill()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """A failed test leaves a picture of the screen and the end of Blender's log."""
    report = yield
    desktop = getattr(item, "funcargs", {}).get("desktop")
    if report.failed and isinstance(desktop, Desktop) and desktop.running:
        picture = desktop.screenshot("".join(c if c.isalnum() else "-" for c in f"failed-{item.name}"))
        report.sections.append(("screen", str(picture)))
        report.sections.append(("Blender's log", desktop.log()[-4000:]))
    return report

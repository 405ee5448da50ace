# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`mimica self-test`: the checks of the button Self-Test, without Blender's own."""

import argparse
import site
import sys
from datetime import UTC, datetime
from pathlib import Path

from ..bridges.extras import packages
from ..capture.model import ModelFile, find_model
from ..capture.self_test import BUNDLED, count
from ..capture.self_test_plan import Setup, make_self_test
from ..capture.self_test_report import report_text
from ..capture.self_test_scrub import Scrubber, personal_secrets
from ..capture.source import SourceSpec
from .console import Console
from .failure import BAD_INPUT, OK, CommandError, make_folder, unwritable

_LOOK = 0.05
"""Seconds between two looks at how far the test is."""


def run(arguments: argparse.Namespace, console: Console, extension_folder: Path, user_folder: Path) -> int:
    """Do the checks and print the report. Returns the exit code: `BAD_INPUT` when a check failed."""
    out: Path | None = arguments.out
    if out is not None and out.exists() and not arguments.overwrite:
        raise CommandError(f"'{out}' is there already. Choose another name, or add --overwrite.")
    secrets = personal_secrets() | {str(user_folder): "<user folder>"}
    test = make_self_test(_setup(arguments, extension_folder, user_folder), Scrubber(secrets))
    with console.progress("Checking") as progress, console.quiet():
        try:
            test.start()
            while not test.wait(_LOOK):
                progress(test.progress)
        except BaseException:
            # Ctrl-C: without this, the next test would say that a check ended the program.
            test.cancel()
            raise
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    text = report_text(test.results, when=when, scrub=test.scrub)
    if out is None:
        console.say(text.rstrip())
    else:
        make_folder(out)
        try:
            out.write_text(text, "utf-8")
        except OSError as error:
            raise unwritable(out, error) from error
        console.figures([("report", str(out))])
    return BAD_INPUT if count(test.results, "failure") else OK


def _setup(arguments: argparse.Namespace, extension_folder: Path, user_folder: Path) -> Setup:
    def find() -> ModelFile | None:
        return find_model(explicit=arguments.model, extension_folder=extension_folder, user_folder=user_folder)

    # In Blender, libraries are those of extensions; elsewhere those of this Python.
    bundled = [Path(entry) for entry in sys.path if Path(entry).match("extensions/.local/lib/*/site-packages")]
    bundled += [Path(entry) for entry in sys.path if Path(entry).match("extensions/.local/lib/site-packages")]
    places = [(BUNDLED, folder) for folder in bundled]
    if site.USER_SITE:
        places.append(("the user's Python packages", Path(site.USER_SITE)))
    places.append(("this Python's packages", Path(sys.prefix)))
    return Setup(
        extension_folder=extension_folder,
        user_folder=user_folder,
        folders={"user folder": user_folder, "working folder": Path.cwd()},
        find_model=find,
        camera=SourceSpec("camera", name=arguments.camera or "", width=1280, height=720, rate=30.0),
        places=places,
        installed=bool(bundled),
        helper=arguments.helper,
        test_camera=not arguments.no_camera,
        microphone=arguments.microphone,
        extras=packages(),
    )

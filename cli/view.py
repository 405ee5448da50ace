# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes in Rerun's viewer: `mimica view`."""

import argparse
import tempfile
import time
from pathlib import Path

from ..bridges.extras import ExtraMissing, require
from ..bridges.viewer.address import AddressError, read_address
from ..bridges.viewer.open import show, start_viewer
from ..bridges.viewer.pictures import PicturesError
from ..bridges.viewer.write import SUFFIX, Content, ViewerError, Written, read_content, send_to, write_file
from .console import Console
from .failure import MISSING, OK, USAGE, CommandError


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Write a take for the viewer, send it to one that runs, or open one. Raises CommandError or TakeError."""
    output: Path | None = arguments.output
    if output is not None and output.suffix.lower() != SUFFIX:
        raise CommandError(f"The output '{output}' does not end in {SUFFIX}. Name a recording.", USAGE)
    if arguments.address is not None and (output is not None or arguments.open):
        raise CommandError("--address shows the take in a viewer that runs: leave out --output and --open.", USAGE)
    if output is None and arguments.address is None and arguments.open is False:
        raise CommandError("With --no-open nothing would be left of it. Add --output.", USAGE)
    try:
        require("rerun")
        address = None if arguments.address is None else read_address(arguments.address)
        with console.progress("Reading and solving"), console.quiet():
            content = read_content(arguments.take, arguments.picture_width, arguments.video)
        began = time.perf_counter()
        if address is not None:
            with console.progress("Sending") as progress:
                written = send_to(address, content, progress)
            _say(console, content, written, began, ("shown at", address.text))
        elif output is not None:
            _write(console, content, output, began)
            if arguments.open:
                start_viewer(output)
        else:
            with tempfile.TemporaryDirectory(prefix="mimica-", ignore_cleanup_errors=True) as folder:
                file = Path(folder) / f"{arguments.take.stem}{SUFFIX}"
                _write(console, content, file, began)
                console.note("The viewer is open. What it shows is deleted when it is closed.")
                show(file, Path(folder) / "viewer.log")
    except ExtraMissing as error:
        raise CommandError(str(error), MISSING) from error
    except AddressError as error:
        raise CommandError(str(error), USAGE) from error
    except (ViewerError, PicturesError) as error:
        raise CommandError(str(error)) from error
    return OK


def _write(console: Console, content: Content, path: Path, began: float) -> None:
    with console.progress("Writing") as progress:
        written = write_file(path, content, progress)
    _say(console, content, written, began, ("recording", str(path)))


def _say(console: Console, content: Content, written: Written, began: float, place: tuple[str, str]) -> None:
    source = content.pictures.path.name if content.pictures is not None else ""
    console.figures(
        [
            ("images", str(written.images)),
            ("faces", f"{written.faces}, controls alone" if content.controls else str(written.faces)),
            ("pictures", f"{written.pictures} of {source}" if source else "none"),
            ("written in", f"{time.perf_counter() - began:.2f} s"),
            place,
        ]
    )

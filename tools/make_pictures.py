# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the documentation's pictures from the real program: `python3 dev.py pictures [NAME ...]`.

Needs what the desktop tests need (a Blender with a window, Xvfb, xdotool) and MIMICA_MODEL. The performer is the
sample clip, made from a public-domain photograph. A new picture is a function and a line in `SCENES`.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from mimica.tests.desktop.harness import DesktopError

from . import picture_scenes
from .picture_stage import Stage

SCENES: dict[str, Callable[[Stage], None]] = {
    "live": picture_scenes.live,
    "picture": picture_scenes.picture,
    "character": picture_scenes.character,
    "takes": picture_scenes.takes,
    "performance": picture_scenes.performance,
    "teaching": picture_scenes.teaching,
    "before_after": picture_scenes.before_after,
    "first_run": picture_scenes.first_run,
    "self_test": picture_scenes.self_test,
}
"""The file in docs/images without its ending -> what makes it."""


def main() -> int:
    """Make the pictures that are named, or all."""
    parser = argparse.ArgumentParser(prog="dev.py pictures", description="Make the pictures of docs/images.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which of {', '.join(SCENES)}; all if none is named")
    names = parser.parse_args().names or list(SCENES)
    if unknown := [name for name in names if name not in SCENES]:
        parser.error(f"there is no picture {', '.join(unknown)}; there are {', '.join(SCENES)}")
    with tempfile.TemporaryDirectory(prefix="mimica-pictures-") as folder, Stage(Path(folder)) as stage:
        failed = [name for name in names if not _made(name, stage)]
    return 1 if failed else 0


def _made(name: str, stage: Stage) -> bool:
    """Make a picture; say why if that fails, for the others can be made all the same."""
    try:
        SCENES[name](stage)
    except (DesktopError, subprocess.CalledProcessError, StopIteration, IndexError) as error:
        print(f"{name}: {error!r}", file=sys.stderr)
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the documentation's pictures from the real program: `python3 dev.py pictures [NAME ...]`.

Needs what the desktop tests need (a Blender with a window, Xvfb, xdotool) and MIMICA_MODEL. The performer is the
sample clip, made from a public-domain photograph. A new picture is a function and a line in `SCENES`.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from . import picture_scenes
from .picture_stage import Stage

SCENES: dict[str, Callable[[Stage], None]] = {
    "live": picture_scenes.live,
    "teaching": picture_scenes.teaching,
    "before_after": picture_scenes.before_after,
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
        for name in names:
            SCENES[name](stage)
    return 0


if __name__ == "__main__":
    sys.exit(main())

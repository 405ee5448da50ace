# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run measurements and print them."""

import argparse
import sys
import tempfile
from pathlib import Path

from . import (
    bake,
    everything,
    far_faces,
    helper,
    mapping,
    phone,
    picture,
    range_choice,
    recording,
    soak,
    streams,
    ten_minutes,
    tick,
    tracker,
    viewer,
)

BENCHES = {
    "tracker": tracker.run,
    "far-faces": far_faces.run,
    "tick": tick.run,
    "everything": everything.run,
    "helper": helper.run,
    "mapping": mapping.run,
    "bake": bake.run,
    "recording": recording.run,
    "picture": picture.run,
    "streams": streams.run,
    "phone": phone.run,
    "ten-minutes": ten_minutes.run,
    "viewer": viewer.run,
}
LONG = {"soak": soak.run, "range": range_choice.run}
"""Those that take options of their own and are run only when they are asked for."""


def main() -> int:
    """Run the benches named on the command line, or all."""
    parser = argparse.ArgumentParser(prog="dev.py bench", description=__doc__)
    names = ", ".join([*BENCHES, *LONG])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {names}; default: all but {', '.join(LONG)}")
    parser.add_argument("--clip", type=Path, help="a video with one face; default: the sample clip")
    arguments, options = parser.parse_known_args()
    if unknown := set(arguments.names) - set(BENCHES) - set(LONG):
        parser.error(f"there is no bench {', '.join(sorted(unknown))}")
    if options and not (len(arguments.names) == 1 and arguments.names[0] in LONG):
        parser.error(f"unknown: {' '.join(options)}")
    with tempfile.TemporaryDirectory(prefix="mimica-bench-") as folder:
        clip = arguments.clip
        if clip is None:
            from ..cli.sample import write_sample

            clip = Path(folder) / "sample.mp4"
            write_sample(clip)
        print(f"clip: {clip.name}")
        for name in arguments.names or BENCHES:
            print(f"\n## {name}")
            if name in LONG:
                LONG[name](clip, Path(folder), options)
            else:
                BENCHES[name](clip, Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything a developer does with Mimica, from a fresh clone: `python3 dev.py --help`.

Needs nothing but Python: the first command makes a virtual environment under `.cache`, with the Blender module that
fits this Python, and fetches or builds the face model. Later commands start at once.
"""

import os
import shutil
import subprocess
import sys

FITTING = ((3, 13), (3, 11))
"""The Pythons for which Blender is published as a module, the newest Blender first."""


def hand_over() -> int:
    """Run the same command with a Python that fits, or say which is needed. For Pythons without a Blender module."""
    names = " or ".join(f"{major}.{minor}" for major, minor in FITTING)
    mine = f"{sys.version_info[0]}.{sys.version_info[1]}"
    for major, minor in FITTING:
        python = shutil.which(f"python{major}.{minor}")
        # A version manager's shim may be there without the version behind it.
        if python and subprocess.call([python, "-c", ""], stderr=subprocess.DEVNULL) == 0:
            print(f"This is Python {mine}, Blender's module needs {names}: going on with {python}.", flush=True)
            return subprocess.call([python, os.path.abspath(__file__), *sys.argv[1:]])
    print(
        f"Mimica's tools need Python {names}, for which Blender is published as a module; this is Python {mine}.\n"
        f"Install one of them and run the same with it, as in:  python{FITTING[0][0]}.{FITTING[0][1]} dev.py --help",
        file=sys.stderr,
    )
    return 2


if __name__ == "__main__":
    if sys.version_info[:2] not in FITTING:
        sys.exit(hand_over())
    from tools.commands import main

    sys.exit(main())

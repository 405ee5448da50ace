# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The script that the helper process runs: it takes up its orders, makes this package importable, and captures.

Run with Python's `-I`; what can be imported is exactly what the parent process can import, in the same order.
"""

import faulthandler
import importlib
import importlib.util
import json
import os
import signal
import sys
from pathlib import Path

NAME = "mimica"
"""The package's name here, whatever Blender calls it."""


def main() -> None:
    """Read the orders from the standard input, one JSON object in the first line, and follow them."""
    # Where the parent died before, there is nothing to do. Ctrl+C in a terminal is for the parent alone.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Libraries print to the standard output: that must not get between the answers.
    answers = os.dup(1)
    try:
        os.dup2(2, 1)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if sys.stderr is not None:
        faulthandler.enable()
    commands = sys.stdin.buffer
    orders = json.loads(commands.readline())
    sys.path[:] = orders["path"]
    package = Path(__file__).resolve().parent.parent
    spec = importlib.util.spec_from_file_location(
        NAME, package / "__init__.py", submodule_search_locations=[str(package)]
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = module
    spec.loader.exec_module(module)
    helper = importlib.import_module(".capture.helper", NAME)
    helper.run(orders, commands, answers)


if __name__ == "__main__":
    main()

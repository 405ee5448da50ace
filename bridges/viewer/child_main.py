# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The script of the process that shows a take: it makes this package importable, and does what it is told.

Run with Python's `-I`; its orders are one JSON object on the standard input, its answers lines of JSON.
"""

import importlib
import importlib.util
import json
import sys
from pathlib import Path

NAME = "mimica"
"""The package's name here, whatever Blender calls it."""


def main() -> None:
    """Read the orders and follow them."""
    orders = json.loads(sys.stdin.buffer.readline())
    sys.path[:] = orders["path"]
    package = Path(__file__).resolve().parents[2]
    spec = importlib.util.spec_from_file_location(
        NAME, package / "__init__.py", submodule_search_locations=[str(package)]
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = module
    spec.loader.exec_module(module)
    sys.exit(importlib.import_module(".bridges.viewer.child", NAME).run(orders))


if __name__ == "__main__":
    main()

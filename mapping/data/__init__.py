# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables and presets shipped as JSON, read once."""

import json
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


@cache
def load_table(name: str) -> dict[str, Any]:
    """Return the shipped table `name` (file name without `.json`).

    The result is shared between callers: treat it as read-only.
    """
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))

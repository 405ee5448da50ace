# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m mimica` is the command `mimica`."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())

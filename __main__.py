# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m mimica` is the command `mimica`."""

from .cli.program import program

if __name__ == "__main__":
    program()

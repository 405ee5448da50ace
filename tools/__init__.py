# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `dev.py` is made of. Standard library only; never part of the extension."""

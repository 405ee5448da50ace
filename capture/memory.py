# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory that a capture used goes back to the system at its end."""

import ctypes
import sys


def give_back() -> None:
    """Give the system what is free of this process's memory. Any thread; takes some hundredths of a second at most.

    The C library of most Linux systems keeps what was freed, apart for each of some threads. A tracker's threads are
    new in each capture, so that the memory of one would stay beside that of the next. Elsewhere nothing is done.
    """
    if not sys.platform.startswith("linux"):
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(ctypes.c_size_t(0))

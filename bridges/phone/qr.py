# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The link to the page as a QR code: for the panel, and for a terminal. Needs segno."""

import io

import numpy as np

_BORDER = 3
"""Light modules around the code: scanners want some."""


def qr_matrix(text: str) -> np.ndarray:
    """Return the code of a text, bool (side, side), True where it is dark, with a light border."""
    import segno

    code = segno.make(text, micro=False, error="m")
    return np.array([list(row) for row in code.matrix_iter(border=_BORDER)], dtype=bool)


def qr_text(text: str) -> str:
    """Return the code of a text for a terminal, two modules to a character."""
    import segno

    out = io.StringIO()
    segno.make(text, micro=False, error="m").terminal(out, border=2, compact=True)
    return out.getvalue()

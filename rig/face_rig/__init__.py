# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create Face Rig: a face of one's own, with bones that a performance drives and an animator poses."""

from .create import FaceRig, create_face_rig

__all__ = ["FaceRig", "create_face_rig"]

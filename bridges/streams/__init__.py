# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faces as streams of controls, to and from other programs over UDP. Works without Blender."""

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that makes, binds, poses and keys characters in Blender."""

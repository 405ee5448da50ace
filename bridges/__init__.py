# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""To and from other programs and devices: phones as cameras, streams, viewers. Works without Blender."""

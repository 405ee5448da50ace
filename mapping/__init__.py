# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From tracked faces to motion: face space, calibration, controls, filters. Arrays in and out; never imports bpy."""

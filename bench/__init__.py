# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measurements: `python3 dev.py bench [NAME ...]`. Figures are medians of one run; compare ratios, not machines."""

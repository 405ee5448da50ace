# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look into takes and captures with Rerun, a viewer for data over time. Needs the package rerun-sdk, imported late."""

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Phones and other computers as cameras: a page over HTTPS on the local network, its video over WebRTC."""

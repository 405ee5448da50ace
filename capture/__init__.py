# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a camera, a file or a stream to face frames, live and on disk. Never imports bpy."""

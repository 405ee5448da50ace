# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sphinx's settings for the site: plain pages that work from a folder without a network. Build: `python3 dev.py docs`.

The pages are Markdown as GitHub shows it too. The list of links on the first page is the site's navigation.
"""

import re
import tomllib
from pathlib import Path

from sphinx.application import Sphinx

FOLDER = Path(__file__).parent

project = "Mimica"
copyright = "2026 Mimica authors, GPL-3.0-or-later"
version = release = tomllib.loads((FOLDER.parent / "blender_manifest.toml").read_text("utf-8"))["version"]

extensions = ["myst_parser"]
myst_heading_anchors = 4
# A command's two dashes stay two dashes.
smartquotes = False
# Without an internet connection, and on the machine that builds it, links to elsewhere are not looked at.
nitpicky = True
exclude_patterns = ["images"]

html_theme = "furo"
html_title = f"Mimica {release}"
html_copy_source = False
html_show_sourcelink = False
html_use_index = False
# The short texts beside what was found would be fetched, which browsers do not do from a folder.
html_show_search_summary = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#9a4d1c", "color-brand-content": "#9a4d1c"},
    "dark_css_variables": {"color-brand-primary": "#f0a267", "color-brand-content": "#f0a267"},
}


def _add_navigation(_app: Sphinx, name: str, source: list[str]) -> None:
    if name == "index":
        pages = re.findall(r"^- \[([^\]]+)\]\((\w+)\.md\)", source[0], re.MULTILINE)
        entries = "\n".join(f"{title} <{page}>" for title, page in pages)
        source[0] += f"\n```{{toctree}}\n:hidden:\n\n{entries}\n```\n"


def setup(app: Sphinx) -> None:
    """Give the first page's links to Sphinx as its navigation."""
    app.connect("source-read", _add_navigation)

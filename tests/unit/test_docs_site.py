# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation: links and places in the Markdown, the page of the command line, and the built site."""

import importlib.util
import json
import re
import sys
from pathlib import Path

import pytest

from mimica.rig import help_pages
from mimica.tools import docs_site, make_cli_page

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
BUILDABLE = all(importlib.util.find_spec(name) for name in ("sphinx", "myst_parser", "furo"))


def places(page: Path) -> set[str]:
    """The places of a page as GitHub names them."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def broken(page: Path) -> list[str]:
    """The links of a page that lead nowhere in the checkout."""
    found = []
    for link in LINK.findall(page.read_text("utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        name, _sign, place = link.partition("#")
        target = page.parent / name if name else page
        if not target.exists() or (place and place not in places(target)):
            found.append(link)
    return found


def test_links_lead_somewhere(root: Path) -> None:
    pages = [*root.glob("*.md"), *(root / "docs").glob("*.md")]
    assert {page.name: links for page in pages if (links := broken(page))} == {}


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "a.md"
    page.write_text("# One, two\n[x](#one-two) [y](#three) [z](b.md) ![w](c.png) [v](https://example.org)\n")
    assert broken(page) == ["#three", "b.md", "c.png"]


def test_every_page_is_in_the_navigation(root: Path) -> None:
    listed = re.findall(r"^- \[[^\]]+\]\((\w+)\.md\)", (root / "docs" / "index.md").read_text("utf-8"), re.MULTILINE)
    assert sorted([*listed, "index"]) == sorted(page.stem for page in (root / "docs").glob("*.md"))


def test_help_leads_to_places_that_are_there(root: Path) -> None:
    table = json.loads((root / "ui" / "help_pages.json").read_text("utf-8"))
    for page in {page for part in table.values() for page in part.values()}:
        name, _sign, place = page.partition("#")
        markdown = root / "docs" / f"{name}.md"
        assert markdown.is_file() and (not place or place in places(markdown)), page
        # A checkout has the Markdown alone.
        assert help_pages.help_file(page, root) == markdown


def test_the_site_comes_before_the_markdown(tmp_path: Path) -> None:
    assert help_pages.help_file("takes#sound", tmp_path) is None
    (tmp_path / "help" / "at").mkdir(parents=True)
    entrance = tmp_path / "help" / "at" / "takes--sound.html"
    entrance.write_text("")
    assert help_pages.help_file("takes#sound", tmp_path) == entrance


def test_the_command_line_page_is_that_of_the_parser() -> None:
    text = make_cli_page.PAGE.read_text("utf-8")
    assert make_cli_page.page_text(text) == text, "run: python -m mimica.tools.make_cli_page"


@pytest.mark.skipif(not BUILDABLE, reason="needs the extra `docs`")
def test_the_site_needs_no_network(root: Path) -> None:
    site = docs_site.ensure_site(Path(sys.executable))
    assert docs_site.check_site(site) == []
    pages = {page.stem for page in (root / "docs").glob("*.md")}
    assert {f"{page}.html" for page in pages} <= set(docs_site.site_files(site))
    assert sum((site / name).stat().st_size for name in docs_site.site_files(site)) < 4e6
    table = json.loads((root / "ui" / "help_pages.json").read_text("utf-8"))
    for page in {page for part in table.values() for page in part.values()}:
        entrance = site / help_pages.entrance(page)
        assert entrance.is_file()
        if "#" in page:
            name, place = page.split("#")
            assert f"../{name}.html#{place}" in entrance.read_text("utf-8")


@pytest.mark.parametrize(
    "line",
    [
        '<script src="https://cdn.example.org/x.js"></script>',
        '<link rel="stylesheet" href="//fonts.example.org/css?family=Inter">',
        "<style>@import url(https://example.org/a.css);</style>",
        '<img alt="" src="http://example.org/pixel.gif">',
        '<img src="gone.png">',
    ],
)
def test_what_a_page_would_load_from_elsewhere_is_found(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.html").write_text(f'<a href="https://example.org">fine</a><link rel="next" href="b.html">{line}')
    assert len(docs_site.check_site(tmp_path)) == 1

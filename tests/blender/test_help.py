# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Help: every panel has its question mark and every button its page; pressing opens a file in the browser."""

import urllib.parse
import urllib.request
import webbrowser
from collections.abc import Iterator
from pathlib import Path

import bpy
import pytest

import mimica
from mimica.operators import help as help_operator
from mimica.ui import help as help_marks


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    mimica.register()
    yield
    mimica.unregister()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was to be shown in the browser."""
    addresses: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: addresses.append(address) or True)
    return addresses


def path_of(address: str) -> Path:
    parts = urllib.parse.urlsplit(address)
    assert parts.scheme == "file" and not parts.fragment
    return Path(urllib.request.url2pathname(parts.path))


def our_panels() -> list[type]:
    names = [name for name in dir(bpy.types) if "_PT_mimica" in name]
    assert len(names) > 20
    return [getattr(bpy.types, name) for name in names]


def test_every_panel_has_a_page_and_a_question_mark() -> None:
    assert [panel.__name__ for panel in our_panels() if help_marks.page_of(panel.__name__) is None] == []
    assert [panel.__name__ for panel in our_panels() if not hasattr(panel, "draw_header_preset")] == []


def test_the_table_has_no_panels_that_are_gone() -> None:
    assert set(help_marks._table()["panels"]) <= {panel.__name__ for panel in our_panels()}


def test_a_sub_panel_without_a_page_has_its_parents() -> None:
    assert help_marks.page_of("VIEW3D_PT_mimica_bake_keys") == help_marks.page_of("VIEW3D_PT_mimica_bake")
    assert help_marks.page_of("VIEW3D_PT_tools_active") is None


def test_the_question_marks_are_taken_back() -> None:
    mapping, bake = bpy.types.VIEW3D_PT_mimica_mapping, bpy.types.VIEW3D_PT_mimica_bake
    mimica.unregister()
    try:
        assert mapping.draw_header_preset.__module__ == mapping.__module__, "its own is as it was"
        assert "draw_header_preset" not in bake.__dict__
        assert not [page for _prefix, pages in bpy.utils.manual_map() for button, page in pages if "mimica" in button]
    finally:
        mimica.register()


def test_help_opens_the_page_of_a_checkout(opened: list[str], root: Path) -> None:
    assert bpy.ops.mimica.help(page="takes#sound") == {"FINISHED"}
    assert [path_of(address) for address in opened] == [root / "docs" / "takes.md"]


def test_help_opens_the_site(opened: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entrance = tmp_path / "help" / "at" / "takes--sound.html"
    entrance.parent.mkdir(parents=True)
    entrance.write_text("")
    monkeypatch.setattr(help_operator, "EXTENSION_FOLDER", tmp_path)
    assert bpy.ops.mimica.help(page="takes#sound") == {"FINISHED"}
    assert [path_of(address) for address in opened] == [entrance]


def test_no_browser_and_no_page_are_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda _address: False)
    with pytest.raises(RuntimeError, match=r"No browser .*takes\.md"):
        bpy.ops.mimica.help(page="takes")
    monkeypatch.setattr(help_operator, "EXTENSION_FOLDER", tmp_path)
    with pytest.raises(RuntimeError, match="not there"):
        bpy.ops.mimica.help(page="takes")


@pytest.mark.parametrize(
    ("button", "page"),
    [
        ("mimica.bake", "takes"),
        ("mimica.teach_learn", "characters"),
        ("MimicaScene.field_of_view", "capture"),
        ("MimicaEntry.gain", "characters"),
        ("mimica.help", "index"),
        ("mimica.set_neutral", "calibrate"),
    ],
)
def test_online_manual_leads_to_the_page(opened: list[str], root: Path, button: str, page: str) -> None:
    bpy.ops.wm.doc_view_manual(doc_id=button)
    assert [path_of(address) for address in opened] == [root / "docs" / f"{page}.md"]

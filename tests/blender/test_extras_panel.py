# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What panels show where optional packages are missing, and the ways to get them."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

import mimica
from mimica.bridges import extras as table
from mimica.rig import extras
from mimica.ui.extras import draw_missing


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    extras._missing.cache_clear()
    mimica.register()
    yield
    mimica.unregister()
    extras._missing.cache_clear()


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Modules that are not installed; empty at first."""
    names: set[str] = set()
    monkeypatch.setattr(table, "find_spec", lambda name: None if name in names else object())
    return names


class Layout:
    """What is drawn, as lines and as (operator, its properties)."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.operators: dict[str, SimpleNamespace] = {}

    def box(self, **_options: object) -> "Layout":
        return self

    column = box

    def label(self, *, text: str, **_options: object) -> None:
        self.texts.append(text)

    def operator(self, name: str, **_options: object) -> SimpleNamespace:
        return self.operators.setdefault(name, SimpleNamespace())


@pytest.fixture
def layout(monkeypatch: pytest.MonkeyPatch) -> Layout:
    system = SimpleNamespace(ui_scale=1.0)
    context = SimpleNamespace(region=SimpleNamespace(width=2000), preferences=SimpleNamespace(system=system))
    monkeypatch.setattr("mimica.ui.extras.bpy", SimpleNamespace(context=context))
    return Layout()


@pytest.mark.parametrize("key", table.EXTRAS)
def test_nothing_is_drawn_where_all_is_there(key: str, absent: set[str], layout: Layout) -> None:
    assert not draw_missing(layout, key)
    assert layout.texts == [] and layout.operators == {}


def test_what_is_missing_is_named_with_what_installs_it(absent: set[str], layout: Layout) -> None:
    absent |= {"aiortc", "segno"}
    assert draw_missing(layout, "phone")
    said = " ".join(layout.texts)
    assert "Phone as Camera" in said and "Not installed: aiortc, segno." in said and "mimica_phone" in said
    assert set(layout.operators) == {"mimica.install_extra", "mimica.copy_pip_line"}
    assert layout.operators["mimica.copy_pip_line"].key == "phone"


def test_no_way_is_offered_where_numpy_is_too_old(
    absent: set[str], layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent.add("rerun")
    monkeypatch.setattr(extras.np, "__version__", "1.26.4")
    assert draw_missing(layout, "rerun")
    assert "Blender 5.1" in " ".join(layout.texts) and layout.operators == {}
    monkeypatch.setattr(extras.np, "__version__", "2.3.4")
    assert draw_missing(layout, "rerun") and layout.operators


def test_packages_are_looked_for_again_when_an_add_on_comes_or_goes(
    absent: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    enabled = {"mimica": None}
    preferences = SimpleNamespace(addons=enabled)
    monkeypatch.setattr(extras, "bpy", SimpleNamespace(context=SimpleNamespace(preferences=preferences)))
    absent.add("onnxruntime")
    assert extras.missing("detector") == ("onnxruntime",)
    absent.clear()
    assert extras.missing("detector") == ("onnxruntime",), "looked for at every redraw"
    enabled["bl_ext.user_default.mimica_detector"] = None
    assert extras.missing("detector") == ()


def test_the_line_for_pip_is_for_this_python_and_these_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    own = Path(sys.prefix)
    monkeypatch.setattr(sys, "executable", "another_python")
    line = extras.pip_line("phone")
    assert line.startswith(f'"{own}') and " -m pip install aiohttp==" in line
    assert line.split()[-5:] == [requirement for _, requirement in table.EXTRAS["phone"].modules]
    assert bpy.ops.mimica.copy_pip_line(key="phone") == {"FINISHED"}
    with pytest.raises(RuntimeError, match="no optional part 'nothing'"):
        bpy.ops.mimica.copy_pip_line(key="nothing")


def test_the_dialog_is_blenders_own(monkeypatch: pytest.MonkeyPatch) -> None:
    bpy.ops.preferences.addon_enable(module="bl_pkg")
    assert bpy.ops.mimica.install_extra.poll()
    calls: list[str] = []
    ops = SimpleNamespace(extensions=SimpleNamespace(package_install_files=calls.append))
    from mimica.operators import extras as operators

    monkeypatch.setattr(operators, "bpy", SimpleNamespace(ops=ops, types=bpy.types))
    assert bpy.ops.mimica.install_extra() == {"FINISHED"}
    assert calls == ["INVOKE_DEFAULT"]
    monkeypatch.setattr(operators, "bpy", SimpleNamespace(ops=ops, types=SimpleNamespace()))
    assert not bpy.ops.mimica.install_extra.poll()

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps texts translatable: shown ones are literals, and translations have the values of the original."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mimica.tools import strings

ROOT = Path(__file__).resolve().parents[2]
CATALOGS = sorted((ROOT / "ui" / "translations").glob("*.json"))
SHOWN = {"text", "title", "message", "confirm_text", "heading"}
SAYING = {"report", "poll_message_set", "say", "draw_sentence"}


def formatted(tree: ast.AST) -> list[int]:
    """Lines of f-strings with words that are shown as they are, so that no language has them."""
    found = set()
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    for scope in functions or [tree]:
        assigned: dict[str, list[ast.AST]] = {}
        for node in ast.walk(scope):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                assigned.setdefault(node.targets[0].id, []).append(node.value)
        for value in _shown(scope):
            for node in _branches(value, assigned):
                if isinstance(node, ast.JoinedStr) and re.search("[A-Za-z]{3}", _words(node)):
                    found.add(node.lineno)
    return sorted(found)


def _shown(scope: ast.AST) -> Iterator[ast.AST]:
    for call in (node for node in ast.walk(scope) if isinstance(node, ast.Call)):
        function = call.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        yield from (keyword.value for keyword in call.keywords if keyword.arg in SHOWN)
        yield from call.args if name in SAYING else ()


def _branches(node: ast.AST, assigned: dict[str, list[ast.AST]]) -> Iterator[ast.AST]:
    if isinstance(node, ast.IfExp):
        yield from _branches(node.body, assigned)
        yield from _branches(node.orelse, assigned)
    elif isinstance(node, ast.Name):
        for value in assigned.get(node.id, ()):
            if not isinstance(value, ast.Name):
                yield from _branches(value, assigned)
    else:
        yield node


def _words(node: ast.JoinedStr) -> str:
    return " ".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))


@pytest.mark.parametrize(
    "path", sorted([*(ROOT / "ui").glob("*.py"), *(ROOT / "operators").glob("*.py")]), ids=lambda path: path.stem
)
def test_shown_texts_are_literals(path: Path) -> None:
    assert formatted(ast.parse(path.read_text("utf-8"))) == [], "use say() of rig/language.py"


@pytest.mark.parametrize("path", sorted((ROOT / "operators").glob("*.py")), ids=lambda path: path.stem)
def test_reasons_for_grey_buttons_are_translated(path: Path) -> None:
    """Blender does not look them up itself."""
    plain = [
        call.lineno
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "poll_message_set"
        and not (isinstance(call.args[0], ast.Call) and getattr(call.args[0].func, "id", "") in ("say", "sentence"))
    ]
    assert plain == [], "poll_message_set(say(...))"


def test_a_formatted_text_is_found() -> None:
    tree = ast.parse('layout.label(text=f"{n} frames" if n else "None")\nself.report({"INFO"}, f"Saved: {path}")')
    assert formatted(tree) == [1, 2]
    assert formatted(ast.parse('layout.label(text=f"{seconds:.1f} s", translate=False)')) == []
    function = 'def draw(layout):\n    text = f"{n} frames"\n    layout.label(text=text)'
    assert formatted(ast.parse(function)) == [2]


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.stem)
class TestCatalog:
    def test_values_are_those_of_the_original(self, path: Path) -> None:
        assert strings.mismatched(json.loads(path.read_text("utf-8"))) == []

    def test_is_kept_in_order(self, path: Path) -> None:
        """So that two people's changes do not meet on the last line."""
        text = path.read_text("utf-8")
        assert text == json.dumps(json.loads(text), indent=1, ensure_ascii=False, sort_keys=True) + "\n"

    def test_nothing_is_empty(self, path: Path) -> None:
        catalog = json.loads(path.read_text("utf-8"))
        assert [
            msgid for msgid, text in catalog.items() if not text or (isinstance(text, str) and not text.strip())
        ] == []


def test_other_values_are_found() -> None:
    right = {"{n} of {0}": "{0}: {n}", "{x:.1f} s": "{x:.1f} s", "Record": {"Operator": "Aufnehmen", "*": "Aufnahme"}}
    assert strings.mismatched(right) == []
    wrong = {"{n} frames": "{m} Bilder", "{x:.1f} s": "{x} s", "{0}": "nichts", "a {b": "a {b", "Stop": {"*": "{0}"}}
    assert strings.mismatched(wrong) == list(wrong)

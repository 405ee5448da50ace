# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every text that a user of the extension can read, and how far each language has it.

    python -m mimica.tools.strings                    what each language lacks, and what it has in vain
    python -m mimica.tools.strings --missing de       a file with what German lacks, to be filled in
    python -m mimica.tools.strings --list strings.json    all texts and where they stand

Texts come from three places: what is registered with Blender (names and descriptions), the source (literals that are
shown or that read like a sentence), and tables of data. Needs Blender's module.
"""

import argparse
import ast
import json
import re
import string
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("bridges", "capture", "mapping", "operators", "rig", "ui")
SHOWN_KEYWORDS = {"text", "title", "message", "confirm_text", "heading", "name", "description", "bl_label"}
"""Arguments whose literals are shown, however short they are."""
SHOWN_FUNCTIONS = {"say", "later", "sentence", "draw_sentence", "report", "poll_message_set", "Check"}
"""Functions whose texts are shown, however short they are."""
QUIET_FUNCTIONS = {
    "debug",
    "info",
    "warning",
    "exception",
    "error",
    "getLogger",
    "add_argument",
    "ArgumentParser",
    "compile",
}
"""Functions whose texts are for the log or the command line."""
QUIET_ERRORS = {
    "AssertionError",
    "AttributeError",
    "ConnectionError",
    "IndexError",
    "KeyError",
    "MessageError",
    "NotImplementedError",
    "RuntimeError",
    "TypeError",
    "ValueError",
}
"""Errors that only another part of the program meets."""
QUIET_FILES = {"bridges/viewer/layout.py", "capture/helper_main.py", "ui/region_properties.py"}
"""Files whose texts are for a console or another program, or are all registered with Blender."""
DETAILED_FILES = re.compile(r"(capture|rig)/self_test\w*\.py")
"""Files with details for bug reports, which are in English: only their sentences and titles are shown."""
SENTENCE_ENDS = (".", "?")
NAMES = re.compile(
    r"(Mimica|Rigify)( [A-Z]\w+)?|Basis|Lids on Eyes|Look at Target|MediaPipe Face Landmarker|Live Link Face|"
    r"Audio2Face|\{0\} (Hand Keys|Converted|Camera|Key)|.*_OT_.*|[A-Z]"
)
"""Names, of what is made in a file among them: they stay as they are."""
_WORD = re.compile(r"[A-Za-z][a-z'’]+")
_CODE = re.compile(
    r"^\S*[_\[/]\S*$|^\S*\.\w\S*$|[=\\|]|<\w|SELECT |INSERT |PRAGMA |CREATE |UPDATE |DELETE FROM|::|\w\[\w|\w\.\w+\["
)
_IDENTIFIER = re.compile(r"[a-z]\w*|mimica[ -].*")
"""What has no name is called by its identifier; threads and ARKit's shapes have names that nobody translates."""

Texts = dict[str, list[str]]
"""By English text, where it stands: "ui/takes.py:24"."""


def collect() -> Texts:
    """Return all texts. Registers the extension with Blender's module and takes it back."""
    found: Texts = {}
    for text, where in (*_registered(), *_written(), *_tabled()):
        if not NAMES.fullmatch(text) and _WORD.search(text):
            places = found.setdefault(text, [])
            if where not in places:
                places.append(where)
    return dict(sorted(found.items()))


def _registered() -> Iterator[tuple[str, str]]:
    """Names and descriptions of what Blender knows of the extension."""
    import bpy

    import mimica

    mimica.register()
    try:
        kinds = (
            bpy.types.AddonPreferences,
            bpy.types.FileHandler,
            bpy.types.Menu,
            bpy.types.Operator,
            bpy.types.Panel,
            bpy.types.PropertyGroup,
            bpy.types.UIList,
        )
        for cls in sorted({c for kind in kinds for c in _below(kind)}, key=lambda c: c.__name__):
            if cls.__module__.startswith("mimica.") and getattr(cls, "is_registered", False):
                yield from _of_class(cls, f"{cls.__module__.removeprefix('mimica.').replace('.', '/')}.py")
    finally:
        mimica.unregister()


def _below(cls: type) -> Iterator[type]:
    for child in cls.__subclasses__():
        yield child
        yield from _below(child)


def _of_class(cls: Any, where: str) -> Iterator[tuple[str, str]]:
    if hasattr(cls, "bl_label"):
        yield cls.bl_label, where
        yield getattr(cls, "bl_description", "") or "", where
    ours = [base for base in cls.__mro__ if base.__module__.startswith("mimica.")]
    own = {name for base in ours for name in getattr(base, "__annotations__", {})}
    for item in _rna(cls).properties:
        if item.identifier not in own or item.is_hidden:
            continue
        choices = item.enum_items_static if item.type == "ENUM" else ()
        for named in (item, *choices):
            if not _IDENTIFIER.fullmatch(named.name):
                yield named.name, where
            yield named.description, where


def _rna(cls: Any) -> Any:
    """What Blender knows of a class: an operator's properties are those of its type, not of the class."""
    import bpy

    module, _, name = getattr(cls, "bl_idname", "").partition(".")
    return getattr(getattr(bpy.ops, module), name).get_rna_type() if issubclass(cls, bpy.types.Operator) else cls.bl_rna


def _written() -> Iterator[tuple[str, str]]:
    """Literals of the source."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if name not in QUIET_FILES:
                for text, line, shown in _Literals().of(ast.parse(path.read_text("utf-8"))):
                    if shown or not DETAILED_FILES.fullmatch(name) or text.endswith(SENTENCE_ENDS):
                        yield text, f"{name}:{line}"


class _Literals(ast.NodeVisitor):
    """Finds the texts of a module."""

    def __init__(self) -> None:
        self._found: list[tuple[str, int, bool]] = []
        self._shown = False
        self._names: set[str] = set()
        """Variables of the function being read that are shown later."""

    def of(self, tree: ast.AST) -> list[tuple[str, int, bool]]:
        """Return texts, their lines, and whether they are shown for certain."""
        self.visit(tree)
        return self._found

    def visit_Expr(self, node: ast.Expr) -> None:
        # A string that stands alone is a comment.
        if not isinstance(node.value, ast.Constant):
            self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        outer, self._names = self._names, {value.id for value in _given(node) if isinstance(value, ast.Name)}
        self.generic_visit(node)
        self._names = outer

    def visit_Assign(self, node: ast.Assign) -> None:
        target = node.targets[0]
        self.visit(target)
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            for name, value in zip(target.elts, node.value.elts, strict=False):
                self._visit(value, isinstance(name, ast.Name) and name.id in self._names)
        else:
            self._visit(node.value, isinstance(target, ast.Name) and target.id in self._names)

    def visit_Raise(self, node: ast.Raise) -> None:
        if not (isinstance(node.exc, ast.Call) and _name(node.exc.func) in QUIET_ERRORS):
            self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = _name(node.func)
        if name in QUIET_FUNCTIONS:
            return
        self.visit(node.func)
        for argument in node.args:
            self._visit(argument, name in SHOWN_FUNCTIONS and not isinstance(argument, ast.Set))
        for keyword in node.keywords:
            if keyword.arg in ("name", "description") and isinstance(keyword.value, ast.JoinedStr):
                # What is registered with Blender is read there, with its values.
                continue
            value = keyword.value
            if isinstance(value, ast.Constant) and isinstance(value.value, str) and _IDENTIFIER.fullmatch(value.value):
                continue
            self._visit(value, keyword.arg in SHOWN_KEYWORDS and name != "say")

    def visit_Tuple(self, node: ast.Tuple) -> None:
        # ("NAME", "Name", "By name"): an item of an enumeration.
        texts = [item.value for item in node.elts if isinstance(item, ast.Constant) and isinstance(item.value, str)]
        is_item = len(texts) >= 2 and len(node.elts) >= 3 and bool(re.fullmatch(r"[A-Z][A-Z0-9_]*", texts[0]))
        for i, item in enumerate(node.elts):
            self._visit(item, is_item and 0 < i < 3)

    def visit_Assert(self, node: ast.Assert) -> None:
        return

    def visit_Dict(self, node: ast.Dict) -> None:
        for key in node.keys:
            if key is not None:
                self._visit(key, False)
        for value in node.values:
            self.visit(value)

    def visit_Compare(self, node: ast.Compare) -> None:
        return

    def visit_Subscript(self, node: ast.Subscript) -> None:
        self.visit(node.value)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and (_is_shown(node.value) if self._shown else _reads_like_text(node.value)):
            self._found.append((node.value.strip(), node.lineno, self._shown))

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        template, number = "", 0
        for value in node.values:
            if isinstance(value, ast.Constant):
                template += str(value.value).replace("{", "{{").replace("}", "}}")
            else:
                template += f"{{{number}}}"
                number += 1
                if isinstance(value, ast.FormattedValue):
                    self._visit(value.value, False)
        words = re.sub(r"\{\d+\}", "", template)
        least = 1 if words.endswith(SENTENCE_ENDS) else 2
        if (_is_shown(words) if self._shown else _reads_like_text(words, least)) and "{{" not in template:
            # One that goes on behind another sentence begins with a space.
            self._found.append((template.strip(), node.lineno, self._shown))

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self.visit(node.body)
        self.visit(node.orelse)

    def _visit(self, node: ast.AST, shown: bool) -> None:
        before, self._shown = self._shown, shown
        self.visit(node)
        self._shown = before


def _given(function: ast.AST) -> Iterator[ast.AST]:
    """What a function's calls show."""
    for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
        yield from (keyword.value for keyword in call.keywords if keyword.arg in SHOWN_KEYWORDS - {"name"})
        yield from call.args if _name(call.func) in SHOWN_FUNCTIONS else ()


def _name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _is_shown(text: str) -> bool:
    return bool(_WORD.search(text)) and not _CODE.search(text)


def _reads_like_text(text: str, least: int = 0) -> bool:
    """Whether a literal is meant to be read: several words, or a sentence's beginning."""
    if _CODE.search(text) or "\n" in text or text.startswith("mimica"):
        return False
    words = _WORD.findall(text)
    return " " in text.strip() and len(words) >= (least or (2 if text[:1].isupper() else 3))


def _tabled() -> Iterator[tuple[str, str]]:
    """Texts of tables of data."""
    from mimica.mapping import teaching
    from mimica.mapping.data import load_table

    where = "mapping/data/health.json"
    for rule in load_table("health")["rules"]:
        yield re.sub(r"\{[^}]*\}", "{0}", rule["say"]), where
    poses = load_table("range_poses")
    for pose in (poses["neutral"], *poses["poses"], *poses["more"]):
        yield pose["name"], "mapping/data/range_poses.json"
        yield pose["say"], "mapping/data/range_poses.json"
    for feel in load_table("feel_presets")["presets"].values():
        yield feel["name"], "mapping/data/feel_presets.json"
        yield feel["description"], "mapping/data/feel_presets.json"
    for expression in teaching.expressions():
        yield expression.label, "mapping/data/teaching.json"
        yield expression.say, "mapping/data/teaching.json"
    path = ROOT / "capture" / "camera_reasons.json"
    for reasons in json.loads(path.read_text("utf-8")).values():
        for reason in reasons.values() if isinstance(reasons, dict) else ():
            for text in (reason["sentence"], *reason["advice"]):
                for number, field in enumerate(re.findall(r"\{\w+\}", text)):
                    text = text.replace(field, f"{{{number}}}")
                yield text, "capture/camera_reasons.json"


def missing(texts: Texts, catalog: dict[str, Any]) -> list[str]:
    """Return the texts that a language lacks."""
    return [text for text in texts if not catalog.get(text)]


def dead(texts: Texts, catalog: dict[str, Any]) -> list[str]:
    """Return the texts of a language that nothing says any more."""
    return [text for text in catalog if text not in texts]


def mismatched(catalog: dict[str, Any]) -> list[str]:
    """Return the texts of a language whose translation has other placeholders."""
    wrong = []
    for text, translation in catalog.items():
        for one in translation.values() if isinstance(translation, dict) else (translation,):
            try:
                if _formats(one) != _formats(text):
                    wrong.append(text)
            except ValueError:
                wrong.append(text)
    return wrong


def _formats(text: str) -> set[tuple[str, str]]:
    return {(name, form or "") for _, name, form, _ in string.Formatter().parse(text) if name is not None}


def main() -> int:
    """Print, or write, what is asked for. 0: all languages have all texts."""
    from mimica.ui import languages

    parser = argparse.ArgumentParser(description="The texts of the extension, and their translations.")
    parser.add_argument("--missing", metavar="LANGUAGE", help="print a file with what the language lacks")
    parser.add_argument("--list", type=Path, metavar="FILE", help="write all texts and where they stand")
    arguments = parser.parse_args()
    texts = collect()
    if arguments.list:
        arguments.list.write_text(json.dumps(texts, indent=1, ensure_ascii=False) + "\n", "utf-8")
        return 0
    if arguments.missing:
        lacking = {text: "" for text in missing(texts, languages.read(arguments.missing))}
        print(json.dumps(lacking, indent=1, ensure_ascii=False))
        return 0
    incomplete = False
    print(f"{len(texts)} texts")
    for name in languages.LANGUAGES:
        catalog = languages.read(name)
        faults = {"missing": missing(texts, catalog), "dead": dead(texts, catalog), "placeholders": mismatched(catalog)}
        print(f"{name}: " + ", ".join(f"{len(those)} {fault}" for fault, those in faults.items()))
        for fault, those in faults.items():
            for text in those[:20]:
                print(f"  {fault}: {text}")
        incomplete |= any(faults.values())
    return int(incomplete)


if __name__ == "__main__":
    sys.exit(main())

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may import whom, read from the source: nothing is imported, so it holds without Blender too."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mimica.bridges.extras import EXTRAS

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("bridges", "capture", "cli", "mapping", "operators", "rig", "ui")
HEAVY = {"cv2", "mediapipe", "scipy", "cv2_enumerate_cameras", "sounddevice"} | {
    module for extra in EXTRAS.values() for module, _ in extra.modules
}
"""Slow to load: only inside functions, so that enabling the add-on costs nothing."""
BLENDER = {"bpy", "mathutils", "gpu", "blf", "bl_ui", "bl_operators", "bpy_extras", "addon_utils", "bmesh"}

ALLOWED: dict[str, tuple[str, ...]] = {
    "bridges": ("bridges", "capture", "mapping"),
    "capture": ("capture", "mapping.frame"),
    "mapping": ("mapping",),
    "rig": ("rig", "mapping", "bridges.extras"),
    "operators": ("operators", "rig", "mapping", "capture", "bridges"),
    "ui": ("ui", "rig", "bridges.extras"),
    "cli": ("cli", "rig", "mapping", "capture", "bridges"),
    "__init__": ("operators", "ui", "rig", "cli"),
    "__main__": ("cli",),
}
"""What a package, or a module of the root, may import of this project."""
ALLOWED_BESIDES: dict[str, tuple[str, ...]] = {
    "capture.onnx_detector": ("bridges.extras",),
    "rig.live": ("capture",),
    "rig.phone": ("bridges.phone", "capture.devices", "capture.tracker"),
    "rig.recording": ("capture",),
    "rig.recorder": ("capture.timeline_fit",),
    "rig.take_place": ("capture.take_schema",),
    "rig.performances": ("capture.take", "capture.control_takes"),
    "rig.baked_sliders": ("capture.take",),
    "rig.cameras": ("capture.camera", "capture.camera_reasons", "capture.source"),
    "rig.microphone": ("capture.microphone",),
    "rig.sound": ("capture.take_schema",),
    "rig.export_job": ("capture.take_schema",),
    "rig.layers": ("capture.take_span",),
    "rig.self_test": ("capture.self_test",),
    "rig.extras": ("capture.helper_start",),
    "rig.viewer": ("bridges.viewer", "capture.helper_start"),
    "rig.streams": ("bridges.streams", "capture.take"),
}
"""What single modules may: the live session captures and records, and what is baked again is read from its take."""


@dataclass(frozen=True)
class Import:
    module: str
    """Dotted, from the project's root ("mapping.frame"), or the foreign package's name."""
    own: bool
    line: int
    at_module_level: bool


def source_files() -> list[Path]:
    files = [path for path in ROOT.glob("*.py") if path.name != "dev.py"]
    for package in PACKAGES:
        files += (ROOT / package).rglob("*.py")
    return sorted(files)


def all_python_files() -> list[Path]:
    hidden = {"build", "dist", "out", "wheels"}
    return sorted(
        path
        for path in ROOT.rglob("*.py")
        if not any(part.startswith(".") or part in hidden for part in path.relative_to(ROOT).parts)
    )


def name_of(path: Path) -> str:
    """The dotted name of a module, from the project's root."""
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    if parts[-1] == "__init__" and len(parts) > 1:
        parts.pop()
    return ".".join(parts)


def imports_of(path: Path) -> list[Import]:
    package = list(path.relative_to(ROOT).parts[:-1])

    def walk(node: ast.AST, at_module_level: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                # Never run; the layers hold for types all the same.
                for statement in child.body:
                    yield from walk(ast.Module([statement], []), False)
                for statement in child.orelse:
                    yield from walk(ast.Module([statement], []), at_module_level)
            elif isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(alias.name, False, child.lineno, at_module_level)
            elif isinstance(child, ast.ImportFrom):
                if child.level == 0:
                    yield Import(child.module or "", False, child.lineno, at_module_level)
                    continue
                base = package[: len(package) - (child.level - 1)]
                for alias in child.names:
                    # "from ..mapping import frame" may name a module: keep the longer name, it is the stricter one.
                    own = [*base, *(child.module or "").split("."), alias.name]
                    yield Import(".".join(part for part in own if part), True, child.lineno, at_module_level)
            else:
                inside = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
                yield from walk(child, at_module_level and not inside)

    return list(walk(ast.parse(path.read_text("utf-8"), str(path)), True))


def within(module: str, allowed: tuple[str, ...]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in allowed)


def violations(path: Path) -> list[str]:
    name = name_of(path)
    package = name.split(".")[0]
    allowed = ALLOWED.get(package)
    if allowed is None:
        return [f"{name}: no rule for a module of the root"]
    allowed += ALLOWED_BESIDES.get(name, ())
    found = []
    for item in imports_of(path):
        top = item.module.split(".")[0]
        where = f"{name}:{item.line}: imports {item.module}"
        if item.own:
            if item.module != "__package__" and not within(item.module, allowed):
                found.append(f"{where}, which {package} may not")
            if package == "__init__" and item.at_module_level:
                found.append(f"{where} at module level; the root imports inside register()")
            continue
        if top == "mimica" or (ROOT / top / "__init__.py").exists():
            found.append(f"{where} by an absolute name; an extension's own name differs from machine to machine")
        if top in BLENDER and package in ("bridges", "capture", "mapping"):
            found.append(f"{where}; {package} works without Blender")
        if top in HEAVY and item.at_module_level:
            found.append(f"{where} at module level; it is slow to load")
        if package == "__init__" and item.at_module_level:
            found.append(f"{where} at module level; the root imports inside register()")
        if top in BLENDER and item.at_module_level and package in ("cli", "__main__"):
            found.append(f"{where} at module level; `mimica solve` works without Blender")
    return found


@pytest.mark.parametrize("path", source_files(), ids=name_of)
def test_layers(path: Path) -> None:
    assert violations(path) == []


@pytest.mark.parametrize("path", source_files(), ids=name_of)
def test_blender_versions_are_told_apart_in_one_place(path: Path) -> None:
    if name_of(path) == "rig.compat":
        return
    tree = ast.parse(path.read_text("utf-8"))
    lines = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("bpy.app.version", "app.version")
    ]
    assert lines == [], "version differences live in rig/compat.py"


@pytest.mark.parametrize("path", all_python_files(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_licence_header(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()
    if lines and lines[0].startswith("#!"):
        lines = lines[1:]
    assert lines[:2] == [
        "# SPDX-FileCopyrightText: 2026 Mimica authors",
        "# SPDX-License-Identifier: GPL-3.0-or-later",
    ]


def test_no_package_is_forgotten() -> None:
    ignored = {"tests", "tools", "bench", "build", "dist"}
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")} - ignored
    assert found <= set(PACKAGES)


def test_importing_the_core_loads_nothing_heavy() -> None:
    """Every module of capture, mapping and cli, in a fresh process: what they load at import is what enabling costs."""
    light = ("bridges", "capture", "mapping", "cli")
    modules = sorted(f"mimica.{name_of(path)}" for path in source_files() if name_of(path).startswith(light))
    program = (
        "import importlib, runpy, sys\n"
        f"runpy.run_path({str(ROOT / 'tests' / 'conftest.py')!r})\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        f"print(*sorted({(HEAVY | BLENDER)!r} & set(sys.modules)))\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == []


@pytest.mark.parametrize(
    ("place", "code", "expected"),
    [
        ("capture/x.py", "import bpy", "works without Blender"),
        ("capture/x.py", "from ..mapping.solve import gaze", "may not"),
        ("capture/x.py", "def f():\n    from ..mapping import solve", "may not"),
        ("mapping/x.py", "from scipy.signal import butter", "slow to load"),
        ("mapping/x.py", "if 1:\n    import scipy", "slow to load"),
        ("rig/x.py", "from ..capture import session", "may not"),
        ("rig/x.py", "from mimica.mapping import frame", "absolute name"),
        ("ui/x.py", "from ..operators import capture", "may not"),
        ("operators/x.py", "from ..ui import panels", "may not"),
        ("__init__.py", "from . import ui", "inside register"),
        ("__init__.py", "import bpy", "inside register"),
    ],
)
def test_the_rules_catch_what_they_forbid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, code: str, expected: str
) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    path.write_text(code)
    assert any(expected in text for text in violations(path))

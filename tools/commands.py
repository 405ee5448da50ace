# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of `dev.py`. Each returns the exit code of the process."""

import argparse
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from .environment import BLENDERS, CACHE, ROOT, ToolError, ensure_environment, find_blender, progress

USAGE_ERROR = 2


def main() -> int:
    """Read the command line and do it. 0: all went well. 1: the command failed. 2: it could not be started."""
    parser = argparse.ArgumentParser(
        prog="dev.py",
        description="Everything a developer does with Mimica.",
        epilog="The first command makes a virtual environment in .cache and takes some minutes.",
    )
    parser.add_argument(
        "--blender",
        "--bpy",
        metavar="VERSION",
        help="version of Blender's module to use: " + ", ".join(b.version for b in BLENDERS),
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, text: str, *, passes_on: str = "") -> argparse.ArgumentParser:
        # A command that passes its arguments on leaves --help to the program that understands them.
        usage = f"dev.py {name} {passes_on}" if passes_on else None
        return commands.add_parser(name, help=text, description=text, usage=usage, add_help=not passes_on)

    add("demo", "capture a video, bake it to a face rig, render a film to out/", passes_on="[VIDEO]")
    add("test", "run all tests that need no window", passes_on="[PYTEST OPTION ...]")
    add("lint", "check style and types")
    build = add("build", "make the extension zips")
    build.add_argument("--python", action="append", default=[], metavar="3.xx", help="carry scipy for this Python too")
    build.add_argument("--platform", action="append", default=[], help="only this platform; may be repeated")
    build.add_argument("--extras", action="store_true", help="make the zips of the optional packages instead")
    build.add_argument("--output", type=Path, default=ROOT / "dist", help="folder of the zips (default: dist)")
    add("docs", "build the documentation's site in out/docs, the same that goes into the zips as help")
    add("desktop", "run the tests that drive a real Blender with its window", passes_on="[PYTEST OPTION ...]")
    add("pictures", "make the documentation's pictures in a real Blender", passes_on="[NAME ...]")
    add("bench", "measure speed and print the figures", passes_on="[OPTION ...]")
    model = add("model", "fetch or build the face model and print where it is")
    model.add_argument("--download", action="store_true", help="try the official address again")
    add("lock", "ask the registry for the wheels of the zips and write tools/wheels.json and tools/wheels_extras.json")
    add("environment", "make the virtual environment and print its Python")

    arguments, arguments.rest = parser.parse_known_args()
    if arguments.rest and arguments.command not in ("demo", "test", "desktop", "pictures", "bench"):
        parser.error(f"{arguments.command} does not know {' '.join(arguments.rest)}")
    # A shell starts what runs in its background deaf to Ctrl+C, and so would be every program that is tested from here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return COMMANDS[arguments.command](arguments)
    except ToolError as error:
        print(f"dev.py: {error}", file=sys.stderr)
        return USAGE_ERROR
    except KeyboardInterrupt:
        return 130


def _run(python: Path, *command: str, model: Path | None = None) -> int:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    if model is not None:
        environment["MIMICA_MODEL"] = str(model)
        if (detector := _detector(model)) is not None:
            environment["MIMICA_DETECTOR"] = str(detector)
    return subprocess.run([str(python), *command], cwd=ROOT, env=environment, check=False).returncode


def _detector(model: Path) -> Path | None:
    """The detector for faces far away, which came with the face model where it could be had."""
    from .package import DETECTOR_NAME

    if named := os.environ.get("MIMICA_DETECTOR"):
        return Path(named)
    places = (folder / DETECTOR_NAME for folder in (CACHE / "model", model.parent))
    return next((path for path in places if path.is_file()), None)


def _ensure_model(python: Path, *options: str) -> Path:
    """The face model's path. Raises ToolError when there is none and none can be made."""
    with progress("Getting the face model"):
        result = subprocess.run(
            [str(python), str(ROOT / "tools" / "get_model.py"), str(CACHE / "model"), *options],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    sys.stderr.write(result.stderr)
    if result.returncode:
        raise ToolError("There is no face model. What was tried is above; MIMICA_MODEL may name a file.")
    return Path(result.stdout.splitlines()[-1])


def _demo(arguments: argparse.Namespace) -> int:
    python = ensure_environment(find_blender(arguments.blender))
    return _run(python, "-m", "mimica", "demo", *arguments.rest, model=_ensure_model(python))


def _test(arguments: argparse.Namespace) -> int:
    python = ensure_environment(find_blender(arguments.blender))
    model = _ensure_model(python)
    return _run(python, "-m", "pytest", *(arguments.rest or ["tests/unit", "tests/blender"]), model=model)


def _lint(arguments: argparse.Namespace) -> int:
    python = ensure_environment(find_blender(arguments.blender))
    style = _run(python, "-m", "ruff", "check", ".")
    link = CACHE / "typing" / "mimica"
    if not link.exists():
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(ROOT, target_is_directory=True)
    types = _run(python, "-m", "pyright", "--pythonpath", str(python))
    return 1 if style or types else 0


def _build(arguments: argparse.Namespace) -> int:
    from .package import build

    python = ensure_environment(find_blender(arguments.blender))
    if arguments.extras:
        from .extras import build_extras

        build_extras(python, arguments.output, arguments.platform, arguments.python)
        return 0
    model = _ensure_model(python)
    build(python, model, _detector(model), arguments.output, arguments.platform, arguments.python)
    return 0


def _lock(arguments: argparse.Namespace) -> int:
    from .extras import write_extras_lock
    from .lock import write_lock

    python = ensure_environment(find_blender(arguments.blender))
    write_lock(python)
    write_extras_lock(python)
    return 0


def _desktop(arguments: argparse.Namespace) -> int:
    python = ensure_environment(find_blender(arguments.blender))
    return _run(python, "-m", "pytest", *(arguments.rest or ["tests/desktop"]), model=_ensure_model(python))


def _docs(arguments: argparse.Namespace) -> int:
    from .docs_site import build_site

    python = ensure_environment(find_blender(arguments.blender))
    site = ROOT / "out" / "docs"
    shutil.rmtree(site, ignore_errors=True)
    with progress("Documentation"):
        build_site(python, site)
    print((site / "index.html").as_uri())
    return 0


def _pictures(arguments: argparse.Namespace) -> int:
    python = ensure_environment(find_blender(arguments.blender))
    return _run(python, "-m", "mimica.tools.make_pictures", *arguments.rest, model=_ensure_model(python))


def _bench(arguments: argparse.Namespace) -> int:
    python = ensure_environment(find_blender(arguments.blender))
    return _run(python, "-m", "mimica.bench", *arguments.rest, model=_ensure_model(python))


def _model(arguments: argparse.Namespace) -> int:
    python = ensure_environment(find_blender(arguments.blender))
    print(_ensure_model(python, *(["--download"] if arguments.download else [])))
    return 0


def _environment(arguments: argparse.Namespace) -> int:
    print(ensure_environment(find_blender(arguments.blender)))
    return 0


COMMANDS = {
    "demo": _demo,
    "test": _test,
    "lint": _lint,
    "build": _build,
    "desktop": _desktop,
    "docs": _docs,
    "pictures": _pictures,
    "bench": _bench,
    "model": _model,
    "lock": _lock,
    "environment": _environment,
}

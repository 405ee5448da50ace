# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The site of docs/: built by Sphinx, made smaller, checked for working without a network, and kept until it changes.

site = ensure_site(python)  # a folder with index.html, .cache/docs-KEY
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from .environment import CACHE, ROOT, ToolError, progress

DOCS = ROOT / "docs"
PANELS = ROOT / "ui" / "help_pages.json"
"""Which page is about which panel."""
ENTRANCES = "at"
"""The site's folder of pages that lead on to a place in a page."""
SUFFIXES = {".html", ".js", ".css", ".png", ".jpg", ".svg", ".txt"}
"""Kinds of file that belong to the site."""
UNWANTED = ("*.map", "objects.inv", ".buildinfo", "skeleton.css")
WORKS = ("furo", "sphinx", "snowballstemmer", "pygments")
"""Packages of which something is in the site: their licences go along."""
LOADED = re.compile(r"<(?:script|img|iframe|source|video|audio)\b[^>]*?\bsrc=[\"']([^\"']+)|<link\b([^>]*)>", re.S)
HREF, RELATION = re.compile(r"\bhref=[\"']([^\"']+)"), re.compile(r"\brel=[\"']([^\"']+)")
IN_CSS = re.compile(r"(?:@import\s*(?:url\()?|url\()\s*[\"']?([^\"')]+)")
FOREIGN = re.compile(r"(?:[a-z]+:)?//", re.I)


def ensure_site(python: Path, *, strict: bool = True) -> Path:
    """The built site's folder. Built when docs/, the settings or the tools have changed. Raises ToolError.

    :param strict: see `build_site`.
    """
    kept = CACHE / f"docs-{_key(strict)}"
    if kept.is_dir():
        return kept
    CACHE.mkdir(parents=True, exist_ok=True)
    with progress("Documentation"), tempfile.TemporaryDirectory(dir=CACHE, prefix="docs-new-") as name:
        site = Path(name) / "site"
        build_site(python, site, strict=strict)
        try:
            site.replace(kept)
        except OSError:
            # Another build, at the same time, was first.
            if not kept.is_dir():
                raise
    for old in CACHE.glob("docs-*"):
        if old != kept and len(old.name) == len(kept.name) and "new" not in old.name:
            shutil.rmtree(old, ignore_errors=True)
    return kept


def build_site(python: Path, site: Path, *, strict: bool = True) -> None:
    """Build docs/ into `site`. Raises ToolError.

    :param strict: what Sphinx warns of, a place that help leads to and that is not there, and what would be loaded from
        the network are errors. Off for those who work on something else and need any site, as the desktop tests.
    """
    with tempfile.TemporaryDirectory(prefix="mimica-docs-") as trees:
        command = [str(python), "-m", "sphinx", "-b", "html", "-q", "-d", trees]
        command += ["-W", "--keep-going"] if strict else []
        result = subprocess.run(
            [*command, str(DOCS), str(site)],
            # Nothing that changes from day to day goes into the pages.
            env={**os.environ, "SOURCE_DATE_EPOCH": "1767225600", "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    if result.returncode:
        raise ToolError(f"The documentation cannot be built:\n{result.stdout.strip()}\n{result.stderr.strip()}")
    for pattern in UNWANTED:
        for path in site.rglob(pattern):
            path.unlink()
    _write_entrances(site, strict)
    _write_licences(python, site)
    if strict and (faults := check_site(site)):
        raise ToolError("The documentation's site is not as it should be:\n" + "\n".join(faults))


def site_files(site: Path) -> list[str]:
    """The site's files relative to it, sorted. Raises ToolError for a file of an unknown kind."""
    files = sorted(path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file())
    if unknown := [name for name in files if Path(name).suffix not in SUFFIXES]:
        raise ToolError(f"The documentation's site has files of no known kind: {', '.join(unknown)}.")
    return files


def check_site(site: Path) -> list[str]:
    """What of a built site would be loaded from the network, or is not there; nothing, if all is well."""
    faults: list[str] = []
    for path in sorted([*site.rglob("*.html"), *site.rglob("*.css")]):
        text = path.read_text("utf-8")
        for address in _loaded(path, text):
            if address.startswith(("data:", "#")):
                continue
            where = f"{path.relative_to(site).as_posix()}: {address}"
            if FOREIGN.match(address):
                faults.append(f"{where} is loaded from the network")
            elif not (path.parent / re.sub(r"[?#].*", "", address)).exists():
                faults.append(f"{where} is not there")
    return faults


def _loaded(path: Path, text: str) -> list[str]:
    if path.suffix == ".css":
        return IN_CSS.findall(text)
    addresses = IN_CSS.findall("".join(re.findall(r"<style[^>]*>(.*?)</style>", text, re.S)))
    for source, link in LOADED.findall(text):
        # Links that lead on (next page, search) load nothing.
        relation = RELATION.search(link)
        if source:
            addresses.append(source)
        elif relation and relation[1].split()[0] in ("stylesheet", "icon", "preload", "shortcut"):
            addresses += HREF.findall(link)
    return addresses


def _write_entrances(site: Path, strict: bool) -> None:
    """Write a small page for each place that help leads to.

    Opening a file's address with a place in it ("capture.html#sound") loses the place on most systems, for they make
    a path of it first. A page that leads on does not.
    """
    table = json.loads(PANELS.read_text("utf-8"))
    pages = {page for part in table.values() for page in part.values()}
    (site / ENTRANCES).mkdir()
    for page in sorted(page for page in pages if "#" in page):
        name, place = page.split("#")
        target = f"../{name}.html#{place}"
        if strict and f'id="{place}"' not in (site / f"{name}.html").read_text("utf-8"):
            raise ToolError(f"{PANELS.name} leads to {page}, and there is no such place.")
        text = f'<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url={target}">'
        text += f'<title>Mimica</title><a href="{target}">{page}</a>\n'
        (site / ENTRANCES / f"{name}--{place}.html").write_text(text, "utf-8")


def _write_licences(python: Path, site: Path) -> None:
    """Put the licences beside the pages of the works whose scripts and styles the pages load."""
    program = (
        "import importlib.metadata as m, json\n"
        "def text(name):\n"
        "    files = [f for f in m.files(name) or [] if f.name.upper().startswith(('LICENSE', 'COPYING'))]\n"
        "    return '\\n\\n'.join(f.read_text() for f in sorted(files))\n"
        f"print(json.dumps({{name: text(name) for name in {WORKS!r}}}))"
    )
    result = subprocess.run([str(python), "-c", program], capture_output=True, text=True, check=False)
    if result.returncode:
        raise ToolError(f"The licences of the documentation's tools cannot be read:\n{result.stderr.strip()}")
    folder = site / "licences"
    folder.mkdir()
    for name, text in json.loads(result.stdout).items():
        if not text:
            raise ToolError(f"The package {name} has no licence in it, which the documentation's site needs.")
        (folder / f"{name}.txt").write_text(text, "utf-8")


def _key(strict: bool) -> str:
    """Of all that the site is made from."""
    sources = [path for path in DOCS.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    sources += [PANELS, ROOT / "blender_manifest.toml", ROOT / "pyproject.toml", Path(__file__).resolve()]
    digest = hashlib.sha256()
    for path in sorted(sources):
        data = path.read_bytes()
        digest.update(f"{path.relative_to(ROOT).as_posix()} {len(data)} ".encode() + data)
    return digest.hexdigest()[:16] + ("" if strict else "-loose")

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest and pyproject.toml against each other and against what Blender's own validator lets pass."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

TAGS = {"Animation", "Rigging", "Tracking"}


@pytest.fixture(scope="module")
def manifest(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "blender_manifest.toml").read_text("utf-8"))


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text("utf-8"))


def test_one_version(manifest: dict[str, Any], project: dict[str, Any]) -> None:
    assert manifest["version"] == project["project"]["version"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", manifest["version"])


def test_changelog_knows_the_version(root: Path, manifest: dict[str, Any]) -> None:
    assert f"## {manifest['version']}" in (root / "CHANGELOG.md").read_text("utf-8")


def test_licence(root: Path, manifest: dict[str, Any], project: dict[str, Any]) -> None:
    assert manifest["license"] == ["SPDX:GPL-3.0-or-later"]
    assert project["project"]["license"] == "GPL-3.0-or-later"
    assert "GNU GENERAL PUBLIC LICENSE" in (root / "LICENSE").read_text("utf-8")


def test_texts_follow_the_platform_rules(manifest: dict[str, Any]) -> None:
    for text in (manifest["tagline"], *manifest["permissions"].values()):
        assert len(text) <= 64 and text[-1].isalnum(), text


def test_permissions_and_tags_are_known_to_blender(manifest: dict[str, Any]) -> None:
    assert set(manifest["permissions"]) <= {"files", "network", "clipboard", "camera", "microphone"}
    assert set(manifest["tags"]) == TAGS


def test_the_build_fills_in_what_differs_by_platform(manifest: dict[str, Any]) -> None:
    assert not {"platforms", "wheels", "build"} & set(manifest)


def test_every_package_is_installed(root: Path, project: dict[str, Any]) -> None:
    tools = {"tests", "tools", "bench", "build", "dist", "out", "wheels"}
    found = {
        ".".join(("mimica", *path.parent.relative_to(root).parts))
        for path in root.rglob("__init__.py")
        if not any(part in tools or part.startswith(".") for part in path.relative_to(root).parts)
    }
    assert set(project["tool"]["setuptools"]["packages"]) == found | {"mimica"}

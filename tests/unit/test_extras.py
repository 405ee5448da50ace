# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Optional packages: the table against pyproject.toml, and what is said where one is not installed."""

import tomllib
from pathlib import Path

import pytest

from mimica.bridges import extras
from mimica.bridges.extras import EXTRAS, ExtraMissing, missing, packages, require

PROJECT = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text("utf-8"))["project"]


@pytest.mark.parametrize("key", EXTRAS)
def test_table_is_what_pyproject_installs(key: str) -> None:
    asked = {line.partition(";")[0].strip() for line in PROJECT["optional-dependencies"][key]}
    assert {requirement for _, requirement in EXTRAS[key].modules} == asked


def test_what_is_missing_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == "segno" else object())
    assert missing("phone") == ("segno",)
    with pytest.raises(ExtraMissing, match=r"segno.*mimica_phone.*pip install 'mimica\[phone\]'"):
        require("phone")
    require("rerun")


def test_packages_are_those_of_all_parts() -> None:
    assert {("aiohttp", "aiohttp"), ("rerun", "rerun-sdk"), ("pythonosc", "python-osc")} <= set(packages())


def test_a_broken_package_counts_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> object:
        raise ValueError(f"{name}.__spec__ is None")

    monkeypatch.setattr(extras, "find_spec", broken)
    assert missing("rerun") == ("rerun-sdk",)

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The zips of the optional packages: their lock, their manifests and their licences, without downloading anything."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from mimica.bridges.extras import EXTRAS, Extra, name_of
from mimica.tools import extras, lock

LOCKED = extras.read_extras_lock()
PAIRS = [(key, platform) for key in extras.EXTRA_ZIPS for platform in lock.PLATFORMS]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def packages_of(extra: Extra) -> list[str]:
    return [name_of(asked) for _module, asked in extra.modules]


def names(key: str, platform: str, python: str) -> list[str]:
    return [normal(wheel.name) for wheel in extras.select_extra(key, platform, (python,))]


def test_every_extra_has_a_zip_or_is_in_the_main_one() -> None:
    assert set(extras.EXTRA_ZIPS) == {key for key, extra in EXTRAS.items() if not extra.in_main_zip} == set(LOCKED)
    main = {wheel.name for wheel in lock.read_lock()}
    assert {name for extra in EXTRAS.values() if extra.in_main_zip for name in packages_of(extra)} <= main
    for key, extra in extras.EXTRA_ZIPS.items():
        assert extra.name == f"Mimica: {EXTRAS[key].name}"


@pytest.mark.parametrize(("key", "platform"), PAIRS)
def test_each_python_has_each_package_once(key: str, platform: str) -> None:
    every = sorted(names(key, platform, extras.EXTRA_ZIPS[key].pythons[0]))
    assert len(every) == len(set(every))
    assert {normal(requirement.partition("==")[0]) for requirement in extras.requirements(key)} <= set(every)
    for python in extras.EXTRA_ZIPS[key].pythons:
        assert sorted(names(key, platform, python)) == every


@pytest.mark.parametrize(("key", "platform"), PAIRS)
def test_what_the_packages_need_is_there_too(key: str, platform: str) -> None:
    """As far as the packages are installed here, by what they say themselves."""
    requirement_type = pytest.importorskip("packaging.requirements").Requirement
    python = extras.EXTRA_ZIPS[key].pythons[0]
    systems = {
        "windows-x64": ("win32", "Windows"),
        "macos-arm64": ("darwin", "Darwin"),
        "linux-x64": ("linux", "Linux"),
    }
    here = dict(zip(("sys_platform", "platform_system"), systems[platform], strict=True))
    here |= {"python_version": python, "python_full_version": f"{python}.0", "extra": ""}
    carried = set(names(key, platform, python))
    for name in carried:
        try:
            needed = metadata.requires(name) or ()
        except metadata.PackageNotFoundError:
            continue
        for line in needed:
            requirement = requirement_type(line)
            if requirement.marker is None or requirement.marker.evaluate(here):
                needs = normal(requirement.name)
                assert needs in carried or needs in extras.LEFT_OUT, f"{name} needs {line}"


def test_the_lock_has_the_versions_of_pyproject() -> None:
    for key, wheels in LOCKED.items():
        pins = dict(line.split("==") for line in extras.requirements(key))
        for wheel in wheels:
            assert wheel.version == pins.get(wheel.name, wheel.version)
            assert normal(wheel.file.split("-")[0]) == normal(wheel.name) and wheel.file.split("-")[1] == wheel.version
            assert re.fullmatch(r"[0-9a-f]{64}", wheel.sha256) and wheel.size > 1000


def test_nothing_that_is_there_already_is_carried_again() -> None:
    mine = {normal(wheel.name) for wheels in LOCKED.values() for wheel in wheels}
    main = {normal(wheel.name) for wheel in lock.read_lock()}
    assert mine & (main | {"numpy"} | set(extras.LEFT_OUT)) == set()
    assert {name for name, reason in extras.LEFT_OUT.items() if reason == "in the main zip"} <= main


@pytest.mark.parametrize(
    ("platform", "pattern"),
    [
        ("windows-x64", r"any|win_amd64"),
        ("macos-arm64", r"any|macosx_1[1-4]_0_(arm64|universal2)|macosx_10_\d+_universal2"),
        ("linux-x64", r"any|(manylinux\w*_x86_64\.?)+"),
    ],
)
def test_wheels_fit_the_platform_as_blender_reads_their_names(platform: str, pattern: str) -> None:
    for key in extras.EXTRA_ZIPS:
        for wheel in extras.select_extra(key, platform, lock.PYTHONS):
            assert re.fullmatch(pattern, wheel.file.removesuffix(".whl").split("-")[-1]), wheel.file


@pytest.mark.parametrize(("key", "platform"), PAIRS)
def test_manifests(root: Path, key: str, platform: str) -> None:
    wheels = [wheel.file for wheel in extras.select_extra(key, platform, lock.PYTHONS)]
    manifest = tomllib.loads(extras.extra_manifest(key, platform, wheels, ["__init__.py"]))
    mimica = tomllib.loads((root / "blender_manifest.toml").read_text("utf-8"))
    for name in ("schema_version", "version", "maintainer", "type", "license"):
        assert manifest[name] == mimica[name]
    assert manifest["id"] == EXTRAS[key].extension
    assert len(manifest["tagline"]) <= 64 and manifest["tagline"][-1].isalnum()
    assert manifest["platforms"] == [platform] and manifest["build"] == {"paths": ["__init__.py"]}
    assert manifest["wheels"] == sorted(f"./wheels/{name}" for name in wheels)
    newest = EXTRAS[key].numpy == 2
    assert manifest["blender_version_min"] == ("5.1.0" if newest else mimica["blender_version_min"])


def test_the_licence_of_everything_carried_is_told(root: Path) -> None:
    notice = (root / "NOTICE.md").read_text("utf-8")
    for name in {wheel.name for wheels in LOCKED.values() for wheel in wheels}:
        assert re.search(rf"^\|[^|]*\b{re.escape(name)}\b[^|]*\|[^|]+\|[^|]+\|[^|]+\|$", notice, re.M), name


def test_the_extension_itself_does_nothing() -> None:
    namespace: dict[str, object] = {}
    exec(extras.INIT.read_text("utf-8"), namespace)
    assert callable(namespace["register"]) and callable(namespace["unregister"])
    assert "import" not in extras.INIT.read_text("utf-8").split('"""')[2]

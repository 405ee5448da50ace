# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Optional packages: which belong to what, whether they are there, and what installs them where they are not."""

from dataclasses import dataclass
from importlib.util import find_spec


class ExtraMissing(Exception):
    """Packages are not installed. Its text is a sentence for the user: what is missing and what installs it."""


@dataclass(frozen=True, slots=True)
class Extra:
    """A part of Mimica that needs packages which the core does not."""

    key: str
    """As in `pip install mimica[KEY]`, and of the zip `mimica_KEY` for Blender."""
    name: str
    """What the user calls it."""
    modules: tuple[tuple[str, str], ...]
    """Each package as (name to import, what pip is asked for: the name in the registry and the version)."""
    numpy: int = 1
    """The oldest generation of NumPy that it runs with. Blender brings 2 from 5.1 on."""
    in_main_zip: bool = False
    """Whether Mimica's own zip brings the packages."""

    @property
    def extension(self) -> str:
        """The Blender extension whose zip brings the packages."""
        return "mimica" if self.in_main_zip else f"mimica_{self.key}"


EXTRAS: dict[str, Extra] = {
    extra.key: extra
    for extra in (
        Extra(
            "phone",
            "Phone as Camera",
            (
                ("aiohttp", "aiohttp==3.14.5"),
                ("aiortc", "aiortc==1.16.0"),
                ("av", "av==18.1.0"),
                ("cryptography", "cryptography==50.0.2"),
                ("segno", "segno==1.6.6"),
            ),
        ),
        Extra("rerun", "Rerun Viewer", (("rerun", "rerun-sdk==0.41.0"),), numpy=2),
        Extra("detector", "Other Face Detectors", (("onnxruntime", "onnxruntime==1.28.0"),)),
        Extra("streams", "VMC", (("pythonosc", "python-osc==1.10.2"),), in_main_zip=True),
    )
}


def missing(key: str) -> tuple[str, ...]:
    """Return the registry's names of an extra's packages that are not installed. Nothing is imported."""
    return tuple(name_of(requirement) for module, requirement in EXTRAS[key].modules if not _found(module))


def name_of(requirement: str) -> str:
    """Return a package's name in the registry, from what pip is asked for."""
    return requirement.partition("==")[0]


def packages() -> tuple[tuple[str, str], ...]:
    """Return all optional packages, each as (name to import, name in the registry)."""
    return tuple((module, name_of(asked)) for extra in EXTRAS.values() for module, asked in extra.modules)


def require(key: str) -> None:
    """Raise `ExtraMissing` unless all packages of an extra are installed."""
    lacking = missing(key)
    if lacking:
        extra = EXTRAS[key]
        raise ExtraMissing(
            f"{extra.name} needs packages that are not installed: {', '.join(lacking)}. In Blender install the "
            f"extension {extra.extension} from disk; elsewhere run: pip install 'mimica[{key}]'"
        )


def _found(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes `mimica` importable in a bare checkout, and says where the checkout and the face model are."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def _make_importable() -> None:
    if importlib.util.find_spec("mimica") is not None:
        return
    spec = importlib.util.spec_from_file_location(
        "mimica", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["mimica"] = module
    spec.loader.exec_module(module)


_make_importable()


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def model_path() -> Path:
    """A real face model; `dev.py test` provides one. Skips the test where there is none."""
    text = os.environ.get("MIMICA_MODEL", "")
    if not text:
        pytest.skip("needs a face model: run by `dev.py test`, or name one in MIMICA_MODEL")
    return Path(text)


@pytest.fixture(scope="session")
def sample_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video in which a face talks, blinks and turns, made from a photograph."""
    from mimica.cli.sample import write_sample

    path = tmp_path_factory.mktemp("clip") / "sample.mp4"
    write_sample(path)
    return path

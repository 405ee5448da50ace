# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Training data from end to end: rendered, tracked, with the truth beside it; kept when run again."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from mimica.mapping.face_space import fit_head, lift  # noqa: E402
from mimica.mapping.rotation import euler_from_matrix  # noqa: E402
from mimica.tools.training_controls import KINDS, RANGE  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]


def make(folder: Path, model: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mimica.tools.make_training_data", "--out", str(folder)]
    return subprocess.run(
        [*command, "--identities", "1", "--samples", "10", "--seed", "3"],
        env={**os.environ, "MIMICA_MODEL": str(model)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_one_identity_with_its_truth(tmp_path: Path, model_path: Path) -> None:
    done = make(tmp_path, model_path)
    assert done.returncode == 0, done.stderr
    file = tmp_path / "identity_00000.npz"
    with np.load(file) as data:
        found = data["found"]
        count = 10 + len(RANGE)
        assert found.sum() >= 0.8 * count
        assert data["controls"].shape == (count, 52) and data["scores"].shape == (count, 52)
        shown = data["controls"][data["kind"] == KINDS.index("range")]
        assert len(shown) == len(RANGE) and (shown.max(axis=1) == 1.0).all()
        landmarks = data["landmarks"][found]
        sizes = np.tile(data["image_size"], (len(landmarks), 1))
        pose = fit_head(lift(landmarks, sizes, float(data["field_of_view"])), data["neutral"].astype(float))
        seen, true = np.degrees(euler_from_matrix(pose.rotation)), data["head"][found]
    # The tracker's own errors of a few degrees aside, the head is turned as the file says, on all axes.
    assert np.abs(seen - true).max() < 12.0
    for axis in range(3):
        assert np.corrcoef(seen[:, axis], true[:, axis])[0, 1] > 0.8

    stamp = file.stat().st_mtime_ns
    assert make(tmp_path, model_path).returncode == 0
    assert file.stat().st_mtime_ns == stamp

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The camera's field of view from a take, by its operator."""

import math
from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest

import mimica
from mimica.capture.take import TakeInfo, TakeWriter
from mimica.mapping.frame import FaceFrame
from mimica.mapping.landmarks import average_face
from mimica.mapping.performance import TakePerformance
from mimica.mapping.rotation import exp, matrix_from_quaternion
from mimica.operators import bake as operators_bake
from mimica.operators import takes as operators_takes
from mimica.rig.face_rig import create_face_rig
from mimica.tests.synthetic import photograph


@pytest.fixture
def takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(operators_takes, "takes_folder", lambda: tmp_path)
    bpy.ops.wm.read_homefile(use_empty=True)
    mimica.register()
    yield tmp_path
    mimica.unregister()


def record(path: Path, most: float) -> None:
    """A take of a head that turns so many degrees to each side before a camera of 34 degrees."""
    yaw = np.radians(most) * np.sin(np.linspace(0, 4 * np.pi, 120))
    turns = matrix_from_quaternion(exp(np.stack([0 * yaw, yaw, 0 * yaw], axis=1)))
    frames = photograph(
        np.repeat(average_face()[None], 120, axis=0),
        rotation=turns,
        translation=np.array([0, 0, -50.0]),
        field_of_view=34,
    )
    with TakeWriter(path, TakeInfo(path.stem)) as writer:
        for i in range(len(frames)):
            writer.append((FaceFrame(float(frames.times[i]), frames.landmarks[i], None, (640, 480)),))


def test_the_field_of_view_is_told_from_a_turning_head(takes: Path) -> None:
    record(takes / "turning.mimica", 35.0)
    bpy.ops.mimica.refresh_takes()
    settings = bpy.context.scene.mimica
    assert math.degrees(settings.field_of_view) == pytest.approx(45.0)
    assert bpy.ops.mimica.estimate_field_of_view() == {"FINISHED"}
    assert math.degrees(settings.field_of_view) == pytest.approx(34.0, abs=4.0)


def test_a_head_that_stays_tells_nothing(takes: Path) -> None:
    record(takes / "still.mimica", 5.0)
    bpy.ops.mimica.refresh_takes()
    assert bpy.ops.mimica.estimate_field_of_view() == {"CANCELLED"}
    assert math.degrees(bpy.context.scene.mimica.field_of_view) == pytest.approx(45.0)


def test_without_a_take_there_is_nothing_to_ask(takes: Path) -> None:
    bpy.ops.mimica.refresh_takes()
    assert not bpy.ops.mimica.estimate_field_of_view.poll()


@pytest.mark.parametrize("most, told", [(35.0, True), (5.0, False)])
def test_a_take_of_an_unknown_camera_is_baked_with_what_its_turning_head_tells(
    takes: Path, monkeypatch: pytest.MonkeyPatch, most: float, told: bool
) -> None:
    record(takes / "unknown.mimica", most)
    bpy.ops.mimica.refresh_takes()
    bpy.context.scene.mimica.target = bpy.data.objects[create_face_rig(bpy.context).armature]
    seen: list[float] = []
    bake = operators_bake.bake

    def noting(scene: object, target: object, performance: TakePerformance, **more: object) -> object:
        seen.append(performance.profile.field_of_view)
        return bake(scene, target, performance, **more)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(operators_bake, "bake", noting)
    assert bpy.ops.mimica.bake() == {"FINISHED"}
    # As the command line does: half way between the usual and what is told.
    assert seen == [pytest.approx(39.5, abs=2.0) if told else pytest.approx(45.0)]

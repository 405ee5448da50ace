# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sample clip: does the photograph really move, and does the tracker see it?"""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("skimage")
cv2 = pytest.importorskip("cv2")

from mimica.capture.model import verify_model  # noqa: E402
from mimica.capture.source import Image  # noqa: E402
from mimica.capture.tracker import Tracker  # noqa: E402
from mimica.cli import sample  # noqa: E402
from mimica.mapping.frame import FaceFrames  # noqa: E402
from mimica.mapping.mapper import head_angles, map_frames  # noqa: E402

MOUTH = np.s_[300:400, 200:320]
EYES = np.s_[195:240, 180:340]


def pose(**values: float) -> dict[str, float]:
    return {**dict.fromkeys(sample.clip_controls(np.zeros(1)), 0.0), **values}


def change(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first.astype(int) - second.astype(int)).mean())


def test_full_smile_is_the_photograph() -> None:
    """With every displacement at zero the drawing gives back the picture that it was cut from."""
    assert change(sample.draw_frame(pose(smile=1.0)), sample._puppet().image) < 2.0


def test_drawing_is_repeatable() -> None:
    amounts = pose(jaw=0.6, lids_left=0.5, yaw=12.0)
    assert np.array_equal(sample.draw_frame(amounts), sample.draw_frame(amounts))


def test_each_part_moves_where_it_should() -> None:
    rest = sample.draw_frame(pose())
    opened, closed = sample.draw_frame(pose(jaw=1.0)), sample.draw_frame(pose(lids_left=1.0, lids_right=1.0))
    assert change(opened[MOUTH], rest[MOUTH]) > 20 > change(opened[EYES], rest[EYES]) * 4
    assert change(closed[EYES], rest[EYES]) > 10 > change(closed[MOUTH], rest[MOUTH]) * 4


def test_head_turns_to_the_side_it_says() -> None:
    """Image axes: yaw > 0 nose to the right, pitch > 0 down, roll > 0 the head's top to the left."""
    puppet = sample._puppet()
    nose, top = puppet.rest[1], puppet.rest[10]
    assert sample._turned(puppet, puppet.rest, pose(yaw=20.0))[1, 0] > nose[0] + 5
    assert sample._turned(puppet, puppet.rest, pose(pitch=10.0))[1, 1] > nose[1] + 5
    assert sample._turned(puppet, puppet.rest, pose(roll=10.0))[10, 0] < top[0] - 5


def test_clip_on_disk_plays_at_its_rate(tmp_path: Path) -> None:
    path, fractions = tmp_path / "new folder" / "sample.mp4", []
    sample.write_sample(path, fractions.append)
    capture = cv2.VideoCapture(str(path))
    count = 0
    while capture.read()[0]:
        count += 1
    assert count == len(sample.clip_times()) == len(fractions)
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(sample.clip_rate())
    assert fractions[-1] == 1.0 and fractions == sorted(fractions)


def test_tracker_sees_the_performance(model_path: Path) -> None:
    """What the table says is what the whole chain finds: in the controls and in the head's angles."""
    times = sample.clip_times()[::2]
    wanted = sample.clip_controls(times)
    with Tracker(verify_model(model_path)) as tracker:
        frames = FaceFrames.from_frames(
            [
                tracker.track(Image(np.ascontiguousarray(picture[..., ::-1]), float(time), i))[0]
                for i, time in enumerate(times)
                for picture in [sample.draw_frame({name: float(values[i]) for name, values in wanted.items()})]
            ]
        )
    assert frames.found.all()
    motion = map_frames(frames)
    yaw, pitch, roll = head_angles(motion).T

    def follows(found: np.ndarray, name: str) -> float:
        return float(np.corrcoef(found, wanted[name])[0, 1])

    assert follows(motion.control("jawOpen"), "jaw") > 0.8
    assert follows(motion.control("eyeBlinkLeft"), "lids_left") > 0.8
    assert follows(motion.control("eyeBlinkRight"), "lids_right") > 0.8
    assert follows(motion.control("browInnerUp"), "brows_up") > 0.6
    assert follows(yaw, "yaw") > 0.9 and yaw.max() > 5 and yaw.min() < -5
    assert follows(pitch, "pitch") > 0.6
    assert follows(roll, "roll") > 0.8

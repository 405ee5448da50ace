# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a take is, and how well its face was seen when, from its index."""

from pathlib import Path

import numpy as np
import pytest

from mimica.capture.control_takes import stream_form, write_control_take
from mimica.capture.take import Take, TakeError, TakeInfo, TakeWriter
from mimica.capture.take_schema import Timeline
from mimica.capture.take_span import read_span
from mimica.mapping.control_take import ControlTake
from mimica.mapping.frame import ControlFrame, FaceFrame

LANDMARKS = np.ones((478, 3), np.float32)


def test_times_and_quality_are_those_of_the_main_face(tmp_path: Path) -> None:
    path = tmp_path / "a.mimica"
    info = TakeInfo("Shot", timeline=Timeline(12.0, 24.0))
    with TakeWriter(path, info) as writer:
        for i in range(30):
            time = 5.0 + i / 30
            other = FaceFrame(time, LANDMARKS, None, (640, 480), 0, 1.0)
            main = FaceFrame(time, LANDMARKS, None, (640, 480), 1, 0.25 if i < 15 else 0.75)
            writer.append((main if i else FaceFrame.lost(time, (640, 480), 1), *((other,) if i < 10 else ())))
    span = read_span(path)
    assert (span.name, span.timeline) == ("Shot", info.timeline)
    np.testing.assert_allclose(span.times, 5.0 + np.arange(30) / 30)
    assert span.quality[0] == 0.0
    assert span.mean_quality(5.1, 5.4) == pytest.approx(0.25)
    assert span.mean_quality(5.6, 9.0) == pytest.approx(0.75)
    assert span.mean_quality(0.0, 4.0) == 0.0, "there is nothing of it"


def test_a_face_that_comes_later_does_not_move_the_beginning(tmp_path: Path) -> None:
    path = tmp_path / "a.mimica"
    with TakeWriter(path, TakeInfo("a")) as writer:
        for i in range(20):
            first = (
                FaceFrame(i / 10, LANDMARKS, None, (640, 480), 0, 0.9) if i < 5 else FaceFrame.lost(i / 10, (640, 480))
            )
            writer.append((first, *((FaceFrame(i / 10, LANDMARKS, None, (640, 480), 1, 0.6),) if i >= 5 else ())))
    span = read_span(path)
    np.testing.assert_array_equal(span.times, Take.open(path).frames(1).times)
    assert span.mean_quality(0.0, 0.45) == 0.0 and span.mean_quality(0.5, 2.0) == pytest.approx(0.6)


def test_controls_are_sure_of_themselves(tmp_path: Path) -> None:
    path, times = tmp_path / "a.mimica", 2.0 + np.arange(10) / 60
    write_control_take(path, TakeInfo("a"), ControlTake("a", times, np.zeros((10, 52)), 60.0))
    span = read_span(path)
    assert np.array_equal(span.times, times)
    assert span.mean_quality(2.0, 3.0) == 1.0


def test_a_stream_is_sure_where_its_main_face_was_seen(tmp_path: Path) -> None:
    path = tmp_path / "a.mimica"
    with TakeWriter(path, TakeInfo.received("a", None), stream_form()) as writer:
        for i in range(20):
            writer.append((ControlFrame(i / 10, np.zeros(52) if i < 15 else None, face_id=1),))
        writer.append((ControlFrame(1.95, np.zeros(52)),))
    span = read_span(path)
    assert len(span.times) == 20
    assert span.mean_quality(0.0, 1.45) == 1.0 and span.mean_quality(1.5, 2.0) == 0.0


def test_what_is_no_take_is_said(tmp_path: Path) -> None:
    empty = tmp_path / "empty.mimica"
    with TakeWriter(empty, TakeInfo("empty")):
        pass
    assert len(read_span(empty).times) == 0
    (tmp_path / "text.mimica").write_text("not a take")
    for name in ("text.mimica", "gone.mimica"):
        with pytest.raises(TakeError):
            read_span(tmp_path / name)

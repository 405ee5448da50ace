# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of controls: what is written is read back, what other programs write is understood, what is wrong is said."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as of_numpy

from mimica.mapping.control_channels import control_values
from mimica.mapping.control_pose import motion_of
from mimica.mapping.control_take import motion_of_take, rate_of, slowed, take_of_motion
from mimica.mapping.controls_file import (
    FORMATS,
    ControlsFileError,
    ControlTake,
    Format,
    ReadSettings,
    as_text,
    read_controls,
    read_text,
    write_controls,
)
from mimica.mapping.expressions import average_expressions
from mimica.mapping.frame import ARKIT_SHAPES
from mimica.mapping.livelink import HEADER, timecode

SHAPES = len(ARKIT_SHAPES)
PRECISION = {"livelink": 1e-9, "csv": 6e-6, "json": 6e-7}
MOST = 2.75


@st.composite
def takes(draw: st.DrawFn) -> ControlTake:
    count = draw(st.integers(1, 6))
    rate = draw(st.sampled_from([24.0, 25.0, 30.0, 60.0]))

    def angles(*shape: int) -> np.ndarray:
        # Radians of Live Link Face are told from degrees by their size, so none is too large.
        return draw(of_numpy.arrays(float, (count, *shape), elements=st.floats(-MOST, MOST, width=32)))

    controls = draw(of_numpy.arrays(float, (count, SHAPES), elements=st.floats(0.0, 1.0, width=32)))
    start = draw(st.integers(0, 86399 * 60)) / 60
    times = start + np.arange(count) / rate
    return ControlTake("A take", times, controls, rate, angles(3), angles(2, 2), angles(2))


def degrees_less(take: ControlTake, form: Format) -> float:
    """How far angles may be off, radians: plain tables round degrees."""
    return np.radians(PRECISION[form]) if form == "csv" else PRECISION[form]


@pytest.mark.parametrize("form", FORMATS)
@given(take=takes())
def test_what_is_written_is_read_back(form: Format, take: ControlTake) -> None:
    again = read_text(as_text(take, form), "A take", "a file")
    assert again.name == "A take" and len(again) == len(take)
    assert np.allclose(again.controls, take.controls, rtol=0, atol=PRECISION[form])
    assert again.head is not None and take.head is not None and again.gaze is not None and take.gaze is not None
    assert np.allclose(again.head, take.head, rtol=0, atol=degrees_less(take, form))
    assert np.allclose(again.gaze, take.gaze, rtol=0, atol=degrees_less(take, form))
    if form == "json":
        assert again.rate == take.rate
    if form != "livelink":
        assert np.allclose(again.times, take.times, rtol=0, atol=1e-5)


def frames(count: int, rate: float, base: int, start: float = 0.0) -> str:
    """A recording as Live Link Face writes it: a little of everything, ten digits."""
    lines = [",".join(HEADER)]
    for i in range(count):
        values = 0.5 + 0.5 * np.sin(i / 7.0 + np.arange(SHAPES))
        angles = 0.3 * np.sin(i / 11.0 + np.arange(9))
        cells = [f"{value:.10f}" for value in (*values, *angles)]
        lines.append(",".join([timecode(start + i / rate, base), "61", *cells]))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(("rate", "base"), [(24.0, 24), (25.0, 25), (29.97, 30), (30.0, 30), (59.94, 60), (60.0, 60)])
def test_a_recording_of_live_link_face_goes_in_and_out_unchanged(rate: float, base: int) -> None:
    text = frames(150, rate, base, start=86399.0)
    take = read_text(text, "slate", "slate.csv")
    assert take.rate == rate
    assert np.allclose(np.diff(take.times), 1 / rate, atol=2e-3 / base), "past midnight too"
    assert as_text(take, "livelink") == text


def test_its_columns_are_found_by_name_in_any_order() -> None:
    names = ["timecode", "BlendShapeCount", "JAWLEFT", "jawopen", "JawRight", "Mood"]
    text = "\ufeff" + ",".join(names) + "\r\n01:00:00:00.000,61,0.25,0.5,0.75,9\r\n01:00:00:01.000,61,0,1,0,9\r\n"
    take = read_text(text.lstrip("\ufeff"), "x", "x.csv")
    assert take.controls[0, ARKIT_SHAPES.index("jawLeft")] == 0.25
    assert take.controls[0, ARKIT_SHAPES.index("jawRight")] == 0.75
    assert take.controls[1, ARKIT_SHAPES.index("jawOpen")] == 1.0
    assert take.head is None and take.gaze is None
    assert set(take.known) == {"jawLeft", "jawRight", "jawOpen"} and take.unknown == ("Mood",)


def test_a_mark_at_the_beginning_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    path = tmp_path / "slate.csv"
    path.write_bytes(b"\xef\xbb\xbf" + frames(3, 60.0, 60).encode())
    assert len(read_controls(path)) == 3


def livelink_rows(**values: float) -> str:
    row = [f"{values.get(name, 0.0):.4f}" for name in HEADER[2:]]
    return "\n".join([",".join(HEADER), *(",".join([f"00:00:00:0{i}.000", "61", *row]) for i in range(2))])


def test_angles_turn_as_ours_do() -> None:
    take = read_text(
        livelink_rows(HeadYaw=0.3, HeadPitch=0.2, HeadRoll=0.1, LeftEyeYaw=0.4, RightEyePitch=0.5), "", "f"
    )
    assert take.head is not None and take.gaze is not None
    assert np.allclose(take.head[0], [-0.3, 0.2, -0.1]), "to the right, down, the top to the left"
    assert np.allclose(take.gaze[0], [[-0.4, 0.0], [0.0, -0.5]]), "to the right, down"


def test_eyes_look_where_the_shapes_of_a_recording_say() -> None:
    """Up and to the subject's right, as recorded: yaw above 0 and pitch below."""
    text = livelink_rows(
        EyeLookInLeft=0.296, EyeLookOutRight=0.238, EyeLookUpLeft=0.277, EyeLookUpRight=0.283,
        LeftEyeYaw=0.171, LeftEyePitch=-0.116, RightEyeYaw=0.158, RightEyePitch=-0.116,
    )  # fmt: skip
    take = read_text(text, "", "f")
    assert take.gaze is not None
    by_shapes = motion_of(dict(zip(ARKIT_SHAPES, take.controls[0].tolist(), strict=True))).gaze[0]
    assert np.allclose(take.gaze[0], by_shapes, atol=0.04)


def test_degrees_are_told_by_their_size_or_by_the_user() -> None:
    text = livelink_rows(HeadYaw=-30.0)
    for take in (read_text(text, "", "f"), read_text(text, "", "f", ReadSettings(unit="degrees"))):
        assert take.head is not None and take.head[0, 0] == pytest.approx(np.radians(30))
    forced = read_text(livelink_rows(HeadYaw=-3.0), "", "f", ReadSettings(unit="degrees"))
    assert forced.head is not None and forced.head[0, 0] == pytest.approx(np.radians(3))
    assert any("degrees" in note for note in read_text(text, "", "f").notes)


def test_a_phone_on_its_side_turns_yaw_and_pitch_round() -> None:
    text = livelink_rows(HeadYaw=0.3, HeadPitch=0.2, HeadRoll=0.1, LeftEyeYaw=0.4)
    take = read_text(text, "", "f", ReadSettings(landscape=True))
    assert take.head is not None and take.gaze is not None
    assert np.allclose(take.head[0], [0.3, -0.2, -0.1])
    assert take.gaze[0, 0, 0] == pytest.approx(-0.4), "eyes ride on the head"


@pytest.mark.parametrize("base", [24, 25, 30, 60])
def test_thousandths_of_the_second_behind_the_frame_are_understood(base: int) -> None:
    codes = [f"00:00:{i // base:02d}:{i % base:02d}.{i % base * 1000 // base:03d}" for i in range(3 * base)]
    text = "Timecode,BlendShapeCount,JawOpen\n" + "".join(f"{code},61,0.5\n" for code in codes)
    assert np.allclose(read_text(text, "", "f").times, np.arange(3 * base) / base)


def test_frames_without_a_face_are_left_out_and_said() -> None:
    text = "Timecode,BlendShapeCount,JawOpen\n0:0:0:00,61,0.1\n0:0:0:01,0,\n0:0:0:02\n0:0:0:03,61,0.4\n"
    take = read_text(text, "", "f")
    assert len(take) == 2 and take.times[1] - take.times[0] == pytest.approx(3 / 60)
    assert take.notes == ("2 of 4 lines have no values and were left out.",)


def test_plain_tables_may_have_some_columns_in_any_spelling() -> None:
    text = "time;Head_Jaw_Open;mouthSmile;eye_blink_L;browInnerUp_L;browInnerUp_R\n0;0,5;1;1;1;1\n"
    with pytest.raises(ControlsFileError, match="column Head_Jaw_Open: '0,5' is not a number"):
        read_text(text, "", "f")
    take = read_text(text.replace("0,5", "0.5").replace("1;1\n", "0.2;0.6\n") + "0.04;0.5;1;0.3;0;0\n", "", "f")
    told = dict(zip(ARKIT_SHAPES, take.controls[0], strict=True))
    assert told["jawOpen"] == 0.5 and told["mouthSmileLeft"] == told["mouthSmileRight"] == 1.0
    assert told["eyeBlinkLeft"] == 1.0 and told["eyeBlinkRight"] == 0.0
    assert told["browInnerUp"] == pytest.approx(0.4), "two sides of one control"
    assert take.rate == 25.0 and take.head is None


def test_a_control_by_its_own_name_goes_before_one_for_both_sides() -> None:
    take = read_text("time,mouthSmile,mouthSmileLeft\n0,0.2,0.9\n1,0.2,0.9\n", "", "f")
    assert take.controls[0, ARKIT_SHAPES.index("mouthSmileLeft")] == 0.9
    assert take.controls[0, ARKIT_SHAPES.index("mouthSmileRight")] == 0.2


def test_lines_without_times_need_a_rate() -> None:
    text = "frame,jawOpen\n10,0\n12,1\n"
    with pytest.raises(ControlsFileError, match="no column named time"):
        read_text(text, "", "f")
    assert np.allclose(read_text(text, "", "f", ReadSettings(rate=24.0)).times, [10 / 24, 12 / 24])


def test_weights_of_audio2face() -> None:
    names = ["eyeBlinkLeft", "JawOpen", "mystery"]
    data = {"exportFps": 30, "numPoses": 3, "numFrames": 2, "facsNames": names, "weightMat": [[0, 0.5, 9], [1, 0, 9]]}
    take = read_text(json.dumps(data), "speech", "f.json")
    assert take.rate == 30.0 and np.allclose(take.times, [0, 1 / 30])
    assert take.controls[0, ARKIT_SHAPES.index("jawOpen")] == 0.5
    assert take.controls[1, ARKIT_SHAPES.index("eyeBlinkLeft")] == 1.0
    assert take.unknown == ("mystery",) and take.head is None
    with pytest.raises(ControlsFileError, match="frame 2: weightMat has to be 3 numbers"):
        read_text(json.dumps(data | {"weightMat": [[0, 0, 0], [0]]}), "", "f.json")
    with pytest.raises(ControlsFileError, match="exportFps"):
        read_text(json.dumps(data | {"exportFps": None}), "", "f.json")


JSON_HEAD = '"format": "mimica controls", "schema": 1, "controls": ["jawOpen"]'


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "empty"),
        ("  \n\n", "empty"),
        ("0,0.5,1\n1,0,0\n", "line 1: there are numbers where the names"),
        ("alpha,beta\n1,2\n", "line 1: no column has a name"),
        ("Timecode,BlendShapeCount,alpha\n0:0:0:0,1,2\n", "line 1: no column after Timecode"),
        ("time,jawOpen\n", "a header and no values"),
        ("time,jawOpen\n0,0\n\n1,wide\n", "line 4, column jawOpen: 'wide' is not a number"),
        ("time,jawOpen,jawLeft\n0,0,1\n1,0\n", "line 3, column jawLeft: the value is missing"),
        ("time,jawOpen\n0,nan\n", "line 2, column jawOpen: 'nan'"),
        ("time,jawOpen\n1,0\n0,0\n", "line 3, column time: time goes backwards after line 2"),
        ("time,jawOpen\n1,0\n1,0\n", "line 3, column time: time stands still"),
        ("Timecode,JawOpen\n1:00:00:05.0,0\n1:00:00:04.0,0\n", "line 3, column Timecode: time goes backwards"),
        ("Timecode,JawOpen\nnoon,0\n", "line 2, column Timecode: 'noon' is no timecode"),
        ("Timecode,JawOpen\n1:00:00:500,0\n", "line 2, column Timecode: there is no frame 500"),
        ('{"format": \n', "line 2, column 1: this is no JSON"),
        ("[1, 2]", "neither Mimica's controls nor Audio2Face's"),
        ('{"format": "mimica controls", "schema": 7}', "schema 7.*Update Mimica"),
        ("{" + JSON_HEAD + "}", "no frames"),
        ("{" + JSON_HEAD + ', "frames": [{"time": 0, "controls": [1, 2]}]}', "frame 1: controls has to be 1 numbers"),
        ("{" + JSON_HEAD + ', "frames": [7]}', "frame 1: time"),
        (
            "{" + JSON_HEAD + ', "frames": [{"time": 1, "controls": [1]}, {"time": 0.5, "controls": [1]}]}',
            "frame 2: its time, 0.5 s, is not after",
        ),
        (
            "{" + JSON_HEAD + ', "frames": [{"time": 0, "controls": [1]},'
            ' {"time": 1, "controls": [1], "head": [0, 0, 0]}]}',
            "frame 1: head has to be 3 numbers",
        ),
        ('{"facsNames": ["x"], "weightMat": [[1]], "exportFps": 30}', "none of facsNames is a name"),
        ('{"facsNames": 3, "weightMat": [[1]]}', "facsNames has to be a list"),
    ],
)
def test_what_is_wrong_is_said(text: str, sentence: str) -> None:
    with pytest.raises(ControlsFileError, match=sentence):
        read_text(text, "", "f")


def test_files_that_cannot_be_read_or_written_are_said(tmp_path: Path) -> None:
    with pytest.raises(ControlsFileError, match="cannot be read"):
        read_controls(tmp_path / "none.csv")
    (tmp_path / "picture.csv").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(ControlsFileError, match="no text"):
        read_controls(tmp_path / "picture.csv")
    take = read_text("time,jawOpen\n0,0\n", "", "f")
    with pytest.raises(ControlsFileError, match="cannot be written"):
        write_controls(tmp_path / "none" / "out.csv", take, "csv")


@given(text=st.text(max_size=200))
def test_nothing_else_is_ever_raised(text: str) -> None:
    for begin in ("", "time,jawOpen\n", "Timecode,JawOpen\n0:0:0:0,1\n", '{"format": "mimica controls", "schema": 1,'):
        try:
            assert np.isfinite(read_text(begin + text, "", "f").controls).all()
        except ControlsFileError as error:
            assert str(error).endswith((".", ")"))


def test_a_file_moves_head_eyes_and_landmarks() -> None:
    controls = np.zeros((3, SHAPES))
    controls[:, ARKIT_SHAPES.index("jawOpen")] = [0.0, 0.5, 1.0]
    head = np.array([[0.0, 0.0, 0.0], [0.2, -0.1, 0.3], [-0.4, 0.2, 0.1]])
    gaze = np.full((3, 2, 2), 0.1)
    take = ControlTake("", np.arange(3) / 30, controls, 30.0, head, gaze)
    motion = motion_of_take(take)
    assert np.allclose(control_values(motion)[:, SHAPES : SHAPES + 3], head)
    assert np.allclose(motion.gaze, gaze)
    assert motion.control("eyeLookOutLeft")[0] > 0.1, "turned eyes are glances where the file has none"
    assert np.allclose(motion.displacement[2, 152, 1], average_expressions().displacement[17, 152, 1], atol=0.05)
    groups = np.zeros((1, 478))
    groups[0, 152] = 1.0
    assert np.allclose(motion_of_take(take, groups).displacement[:, 0], motion.displacement[:, 152])
    again = take_of_motion("", motion, 30.0)
    assert again.head is not None and np.allclose(again.head, head)


def test_eyes_that_were_not_recorded_follow_the_shapes() -> None:
    take = read_text(livelink_rows(EyeLookOutLeft=1.0, EyeLookInRight=1.0), "", "f")
    gaze = motion_of_take(take).gaze
    assert gaze[0, 0, 0] == gaze[0, 1, 0] > 0.4, "to the performer's left"


def test_what_a_slower_scene_cannot_show_is_left_out() -> None:
    times = np.arange(240) / 60
    controls = np.full((240, SHAPES), 0.5)
    controls[:, 0] += 0.2 * np.sin(times * 2 * np.pi * 25)
    controls[:, 1] += 0.2 * np.sin(times * 2 * np.pi * 1)
    take = ControlTake("", times, controls, 60.0)
    calm = slowed(take, 10.0).controls[30:-30]
    assert np.ptp(calm[:, 0]) < 0.1 * np.ptp(controls[:, 0])
    assert np.ptp(calm[:, 1]) > 0.95 * np.ptp(controls[:, 1])
    assert slowed(take, np.inf) is take


def test_gaps_do_not_change_the_rate() -> None:
    times = np.delete(np.arange(100) / 29.97, [20, 21, 22, 60])
    assert rate_of(times) == 29.97
    assert rate_of(np.array([3.0])) == 30.0

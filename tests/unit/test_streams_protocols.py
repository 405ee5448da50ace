# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams' datagrams: what is written is read back, others' packets mean what they say, damaged ones do no harm."""

import json
import math
import re
import socket
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimica.bridges.streams.protocol import PROTOCOLS, Decoder, Refused, Told
from mimica.mapping.frame import ARKIT_SHAPES, ControlFrame

FROM = ("192.0.2.7", 50_000)
KEYS = tuple(PROTOCOLS)
quick = settings(deadline=None, max_examples=25)


@pytest.fixture(autouse=True)
def needed() -> None:
    pytest.importorskip("pythonosc")


def shares(limit: float) -> st.SearchStrategy[float]:
    """Numbers that a float32 keeps, and no smaller ones than it has digits for."""
    return st.floats(-limit, limit, width=32, allow_subnormal=False).map(lambda x: x if abs(x) > 1e-6 else 0.0)


def arrays(shape: tuple[int, ...], limit: float) -> st.SearchStrategy[np.ndarray]:
    count = math.prod(shape)
    return st.lists(shares(limit), min_size=count, max_size=count).map(lambda values: np.reshape(values, shape))


frames = st.builds(
    ControlFrame,
    time=st.floats(0.0, 30_000.0, width=32),
    controls=arrays((52,), 1.0).map(np.abs),
    head=arrays((3,), 1.25),
    way=arrays((3,), 30.0),
    gaze=arrays((2, 2), 0.5).filter(np.any),
    eye_roll=arrays((2,), 0.25),
)


def fed(key: str, datagrams: list[bytes], decoder: Decoder | None = None) -> list[Told]:
    decoder = decoder or PROTOCOLS[key].decoder()
    return [told for datagram in datagrams for told in decoder.feed(datagram, FROM, 5.0)]


def close(actual: np.ndarray | None, expected: np.ndarray | None, tolerance: float) -> None:
    assert (actual is None) == (expected is None)
    if actual is not None and expected is not None:
        np.testing.assert_allclose(actual, expected, atol=tolerance)


TOLERANCE = {"livelink": 1e-6, "vmc": 3e-6, "ifacialmocap": 1e-6, "json": 1e-12}


@pytest.mark.parametrize("key", KEYS)
@quick
@given(frame=frames)
def test_a_frame_comes_back(key: str, frame: ControlFrame) -> None:
    encoder, decoder = PROTOCOLS[key].encoder(), PROTOCOLS[key].decoder()
    start = ControlFrame(0.0, np.zeros(52), head=np.zeros(3), way=np.zeros(3))
    assert len(fed(key, encoder.encode(start, subject="Anna"), decoder)) == 1
    (told,) = fed(key, encoder.encode(frame, subject="Anna"), decoder)
    back = told.frame
    assert back.time == 5.0 and told.sender == FROM
    assert told.subject == ("Anna" if PROTOCOLS[key].subjects else "")
    # iFacialMocap has whole hundredths.
    close(back.controls, frame.controls, 0.005 + 1e-9 if key == "ifacialmocap" else TOLERANCE[key])
    close(back.head, frame.head, TOLERANCE[key])
    close(back.gaze, frame.gaze, TOLERANCE[key])
    close(back.eye_roll, frame.eye_roll, TOLERANCE[key])
    if key in ("ifacialmocap", "json"):
        close(back.way, frame.way, 1e-4)
    if key != "ifacialmocap":
        assert told.clock == pytest.approx(frame.time, abs=1e-3)


@pytest.mark.parametrize("key", [key for key in KEYS if key != "ifacialmocap"])
def test_a_lost_face_is_told(key: str) -> None:
    (told,) = fed(key, PROTOCOLS[key].encoder().encode(ControlFrame(1.0, None)))
    assert not told.frame.found


# Others' packets, made by hand from what is published.


def live_link(
    values: list[float], *, count: int = 61, rate: tuple[int, int] = (60, 1), name: bytes = b"iPhone"
) -> bytes:
    device = b"DB8F4F6A-3B1C-4A2E-9D57-0C1B2A394857"
    return b"".join(
        (
            b"\x06",
            b"\x00\x00\x00\x24" + device,
            struct.pack(">i", len(name)) + name,
            struct.pack(">ifii", 216_000, 0.5, *rate),
            bytes([count]),
            struct.pack(f">{len(values)}f", *values),
        )
    )


ENUM = {
    **{"EyeBlinkLeft": 0, "EyeBlinkRight": 7, "JawForward": 14, "JawLeft": 15, "JawRight": 16, "JawOpen": 17},
    **{"MouthLeft": 21, "MouthRight": 22, "BrowInnerUp": 43, "CheekPuff": 46, "TongueOut": 51},
}
"""Places in EARFaceBlendShape, from Unreal Engine."""


@pytest.mark.parametrize(("name", "place"), ENUM.items())
def test_live_links_shapes_are_in_unreals_order(name: str, place: int) -> None:
    values = [0.0] * 61
    values[place] = 0.5
    (told,) = fed("livelink", [live_link(values)])
    assert told.subject == "iPhone" and told.clock == pytest.approx(3600 + 0.5 / 60)
    assert told.frame.controls is not None
    (found,) = np.flatnonzero(told.frame.controls)
    assert ARKIT_SHAPES[found] == name[0].lower() + name[1:]
    assert told.frame.gaze is None


def test_live_links_angles_turn_as_its_tables_say() -> None:
    angles = [0.1, 0.2, 0.3, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09]
    (told,) = fed("livelink", [live_link([0.0] * 52 + angles)])
    # Its yaw > 0 is to the subject's right, pitch > 0 down, roll > 0 to the left.
    close(told.frame.head, np.array([-0.1, 0.2, -0.3]), 1e-7)
    close(told.frame.gaze, np.array([[-0.07, -0.08], [-0.04, -0.05]]), 1e-7)
    close(told.frame.eye_roll, np.array([-0.09, -0.06]), 1e-7)


def test_the_eyes_of_a_recorded_frame_look_where_its_shapes_say() -> None:
    """Numbers of a frame from an iPhone: the left eye looks to the right, the other straight on, both down."""
    shapes = dict.fromkeys(ARKIT_SHAPES, 0.0) | {
        "eyeLookDownLeft": 0.49640796,
        "eyeLookInLeft": 0.11688007,
        "eyeLookDownRight": 0.49774668,
        "eyeLookInRight": 9.538117e-05,
    }
    angles = [0.09523141, 0.29515162, 0.0087844, -5.559242e-05, 0.3040562, -1.7444134e-05, 0.06813525, 0.3039662]
    (told,) = fed("livelink", [live_link([*shapes.values(), *angles, 0.02135338])])
    assert told.frame.gaze is not None
    for i, (side, inwards) in enumerate((("Left", -1.0), ("Right", 1.0))):
        assert told.frame.gaze[i, 0] * inwards * 1.7155 == pytest.approx(shapes[f"eyeLookIn{side}"], rel=1e-3)
        assert told.frame.gaze[i, 1] * -1.635 == pytest.approx(shapes[f"eyeLookDown{side}"], rel=2e-3)


def test_what_is_sent_as_live_link_is_byte_for_byte_the_packet() -> None:
    controls = np.zeros(52)
    controls[17] = 0.25
    frame = ControlFrame(3600 + 0.5 / 60, controls, head=np.array([-0.1, 0.2, -0.3]))
    (datagram,) = PROTOCOLS["livelink"].encoder().encode(frame, subject="iPhone")
    expected = live_link([0.0] * 17 + [0.25] + [0.0] * 34 + [0.1, 0.2, 0.3] + [0.0] * 6)
    assert datagram[:5] == expected[:5] and datagram[41:] == expected[41:] and len(datagram[5:41]) == 36
    # As large as those that were recorded from a phone, whose subject's name had 13 letters.
    (datagram,) = PROTOCOLS["livelink"].encoder().encode(frame, subject="iPhone of Ann")
    assert len(datagram) == 319


def test_each_subject_of_live_link_is_its_own_device() -> None:
    encoder = PROTOCOLS["livelink"].encoder()
    frame = ControlFrame(0.0, np.zeros(52))
    a, b, again = (encoder.encode(frame, subject=name)[0][5:41] for name in ("A", "B", "A"))
    assert a == again != b


@pytest.mark.parametrize(("values", "count"), [([0.0] * 60, 60), ([0.0] * 255, 255), ([0.0] * 3, 61)])
def test_live_link_with_another_count_is_refused(values: list[float], count: int) -> None:
    with pytest.raises(Refused):
        fed("livelink", [live_link(values, count=count)])


IFACIALMOCAP = (
    "mouthSmile_R-0|eyeLookOut_L-0|mouthClose-8|eyeBlink_R-7|eyeLookDown_L-17|eyeBlink_L-9|eyeLookIn_R-6|mouthRight-2|"
    "eyeLookDown_R-17|jawOpen-12|jawLeft-3|eyeLookIn_L-4|mouthLeft-1|=head#-21.488958,-6.038993,-6.6019735,"
    "-0.030653415,-0.10287084,-0.6584072|rightEye#6.0297494,2.4403017,0.25649446|leftEye#6.034903,-1.6660284,"
    "-0.17520553|"
)
"""From the makers' page for developers, shortened; one value changed on each side, to tell them apart."""
FACEMOTION3D = (
    "eyeLookOutLeft&3|eyeBlinkLeft&29|eyeLookInRight&15|eyeLookDownLeft&36|eyeLookDownRight&36|FM_SAD&0|=head#-22.167973,"
    "0.45402408,-4.8798294,-0.039975993,-0.048437987,-0.45562273|rightEye#12.759762,5.527712,1.2244859|"
    "leftEye#12.862795,1.264116,0.28145725|"
)


@pytest.mark.parametrize(
    ("line", "shares", "head"),
    [
        (
            IFACIALMOCAP,
            {"eyeBlinkLeft": 0.09, "eyeBlinkRight": 0.07, "jawLeft": 0.03, "mouthRight": 0.02, "jawOpen": 0.12},
            [-6.038993, -21.488958, -6.6019735],
        ),
        (FACEMOTION3D, {"eyeBlinkLeft": 0.29, "eyeLookInRight": 0.15}, [0.45402408, -22.167973, -4.8798294]),
    ],
)
def test_the_samples_of_ifacialmocap_mean_what_they_say(line: str, shares: dict[str, float], head: list[float]) -> None:
    (told,) = fed("ifacialmocap", [line.encode()])
    frame = told.frame
    assert frame.controls is not None and frame.gaze is not None and frame.eye_roll is not None
    values = dict(zip(ARKIT_SHAPES, frame.controls, strict=True))
    assert {name: values[name] for name in shares} == pytest.approx(shares)
    close(np.degrees(frame.head) if frame.head is not None else None, np.array(head), 1e-9)
    # Each eye goes where its own shapes say: all look down; in for the one is to the right, for the other to the left.
    assert (frame.gaze[:, 1] < 0).all()
    for i, side in enumerate(("Left", "Right")):
        inwards = values[f"eyeLookIn{side}"] - values[f"eyeLookOut{side}"]
        assert np.sign(frame.gaze[i, 0]) == np.sign(inwards) * (-1 if side == "Left" else 1)


@pytest.mark.parametrize("line", [IFACIALMOCAP, FACEMOTION3D])
def test_the_order_of_ifacialmocaps_angles_is_ours(line: str) -> None:
    """An eye that turns by Rx Ry has a roll as R = Ry Rx Rz, and this is the one that the samples have."""
    from mimica.mapping.rotation import euler_from_matrix

    (told,) = fed("ifacialmocap", [line.encode()])
    assert told.frame.gaze is not None and told.frame.eye_roll is not None
    for (yaw, up), roll in zip(told.frame.gaze, told.frame.eye_roll, strict=True):
        y = math.atan(math.tan(yaw) * math.cos(up))
        x = math.asin(math.sin(-up) / math.cos(y))
        rx = np.array([[1, 0, 0], [0, math.cos(x), -math.sin(x)], [0, math.sin(x), math.cos(x)]])
        ry = np.array([[math.cos(y), 0, math.sin(y)], [0, 1, 0], [-math.sin(y), 0, math.cos(y)]])
        close(euler_from_matrix(rx @ ry), np.array([yaw, -up, roll]), 2e-4)


def test_ifacialmocaps_way_is_from_where_it_began() -> None:
    decoder = PROTOCOLS["ifacialmocap"].decoder()
    lines = [f"jawOpen-1|=head#0,0,0,{x},0.2,-0.6|".encode() for x in (0.1, 0.12)]
    a, b = fed("ifacialmocap", lines, decoder)
    close(a.frame.way, np.zeros(3), 1e-9)
    close(b.frame.way, np.array([2.0, 0.0, 0.0]), 1e-9)


@pytest.mark.parametrize("place", ["nan", "inf", "1e300", "1e6"])
def test_ifacialmocaps_way_does_not_begin_where_no_face_is(place: str) -> None:
    decoder = PROTOCOLS["ifacialmocap"].decoder()
    lines = [f"jawOpen-1|=head#0,0,0,{x},0.2,-0.6|".encode() for x in (place, 0.1, 0.12)]
    with pytest.raises(Refused):
        decoder.feed(lines[0], FROM, 0.0)
    _, told = fed("ifacialmocap", lines[1:], decoder)
    close(told.frame.way, np.array([2.0, 0.0, 0.0]), 1e-9)


def osc(address: str, *values: Any) -> bytes:
    """A message, byte by byte."""

    def text(value: str) -> bytes:
        data = value.encode() + b"\0"
        return data + b"\0" * (-len(data) % 4)

    tags = "," + "".join("s" if isinstance(v, str) else "i" if isinstance(v, int) else "f" for v in values)
    data = (text(v) if isinstance(v, str) else struct.pack(">i" if isinstance(v, int) else ">f", v) for v in values)
    return text(address) + text(tags) + b"".join(data)


def bundle(*parts: bytes) -> bytes:
    return b"#bundle\0" + b"\0" * 7 + b"\1" + b"".join(struct.pack(">i", len(part)) + part for part in parts)


APPLY = osc("/VMC/Ext/Blend/Apply")


def val(name: str, value: float) -> bytes:
    return osc("/VMC/Ext/Blend/Val", name, value)


def bone(name: str, *quaternion: float) -> bytes:
    return osc("/VMC/Ext/Bone/Pos", name, 0.0, 0.1, 0.0, *quaternion)


@pytest.mark.parametrize("name", ["jawOpen", "JawOpen", "jaw_open"])
def test_vmcs_shapes_are_shown_at_apply(name: str) -> None:
    decoder = PROTOCOLS["vmc"].decoder()
    assert fed("vmc", [val(name, 0.5), val("BrowInnerUp", 0.25)], decoder) == []
    (told,) = fed("vmc", [APPLY], decoder)
    assert told.frame.controls is not None
    values = dict(zip(ARKIT_SHAPES, told.frame.controls, strict=True))
    assert {name: value for name, value in values.items() if value} == {"jawOpen": 0.5, "browInnerUp": 0.25}


@pytest.mark.parametrize(
    ("preset", "shows"),
    [
        ("A", "jawOpen"),
        ("aa", "jawOpen"),
        ("U", "mouthPucker"),
        ("oh", "mouthFunnel"),
        ("Blink_L", "eyeBlinkLeft"),
        ("blinkRight", "eyeBlinkRight"),
        ("Joy", "mouthSmileLeft"),
        ("sad", "browInnerUp"),
        ("LookLeft", "eyeLookOutLeft"),
        ("lookRight", "eyeLookOutRight"),
    ],
)
def test_vrms_presets_are_taken_of_senders_without_arkits_shapes(preset: str, shows: str) -> None:
    (told,) = fed("vmc", [bundle(val(preset, 1.0), APPLY)])
    assert told.frame.controls is not None
    assert told.frame.controls[ARKIT_SHAPES.index(shows)] >= 0.4
    (told,) = fed("vmc", [bundle(val(preset, 1.0), val("CheekPuff", 0.5), APPLY)])
    assert told.frame.controls is not None
    assert told.frame.controls[ARKIT_SHAPES.index(shows)] == 0.0


@pytest.mark.parametrize(
    ("axis", "head", "eye"),
    [
        # In Unity a turn by +30 degrees about x looks down, about y to the right; about z the head's top goes left.
        ("x", [0.0, 30.0, 0.0], [0.0, -30.0]),
        ("y", [-30.0, 0.0, 0.0], [-30.0, 0.0]),
        ("z", [0.0, 0.0, -30.0], [0.0, 0.0]),
    ],
)
def test_vmcs_bones_turn_in_unitys_axes(axis: str, head: list[float], eye: list[float]) -> None:
    half = math.radians(15.0)
    turn = [math.sin(half) if axis == name else 0.0 for name in "xyz"] + [math.cos(half)]
    parts = [bone(name, *turn) for name in ("Head", "LeftEye", "RightEye", "Hips")]
    (told,) = fed("vmc", [bundle(*parts, val("JawOpen", 0.0), APPLY)])
    assert told.frame.head is not None and told.frame.gaze is not None
    close(np.degrees(told.frame.head), np.array(head), 1e-4)
    close(np.degrees(told.frame.gaze), np.array([eye, eye]), 1e-4)


def test_vmcs_neck_is_part_of_the_head() -> None:
    half = math.radians(10.0)
    turn = (0.0, math.sin(half), 0.0, math.cos(half))
    (told,) = fed("vmc", [bundle(bone("Neck", *turn), bone("Head", *turn), APPLY)])
    assert told.frame.head is not None
    close(np.degrees(told.frame.head), np.array([-40.0, 0.0, 0.0]), 1e-4)


def test_vmc_of_bones_alone_is_a_stream_too() -> None:
    decoder = PROTOCOLS["vmc"].decoder()
    half = math.radians(10.0)
    assert fed("vmc", [bone("Head", math.sin(half), 0.0, 0.0, math.cos(half))], decoder) == []
    (told,) = fed("vmc", [osc("/VMC/Ext/T", 12.5)], decoder)
    assert told.clock == 12.5 and told.frame.head is not None
    close(np.degrees(told.frame.head), np.array([0.0, 20.0, 0.0]), 1e-4)


def test_two_vmc_senders_are_not_mixed_up() -> None:
    decoder = PROTOCOLS["vmc"].decoder()
    decoder.feed(val("JawOpen", 1.0), ("192.0.2.1", 1), 0.0)
    (told,) = decoder.feed(APPLY, ("192.0.2.2", 1), 0.0)
    assert told.frame.controls is not None and not told.frame.controls.any()


def test_vmcs_datagrams_are_not_cut_by_networks() -> None:
    frame = ControlFrame(1.0, np.ones(52), head=np.ones(3), gaze=np.ones((2, 2)))
    datagrams = PROTOCOLS["vmc"].encoder().encode(frame)
    assert 1 < len(datagrams) < 5 and max(map(len, datagrams)) <= 1400
    assert datagrams[-1].endswith(APPLY) and b"/VMC/Ext/T\0" in datagrams[-1]


def test_json_as_the_page_says() -> None:
    told = json.loads(
        PROTOCOLS["json"].encoder().encode(ControlFrame(1.5, np.zeros(52), head=np.radians([1, 2, 3])))[0]
    )
    assert set(told) == {"mimica", "face", "frame", "time", "found", "controls", "head"}
    assert list(told["controls"]) == list(ARKIT_SHAPES)
    assert told["head"] == pytest.approx({"yaw": 1.0, "pitch": 2.0, "roll": 3.0})
    (back,) = fed("json", [b'{"mimica": 1, "controls": {"jawOpen": 0.25, "tail": 1}, "head": {"yaw": 90}, "new": []}'])
    assert back.subject == "" and back.clock is None and back.frame.controls is not None and back.frame.head is not None
    assert back.frame.controls.sum() == 0.25 and back.frame.head[0] == pytest.approx(math.pi / 2)


# Damage and malice.


def samples(key: str) -> list[bytes]:
    rng = np.random.default_rng(1)
    frame = ControlFrame(
        3.0,
        rng.uniform(size=52),
        head=rng.uniform(-1, 1, 3),
        way=rng.uniform(-5, 5, 3),
        gaze=rng.uniform(-0.5, 0.5, (2, 2)),
        eye_roll=rng.uniform(-0.1, 0.1, 2),
    )
    return PROTOCOLS[key].encoder().encode(frame, subject="Anna")


def harmless(decoder: Decoder, datagram: bytes) -> int:
    """Feed what may be anything; return how many frames came of it."""
    try:
        told = decoder.feed(datagram, FROM, 1.0)
    except Refused as refusal:
        assert str(refusal).endswith(".") and len(str(refusal)) < 200
        return 0
    for one in told:
        # Nothing else than finite arrays can be in a frame; what is bounded is looked at here.
        assert one.frame.controls is None or ((one.frame.controls >= 0).all() and (one.frame.controls <= 1).all())
        for angles in (one.frame.head, one.frame.gaze, one.frame.eye_roll):
            assert angles is None or np.abs(angles).max() <= math.pi + 1e-9
        assert len(one.subject) <= 64 and one.subject.isprintable()
        assert one.clock is None or math.isfinite(one.clock)
    return len(told)


@pytest.mark.parametrize("key", KEYS)
def test_what_is_cut_short_is_refused(key: str) -> None:
    *before, last = samples(key)
    whole = PROTOCOLS[key].decoder()
    for datagram in before:
        whole.feed(datagram, FROM, 1.0)
    assert harmless(whole, last) == 1
    for end in range(len(last)):
        frames = harmless(PROTOCOLS[key].decoder(), last[:end])
        # Live Link Face without a face is the beginning of one with a face; a line without eyes is a line.
        told = {"livelink": last[:end].endswith(b"\0\0\0<\0\0\0\1"), "ifacialmocap": last[end - 1 : end] == b"|"}
        assert not frames or told.get(key, False)


@pytest.mark.parametrize("key", KEYS)
@quick
@given(data=st.data())
def test_flipped_bits_do_no_harm(key: str, data: st.DataObject) -> None:
    decoder = PROTOCOLS[key].decoder()
    for datagram in samples(key):
        damaged = bytearray(datagram)
        for place in data.draw(st.lists(st.integers(0, 8 * len(damaged) - 1), min_size=1, max_size=8)):
            damaged[place // 8] ^= 1 << place % 8
        harmless(decoder, bytes(damaged))


@pytest.mark.parametrize("key", KEYS)
@quick
@given(st.binary(max_size=400), st.sampled_from([b"", b"\x06", b"#bundle\0", b"/VMC/Ext/", b"{", b"jawOpen-1|=head#"]))
def test_random_bytes_do_no_harm(key: str, rest: bytes, start: bytes) -> None:
    harmless(PROTOCOLS[key].decoder(), start + rest)


HOSTILE: dict[str, list[bytes]] = {
    "livelink": [
        live_link([math.nan] * 61),
        live_link([math.inf] * 61),
        live_link([3e38] * 61),
        live_link([0.0] * 61, rate=(0, 0)),
        live_link([0.0] * 61, rate=(-60, 1)),
        live_link([0.0] * 61, name="\n\u202e".encode() * 30),
        b"\x06" + b"\x7f\xff\xff\xff" + b"a" * 500,
        b"\x06" + b"\xff\xff\xff\xff" + b"a" * 500,
    ],
    "vmc": [
        bundle(val("JawOpen", math.nan), APPLY),
        bundle(bone("Head", math.inf, 0.0, 0.0, 1.0), APPLY),
        bundle(bone("Head", 0.0, 0.0, 0.0, 0.0), APPLY),
        bundle(bone("Head", 3e38, 3e38, 3e38, 3e38), APPLY),
        osc("/VMC/Ext/Blend/Val", 1, 2),
        osc("/VMC/Ext/Blend/Val"),
        osc("/VMC/Ext/Bone/Pos", "Head", 1.0),
        osc("/VMC/Ext/OK"),
        osc("/VMC/Ext/T", "Head"),
        val("JawOpen" * 5000, 1.0),
        # Where python-osc goes round for ever, and where it goes too deep.
        b"#bundle\0" + b"\0" * 8 + struct.pack(">i", -4) + b"\0" * 8,
        b"".join(b"#bundle\0" + b"\0" * 8 + struct.pack(">i", 20 * (3000 - i)) for i in range(3000)),
        b"#bundle\0" + b"\0" * 8 + b"\0\0\0\0" * 10_000,
        bundle(*[b"/VMC/Ext/T\0\0," + b"[" * 1000 + b"\0" * 4] * 3),
        bundle(*[b"/VMC/Ext/T\0\0,b\0\0" + b"\x7f\xff\xff\xff"] * 3),
    ],
    "ifacialmocap": [
        b"jawOpen-nan|=head#0,0,0|",
        b"jawOpen-1|=head#inf,0,0,0,0,0|",
        b"jawOpen-1|=head#1e300,0,0,0,0,0|",
        b"jawOpen-1|=head#0,0,0,1e300,0,0|",
        b"jawOpen-" + b"9" * 16_000 + b"|=|",
        b"jawOpen-1|=head#" + b"1," * 8000 + b"|",
        b"|" * 16_000 + b"=|",
        b"jawOpen-1|=head#" + b"|head#" * 2500 + b"|",
        b"x" * 60_000,
    ],
    "json": [
        b'{"mimica": 1, "controls": {"jawOpen": NaN}}',
        b'{"mimica": 1, "controls": {"jawOpen": 1e999}}',
        b'{"mimica": 1, "controls": {"jawOpen": ' + b"9" * 4000 + b"}}",
        b'{"mimica": 1, "controls": {"jawOpen": ' + b"9" * 60_000 + b"}}",
        b'{"mimica": 1, "controls": {}, "head": {"yaw": 1e300}}',
        b'{"mimica": 1, "controls": {}, "eyes": {"left": [], "right": {}}}',
        b'{"mimica": 1, "controls": [], "time": true}',
        b'{"mimica": 1, "controls": {}, "frame": -1}',
        b'{"mimica": 1, "controls": {}, "frame": 1e3}',
        b'{"mimica": 1, "controls": {}, "time": "now"}',
        b'{"mimica": true, "controls": {}}',
        b'{"mimica": 2, "controls": {}}',
        b'{"mimica": 1, "controls": {}, "face": 7}',
        b'{"mimica": 1, "controls": {}, "face": "' + b"a" * 60_000 + b'"}',
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b"null",
        b"\xff\xfe\x00",
    ],
}


@pytest.mark.parametrize(
    ("key", "datagram"),
    [(key, datagram) for key in KEYS for datagram in HOSTILE[key]],
    ids=lambda value: str(value)[:24],
)
def test_malice_does_no_harm(key: str, datagram: bytes) -> None:
    harmless(PROTOCOLS[key].decoder(), datagram)


@pytest.mark.parametrize("key", KEYS)
def test_a_damaged_datagram_changes_nothing_of_the_next(key: str) -> None:
    decoder, datagrams = PROTOCOLS[key].decoder(), samples(key)
    for bad in HOSTILE[key]:
        harmless(decoder, bad)
    (told,) = fed(key, datagrams, decoder)
    assert told.frame.controls is not None and told.frame.controls.max() > 0.5


@pytest.mark.parametrize("key", ["vmc", "ifacialmocap"])
def test_many_senders_are_not_all_remembered(key: str) -> None:
    decoder, datagrams = PROTOCOLS[key].decoder(), samples(key)
    for i in range(300):
        for datagram in datagrams:
            decoder.feed(datagram, ("192.0.2.1", i), 1.0)
    if key == "vmc":
        for i in range(1000):
            decoder.feed(val(f"jaw{'_' * (i % 60)}open{'.' * (i // 60)}", 1.0), FROM, 1.0)
    assert max(len(value) for value in vars(decoder).values()) <= 256


@pytest.mark.parametrize("key", ["vmc", "ifacialmocap"])
def test_who_goes_on_sending_is_not_forgotten_for_strangers(key: str) -> None:
    decoder, sender = PROTOCOLS[key].decoder(), ("192.0.2.9", 1)
    first, goes_on = {
        "vmc": (val("JawOpen", 1.0), val("EyeBlinkLeft", 0.5)),
        "ifacialmocap": (b"jawOpen-1|=head#0,0,0,0.1,0,0|", b"jawOpen-1|=head#0,0,0,0.1,0,0|"),
    }[key]
    decoder.feed(first, sender, 0.0)
    for i in range(400):
        decoder.feed(first, ("192.0.2.1", i), 1.0)
        if i % 20 == 0:
            decoder.feed(goes_on, sender, 1.0)
    if key == "vmc":
        (told,) = decoder.feed(APPLY, sender, 2.0)
        assert told.frame.controls is not None and told.frame.controls.max() == 1.0
    else:
        (told,) = decoder.feed(b"jawOpen-1|=head#0,0,0,0.12,0,0|", sender, 2.0)
        close(told.frame.way, np.array([2.0, 0.0, 0.0]), 1e-9)


# Somebody else's decoder, where it is installed.


def test_pylivelinkface_reads_what_is_sent() -> None:
    other = pytest.importorskip("pylivelinkface")
    for shape in range(52):
        controls = np.zeros(52)
        controls[shape] = 0.5
        frame = ControlFrame(10.0, controls, head=np.array([-0.1, 0.2, -0.3]))
        (datagram,) = PROTOCOLS["livelink"].encoder().encode(frame, subject="Anna")
        found, face = other.PyLiveLinkFace.decode(datagram)
        assert found and face.name == "Anna"
        name = ARKIT_SHAPES[shape]
        assert face.get_blendshape(other.FaceBlendShape[name[0].upper() + name[1:]]) == 0.5
        angles = [face.get_blendshape(other.FaceBlendShape[f"Head{angle}"]) for angle in ("Yaw", "Pitch", "Roll")]
        assert angles == pytest.approx([0.1, 0.2, 0.3])
    (lost,) = PROTOCOLS["livelink"].encoder().encode(ControlFrame(10.0, None), subject="Anna")
    assert other.PyLiveLinkFace.decode(lost)[0] is False


def test_what_pylivelinkface_sends_is_read() -> None:
    other = pytest.importorskip("pylivelinkface")
    face = other.PyLiveLinkFace("Anna")
    face.set_blendshape(other.FaceBlendShape.MouthLeft, 0.75, True)
    (told,) = fed("livelink", [face.encode()])
    assert told.subject == "Anna" and told.frame.controls is not None
    assert told.frame.controls[ARKIT_SHAPES.index("mouthLeft")] == 0.75


def test_python_osc_reads_what_is_sent() -> None:
    packet = pytest.importorskip("pythonosc.osc_packet")
    frame = ControlFrame(1.0, np.linspace(0, 1, 52), head=np.array([0.5, 0.0, 0.0]))
    told = [
        one.message
        for datagram in PROTOCOLS["vmc"].encoder().encode(frame)
        for one in packet.OscPacket(datagram).messages
    ]
    assert [one.address for one in told[:2]] == ["/VMC/Ext/OK", "/VMC/Ext/Bone/Pos"]
    # To the performer's left is -y in Unity.
    name, *place, x, y, z, w = told[1].params
    assert name == "Head" and place == [0.0, 0.0, 0.0]
    assert (x, y, z, w) == pytest.approx((0.0, -math.sin(0.25), 0.0, math.cos(0.25)), abs=1e-6)
    values = dict(one.params for one in told[2:-2])
    assert len(values) == 52 and values["TongueOut"] == 1.0
    assert told[-1].address == "/VMC/Ext/Blend/Apply"
    assert told[-2].address == "/VMC/Ext/T"


def test_vmcp_reads_what_is_sent() -> None:
    events = pytest.importorskip("vmcp.events")
    kinds = {
        kind.ADDRESS_PATTERN: kind
        for kind in (
            events.StateEvent,
            events.RelativeTimeEvent,
            events.BoneTransformEvent,
            events.BlendShapeEvent,
            events.BlendShapeApplyEvent,
        )
    }
    from pythonosc.osc_packet import OscPacket

    frame = ControlFrame(1.0, np.linspace(0, 1, 52), head=np.array([0.5, 0.0, 0.0]), gaze=np.full((2, 2), 0.1))
    told = [
        kinds[one.message.address].from_message_data("", one.message.address, tuple(one.message.params))
        for datagram in PROTOCOLS["vmc"].encoder().encode(frame)
        for one in OscPacket(datagram).messages
    ]
    assert told[0].tracking_state.name == "OK" or told[0].tracking_state.value == 1
    bones = {one.joint.value: one.rotation for one in told if isinstance(one, events.BoneTransformEvent)}
    assert set(bones) == {"Head", "LeftEye", "RightEye"}
    assert bones["Head"].y == pytest.approx(-math.sin(0.25)) and bones["Head"].w == pytest.approx(math.cos(0.25))
    assert sum(isinstance(one, events.BlendShapeEvent) for one in told) == 52
    assert isinstance(told[-1], events.BlendShapeApplyEvent)


def test_the_pages_example_receives_what_is_sent(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The Python of docs/streams.md, with a port that is free and an end after the first frame."""
    page = (root / "docs" / "streams.md").read_text("utf-8")
    receiver, sender = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (datagram,) = PROTOCOLS["json"].encoder().encode(ControlFrame(0.0, np.full(52, 0.25), head=np.radians([30, 0, 0])))
    names: dict[str, Any] = {}
    setup, loop = receiver.replace("47800", "0").split("while True:\n")
    exec(setup, names)
    with names["receiver"] as listening, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as speaking:
        listening.settimeout(20.0)
        port = listening.getsockname()[1]
        speaking.sendto(datagram, ("127.0.0.1", port))
        exec("if True:\n" + loop, names)
        assert capsys.readouterr().out == "Mimica: jaw 0.25, yaw 30\n"
        exec(sender.replace("47800", str(port)).replace("range(600)", "range(1)"), names)
        (told,) = fed("json", [listening.recv(65_535)])
        names["sender"].close()
    assert told.frame.controls is not None and told.frame.controls[ARKIT_SHAPES.index("jawOpen")] == 0.5
    example = re.findall(r"```json\n(.*?)```", page, re.DOTALL)[0]
    (told,) = fed("json", [example.encode()])
    assert told.subject == "Anna" and told.number == 128 and told.frame.gaze is not None

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams' datagrams: what is written is read back, others' packets mean what they say, damaged ones do no harm."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimica.bridges.streams.protocol import PROTOCOLS, Decoder, Told
from mimica.mapping.frame import ControlFrame

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
    start = ControlFrame(0.0, np.zeros(52), way=np.zeros(3))
    fed(key, encoder.encode(start, subject="Anna"), decoder)
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

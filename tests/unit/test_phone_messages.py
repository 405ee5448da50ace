# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes from outside is either understood or refused, whatever it is; and the clocks of devices."""

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mimica.bridges.phone.clocks import CLOCK, ArrivalClock, SenderClock
from mimica.bridges.phone.messages import (
    Figures,
    MessageError,
    Offer,
    pack_result,
    parse_message,
    parse_offer,
    shown_name,
    unpack_points,
)
from mimica.bridges.phone.pairing import new_code, split_path
from mimica.capture.tracker import TrackerSettings
from mimica.mapping.frame import FaceFrame

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["type", "faces", "detection", "tracking", "delay", "rate", "sdp", "device", "name"])
MESSAGES = st.dictionaries(KEYS, VALUES | st.sampled_from(["settings", "figures", 0.5, 2]))


@given(MESSAGES.map(json.dumps) | st.text() | st.binary() | VALUES)
def test_a_message_is_understood_or_refused(data: object) -> None:
    try:
        message = parse_message(data)
    except MessageError:
        return
    if isinstance(message, Figures):
        assert 0 <= message.delay <= 1e5 and 0 <= message.rate <= 1e3
    else:
        assert isinstance(message, TrackerSettings) and message.faces in (1, 2, 3, 4)


@given(MESSAGES.map(lambda values: json.dumps(values).encode()) | st.binary())
def test_an_offer_is_understood_or_refused(body: bytes) -> None:
    try:
        assert isinstance(parse_offer(body), Offer)
    except MessageError:
        pass


def test_an_offer_of_sound_is_refused() -> None:
    media = ["m=video 9", "m=application 9"]
    assert parse_offer(json.dumps({"sdp": "\r\n".join(media), "device": "0" * 16}).encode()).device == "0" * 16
    with pytest.raises(MessageError, match="one video"):
        parse_offer(json.dumps({"sdp": "\r\n".join([*media, "m=audio 9"]), "device": "0" * 16}).encode())


@given(st.text(max_size=300))
def test_a_name_can_be_shown_anywhere(name: str) -> None:
    shown = shown_name(name)
    assert 1 <= len(shown) <= 40 and shown.isprintable()


@given(st.text(max_size=80))
def test_only_the_code_opens(path: str) -> None:
    code = new_code()
    assert split_path(path, code) is None
    assert split_path(f"/{code}", code) is None
    assert split_path(f"/{code}/page.js", code) == "page.js"


@given(st.integers(0, 2**31), st.floats(-3, 3, width=32))
def test_a_result_holds_what_was_found(seed: int, shift: float) -> None:
    points = np.random.default_rng(seed).uniform(-0.4, 1.4, (478, 3)).astype(np.float32)
    points[470] = math.nan
    points[0, :2] = shift
    faces = (FaceFrame(0.0, points, None, (4, 3)), FaceFrame.lost(0.0, (4, 3), 1))
    data = pack_result(faces, number=seed, captured=math.nan, here_ms=1.0, rate=2.0, aspect=4 / 3)
    (back,) = unpack_points(data)
    np.testing.assert_allclose(back[1:468], points[1:468, :2], atol=2e-5)
    np.testing.assert_allclose(back[0], np.clip(shift, -0.5, 1.5), atol=2e-5)
    assert (back[470] == -0.5).all(), "what is not known is at the edge"


@pytest.mark.parametrize("start", [0, 2**32 - 50_000])
def test_the_moment_of_capture_comes_from_the_senders_reports(start: int) -> None:
    mapper = SimpleNamespace(_origin=start)
    receiver = SimpleNamespace(_RTCRtpReceiver__timestamp_mapper=mapper)
    clock = SenderClock(receiver)
    assert math.isnan(clock.captured(0)), "nothing is known before a report"
    clock.report((1_800_000_000 + 2_208_988_800) << 32, (start + 2 * CLOCK) % 2**32)
    assert clock.captured(2 * CLOCK) == pytest.approx(1_800_000_000, abs=1e-3)
    assert clock.captured(0) == pytest.approx(1_800_000_000 - 2, abs=1e-3)
    assert clock.captured(5 * CLOCK) == pytest.approx(1_800_000_000 + 3, abs=1e-3)


@given(st.lists(st.floats(0, 0.2), min_size=30, max_size=60))
def test_images_are_laid_to_those_that_came_quickest(delays: list[float]) -> None:
    clock = ArrivalClock()
    moments = [clock.moment(i / 30, 100 + i / 30 + late) for i, late in enumerate(delays)]
    for i, (moment, late) in enumerate(zip(moments, delays, strict=True)):
        assert moment <= 100 + i / 30 + late + 1e-6
        assert moment >= 100 + i / 30 - 1e-6
    assert moments[-1] - (100 + (len(delays) - 1) / 30) <= min(delays) + 1e-3

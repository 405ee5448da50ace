# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes along with a take while it is recorded, without Blender: a microphone that answers late, or not at all."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mimica.capture.microphone import Heard
from mimica.capture.take import Take, TakeInfo
from mimica.capture.timeline_fit import FrameLog
from mimica.rig import recording
from mimica.rig.recording import Recording, Wanted


class SlowMicrophone:
    """Opens when `gate` is set."""

    gate = threading.Event()
    running = False

    def __init__(self, device: str, path: Path) -> None:
        self.error: str | None = None
        self.heard: Heard | None = None

    def start(self) -> None:
        self.gate.wait(20)
        SlowMicrophone.running = True
        self.heard = Heard(1002.5, 44100.0, 44100.0, "Slow")

    def stop(self) -> Heard | None:
        SlowMicrophone.running = False
        return self.heard


@pytest.fixture
def microphone(monkeypatch: pytest.MonkeyPatch) -> type[SlowMicrophone]:
    monkeypatch.setattr(recording, "Microphone", SlowMicrophone)
    SlowMicrophone.gate.clear()
    SlowMicrophone.running = False
    return SlowMicrophone


def begin(path: Path, clock: Callable[[], float | None], log: FrameLog | None = None) -> Recording:
    return Recording(path, TakeInfo(path.stem), Wanted(microphone=""), log, clock)


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def test_a_microphone_that_opens_after_the_take_is_over_does_not_stay_open(
    tmp_path: Path, microphone: type[SlowMicrophone]
) -> None:
    began = time.monotonic()
    take = begin(tmp_path / "a.mimica", lambda: 1000.0)
    assert time.monotonic() - began < 1.0, "nothing waits for it"
    take.end()
    take.end_sound()
    take.close()
    assert take.sound_ended.is_set()
    opened = [thread for thread in threading.enumerate() if thread.name == "mimica microphone start"]
    microphone.gate.set()
    for thread in opened:
        thread.join(10)
    assert opened and not microphone.running
    assert Take.open(tmp_path / "a.mimica").info.sound is None


def test_sound_and_place_are_told_on_the_clock_that_the_take_had(
    tmp_path: Path, microphone: type[SlowMicrophone]
) -> None:
    clock: list[float | None] = [None]
    log = FrameLog(24.0)
    microphone.gate.set()
    take = begin(tmp_path / "a.mimica", lambda: clock[0], log)
    until(lambda: microphone.running)
    take.tell()
    assert take.place is None, "before the first image nothing is known"
    clock[0] = 1000.0
    for i in range(48):
        log.see(1001.0 + i / 24.0, 10.0 + i)
    take.end()
    # The next take begins while this one's files are finished.
    clock[0] = 5000.0
    take.end_sound()
    take.close()
    info = Take.open(tmp_path / "a.mimica").info
    assert info.sound is not None and (info.sound.file, info.sound.start) == ("a.wav", 2.5)
    assert info.timeline is not None and info.timeline.frame == pytest.approx(10.0 - 24.0, abs=1e-6)
    assert info.timeline == take.place

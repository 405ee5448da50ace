# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for sounddevice: devices that exist nowhere, whose sound the test hands over. Also a program of its own:
`sounding.py FILE SECONDS` records such a device in real time."""

import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np

RATE = 48000
BLOCK = 960
AHEAD = 1000.0
"""Seconds by which PortAudio's clock is ahead of Python's."""


class PortAudioError(Exception):
    pass


class Stream:
    """An opened microphone."""

    latest: "Stream | None" = None
    refuse: dict[int, str] = {}
    """What opening with so many channels says."""

    def __init__(self, *, device, channels, samplerate, callback, finished_callback, blocksize, **_other) -> None:
        if channels in Stream.refuse:
            raise PortAudioError(Stream.refuse[channels])
        self.device, self.channels, self.rate, self.blocksize = device, channels, samplerate, blocksize
        self.hear, self.finish = callback, finished_callback
        self.running = False
        Stream.latest = self

    @property
    def time(self) -> float:
        return time.perf_counter() + AHEAD

    def start(self) -> None:
        self.running = True

    def stop(self) -> None:
        if self.running:
            self.running = False
            self.finish()

    def close(self) -> None:
        self.running = False

    def deliver(self, samples: np.ndarray, moment: float, lossy: bool = False) -> None:
        """Hand one block over, whose first sample was heard at a moment of Python's clock."""
        times = SimpleNamespace(inputBufferAdcTime=moment + AHEAD, currentTime=self.time)
        self.hear(samples.astype("<i2").tobytes(), len(samples), times, SimpleNamespace(input_overflow=lossy))


def module(names: tuple[str, ...] = ("Desk", "Headset"), default: int = 1, channels: int = 1) -> ModuleType:
    """Return a module sounddevice with these microphones, and loudspeakers beside them."""
    sound = ModuleType("sounddevice")
    speaker = {"name": "Speakers", "max_input_channels": 0, "hostapi": 0}
    devices = [
        {
            "name": name,
            "max_input_channels": channels,
            "hostapi": 0,
            "default_samplerate": float(RATE),
            "default_high_input_latency": 0.03,
        }
        for name in names
    ]
    contents = {
        "PortAudioError": PortAudioError,
        "RawInputStream": Stream,
        "query_hostapis": lambda: [{"name": "ALSA", "default_input_device": default}],
        "query_devices": lambda number=None: [*devices, speaker] if number is None else devices[number],
        "_terminate": lambda: None,
        "_initialize": lambda: None,
    }
    for name, value in contents.items():
        setattr(sound, name, value)
    Stream.refuse = {}
    Stream.latest = None
    return sound


if __name__ == "__main__":
    from mimica.capture.microphone import Microphone

    sys.modules["sounddevice"] = module()
    microphone = Microphone("Desk", Path(sys.argv[1]))
    if len(sys.argv) > 3:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
    microphone.start()
    began = time.perf_counter()
    for i in range(int(float(sys.argv[2]) * RATE / BLOCK)):
        moment = began + i * BLOCK / RATE
        time.sleep(max(0.0, moment + BLOCK / RATE - time.perf_counter()))
        Stream.latest.deliver(np.arange(i * BLOCK, (i + 1) * BLOCK) % 30000, moment)
        if i == 0:
            sys.stdout.write("recording\n")
            sys.stdout.flush()
    microphone.stop()
    sys.stdout.write(f"{microphone.error}\n")

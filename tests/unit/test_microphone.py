# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recording sound: its times, what is lost on the way, and what is said when it goes wrong."""

import os
import subprocess
import sys
import threading
import time
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimica.capture import microphone as module
from mimica.capture import sound_devices
from mimica.capture.microphone import Microphone, MicrophoneError, microphones, running
from mimica.capture.sound_clock import SoundClock
from mimica.tests.unit import sounding

PROGRAM = Path(__file__).with_name("sounding.py")
RATE, BLOCK, Stream = sounding.RATE, sounding.BLOCK, sounding.Stream


@pytest.fixture
def sound(monkeypatch: pytest.MonkeyPatch):
    stand_in = sounding.module()
    monkeypatch.setitem(sys.modules, "sounddevice", stand_in)
    # Minutes of sound are handed over at once, as if they had been heard in time.
    monkeypatch.setattr(module, "_AGE_LIMIT", 1000.0)
    yield stand_in
    microphone = running()
    if microphone is not None:
        microphone.stop()


def heard_samples(path: Path) -> np.ndarray:
    with wave.open(str(path), "rb") as file:
        assert file.getsampwidth() == 2 and file.getframerate() == RATE
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())


def perform(microphone: Microphone, seconds: float, rate: float = RATE, *, lost: tuple = (), late: dict | None = None):
    """Let the device hear a ramp. `lost`: blocks that never come, `late`: seconds by block. Return the first moment."""
    microphone.start()
    began = time.perf_counter()
    flag = False
    for i in range(int(seconds * RATE / BLOCK)):
        if i in lost:
            flag = True
            continue
        moment = began + i * BLOCK / rate
        ramp = np.arange(i * BLOCK, (i + 1) * BLOCK) % 30000
        Stream.latest.deliver(ramp, moment + (late or {}).get(i, 0.0), lossy=flag)
        flag = False
    return began


def test_what_is_heard_is_in_the_file_and_in_time(sound, tmp_path: Path) -> None:
    path = tmp_path / "take.wav"
    microphone = Microphone("Desk", path)
    began = perform(microphone, 3.0)
    assert running() is microphone
    wait_until(lambda: microphone.heard is not None)
    assert abs(microphone.heard.start - began) < 2e-4, "known while it is recorded, so that a crash keeps it"
    heard = microphone.stop()
    assert running() is None and microphone.error is None
    assert heard.device == "Desk" and heard.nominal == heard.rate == RATE
    assert abs(heard.start - began) < 2e-4
    np.testing.assert_array_equal(heard_samples(path)[:, 0], np.arange(3 * RATE) % 30000)
    again = microphone.stop()
    assert again == heard


@pytest.mark.parametrize("drift", [-120e-6, 60e-6, 300e-6])
def test_the_devices_own_rate_is_measured(sound, tmp_path: Path, drift: float) -> None:
    microphone = Microphone("Desk", tmp_path / "take.wav")
    rng = np.random.default_rng(4)
    late = {i: float(rng.exponential(0.02)) for i in range(0, 2000, 7)}
    began = perform(microphone, 40.0, RATE * (1 + drift), late=late)
    heard = microphone.stop()
    assert abs(heard.rate / (RATE * (1 + drift)) - 1) < 5e-6
    assert abs(heard.start - began) < 5e-4
    assert len(heard_samples(tmp_path / "take.wav")) == 40 * RATE


@given(st.floats(-500e-6, 500e-6), st.floats(0.0, 0.002), st.floats(0.0, 0.3), st.floats(-1e5, 1e5), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_the_line_of_stamps(drift: float, scatter: float, late: float, start: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    clock, rate = SoundClock(44100.0), 44100.0 * (1 + drift)
    for i in range(0, 60 * 44100, 882):
        wait = rng.exponential(0.05) if rng.random() < late else 0.0
        clock.stamp(i, start + i / rate + rng.normal(0.0, scatter) + wait)
    zero, measured = clock.line()
    ends = np.array([0.0, 60.0 * 44100])
    # What matters: how far off any sample is.
    assert np.abs(zero + ends / measured - start - ends / rate).max() < 0.002 + scatter


@pytest.mark.parametrize("first", [30, 60])
def test_lost_samples_become_silence_of_the_same_length(sound, tmp_path: Path, first: int) -> None:
    path = tmp_path / "take.wav"
    microphone = Microphone("Desk", path)
    lost = (*range(first, first + 5), 100)
    perform(microphone, 3.0, lost=lost)
    microphone.stop()
    samples = heard_samples(path)[:, 0]
    expected = np.arange(3 * RATE) % 30000
    for i in lost:
        expected[i * BLOCK : (i + 1) * BLOCK] = 0
    assert abs(len(samples) - len(expected)) < 0.001 * RATE
    length = min(len(samples), len(expected))
    assert np.count_nonzero(samples[:length] != expected[:length]) < 0.001 * RATE * 3


def test_samples_that_are_lost_without_a_word_are_missed_too(sound, tmp_path: Path) -> None:
    path = tmp_path / "take.wav"
    microphone = Microphone("Desk", path)
    late = {i: 0.2 for i in range(75, 200)}
    perform(microphone, 4.0, late=late)
    microphone.stop()
    samples = heard_samples(path)[:, 0]
    assert abs(len(samples) - 4.2 * RATE) < 0.002 * RATE
    assert not samples[75 * BLOCK : 75 * BLOCK + int(0.19 * RATE)].any()


def test_a_block_that_only_comes_late_is_no_loss(sound, tmp_path: Path) -> None:
    microphone = Microphone("Desk", tmp_path / "take.wav")
    began = perform(microphone, 4.0, late={60: 0.4, 61: 0.38, 62: 0.36, 120: 0.9})
    heard = microphone.stop()
    assert len(heard_samples(tmp_path / "take.wav")) == 4 * RATE
    assert abs(heard.start - began) < 5e-4


def test_a_recording_takes_the_device_over(sound, tmp_path: Path) -> None:
    test = Microphone("Desk", None)
    test.start()
    opened = Stream.latest
    microphone = Microphone("Desk", tmp_path / "take.wav")
    microphone.start()
    assert not opened.running and Stream.latest.running
    assert running() is microphone
    test.stop()
    assert running() is microphone


def test_a_system_without_clock(sound, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stream, "time", 0.0)
    microphone = Microphone("Desk", tmp_path / "take.wav")
    microphone.start()
    stream = Stream.latest
    times = type("Times", (), {"inputBufferAdcTime": 0.0, "currentTime": 0.0})
    began = time.perf_counter()
    stream.hear(bytes(2 * BLOCK), BLOCK, times, type("Status", (), {"input_overflow": False}))
    heard = microphone.stop()
    # The samples of a block are at least as old as the block is long.
    assert began - BLOCK / RATE - 0.001 <= heard.start <= time.perf_counter() - BLOCK / RATE


def test_stereo_and_what_only_says_so(sound, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", sounding.module(channels=8))
    microphone = Microphone("Headset", tmp_path / "stereo.wav")
    microphone.start()
    Stream.latest.deliver(np.array([[1, 2]] * BLOCK), time.perf_counter())
    microphone.stop()
    assert heard_samples(tmp_path / "stereo.wav").tolist() == [[1, 2]] * BLOCK
    Stream.refuse = {2: "Invalid number of channels [PaErrorCode -9998]"}
    microphone = Microphone("Headset", tmp_path / "mono.wav")
    perform(microphone, 0.1)
    microphone.stop()
    assert heard_samples(tmp_path / "mono.wav").shape == (5 * BLOCK, 1)


def test_level(sound) -> None:
    microphone = Microphone("", None)
    assert microphone.level == 0.0
    microphone.start()
    assert microphone.device == "Headset", "the system's default"
    for loud, expected in ((16384, 0.5), (-32768, 1.0), (0, 0.0)):
        for _ in range(5):
            Stream.latest.deliver(np.full(BLOCK, loud), time.perf_counter())
        wait_until(lambda expected=expected: microphone.level == expected)
    assert not microphone.mute
    microphone.stop()


def test_a_microphone_that_gives_only_zeros_is_mute(sound, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MUTE_AFTER", 0.1)
    microphone = Microphone("Desk", None)
    microphone.start()
    began = time.perf_counter()
    while not microphone.mute and time.perf_counter() - began < 5.0:
        Stream.latest.deliver(np.zeros(BLOCK), time.perf_counter())
        time.sleep(0.02)
    assert microphone.mute and time.perf_counter() - began >= 0.1
    Stream.latest.deliver(np.ones(BLOCK), time.perf_counter())
    wait_until(lambda: not microphone.mute)


def wait_until(condition, seconds: float = 5.0) -> None:
    deadline = time.perf_counter() + seconds
    while not condition():
        assert time.perf_counter() < deadline, "it did not happen"
        time.sleep(0.005)


def test_unplugged(sound, tmp_path: Path) -> None:
    path = tmp_path / "take.wav"
    microphone = Microphone("Desk", path)
    perform(microphone, 1.0)
    Stream.latest.finish()
    assert microphone.error == (
        "The microphone 'Desk' was unplugged or stopped working. What was heard until then is kept."
    )
    assert microphone.stop() is not None
    assert len(heard_samples(path)) == RATE


def test_a_device_that_falls_silent_without_a_word(sound, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_GONE_AFTER", 0.3)
    microphone = Microphone("Desk", tmp_path / "take.wav")
    perform(microphone, 1.0)
    wait_until(lambda: microphone.error is not None)
    assert microphone.error and "unplugged" in microphone.error


def test_nothing_heard(sound, tmp_path: Path) -> None:
    microphone = Microphone("Desk", tmp_path / "take.wav")
    microphone.start()
    assert microphone.stop() is None
    assert microphone.error is None
    assert Microphone("Desk", None).stop() is None


def test_names_are_told_apart_and_the_default_comes_first(sound, monkeypatch: pytest.MonkeyPatch) -> None:
    assert microphones() == ["Headset", "Desk"]
    monkeypatch.setitem(sys.modules, "sounddevice", sounding.module(("USB", "Line", "USB", ""), default=2))
    assert microphones() == ["USB", "USB (2)", "Line", "Microphone"]
    microphone = Microphone("USB (2)", None)
    microphone.start()
    assert Stream.latest.device == 0


def test_windows_lists_each_microphone_once(sound) -> None:
    device = sound.query_devices(0)
    sound.query_devices = lambda number=None: [{**device, "hostapi": i} for i in (0, 1, 1)]
    sound.query_hostapis = lambda: [
        {"name": "MME", "default_input_device": 0},
        {"name": "Windows WASAPI", "default_input_device": 2},
    ]
    assert microphones() == ["Desk", "Desk (2)"]


def test_devices_are_not_looked_for_anew_while_one_is_open(sound) -> None:
    begun = []
    sound._initialize = lambda: begun.append(1)
    microphone = Microphone("Desk", None)
    microphone.start()
    microphones()
    assert not begun
    microphone.stop()
    microphones()
    assert begun


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        ("Error opening RawInputStream: Device unavailable [PaErrorCode -9985]", "in use by another program"),
        ("Unanticipated host error: Permission denied", "privacy settings"),
        ("Invalid sample rate [PaErrorCode -9997]", "Plug it in anew"),
    ],
)
def test_a_device_that_does_not_open(sound, tmp_path: Path, refusal: str, expected: str) -> None:
    Stream.refuse = {1: refusal}
    with pytest.raises(MicrophoneError, match=expected):
        Microphone("Desk", tmp_path / "take.wav").start()
    assert not list(tmp_path.iterdir())
    assert running() is None


def test_a_device_that_does_not_begin(sound, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self) -> None:
        raise sounding.PortAudioError("Unanticipated host error [PaErrorCode -9999]")

    monkeypatch.setattr(Stream, "start", refuse)
    with pytest.raises(MicrophoneError, match="cannot be opened"):
        Microphone("Desk", tmp_path / "take.wav").start()
    assert not list(tmp_path.iterdir())


def test_a_device_that_is_not_there(sound, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MicrophoneError, match=r"'Studio' is not connected\. Connect it, or choose another"):
        Microphone("Studio", None).start()
    monkeypatch.setitem(sys.modules, "sounddevice", sounding.module(()))
    with pytest.raises(MicrophoneError, match="No microphone was found"):
        Microphone("", None).start()
    assert microphones() == []


def test_whatever_goes_wrong_is_a_sentence(sound) -> None:
    def fail(_number=None):
        raise ValueError("no such number")

    sound.query_hostapis = fail
    with pytest.raises(MicrophoneError, match=r"sound failed \(no such number\)\. Look for"):
        Microphone("Desk", None).start()


def test_a_system_that_hangs_is_said(sound, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = threading.Event()
    sound.query_hostapis = answer.wait
    try:
        with pytest.raises(MicrophoneError, match="does not answer"):
            sound_devices.on_sound_thread(sound_devices.inputs, 0.1)
    finally:
        answer.set()


@pytest.mark.parametrize(
    ("parent", "plist", "refused"),
    [
        (1, b"<plist><dict><key>CFBundleName</key><string>Blender</string></dict></plist>", True),
        (1, b"<plist><dict><key>NSMicrophoneUsageDescription</key><string>Talk</string></dict></plist>", False),
        (1, b"no plist", True),
        (4711, b"<plist><dict></dict></plist>", False),
    ],
)
def test_macos_would_end_blender(sound, tmp_path: Path, monkeypatch, parent: int, plist: bytes, refused: bool) -> None:
    """From the Finder, and not from a terminal, as long as Blender's bundle does not ask for the microphone."""
    contents = tmp_path / "Blender.app" / "Contents"
    contents.mkdir(parents=True)
    (contents / "Info.plist").write_bytes(plist)
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(sys, "executable", str(contents / "Resources" / "5.2" / "python" / "bin" / "python3.13"))
    monkeypatch.setattr(os, "getppid", lambda: parent)
    microphone = Microphone("Desk", None)
    if refused:
        with pytest.raises(MicrophoneError, match=r"started from the Terminal.*Start it there with: .*MacOS.Blender"):
            microphone.start()
        assert Stream.latest is None
    else:
        microphone.start()
        assert Stream.latest.running


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(MicrophoneError, match="package sounddevice is missing"):
        microphones()


@pytest.mark.parametrize(
    "load",
    [
        "from mimica.capture.model_graph import ModelGraph; ModelGraph(b'none')",
        "from mimica.capture.landmarker import Landmarker; "
        "Landmarker(b'none', faces=1, detection=0.5, presence=0.5, tracking=0.5, scores=True)",
    ],
)
def test_tracking_does_not_begin_portaudio(tmp_path: Path, load: str) -> None:
    """MediaPipe would load sounddevice, if it could."""
    (tmp_path / "sounddevice.py").write_text("import sys; sys.stdout.write('LOADED')")
    program = (
        f"import runpy, sys; runpy.run_path({str(PROGRAM.parents[1] / 'conftest.py')!r})\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        f"try:\n    {load}\nexcept Exception: pass\n"
        "assert 'mediapipe' in sys.modules and 'sounddevice' not in sys.modules\n"
        "import sounddevice\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "LOADED", "it can still be had, and only once it is asked for"


def test_without_portaudio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    with pytest.raises(MicrophoneError, match="PortAudio is missing") as caught:
        Microphone("", None).start()
    if sys.platform.startswith("linux"):
        assert "libportaudio2" in str(caught.value)


def test_a_file_that_cannot_be_made(sound, tmp_path: Path) -> None:
    there = tmp_path / "there.wav"
    there.write_bytes(b"precious")
    with pytest.raises(MicrophoneError, match="cannot be written"):
        Microphone("Desk", there).start()
    assert there.read_bytes() == b"precious"
    assert not Stream.latest.running
    with pytest.raises(MicrophoneError, match="cannot be written"):
        Microphone("Desk", tmp_path / "no" / "take.wav").start()


def record_elsewhere(*arguments: object) -> subprocess.Popen[str]:
    loader = f"import runpy; runpy.run_path({str(PROGRAM.parents[1] / 'conftest.py')!r}); import sys; "
    program = f"sys.argv = {[str(PROGRAM), *map(str, arguments)]!r}; runpy.run_path(sys.argv[0], run_name='__main__')"
    return subprocess.Popen([sys.executable, "-c", loader + program], stdout=subprocess.PIPE, text=True)


def test_a_killed_process_leaves_the_sound_up_to_the_last_second(tmp_path: Path) -> None:
    path = tmp_path / "take.wav"
    with record_elsewhere(path, 30.0) as process:
        assert process.stdout.readline().strip() == "recording"
        time.sleep(2.5)
        process.kill()
    samples = heard_samples(path)[:, 0]
    assert 1.5 * RATE <= len(samples) < 2.6 * RATE
    np.testing.assert_array_equal(samples, np.arange(len(samples)) % 30000)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit for a file's size")
def test_a_full_disk_keeps_what_there_was(tmp_path: Path) -> None:
    path = tmp_path / "take.wav"
    with record_elsewhere(path, 2.0, 100_000) as process:
        said = process.communicate()[0]
    assert "Recording of the sound stopped, as the disk reported an error" in said
    samples = heard_samples(path)[:, 0]
    assert 0.2 * RATE < len(samples) < 50_000
    np.testing.assert_array_equal(samples, np.arange(len(samples)) % 30000)


REAL = """
import sys, time
from pathlib import Path
from mimica.capture.microphone import Microphone, microphones
print(*microphones(), sep="|")
microphone = Microphone("mimica_voice", Path(sys.argv[1]))
microphone.start()
deadline = time.perf_counter() + 5
while microphone.level == 0.0 and time.perf_counter() < deadline:
    time.sleep(0.005)
print(microphone.level > 0.0, microphone.stop().device, microphone.error)
"""


def has_alsa() -> bool:
    """Whether PortAudio is installed, for ALSA."""
    check = "import sounddevice as s; print([a['name'] for a in s.query_hostapis()])"
    result = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=False)
    return "ALSA" in result.stdout and Path("/usr/share/alsa/alsa.conf").exists()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ALSA is Linux'")
def test_a_real_portaudio_records_a_device_by_its_name(tmp_path: Path) -> None:
    """A device of ALSA that plays a file, as fast as it is asked to: the content is looked at, not the time."""
    if not has_alsa():
        pytest.skip("libportaudio2 or ALSA's own files are not installed")
    voice = np.random.default_rng(1).integers(-20000, 20000, (48000, 2)).astype("<i2")
    voice.tofile(tmp_path / "voice.raw")
    (tmp_path / "asound.conf").write_text(
        "</usr/share/alsa/alsa.conf>\n"
        f'pcm.mimica_voice {{ type file slave.pcm null file /dev/null infile "{tmp_path}/voice.raw" format raw }}\n'
    )
    path = tmp_path / "take.wav"
    loader = f"import runpy; runpy.run_path({str(PROGRAM.parents[1] / 'conftest.py')!r})\n"
    result = subprocess.run(
        [sys.executable, "-c", loader + REAL, str(path)],
        env={**os.environ, "ALSA_CONFIG_PATH": str(tmp_path / "asound.conf")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    listed, said = result.stdout.splitlines()[-2:]
    assert "mimica_voice" in listed.split("|"), result.stderr
    assert said.startswith("True mimica_voice"), said
    with wave.open(str(path), "rb") as file:
        samples = np.frombuffer(file.readframes(4096), "<i2").reshape(-1, file.getnchannels())
    np.testing.assert_array_equal(samples, voice[: len(samples)])

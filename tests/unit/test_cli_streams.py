# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`mimica stream` and `mimica receive`, over real sockets of this computer."""

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from mimica.bridges.streams.protocol import PROTOCOLS
from mimica.bridges.streams.receiver import StreamReceiver
from mimica.bridges.streams.sender import StreamSender
from mimica.capture.control_takes import read_control_take, write_control_take
from mimica.capture.take import TakeInfo, summarize
from mimica.cli import main
from mimica.cli.streams import place, target
from mimica.mapping.control_take import ControlTake
from mimica.mapping.frame import ARKIT_SHAPES, ControlFrame

JAW = ARKIT_SHAPES.index("jawOpen")


@pytest.fixture
def receiver() -> Iterator[StreamReceiver]:
    one = StreamReceiver("json", "127.0.0.1", 0)
    one.start()
    yield one
    one.stop()


@pytest.fixture
def take(tmp_path: Path) -> Path:
    """Half a second in which the jaw opens."""
    path, count = tmp_path / "jaw.mimica", 30
    controls = np.zeros((count, len(ARKIT_SHAPES)))
    controls[:, JAW] = np.linspace(0.0, 0.9, count)
    head = np.column_stack([np.linspace(0.0, 0.3, count), np.zeros(count), np.zeros(count)])
    write_control_take(path, TakeInfo("jaw"), ControlTake("jaw", np.arange(count) / 60, controls, 60.0, head))
    return path


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("", 0))
        return one.getsockname()[1]


def test_a_take_is_streamed(take: Path, receiver: StreamReceiver, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stream", str(take), "--to", f"json:127.0.0.1:{receiver.port}"]) == 0
    sent = [told.frame for told in receiver.take(5.0)]
    while len(sent) < 30 and (more := receiver.take(5.0)):
        sent += [told.frame for told in more]
    assert len(sent) == 30
    assert [frame.controls[JAW] for frame in sent] == pytest.approx(np.linspace(0.0, 0.9, 30))  # pyright: ignore
    assert [frame.head[0] for frame in sent] == pytest.approx(np.linspace(0.0, 0.3, 30))  # pyright: ignore
    assert np.median(np.diff([frame.time for frame in sent])) == pytest.approx(1 / 60, abs=0.003)
    assert "30 frames to 127.0.0.1" in capsys.readouterr().out


def send_until(stop: threading.Event, port: int) -> None:
    sender = StreamSender("json", "127.0.0.1", port)
    sender.start()
    i = 0
    while not stop.wait(1 / 60):
        sender.send(ControlFrame(i / 60, np.full(52, 0.5), way=np.array([1.0, 2.0, 3.0])), "Anna")
        i += 1
    sender.stop()


@pytest.fixture
def speaking() -> Iterator[Callable[[int], None]]:
    stop, threads = threading.Event(), []

    def begin(port: int) -> None:
        threads.append(threading.Thread(target=send_until, args=(stop, port)))
        threads[-1].start()

    yield begin
    stop.set()
    for thread in threads:
        thread.join()


def test_what_comes_is_a_take(
    speaking: Callable[[int], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port, path = free_port(), tmp_path / "told.mimica"
    speaking(port)
    command = ["receive", f"json:{port}", "--take", str(path), "--seconds", "1"]
    assert main(command) == 0
    assert "Anna" in capsys.readouterr().out
    assert summarize(path).frames > 10
    stored = read_control_take(path)
    found = stored["found"]
    assert np.allclose(stored["controls"][found], 0.5) and np.allclose(stored["way"][found], [1.0, 2.0, 3.0])
    assert main(command) == 1 and "there already" in capsys.readouterr().err
    assert main(["take", "info", str(path)]) == 0
    assert main(["take", "export", str(path), "--out", str(tmp_path / "told.json")]) == 0
    assert main(["stream", str(path), "--to", f"json:127.0.0.1:{free_port()}", "--face", "1"]) == 0
    assert main(["stream", str(path), "--to", f"json:127.0.0.1:{free_port()}", "--face", "2"]) == 1
    assert "holds no face 2" in capsys.readouterr().err


def test_what_cannot_be_is_said(take: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind(("", 0))
        used = held.getsockname()[1]
        assert main(["receive", f"json:{used}", "--take", str(tmp_path / "a.mimica")]) == 1
        assert "in use" in capsys.readouterr().err
        assert main(["receive", f"json:{used}", "--take", str(take), "--overwrite"]) == 1
        assert take.exists(), "nothing could take its place"
        capsys.readouterr()
    silent = tmp_path / "b.mimica"
    assert main(["receive", f"json:{free_port()}", "--take", str(silent), "--seconds", "0.2"]) == 1
    assert "Nothing came" in capsys.readouterr().err and not silent.exists()
    assert main(["receive", "json", "--take", str(tmp_path / "c.csv")]) == 2
    for wrong in ("morse:127.0.0.1:1", "json:127.0.0.1:70000"):
        assert main(["stream", str(take), "--to", wrong]) == 2
    assert "choose from" in capsys.readouterr().err
    assert main(["stream", str(tmp_path / "none.mimica"), "--to", "json"]) == 1


def test_places_are_read() -> None:
    assert target("json") == ("json", "127.0.0.1", PROTOCOLS["json"].port_out)
    assert target("json:10.0.0.5") == ("json", "10.0.0.5", PROTOCOLS["json"].port_out)
    assert target("json:[::1]:9000") == ("json", "::1", 9000)
    assert target("json:[::1]") == ("json", "::1", PROTOCOLS["json"].port_out)
    assert target("livelink:studio:11112") == ("livelink", "studio", 11112)
    assert place("livelink") == ("livelink", 11111) and place("json:5") == ("json", 5)


def test_a_video_is_streamed_as_it_is_tracked(receiver: StreamReceiver, sample_clip: Path, model_path: Path) -> None:
    found = []
    thread = threading.Thread(
        target=main, args=(["stream", str(sample_clip), "--to", f"json:127.0.0.1:{receiver.port}"],), daemon=True
    )
    thread.start()
    while len(found) < 10 and (came := receiver.take(60.0)):
        found += came
    assert len(found) >= 10 and all(told.frame.head is not None for told in found)
    thread.join(60.0)
    assert not thread.is_alive()

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cameras by name, and a sentence for each way in which one can fail.

A test machine has no cameras: a real video stands for the picture of one, behind the call that opens it.
"""

import errno
import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from mimica.capture import camera as cameras
from mimica.capture.camera import list_cameras
from mimica.capture.camera_reasons import Environment, Node, why_no_camera
from mimica.capture.source import FrameSource, SourceError, SourceSpec, make_source
from mimica.tests.unit.clips import SIZE, is_upright, number_of, write_video

cv2 = pytest.importorskip("cv2")


class Plug:
    """A camera that can be in use, slow, dark or unplugged; `cv2.VideoCapture` of one is `Plug.open`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.in_use = False
        self.dark = False
        self.unplugged = threading.Event()
        self.opening = threading.Event()
        self.opening.set()
        self.frozen = threading.Event()
        self.asked: dict[int, float] = {}
        self.calls: list[tuple[Any, ...]] = []
        self.threads: dict[str, set[int]] = {"open": set(), "grab": set(), "release": set()}

    def open(self, *arguments: Any) -> "Capture":
        self.calls.append(arguments)
        self.threads["open"].add(threading.get_ident())
        self.opening.wait(20)
        return Capture(self)


class Capture:
    def __init__(self, plug: Plug) -> None:
        self.plug = plug
        self.video = cv2.VideoCapture(str(plug.path), cv2.CAP_FFMPEG)

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return not self.plug.in_use

    def get(self, what: int) -> float:
        return self.plug.asked.get(what, 0.0)

    def set(self, what: int, value: float) -> bool:
        self.plug.asked[what] = value
        return True

    def grab(self) -> bool:
        self.plug.threads["grab"].add(threading.get_ident())
        if self.plug.frozen.is_set():
            time.sleep(0.6)
        if self.plug.dark or self.plug.frozen.is_set() or self.plug.unplugged.wait(0.01):
            return False
        return self.video.grab()

    def retrieve(self) -> tuple[bool, Any]:
        return self.video.retrieve()

    def release(self) -> None:
        self.plug.threads["release"].add(threading.get_ident())
        self.video.release()


def info(name: str, index: int, path: str = "") -> SimpleNamespace:
    return SimpleNamespace(name=name, index=index, path=path)


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make a system with cameras: its name, and for each back-end what the names library says."""

    def connect(system: str, **backends: list[SimpleNamespace]) -> None:
        names = {getattr(cv2, f"CAP_{name}"): name for name in ("MSMF", "DSHOW", "AVFOUNDATION", "V4L2")}
        library = ModuleType("cv2_enumerate_cameras")
        library.enumerate_cameras = lambda number: backends.get(names[number], [])  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "cv2_enumerate_cameras", library)
        monkeypatch.setattr("platform.system", lambda: system)

    return connect


@pytest.fixture
def plug(tmp_path: Path, connected: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Plug:
    connected("Linux", V4L2=[info("Webcam", 0), info("HDMI", 2)])
    plug = Plug(write_video(tmp_path / "scene.avi", 300, codec="MJPG"))
    monkeypatch.setattr(cv2, "VideoCapture", _after(cv2.VideoCapture, plug))
    return plug


def _after(real: Any, plug: Plug) -> Callable[..., Any]:
    return lambda *arguments: plug.open(*arguments) if isinstance(arguments[0], int) else real(*arguments)


@pytest.fixture
def open_camera() -> Iterator[Callable[..., FrameSource]]:
    made: list[FrameSource] = []

    def make(name: str = "", open_timeout: float = 5.0, **wishes: Any) -> FrameSource:
        source = make_source(SourceSpec("camera", name=name, open_timeout=open_timeout, **wishes))
        made.append(source)
        return source

    yield make
    for source in made:
        source.close()


Make = Callable[..., FrameSource]


def refusal(source: FrameSource) -> str:
    with pytest.raises(SourceError) as caught:
        source.open()
    assert str(caught.value).endswith(".")
    return str(caught.value)


def test_this_machine_can_be_asked() -> None:
    found = list_cameras()
    assert len({camera.name for camera in found}) == len(found)


def test_cameras_of_one_name_are_told_apart(connected: Callable[..., None]) -> None:
    connected("Linux", V4L2=[info("Cam", 10, "/dev/video10"), info("Cam", 2, "/dev/video2"), info("Other", 0)])
    assert [(camera.name, camera.index) for camera in list_cameras()] == [("Other", 0), ("Cam", 2), ("Cam (2)", 10)]


def test_windows_knows_a_camera_twice_and_shows_it_once(connected: Callable[..., None]) -> None:
    connected(
        "Windows",
        MSMF=[info("Cam", 0, r"\\?\usb#b#{m}"), info("Cam", 1, r"\\?\usb#a#{m}")],
        DSHOW=[info("OBS Virtual Camera", 0), info("Cam", 1, r"\\?\usb#a#{d}"), info("Cam", 2, r"\\?\usb#b#{d}")],
    )
    found = {camera.name: (camera.backend, camera.index) for camera in list_cameras()}
    assert found == {
        "Cam (2)": (cv2.CAP_MSMF, 0),
        "Cam": (cv2.CAP_MSMF, 1),
        "OBS Virtual Camera": (cv2.CAP_DSHOW, 0),
    }


def test_the_other_back_end_is_tried(connected: Callable[..., None], plug: Plug, open_camera: Make) -> None:
    """The same camera must be meant in both, also where they number two of one name differently."""
    connected(
        "Windows",
        MSMF=[info("Cam", 0, r"\\?\usb#b#{m}"), info("Cam", 1, r"\\?\usb#a#{m}")],
        DSHOW=[info("Cam", 0, r"\\?\usb#a#{d}"), info("Cam", 1, r"\\?\usb#b#{d}")],
    )
    plug.in_use = True
    assert "another program may be using it" in refusal(open_camera("Cam (2)"))
    assert plug.calls == [(0, cv2.CAP_MSMF), (1, cv2.CAP_DSHOW)]


def test_names_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, index, name in ((0, 0, "Webcam\n"), (1, 1, "Webcam\n"), (12, 0, "Webcam\n"), (4, 0, "HDMI\n")):
        folder = tmp_path / f"video{number}"
        folder.mkdir()
        (folder / "name").write_text(name)
        (folder / "index").write_text(f"{index}\n")
    (tmp_path / "vbi0").mkdir()
    monkeypatch.setitem(sys.modules, "cv2_enumerate_cameras", None)
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr(cameras, "_V4L2_NAMES", tmp_path)
    found = [(camera.name, camera.index, camera.path) for camera in list_cameras()]
    assert found == [("Webcam", 0, "/dev/video0"), ("HDMI", 4, "/dev/video4"), ("Webcam (2)", 12, "/dev/video12")]


def test_names_on_macos_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [
        {"_name": "FaceTime HD Camera", "spcamera_unique-id": "B0"},
        {"_name": "USB Camera", "spcamera_unique-id": "0x14200000"},
    ]
    answer = json.dumps({"SPCameraDataType": entries}).encode()
    monkeypatch.setitem(sys.modules, "cv2_enumerate_cameras", None)
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: SimpleNamespace(stdout=answer))
    assert [(camera.name, camera.index) for camera in list_cameras()] == [("USB Camera", 0), ("FaceTime HD Camera", 1)]
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: SimpleNamespace(stdout=b"no json"))
    assert list_cameras() == ()


def test_a_camera_by_name(plug: Plug, open_camera: Make) -> None:
    source = open_camera("HDMI")
    description = source.open()
    assert (description.name, description.kind, description.live) == ("HDMI", "camera", True)
    assert (description.width, description.height) == SIZE
    start = time.perf_counter()
    images = [image for _ in range(20) if (image := source.read())]
    assert plug.calls == [(2, cv2.CAP_V4L2)]
    assert is_upright(images[0].pixels)
    numbers = [number_of(image.pixels) for image in images]
    assert numbers == list(range(20))
    assert all(a.time < b.time for a, b in itertools.pairwise(images))
    assert images[-1].time <= time.perf_counter() - start + 5
    source.close()
    # One thread has the device, from opening to release.
    assert plug.threads["open"] == plug.threads["grab"] == plug.threads["release"]
    assert threading.get_ident() not in plug.threads["open"]


def test_size_and_rate_are_asked_for(plug: Plug, open_camera: Make) -> None:
    source = open_camera("Webcam", width=1280, height=720, rate=60.0)
    description = source.open()
    assert plug.asked[cv2.CAP_PROP_FRAME_WIDTH] == 1280
    assert plug.asked[cv2.CAP_PROP_FRAME_HEIGHT] == 720
    assert plug.asked[cv2.CAP_PROP_FPS] == 60
    assert plug.asked[cv2.CAP_PROP_FOURCC] == cv2.VideoWriter.fourcc(*"MJPG")
    # What the device really sends is read back.
    assert (description.width, description.height) == SIZE
    assert description.rate == 60.0


def test_nothing_is_asked_for_by_default(plug: Plug, open_camera: Make) -> None:
    description = open_camera().open()
    assert plug.asked == {}
    assert description.name == "Webcam"
    assert description.rate is None


def test_no_camera(connected: Callable[..., None], open_camera: Make) -> None:
    connected("Linux")
    assert refusal(open_camera()) == str(why_no_camera())
    assert list_cameras() == ()


def test_the_camera_is_not_there(plug: Plug, open_camera: Make) -> None:
    assert (
        refusal(open_camera("Old one"))
        == "The camera 'Old one' is not connected. Connect it, or choose another: Webcam, HDMI."
    )


def test_the_camera_is_in_use(plug: Plug, open_camera: Make) -> None:
    plug.in_use = True
    sentence = refusal(open_camera("Webcam"))
    assert sentence.startswith("The camera 'Webcam' does not open: another program may be using it.")


def test_the_camera_has_no_permission(
    plug: Plug, open_camera: Make, connected: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    connected("Linux", V4L2=[info("Webcam", 0, "/dev/video0")])
    denied = Environment("Linux", nodes=(Node("/dev/video0", errno.EACCES, "video"), Node("/dev/video1")))
    monkeypatch.setattr(cameras, "look_around", lambda: denied)
    plug.in_use = True
    assert "usermod -aG video" in refusal(open_camera())


def test_macos_says_where_cameras_are_allowed(connected: Callable[..., None], plug: Plug, open_camera: Make) -> None:
    connected("Darwin", AVFOUNDATION=[info("FaceTime", 0, "ABC")])
    plug.in_use = True
    assert "System Settings > Privacy & Security > Camera" in refusal(open_camera())


def test_the_camera_does_not_answer(plug: Plug, open_camera: Make) -> None:
    plug.opening.clear()
    start = time.perf_counter()
    source = open_camera("Webcam", open_timeout=0.5)
    sentence = refusal(source)
    assert time.perf_counter() - start < 1.0
    assert sentence.startswith("The camera 'Webcam' did not answer within 0.5 seconds.")
    # It comes back later: then nobody wants it any more, and it is released.
    plug.opening.set()
    source.close()
    assert plug.threads["release"] == plug.threads["open"]


def test_interrupt_while_the_camera_opens(plug: Plug, open_camera: Make) -> None:
    plug.opening.clear()
    source = open_camera("Webcam")
    threading.Timer(0.2, source.interrupt).start()
    start = time.perf_counter()
    with pytest.raises(SourceError):
        source.open()
    assert time.perf_counter() - start < 0.6
    plug.opening.set()


def test_the_camera_sends_nothing(plug: Plug, open_camera: Make) -> None:
    plug.dark = True
    assert "opens but sends no picture" in refusal(open_camera("Webcam", open_timeout=0.5))


@pytest.mark.parametrize("how", ["unplugged", "frozen"])
def test_the_camera_is_unplugged(plug: Plug, open_camera: Make, how: str) -> None:
    source = open_camera("Webcam")
    source.open()
    for _ in range(5):
        source.read()
    getattr(plug, how).set()
    start = time.perf_counter()
    with pytest.raises(SourceError, match=r"The camera 'Webcam' stopped sending pictures\. Check its cable"):
        for _ in range(1000):
            source.read()
    assert 0.9 < time.perf_counter() - start < 3.5
    source.close()
    assert plug.threads["release"] == plug.threads["open"]


def test_a_hiccup_is_not_a_loss(plug: Plug, open_camera: Make) -> None:
    source = open_camera("Webcam")
    source.open()
    source.read()
    plug.unplugged.set()
    threading.Timer(0.5, plug.unplugged.clear).start()
    assert all(source.read() for _ in range(50))

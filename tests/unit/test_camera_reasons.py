# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why there is no camera, on systems that tests can only describe."""

import errno
import os
import string
from collections.abc import Mapping
from pathlib import Path

import pytest

from mimica.capture import camera_reasons as reasons
from mimica.capture.camera_reasons import Environment, Key, Node, look_around, why_no_camera

NOT_MINE = Node("/dev/video0", errno.EACCES, "video")
MINE_TOMORROW = Node("/dev/video0", errno.EACCES, "video", member=True)
STORE = r"Software\Microsoft\Windows\CurrentVersion\CapabilityAccessManager\ConsentStore\webcam"
DESKTOP = STORE + r"\NonPackaged"


def linux(*nodes: Node, known: bool = False, sandbox: str = "") -> Environment:
    return Environment("Linux", nodes=nodes, known=known, sandbox=sandbox)


@pytest.mark.parametrize(
    ("environment", "camera", "kind", "says"),
    [
        (linux(), "", "none", "no /dev/video"),
        (linux(known=True), "", "hidden", "cannot see it"),
        (linux(known=True, sandbox="flatpak"), "", "flatpak", "--device=all"),
        (linux(sandbox="flatpak"), "", "none", "no camera"),
        (linux(NOT_MINE), "", "permission", "usermod -aG video"),
        (linux(MINE_TOMORROW), "Webcam", "login", "Log out"),
        (linux(MINE_TOMORROW, sandbox="snap"), "Webcam", "snap", "snap connect"),
        (linux(Node("/dev/video0", errno.EBUSY)), "Webcam", "busy", "'Webcam' is in use by another program"),
        (
            linux(Node("/dev/video0", programs=("zoom",))),
            "Webcam",
            "held",
            "use by zoom, so it does not open. Close zoom",
        ),
        (linux(Node("/dev/video0", programs=("a", "b", "c"))), "", "held", "'/dev/video0' is in use by a, b and c"),
        # What holds cameras for others, always, is only to blame when the camera really is busy.
        (linux(Node("/dev/video0", programs=("wireplumber", "obs"))), "Webcam", "held", "in use by obs,"),
        (linux(Node("/dev/video0", programs=("wireplumber",))), "Webcam", "refused", "may be using it"),
        (linux(Node("/dev/video0", errno.EBUSY, programs=("pipewire",))), "Webcam", "held", "pipewire"),
        (linux(Node("/dev/video0", errno.EIO)), "Webcam", "failed", os.strerror(errno.EIO)),
        (linux(Node("/dev/video0")), "Webcam", "refused", "may be using it"),
        (linux(Node("/dev/video0"), Node("/dev/video1")), "", "pictureless", "(/dev/video0, /dev/video1)"),
        (linux(), "Webcam", "refused", "'Webcam' does not open"),
        (Environment("Windows"), "", "none", "Device Manager"),
        (Environment("Windows", denied=("desktop",)), "", "desktop", "Let desktop apps access your camera"),
        (Environment("Windows", denied=("user", "desktop")), "Cam", "user", "Let apps access your camera"),
        (Environment("Windows", denied=("desktop", "computer")), "Cam", "computer", "Camera access"),
        (Environment("Windows", programs=("Zoom", "Teams")), "Cam", "held", "Close Zoom and Teams"),
        (Environment("Windows", programs=("Zoom",)), "", "none", "no camera"),
        (Environment("Windows"), "Cam", "refused", "Teams, Zoom, OBS"),
        (Environment("Darwin"), "", "none", "lid"),
        (Environment("Darwin"), "FaceTime", "refused", "the program that started Blender"),
        (Environment("FreeBSD"), "", "none", "Connect one"),
        (Environment("FreeBSD"), "Cam", "refused", "'Cam' does not open"),
    ],
)
def test_the_reason(environment: Environment, camera: str, kind: str, says: str) -> None:
    reason = why_no_camera(environment, camera)
    assert reason.kind == kind
    assert says in str(reason)
    assert reason.advice, "every reason comes with something to do"
    assert all(text.endswith(".") for text in (reason.sentence, *reason.advice))
    assert "{" not in str(reason)


def test_the_camera_that_is_meant_is_judged_and_not_its_neighbour() -> None:
    environment = linux(Node("/dev/video0", programs=("zoom",)), Node("/dev/video2", errno.EACCES))
    assert why_no_camera(environment, "HDMI", "/dev/video2").kind == "permission"
    assert why_no_camera(environment, "Webcam", "/dev/video0").kind == "held"


def test_every_entry_of_the_table_can_be_said() -> None:
    names = {"camera", "group", "programs", "error", "devices"}
    for system, kinds in reasons._table().items():
        for entry in kinds.values() if isinstance(kinds, dict) else ():
            for text in (entry["sentence"], *entry["advice"]):
                assert {name for _, name, *_ in string.Formatter().parse(text) if name} <= names, (system, text)


# Looking around


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A Linux with a camera of two nodes that program 4711 has open."""
    (tmp_path / "dev").mkdir()
    for number in (0, 1, 10):
        (tmp_path / f"dev/video{number}").touch()
        (tmp_path / f"sys/class/video4linux/video{number}").mkdir(parents=True)
    for process, name, file in ((4711, "zoom", "/dev/video0"), (os.getpid(), "blender", "/dev/video0"), (5, "sh", "/")):
        (tmp_path / f"proc/{process}/fd").mkdir(parents=True)
        (tmp_path / f"proc/{process}/comm").write_text(f"{name}\n")
        (tmp_path / f"proc/{process}/fd/3").symlink_to(file)
    (tmp_path / "proc/6").mkdir()
    return tmp_path


def on(root: Path, errors: Mapping[str, int] | None = None, **variables: str) -> Environment:
    errors = errors or {}
    return look_around(
        "Linux",
        root=root,
        variables=variables,
        program="/snap/blender/5/blender",
        open_error=lambda path: errors.get(Path(path).name, 0),
    )


def test_linux_tells_its_devices_and_who_holds_them(root: Path) -> None:
    found = on(root, {"video1": errno.EBUSY})
    assert [(node.path, node.error, node.programs) for node in found.nodes] == [
        ("/dev/video0", 0, ("zoom",)),
        ("/dev/video1", errno.EBUSY, ()),
        ("/dev/video10", 0, ()),
    ]
    assert found.known and not found.sandbox


def test_linux_without_any(tmp_path: Path) -> None:
    assert on(tmp_path) == Environment("Linux")
    (tmp_path / "sys/class/video4linux/video0").mkdir(parents=True)
    assert on(tmp_path) == Environment("Linux", known=True)


def test_linux_tells_a_sandbox(root: Path) -> None:
    assert on(root, SNAP="/snap/blender/5").sandbox == "snap"
    # Blender outside of it, started from a terminal that is inside.
    assert on(root, SNAP="/snap/code/7").sandbox == ""
    (root / ".flatpak-info").touch()
    assert on(root).sandbox == "flatpak"


def test_a_device_file_is_really_opened(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/video0").touch()
    (tmp_path / "dev/video1").symlink_to("gone")
    assert [node.error for node in look_around("Linux", root=tmp_path).nodes] == [0, errno.ENOENT]


def windows(keys: Mapping[str, Key]) -> Environment:
    return look_around(
        "Windows", registry=lambda root, path: keys.get(f"{root}\\{path}"), program=r"C:\Blender\blender.exe"
    )


def test_windows_tells_which_switch_is_off() -> None:
    allow, deny = Key({"Value": "Allow"}, ()), Key({"Value": "Deny"}, ())
    user, computer = "HKEY_CURRENT_USER\\" + STORE, "HKEY_LOCAL_MACHINE\\" + STORE
    assert windows({user: allow, computer: allow}).denied == ()
    assert windows({user: allow, computer: deny}).denied == ("computer",)
    assert windows({user: allow, "HKEY_CURRENT_USER\\" + DESKTOP: deny}).denied == ("desktop",)
    assert windows({user: deny}).denied == ("user",)
    assert windows({}) == Environment("Windows")


def test_windows_tells_who_uses_a_camera() -> None:
    user = "HKEY_CURRENT_USER\\"
    zoom, over, own = r"C:#Program Files#Zoom#bin#Zoom.exe", "C:#OBS#obs64.exe", "C:#Blender#blender.exe"
    packaged = "MSTeams_8wekyb3d8bbwe"
    now = Key({"LastUsedTimeStart": 133000000000000000, "LastUsedTimeStop": 0}, ())
    keys = {
        user + STORE: Key({"Value": "Allow"}, ("NonPackaged", packaged)),
        user + DESKTOP: Key({"Value": "Allow"}, (zoom, over, own)),
        user + STORE + "\\" + packaged: now,
        user + DESKTOP + "\\" + zoom: now,
        user + DESKTOP + "\\" + own: now,
        user + DESKTOP + "\\" + over: Key({"LastUsedTimeStart": 1, "LastUsedTimeStop": 2}, ()),
    }
    assert windows(keys).programs == ("MSTeams", "Zoom")


def test_a_system_that_fails_to_answer_takes_nothing_along() -> None:
    def broken(root: str, path: str) -> Key:
        raise OSError("no registry")

    assert look_around("Windows", registry=broken) == Environment("Windows")
    assert look_around("Darwin") == Environment("Darwin")

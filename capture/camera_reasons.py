# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why there is no camera, or why it does not open, on each system, and what to do about it.

    reason = why_no_camera(look_around())            # nothing was found
    reason = why_no_camera(look_around(), "Webcam")  # it was found and does not open
    print(reason.sentence, *reason.advice)

`look_around` asks the system and takes part of a second, so it belongs in a thread; it opens no camera for its
pictures, asks for no permission and never raises. `why_no_camera` only concludes. The sentences are in
`camera_reasons.json`.
"""

import errno
import json
import logging
import os
import platform
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, NamedTuple

from .images import natural_key

log = logging.getLogger(__name__)

_CONSENT = r"Software\Microsoft\Windows\CurrentVersion\CapabilityAccessManager\ConsentStore\webcam"
_SWITCHES = {
    "computer": ("HKEY_LOCAL_MACHINE", _CONSENT),
    "user": ("HKEY_CURRENT_USER", _CONSENT),
    "desktop": ("HKEY_CURRENT_USER", _CONSENT + r"\NonPackaged"),
}
"""Where Windows keeps the three switches of its camera settings, in their order there."""
_BROKERS = ("pipewire", "wireplumber")
"""Programs that hold cameras for others, also when nobody looks at the picture."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why no camera can be used. `kind` and the system name the entry of `camera_reasons.json`."""

    kind: str
    """none, hidden, flatpak, snap, permission, login, busy, held, failed, pictureless, computer, user, desktop,
    refused: what each means is in the table."""
    sentence: str
    """What is the matter."""
    advice: tuple[str, ...]
    """What to do, a sentence each, most likely first."""

    def __str__(self) -> str:
        return " ".join((self.sentence, *self.advice))


@dataclass(frozen=True, slots=True)
class Node:
    """One of Linux's video devices, as this user meets it."""

    path: str
    error: int = 0
    """`errno` of opening it; 0 when it opens."""
    group: str = "video"
    """The group whose members may use it."""
    member: bool = False
    """Whether the user is entered in that group, in this login or for the next one."""
    programs: tuple[str, ...] = ()
    """Other programs that have it open, as far as this user may know."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What a system shows of its cameras without opening one. The fields of other systems are empty."""

    system: str
    """As `platform.system()` says it: Linux, Windows, Darwin."""
    nodes: tuple[Node, ...] = ()
    """Linux: /dev/video*."""
    known: bool = False
    """Linux: whether the kernel knows of a camera, be it visible in /dev or not."""
    sandbox: str = ""
    """Linux: flatpak, snap or nothing."""
    denied: tuple[str, ...] = ()
    """Windows: which of the switches computer, user, desktop are off."""
    programs: tuple[str, ...] = ()
    """Windows: programs that use a camera now, by its own records."""


class Key(NamedTuple):
    """A key of Windows' registry."""

    values: Mapping[str, Any]
    subkeys: tuple[str, ...]


Registry = Callable[[str, str], Key | None]
"""From a root's name and a path to the key; None when it is not there."""


def why_no_camera(environment: Environment | None = None, camera: str = "", device: str = "") -> Reason:
    """Return why there is no camera, or why the one that is there does not open.

    :param environment: by default what `look_around()` finds, which takes a moment.
    :param camera: the name of the camera that does not open; empty when none was found at all.
    :param device: its device file on Linux, where it is known.
    """
    environment = look_around() if environment is None else environment
    decide = {"Linux": _on_linux, "Windows": _on_windows}.get(environment.system)
    kind, values = decide(environment, camera, device) if decide else ("refused" if camera else "none", {})
    return _reason(environment.system, kind, {"camera": camera, **values})


def look_around(
    system: str = "",
    *,
    root: Path = Path("/"),
    variables: Mapping[str, str] = os.environ,
    program: str = sys.executable,
    open_error: Callable[[str], int] | None = None,
    registry: Registry | None = None,
) -> Environment:
    """Return what this system shows of its cameras. Any thread but the main one; part of a second; never raises.

    The parameters stand in for a system in tests.

    :param root: of the file system.
    :param program: the path of the running program.
    :param open_error: from a device file to the `errno` of opening it, 0 if it opens.
    """
    system = system or platform.system()
    try:
        if system == "Linux":
            return _look_on_linux(root, variables, program, open_error or _open_error)
        if system == "Windows":
            return _look_on_windows(registry or _read_registry, program)
    except Exception:
        # A reason is a courtesy: that it cannot be found must not replace what was to be explained.
        log.exception("What keeps the camera away could not be found out.")
    return Environment(system)


@cache
def _table() -> dict[str, Any]:
    return json.loads(Path(__file__).with_name("camera_reasons.json").read_text(encoding="utf-8"))


def _reason(system: str, kind: str, values: Mapping[str, str]) -> Reason:
    table = _table()
    entry = table.get(system, table[""])[kind]
    return Reason(kind, entry["sentence"].format(**values), tuple(text.format(**values) for text in entry["advice"]))


# Linux


def _on_linux(environment: Environment, camera: str, device: str) -> tuple[str, dict[str, str]]:
    nodes = [node for node in environment.nodes if node.path == device] or list(environment.nodes)
    if not nodes and not camera:
        if not environment.known:
            return "none", {}
        return environment.sandbox or "hidden", {}
    for node in nodes:
        values = {"camera": camera or node.path, "group": node.group}
        if node.error in (errno.EACCES, errno.EPERM):
            if environment.sandbox and node.member:
                return environment.sandbox, {}
            return ("login" if node.member else "permission"), values
        programs = tuple(name for name in node.programs if name not in _BROKERS)
        if not programs and node.error == errno.EBUSY:
            programs = node.programs
        if programs:
            return "held", {**values, "programs": _listed(programs)}
        if node.error == errno.EBUSY:
            return "busy", values
        if node.error:
            return "failed", {**values, "error": os.strerror(node.error)}
    if camera:
        return "refused", {}
    return "pictureless", {"devices": ", ".join(node.path for node in nodes)}


def _look_on_linux(
    root: Path, variables: Mapping[str, str], program: str, open_error: Callable[[str], int]
) -> Environment:
    found = sorted((root / "dev").glob("video[0-9]*"), key=lambda path: natural_key(path.name))
    paths = {f"/dev/{path.name}": path for path in found}
    holders = _holders(root, paths)
    nodes = tuple(
        Node(shown, open_error(str(path)), *_group_of(path), tuple(holders.get(shown, ())))
        for shown, path in paths.items()
    )
    snap = variables.get("SNAP", "")
    sandbox = "snap" if snap and PurePosixPath(program).is_relative_to(snap) else ""
    if (root / ".flatpak-info").exists():
        sandbox = "flatpak"
    known = any((root / "sys/class/video4linux").glob("video*"))
    return Environment("Linux", nodes=nodes, known=known or bool(nodes), sandbox=sandbox)


def _open_error(path: str) -> int:
    """Return the `errno` of opening a device file; no picture is asked for. 0 when it opens."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
    except OSError as error:
        return error.errno or errno.EIO
    return 0


def _group_of(path: Path) -> tuple[str, bool]:
    """Return the group of a device file, and whether this user is entered in it."""
    import grp
    import pwd

    try:
        group = grp.getgrgid(path.stat().st_gid)
        user = pwd.getpwuid(os.getuid())
    except (OSError, KeyError):
        return "video", False
    return group.gr_name, user.pw_name in group.gr_mem or user.pw_gid == group.gr_gid


def _holders(root: Path, paths: Mapping[str, Path]) -> dict[str, list[str]]:
    """Return the names of other programs that have each of the device files open."""
    holders: dict[str, list[str]] = {}
    if not paths:
        return holders
    for process in (root / "proc").glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        for device in set(_open_files(process)) & set(paths):
            name = _name_of(process)
            if name and name not in holders.setdefault(device, []):
                holders[device].append(name)
    return holders


def _open_files(process: Path) -> Iterator[str]:
    try:
        entries = list((process / "fd").iterdir())
    except OSError:
        return  # of another user, or over
    for entry in entries:
        try:
            yield os.readlink(entry)
        except OSError:
            continue


def _name_of(process: Path) -> str:
    try:
        return (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


# Windows


def _on_windows(environment: Environment, camera: str, _device: str) -> tuple[str, dict[str, str]]:
    for switch in _SWITCHES:
        if switch in environment.denied:
            return switch, {}
    if not camera:
        return "none", {}
    if environment.programs:
        return "held", {"programs": _listed(environment.programs)}
    return "refused", {}


def _look_on_windows(registry: Registry, program: str) -> Environment:
    denied = tuple(
        switch
        for switch, (root, path) in _SWITCHES.items()
        if (key := registry(root, path)) is not None and key.values.get("Value") == "Deny"
    )
    own = PureWindowsPath(program).name.lower()
    programs = [name for name in _windows_users(registry) if name.lower() not in (own, "blender.exe")]
    shown = tuple(dict.fromkeys(name.removesuffix(".exe") for name in programs))
    return Environment("Windows", denied=denied, programs=shown)


def _windows_users(registry: Registry) -> Iterator[str]:
    """Yield the programs that began to use a camera and have not ended: the end of their use is written as 0."""
    for path in (_CONSENT, _CONSENT + r"\NonPackaged"):
        key = registry("HKEY_CURRENT_USER", path)
        for name in key.subkeys if key is not None else ():
            used = registry("HKEY_CURRENT_USER", rf"{path}\{name}")
            if used is not None and used.values.get("LastUsedTimeStart") and used.values.get("LastUsedTimeStop") == 0:
                # Desktop programs are named by their path, with # for each backslash; others by package_publisher.
                yield name.rpartition("#")[2] if "#" in name else name.partition("_")[0]


def _read_registry(root: str, path: str) -> Key | None:
    """Read one key, for reading only; None when it is not there or may not be read."""
    try:
        import winreg
    except ImportError:
        return None
    registry: Any = winreg
    try:
        with registry.OpenKey(getattr(registry, root), path, 0, registry.KEY_READ) as key:
            subkeys, values, _changed = registry.QueryInfoKey(key)
            read = (registry.EnumValue(key, i) for i in range(values))
            named = {name: value for name, value, _kind in read}
            return Key(named, tuple(registry.EnumKey(key, i) for i in range(subkeys)))
    except OSError:
        return None


def _listed(names: tuple[str, ...]) -> str:
    """Return names as a sentence has them: Zoom, Teams and OBS."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))

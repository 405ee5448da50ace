# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes personal data out of the self-test's texts: who somebody is, where their files lie, what they are called."""

import getpass
import os
import platform
import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path

EVERYDAY = frozenset(
    "admin blender camera capture computer desktop face home host images laptop linux localhost mac mimica performer"
    " python root test user video webcam windows".split()
)
"""Names of users, computers and performers that tell nothing of anybody, and that stand in Mimica's own sentences."""
_SPACED = "\u0590"
"""Letters before this one are of scripts that part words by spaces: Latin, Greek, Cyrillic, Armenian."""
_PATH, _ADDRESS, _MAIL, _NETWORK, _OWNER = "<path>", "<address>", "<mail address>", "<network address>", "<owner>"
_REST = r"[^\s'\",;()<>]*"
"""What belongs to a path that stands in a sentence without quotes."""
# Devices of the system are called the same on every computer.
_ROOT = r"(?:[A-Za-z]:[\\/]|\\\\|~[\\/]|/(?!dev/))"
_KINDS = {
    _ADDRESS: r"\b[A-Za-z][A-Za-z0-9+.\-]*://[^\s'\"<>]+",
    _MAIL: r"[\w.+\-]+@[\w\-]+(?:\.[\w\-]+)+",
    _NETWORK: r"\b(?:\d{1,3}\.){3}\d{1,3}:\d+\b|\b(?:[0-9A-Fa-f]{2}[:\-]){5}[0-9A-Fa-f]{2}\b",
    # In quotes a path may have spaces. Elsewhere a lone slash is no path: "on/off", "images/s".
    _PATH: rf"(?<='){_ROOT}[^'\n]*(?=')|(?<=\"){_ROOT}[^\"\n]*(?=\")|(?<![\w<>/]){_ROOT}(?=\S){_REST}",
}
_SERIAL = re.compile(r"[0-9A-Fa-f]{4,}(?:-[0-9A-Fa-f]{4,}){2,}|\b(?=\w*\d\w*\d\w*\d\w*\d)[A-Z0-9]{8,}\b")
_GADGET = "iphone|ipad|macbook|airpods|galaxy|pixel"
_POSSESSIVE = re.compile(
    # Anna's iPhone, Lars’ iPad, annaのiPhone, “小明”的 iPhone, Anna의 iPhone, Annas iPhone
    rf"^.*?(?:['’´`]s\s+|s['’´`]\s+|\s*の\s*|[”\"]?\s*的\s*|의\s+|s\s+(?={_GADGET}))(?=\S)",
    re.IGNORECASE,
)
_OF_SOMEBODY = re.compile(
    # iPhone von Anna, iPhone d’Antoine, iPhone dell'amica, iPhone (Anna)
    rf"\b({_GADGET})\b(.*?)\s(?:(?:von|de|di|do|da|van|af|av)\s|(?:d|dell)['’´`]|\((?=\D)).*$",
    re.IGNORECASE,
)


class Scrubber:
    """Replaces what is personal by what it is: `<home>`, `<user>`, `<host>`, `<path>`. Any thread."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        """:param secrets: what must not be said, and for each what is said in its place, as in `<user>`."""
        words = {_normal(secret).strip(): role for secret, role in secrets.items()}
        # The longest first: a user's folder lies in the home folder.
        known = sorted(((word, role) for word, role in words.items() if word), key=lambda pair: -len(pair[0]))
        paths = [(_path_pattern(word), role) for word, role in known if _is_path(word) and len(_parts(word)) > 0]
        names = [
            (_name_pattern(word), role)
            for word, role in known
            if not _is_path(word) and word.casefold() not in EVERYDAY
        ]
        kept = dict.fromkeys([*(role for _, role in known if role.startswith("<")), *_KINDS, _OWNER])
        # All in one pass: what was put in the place of something is not looked at again.
        choices = [
            *((re.escape(role), role) for role in kept),
            *paths,
            *((text, role) for role, text in _KINDS.items()),
        ]
        choices += names
        self._roles = [role for _, role in choices]
        self._pattern = re.compile("|".join(f"({text})" for text, _ in choices), re.IGNORECASE)

    def __call__(self, text: str) -> str:
        """Return the text without what is personal."""
        return self._pattern.sub(lambda found: self._roles[(found.lastindex or 1) - 1], _normal(text))


def personal_secrets() -> dict[str, str]:
    """Return what this computer knows of its user, for `Scrubber`: home folder, names, host name."""
    secrets: dict[str, str] = {}
    for host in (platform.node(), os.environ.get("COMPUTERNAME", ""), os.environ.get("HOSTNAME", "")):
        secrets |= {host: "<host>", host.split(".")[0]: "<host>"}
    for name in _user_names():
        secrets[name] = "<user>"
    for home in _homes():
        secrets[str(home)] = "<home>"
        secrets.setdefault(home.name, "<user>")
    return {secret: role for secret, role in secrets.items() if secret.strip()}


def device_name(name: str) -> str:
    """Return a camera's or microphone's name without its owner's and without a serial number."""
    name = _POSSESSIVE.sub(f"{_OWNER} ", name)
    name = _OF_SOMEBODY.sub(rf"\1\2 {_OWNER}", name)
    return _SERIAL.sub("<serial number>", name)


def _homes() -> Iterator[Path]:
    try:
        home = Path.home()
    except RuntimeError:  # a user that the system does not know
        return
    yield home
    yield home.resolve()
    for variable in ("HOME", "USERPROFILE"):
        if text := os.environ.get(variable):
            yield Path(text)


def _user_names() -> Iterator[str]:
    try:
        yield getpass.getuser()
    except (OSError, KeyError, ImportError):  # a user without a name
        pass
    for variable in ("USER", "USERNAME", "LOGNAME"):
        yield os.environ.get(variable, "")
    try:
        import pwd

        # The first field is the whole name.
        yield pwd.getpwuid(os.getuid()).pw_gecos.split(",")[0]
    except (ImportError, KeyError, AttributeError):  # Windows, or a user without an entry
        pass


def _normal(text: str) -> str:
    """Return the text with each letter written in one way: macOS takes accents apart in file names."""
    return unicodedata.normalize("NFC", text)


def _is_path(text: str) -> bool:
    return bool(re.match(r"[A-Za-z]:[\\/]|[\\/~]", text))


def _parts(path: str) -> list[str]:
    return [part for part in re.split(r"[\\/]+", path) if part and not re.fullmatch(r"[A-Za-z]:", part)]


def _path_pattern(path: str) -> str:
    """Return the pattern of a folder and all that is in it: separators may be either, and doubled as in a repr."""
    drive = re.match(r"[A-Za-z]:", path)
    start = rf"{re.escape(drive[0])}[\\/]+" if drive else r"[\\/]+"
    whole = start + r"[\\/]+".join(re.escape(part) for part in _parts(path)) + r"(?![^\W_])"
    return rf"(?<='){whole}[^'\n]*(?=')|(?<=\"){whole}[^\"\n]*(?=\")|{whole}{_REST}"


def _name_pattern(name: str) -> str:
    """Return the pattern of a name where it is a word: the letters of `al` are in `failure` by accident."""
    return _edge(name[0], "(?<!{})") + re.escape(name) + _edge(name[-1], "(?!{})")


def _edge(character: str, form: str) -> str:
    """Return the pattern for the end of a word beside a character: where letters begin or end, or digits do."""
    if character.isdigit():
        return form.format(r"\d")
    # 小明的 is 小明 with a particle, and annaの is anna.
    return form.format(rf"[^\W\d_{_SPACED}-\U0010ffff]") if character.isalpha() and character < _SPACED else ""

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The self-test's report says nothing of who somebody is, whatever they and their folders are called."""

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimica.capture.self_test import Check, Finding, SelfTest
from mimica.capture.self_test_report import report_text
from mimica.capture.self_test_scrub import EVERYDAY, Scrubber, device_name, personal_secrets

LETTERS = st.characters(categories=("Lu", "Ll", "Lo", "Nd"), include_characters=" ._-'", max_codepoint=0x2FFF)
NAMES = (
    st.text(LETTERS, min_size=1, max_size=20)
    .map(str.strip)
    .filter(lambda name: name.strip(" ._-'") and name.casefold() not in EVERYDAY)
)
FILES = st.text(LETTERS, min_size=1, max_size=12).map(str.strip).filter(bool)
HOMES = {
    "linux": ("/home/{}", "{}/films/{}"),
    "mac": ("/Users/{}", "{}/Movies/{}"),
    "windows": ("C:\\Users\\{}", "{}\\Videos\\{}"),
}


def said_beside_roles(text: str) -> str:
    """The text without what stands in the place of something."""
    return re.sub(r"<[a-z ]+>", "\0", text)


def has_name(text: str, name: str) -> bool:
    """Whether a name is in a text as a word: its letters may be in another one by accident."""
    name, text = unicodedata.normalize("NFC", name), said_beside_roles(text)
    before = r"(?<![^\W\d_])" if name[0].isalpha() else r"(?<!\d)" if name[0].isdigit() else ""
    after = r"(?![^\W\d_])" if name[-1].isalpha() else r"(?!\d)" if name[-1].isdigit() else ""
    return re.search(before + re.escape(name) + after, text) is not None


def fail(error: Exception) -> Finding:
    raise error


@settings(deadline=None)
@given(user=NAMES, host=NAMES, file=FILES, system=st.sampled_from(sorted(HOMES)))
def test_no_name_is_in_the_report(user: str, host: str, file: str, system: str) -> None:
    home_form, file_form = HOMES[system]
    home = home_form.format(user)
    path = file_form.format(home, file)
    scrub = Scrubber({home: "<home>", user: "<user>", host: "<host>", f"{host}.lan": "<host>"})
    errors = (
        FileNotFoundError(2, "No such file or directory", path),
        RuntimeError(f"cannot open {path}: asked by {user}"),
        ValueError(f"{user}@{host}.lan said {path!r}"),
        OSError(f'File "{path}", line 3, in <module>'),
    )
    checks = [Check(f"Check {i}", lambda error=error: fail(error), "It") for i, error in enumerate(errors)]
    test = SelfTest(checks, scrub)
    details = (("where", path), ("who", user.upper()))
    told = Finding("warning", f"'{path}' of {user}.", f"Ask {user} on {host}.", details)
    test.add("Told", told)
    test.start()
    assert test.wait(10.0)
    assert len(test.results) == 5
    report = report_text(test.results, when="now", scrub=scrub)
    # Lines are wrapped at spaces.
    report = re.sub(r"\s+", " ", report)
    assert not has_name(report, re.sub(r"\s+", " ", home)), report
    assert not has_name(report, re.sub(r"\s+", " ", user)), report
    assert not has_name(report, re.sub(r"\s+", " ", host)), report


@given(user=NAMES, text=st.text(LETTERS, max_size=60))
def test_scrubbing_again_changes_nothing(user: str, text: str) -> None:
    scrub = Scrubber({f"/home/{user}": "<home>", user: "<user>"})
    once = scrub(text)
    assert scrub(once) == once


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The file '/home/anna/My films/x y.mp4' is gone.", "The file '<home>' is gone."),
        ("'/media/anna-disk/x y.mp4' is gone", "'<path>' is gone"),
        ("'C:\\\\Users\\\\anna\\\\x.mp4'", "'<path>'"),
        ("see /srv/films/x.mp4, line 3", "see <path>, line 3"),
        ("rtsp://anna:secret@192.168.0.7/live does not answer", "<address> does not answer"),
        ("from 192.168.0.7:8080", "from <network address>"),
        ("Anna's and ANNA2, not in Annabelle", "<user>'s and <user>2, not in Annabelle"),
        ("8 images/s, on/off, /dev/video0 and 5.2.0", "8 images/s, on/off, /dev/video0 and 5.2.0"),
        ("de:ad:be:ef:00:01 anna@example.org", "<network address> <mail address>"),
    ],
)
def test_what_is_taken_out_and_what_stays(text: str, expected: str) -> None:
    assert Scrubber({"/home/anna": "<home>", "anna": "<user>"})(text) == expected


def test_the_user_folder_is_told_from_the_home_folder() -> None:
    scrub = Scrubber({"/home/anna": "<home>", "/home/anna/.config/mimica": "<user folder>"})
    assert scrub("'/home/anna/.config/mimica/takes/a.mimica', /home/anna/x") == "'<user folder>', <home>"
    assert scrub("/home/annabelle/x") == "<path>"


def test_a_user_who_is_called_as_what_stands_for_him() -> None:
    scrub = Scrubber({"/srv/owner": "<home>", "owner": "<user>", "path": "<host>"})
    assert scrub("'/srv/owner/x' of owner at path, '/x'") == "'<home>' of <user> at <host>, '<path>'"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("user", "The user folder: 9 GB free."),
        ("blender", "Blender 5.2.0, a build with its own Python, as from blender.org."),
        ("Camera", "The camera 'USB' sends 30 images a second."),
        ("track", "The tracker found the face."),
    ],
)
def test_a_name_that_is_an_everyday_word_leaves_the_sentences_alone(name: str, text: str) -> None:
    scrub = Scrubber({name: "<user>", f"/home/{name}": "<home>"})
    assert scrub(text) == text
    assert scrub(f"'/home/{name}/x.mp4'") == "'<home>'", "what lies in the folder is not said all the same"


def test_a_name_of_a_script_without_spaces_is_found_in_its_words() -> None:
    scrub = Scrubber({"小明": "<user>", "anna": "<host>"})
    assert scrub("小明的电脑, annaのパソコン") == "<user>的电脑, <host>のパソコン"


def test_accents_are_known_however_they_are_written() -> None:
    assert Scrubber({"Zoë": "<user>"})(unicodedata.normalize("NFD", "says Zoë")) == "says <user>"


def test_this_computer_is_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = tmp_path / "Wilhelmina"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("LOGNAME", "wil")
    monkeypatch.setenv("USER", "wil")
    monkeypatch.setenv("USERNAME", "wil")
    monkeypatch.setattr("platform.node", lambda: "wils-tower.lan")
    scrub = Scrubber(personal_secrets())
    said = scrub(f"{home / 'x'} of wil, Wilhelmina, on wils-tower and wils-tower.lan")
    assert said == "<home> of <user>, <user>, on <host> and <host>"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Anna's iPhone Camera", "<owner> iPhone Camera"),
        ("Lars’ iPad", "<owner> iPad"),
        ("iPhone von Anna Schmidt", "iPhone <owner>"),
        ("iPhone d’Antoine", "iPhone <owner>"),
        ("Appareil photo de l’iPhone d'Antoine", "Appareil photo de l’iPhone <owner>"),
        ("iPhone dell’amica", "iPhone <owner>"),
        ("iPhone da Maria", "iPhone <owner>"),
        ("iPhone (Anna)", "iPhone <owner>"),
        ("Annas iPhone", "<owner> iPhone"),
        ("annaのiPhoneのカメラ", "<owner> iPhoneのカメラ"),
        ("“小明”的 iPhone 相机", "<owner> iPhone 相机"),
        ("Anna의 iPhone", "<owner> iPhone"),
        ("iPhone 15 Pro (2)", "iPhone 15 Pro (2)"),
        ("FaceTime HDカメラ", "FaceTime HDカメラ"),
        ("USB Camera SN20231105AB12", "USB Camera <serial number>"),
        ("HD Pro Webcam C920", "HD Pro Webcam C920"),
        ("Logitech BRIO (046d:085e)", "Logitech BRIO (046d:085e)"),
        ("Caméra FaceTime HD", "Caméra FaceTime HD"),
    ],
)
def test_devices_are_named_without_their_owners(name: str, expected: str) -> None:
    assert device_name(name) == expected

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Spellings of ARKit's shapes: each is understood, and nothing else is."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mimica.mapping.frame import ARKIT_SHAPES
from mimica.mapping.naming import arkit_spellings, looks_facial, match_names, nearest_control, words

DECOYS = (
    *("Basis", "jawOpen_backup", "jawOpen_old", "jawOpen.001", "mouth", "Key 1", "smile", "smile_corrective_arm"),
    *("eyeBrowThing", "Breast_Size", "arm_bend_L", "Head", "Left", "eye_L", "corrective_jawOpen", "jaw", "jawOpenWide"),
)
DIRECTIONS = ("jawLeft", "jawRight", "mouthLeft", "mouthRight")


def pascal(name: str) -> str:
    return name[0].upper() + name[1:]


def snake(name: str) -> str:
    return re.sub("([A-Z])", r"_\1", name).lower()


def spaced(name: str, mark: str) -> str:
    return pascal(re.sub("([A-Z])", rf"{mark}\1", name))


def short_side(name: str, mark: str) -> str:
    """`eyeBlinkLeft` with its side as one letter after a mark."""
    if name in DIRECTIONS:
        return name
    return re.sub("(Left|Right)$", lambda side: mark + side[0][0], name)


def side_first(name: str) -> str:
    if name in DIRECTIONS:
        return pascal(name)
    return re.sub("^(.*)(Left|Right)$", r"\2_\1", spaced(name, "_"))


STYLES = {
    "camelCase": lambda i, name: name,
    "PascalCase": lambda i, name: pascal(name),
    "snake_case": lambda i, name: snake(name),
    "kebab-case": lambda i, name: snake(name).replace("_", "-"),
    "lowercase": lambda i, name: name.lower(),
    "UPPER_CASE": lambda i, name: snake(name).upper(),
    "_L": lambda i, name: short_side(name, "_"),
    ".L": lambda i, name: short_side(name, "."),
    " L": lambda i, name: short_side(name, " "),
    "_l": lambda i, name: snake(short_side(name, "_").replace("__", "_")),
    "L": lambda i, name: short_side(name, ""),
    "words with spaces": lambda i, name: spaced(name, " "),
    "side first": lambda i, name: side_first(name),
    "Head_": lambda i, name: f"Head_{name}",
    "bs_": lambda i, name: f"bs_{short_side(name, '_')}",
    "blendShape1.": lambda i, name: f"blendShape1.{name}",
    "ARKit_": lambda i, name: f"ARKit_{pascal(name)}",
    "numbered": lambda i, name: f"A{i + 1:02}_{spaced(name, '_')}",
    "numbers alone": lambda i, name: f"{i}_{name}",
    "owner's name": lambda i, name: f"Wolf3D_Avatar_{name}",
    "anybody's name": lambda i, name: f"susan_{name}",
}


@pytest.mark.parametrize("style", STYLES)
def test_every_shape_is_understood_in_every_style_and_no_other_name(style: str) -> None:
    spelled = {STYLES[style](i, name): name for i, name in enumerate(ARKIT_SHAPES)}
    assert len(spelled) == 52
    found = match_names([*DECOYS, *spelled, *DECOYS], arkit_spellings(), owner="Wolf3D_Avatar")
    assert {name: match.meaning.follows for name, match in found.items()} == {
        name: ((control, 1.0),) for name, control in spelled.items()
    }


def test_a_backup_of_every_shape_is_none() -> None:
    names = [name for shape in ARKIT_SHAPES for name in (f"{shape}_old", f"backup_{shape}", f"{shape}_corrective")]
    assert not match_names(names, arkit_spellings())


def test_few_shapes_behind_an_unknown_word_are_something_else() -> None:
    assert not match_names(["susan_jawOpen", "susan_eyeBlinkLeft"], arkit_spellings())


def test_a_shape_without_its_side_follows_both_by_half() -> None:
    found = match_names(["mouthSmile", "Eye_Blink"], arkit_spellings())
    assert found["mouthSmile"].meaning.follows == (("mouthSmileLeft", 0.5), ("mouthSmileRight", 0.5))
    assert found["Eye_Blink"].meaning.follows == (("eyeBlinkLeft", 0.5), ("eyeBlinkRight", 0.5))


def test_a_shape_that_has_sides_only_here_follows_the_whole() -> None:
    found = match_names(["browInnerUp_L", "BrowInnerUpRight", "cheekPuff.R"], arkit_spellings())
    assert [match.meaning.follows[0] for match in found.values()] == [
        ("browInnerUp", 1.0),
        ("browInnerUp", 1.0),
        ("cheekPuff", 1.0),
    ]
    assert all(match.meaning.part for match in found.values())


@pytest.mark.parametrize(
    ("name", "control"),
    [
        ("jawOpne", "jawOpen"),
        ("eyeBlnk_L", "eyeBlinkLeft"),
        ("Head_MouthSmlieRight", "mouthSmileRight"),
        ("jawOpen_old", "jawOpen"),
        ("tounge_out", "tongueOut"),
        ("smile_corrective_arm", ""),
        ("Breast_Size", ""),
        ("mouth", ""),
    ],
)
def test_a_misspelled_name_suggests_what_it_means(name: str, control: str) -> None:
    assert nearest_control(name) == control


@pytest.mark.parametrize(("name", "facial"), [("eyeBrowThing", True), ("smile", True), ("arm_bend_L", False)])
def test_names_that_speak_of_the_face(name: str, facial: bool) -> None:
    assert looks_facial(name) is facial


@given(
    st.sampled_from(ARKIT_SHAPES),
    st.sampled_from(["_", "-", " ", ".", "__"]),
    st.sampled_from([str.lower, str.upper, str.title]),
)
def test_separators_and_case_say_nothing(control: str, mark: str, case: object) -> None:
    name = mark.join(case(word) for word in words(control))  # pyright: ignore[reportCallIssue]
    assert match_names([name], arkit_spellings())[name].meaning is arkit_spellings()[control.lower()]


@given(st.sampled_from(ARKIT_SHAPES), st.text("bdgkmpqvxz", min_size=1, max_size=8))
def test_one_more_word_makes_it_another_name(control: str, extra: str) -> None:
    assert not match_names([f"{control}_{extra}", f"{extra}_{control}"], arkit_spellings())

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What drives a character, from names as makers of characters give them."""

import json
from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mimica.mapping.character_map import BoneEntry, Channel, ControlEntry, own_rig_map
from mimica.mapping.detection import Detection, Inventory, Report, detect
from mimica.mapping.frame import ARKIT_SHAPES
from mimica.mapping.map_file import read_map, write_map
from mimica.mapping.mirror import mirror_landmarks

HUMAN = ("hips", "spine")
"""Bones that no face has."""


def chain(*names: str) -> tuple[tuple[str, str], ...]:
    """Each bone the child of the one before."""
    return tuple(zip(names, ("", *names), strict=False))


def below(parent: str, names: Iterable[str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, parent) for name in names)


def both(*names: str) -> list[str]:
    """Names with `#` as L and R, those with `@` as l and r, others as they are."""
    return [
        name.replace("#", side).replace("@", side.lower())
        for name in names
        for side in ("LR" if "#" in name or "@" in name else "L")
    ]


def found(**parts: object) -> Detection:
    detection = detect(Inventory("Character", **parts))  # pyright: ignore[reportArgumentType]
    # Whatever is found must be a map that can be saved, and a report too.
    assert read_map(write_map(detection.character)) == detection.character
    assert Report.from_json(json.loads(json.dumps(detection.report.to_json()))) == detection.report
    return detection


def keys_by_control(detection: Detection) -> dict[str, set[str]]:
    keys: dict[str, set[str]] = {}
    for entry in detection.character.controls:
        keys.setdefault(entry.control, set()).update(channel.name for channel in entry.channels)
    return keys


def bones_by_name(detection: Detection) -> Mapping[str, BoneEntry]:
    return {entry.bone: entry for entry in detection.character.bones}


def entries_for(detection: Detection, key: str) -> dict[str, ControlEntry]:
    return {
        entry.control: entry
        for entry in detection.character.controls
        if any(channel.name == key for channel in entry.channels)
    }


def notes(detection: Detection) -> str:
    return " ".join(detection.report.notes)


# ARKit's shapes


def test_arkit_keys_on_several_meshes_are_one_entry_each() -> None:
    meshes = (
        ("Head", (*ARKIT_SHAPES, "jawOpen_old", "smile_corrective_arm", "Breast_Size")),
        ("Teeth", ("jawOpen", "jawLeft", "jawRight", "jawForward")),
        ("Tongue", ("jawOpen", "tongueOut")),
    )
    detection = found(meshes=meshes)
    assert [entry.control for entry in detection.character.controls] == list(ARKIT_SHAPES)
    jaw = entries_for(detection, "jawOpen")["jawOpen"]
    assert jaw.channels == (Channel("shape_key", "jawOpen"),)
    assert (jaw.minimum, jaw.maximum, jaw.gain) == (0.0, 1.0, 1.0)
    report = detection.report
    assert report.family == "ARKit shape keys"
    assert ("jawOpen", "Head: jawOpen, Teeth: jawOpen, Tongue: jawOpen") in report.matched
    assert not report.missing
    assert report.unmatched == (("jawOpen_old", "jawOpen"), ("smile_corrective_arm", ""))


def test_meshes_that_spell_a_shape_differently_share_an_entry() -> None:
    detection = found(meshes=(("Head", ("jawOpen",)), ("Teeth", ("Jaw_Open",))))
    (entry,) = detection.character.controls
    assert entry.channels == (Channel("shape_key", "jawOpen"), Channel("shape_key", "Jaw_Open"))


def test_of_two_spellings_on_a_mesh_the_usual_one_is_driven() -> None:
    numbered = [f"A{i + 1:02}_{name}" for i, name in enumerate(ARKIT_SHAPES)]
    detection = found(meshes=(("Body", (*numbered, "Jaw_Open", "Eye_Blink_L")), ("Lashes", ("Eye_Blink_L",))))
    assert keys_by_control(detection)["jawOpen"] == {"A18_jawOpen"}
    blink = entries_for(detection, "Eye_Blink_L")["eyeBlinkLeft"]
    # The lashes have only this one; on the body it must rest, or the eye would close twice as far.
    assert blink.channels == (
        Channel("shape_key", "A01_eyeBlinkLeft"),
        Channel("shape_key", "Eye_Blink_L", object="Lashes"),
    )
    assert not detection.report.unmatched


def test_sides_of_what_has_no_side_follow_it_unless_the_whole_is_there() -> None:
    detection = found(meshes=(("Head", ("browInnerUp_L", "browInnerUp_R", "cheekPuff", "cheekPuff_L")),))
    assert keys_by_control(detection) == {"browInnerUp": {"browInnerUp_L", "browInnerUp_R"}, "cheekPuff": {"cheekPuff"}}


def test_both_sides_in_one_shape_move_by_half_each_unless_there_is_each() -> None:
    detection = found(meshes=(("Head", ("mouthSmile", "eyeBlink", "eyeBlink_L", "eyeBlink_R")),))
    assert keys_by_control(detection) == {
        "eyeBlinkLeft": {"eyeBlink_L"},
        "eyeBlinkRight": {"eyeBlink_R"},
        "mouthSmileLeft": {"mouthSmile"},
        "mouthSmileRight": {"mouthSmile"},
    }
    assert {entry.gain for entry in entries_for(detection, "mouthSmile").values()} == {0.5}
    assert "half each: mouthSmile." in notes(detection)


def test_properties_of_the_armature_are_driven_where_no_key_is() -> None:
    detection = found(
        armature="Rig",
        bones=chain(*HUMAN),
        meshes=(("Head", ("jawOpen",)),),
        properties=(('["jawOpen"]', "jawOpen"), ('pose.bones["ui"]["eyeBlink_L"]', "eyeBlink_L"), ('["ik"]', "ik")),
    )
    assert [entry.channels for entry in detection.character.controls] == [
        (Channel("property", 'pose.bones["ui"]["eyeBlink_L"]'),),
        (Channel("shape_key", "jawOpen"),),
    ]


def test_keys_with_drivers_are_left_to_what_drives_them() -> None:
    detection = found(
        armature="Rig",
        meshes=(("Head", ("jawOpen", "mouthClose")), ("Teeth", ("jawOpen",))),
        properties=(('["mouthClose"]', "mouthClose"),),
        driven_keys=(("Head", "mouthClose"), ("Teeth", "jawOpen")),
    )
    assert [entry.channels for entry in detection.character.controls] == [
        (Channel("shape_key", "jawOpen", object="Head"),),
        (Channel("property", '["mouthClose"]'),),
    ]
    assert "driver" in notes(detection)


# Makers' own sets of shapes

CC4 = both(
    *("Brow_Raise_Inner_#", "Brow_Raise_Outer_#", "Brow_Drop_#", "Brow_Compress_#", "Eye_Blink_#", "Eye_Squint_#"),
    *("Eye_Wide_#", "Eye_#_Look_L", "Eye_#_Look_R", "Eye_#_Look_Up", "Eye_#_Look_Down", "Nose_Sneer_#"),
    *("Cheek_Raise_#", "Cheek_Puff_#", "Mouth_Smile_#", "Mouth_Smile_Sharp_#", "Mouth_Frown_#", "Mouth_Stretch_#"),
    *("Mouth_Dimple_#", "Mouth_Press_#", "Mouth_Pucker_Up_#", "Mouth_Pucker_Down_#", "Mouth_Funnel_Up_#"),
    *("Mouth_Funnel_Down_#", "Mouth_Roll_In_Upper_#", "Mouth_Roll_In_Lower_#", "Mouth_Roll_Out_Upper_#", "Mouth_Up"),
    *("Mouth_Down", "Mouth_L", "Mouth_R", "Mouth_Upper_#", "Mouth_Shrug_Upper", "Mouth_Shrug_Lower"),
    *("Mouth_Up_Upper_#", "Mouth_Down_Lower_#", "Mouth_Chin_Up", "Mouth_Close", "Jaw_Open", "Jaw_Forward"),
    *("Jaw_L", "Jaw_R", "Jaw_Up", "Tongue_Out", "Tongue_Up", "V_Open", "V_Explosive", "Head_Turn_L", "Ear_Up_#"),
)
CC_BONES = (
    *chain("CC_Base_Hip", "CC_Base_NeckTwist01", "CC_Base_NeckTwist02", "CC_Base_Head", "CC_Base_FacialBone"),
    *below("CC_Base_FacialBone", both("CC_Base_JawRoot", "CC_Base_#_Eye", "CC_Base_UpperJaw")),
    *chain("CC_Base_Tongue01", "CC_Base_Tongue02", "CC_Base_Tongue03"),
)


def test_reallusion_standard_shapes_with_their_bones() -> None:
    detection = found(armature="Armature", bones=CC_BONES, meshes=(("CC_Base_Body", tuple(CC4)),))
    assert detection.report.family == "Reallusion"
    assert not detection.report.missing
    keys = keys_by_control(detection)
    assert keys["mouthFunnel"] == set(both("Mouth_Funnel_Up_#", "Mouth_Funnel_Down_#"))
    assert keys["eyeLookOutLeft"] == {"Eye_L_Look_L"}
    assert keys["eyeLookInLeft"] == {"Eye_L_Look_R"}
    assert keys["eyeLookInRight"] == {"Eye_R_Look_L"}
    assert keys["browInnerUp"] == {"Brow_Raise_Inner_L", "Brow_Raise_Inner_R"}
    assert keys["mouthLeft"] == {"Mouth_L"}
    # The shape opens the skin, the bone carries teeth and tongue: by 30.09 degrees at full.
    bones = bones_by_name(detection)
    assert bones["CC_Base_JawRoot"].drive == "jaw"
    assert bones["CC_Base_JawRoot"].gain * 24.06 == pytest.approx(30.09, abs=0.1)
    assert bones["CC_Base_L_Eye"].drive == "eye" and bones["CC_Base_L_Eye"].side == "L"
    assert bones["CC_Base_Head"].drive == "head" and bones["CC_Base_NeckTwist01"].drive == "neck"
    # There is a shape for the tongue, so its bones rest.
    assert "CC_Base_Tongue01" not in bones
    left = dict(detection.report.unmatched)
    assert "Mouth_Up" in left and "V_Open" not in left and "Jaw_Open" not in left


def test_reallusion_explus_shapes() -> None:
    explus = [
        *("A01_Brow_Inner_Up", "A02_Brow_Down_Left", "A06_Eye_Look_Up_Left", "A14_Eye_Blink_Left", "A20_Cheek_Puff"),
        *("A25_Jaw_Open", "A26_Jaw_Forward", "A31_Mouth_Left", "A36_Mouth_Shrug_Lower", "A44_Mouth_Upper_Up_Left"),
        *("A46_Mouth_Lower_Down_Left", "A50_Mouth_Stretch_Left"),
    ]
    standard = ["Brow_Drop_Left", "Eye_Blink_L", "Mouth_Pucker_Open", "Mouth_Open", "Cheek_Raise_L", "Cheek_Blow_L"]
    standard += ["Mouth_Bottom_Lip_Under", "Mouth_Snarl_Upper_L", "Nose_Flank_Raise_L", "Mouth_Widen_Sides"]
    detection = found(armature="Armature", bones=CC_BONES, meshes=(("CC_Base_Body", (*explus, *standard)),))
    keys = keys_by_control(detection)
    assert keys["eyeBlinkLeft"] == {"A14_Eye_Blink_Left"}
    assert keys["browDownLeft"] == {"A02_Brow_Down_Left"}
    assert keys["mouthUpperUpLeft"] == {"A44_Mouth_Upper_Up_Left"}
    assert keys["cheekPuff"] == {"A20_Cheek_Puff"}
    assert keys["cheekSquintLeft"] == {"Cheek_Raise_L"}
    assert keys["mouthRollLower"] == {"Mouth_Bottom_Lip_Under"}
    assert keys["jawOpen"] == {"A25_Jaw_Open"}
    # What opens the mouth by bones alone is driven too when the prefix was taken off.
    plain = found(
        armature="A", bones=tuple((b.removeprefix("CC_Base_"), p.removeprefix("CC_Base_")) for b, p in CC_BONES)
    )
    assert plain.report.family == "Reallusion"
    assert bones_by_name(plain)["JawRoot"].drive == "jaw"


DAZ = [
    *(f"facs_jnt_{name}" for name in ("JawOpen", "JawLeft", "JawRight", "JawForward")),
    *(f"facs_jnt_{name}{side}" for name in ("EyeBlink", "EyesWide") for side in ("Left", "Right")),
    *(f"facs_ctrl_EyeLook{way}{side}" for way in ("Up", "Down", "In", "Out") for side in ("Left", "Right")),
    *("facs_jnt_EyeLookUpLeft", "facs_ctrl_CheekPuff", "facs_ctrl_BrowInnerUp", "facs_bs_TongueOut"),
    *(f"facs_bs_Mouth{name}_div2" for name in ("Close", "Funnel", "Pucker", "Left", "Right", "RollLower", "RollUpper")),
    *(f"facs_bs_Mouth{name}_div2" for name in ("ShrugLower", "ShrugUpper")),
    *(
        f"facs_bs_{name}{side}_div2"
        for name in (
            *("MouthSmile", "MouthFrown", "MouthDimple", "MouthStretch", "MouthPress", "MouthLowerDown"),
            *("MouthUpperUp", "BrowDown", "BrowOuterUp", "EyeSquint", "CheekSquint", "NoseSneer"),
        )
        for side in ("Left", "Right")
    ),
]
G8_BONES = (
    *chain("hip", "abdomenLower", "neckLower", "neckUpper", "head"),
    *below(
        "head", both("@Eye", "@EyelidUpper", "@EyelidLower", "@BrowInner", "@BrowMid", "LipUpperMiddle", "lowerJaw")
    ),
    *below("lowerJaw", both("LipLowerMiddle", "@LipLowerInner", "@LipCorner", "Chin", "tongue01")),
    *below("head", both("@LipUpperInner", "@Nostril", "@CheekUpper")),
)


def test_daz_properties_move_keys_and_bones_and_are_driven_for_both() -> None:
    detection = found(
        armature="Genesis 8",
        bones=G8_BONES,
        meshes=(("Body", tuple(name for name in DAZ if "_bs_" in name)),),
        properties=tuple((f'["{name}"]', name) for name in (*DAZ, "facs_cbs_EyeBlinkLeft_div2")),
    )
    assert detection.report.family == "Daz FACS + Daz Genesis 8"
    assert not detection.report.missing
    keys = keys_by_control(detection)
    assert {kind for entry in detection.character.controls for kind in {c.kind for c in entry.channels}} == {"property"}
    assert keys["eyeBlinkLeft"] == {'["facs_jnt_EyeBlinkLeft"]'}
    assert keys["eyeWideRight"] == {'["facs_jnt_EyesWideRight"]'}
    assert keys["eyeLookUpLeft"] == {'["facs_ctrl_EyeLookUpLeft"]'}
    assert keys["mouthSmileLeft"] == {'["facs_bs_MouthSmileLeft_div2"]'}
    assert set(bones_by_name(detection)) == {"head", "neckLower"}


def test_daz_bones_alone() -> None:
    bones = bones_by_name(found(armature="Genesis 8", bones=G8_BONES))
    assert bones["lowerJaw"].drive == "jaw"
    assert bones["lEye"].side == "L" and bones["rEye"].side == "R"
    assert bones["LipLowerMiddle"].pair == "LipUpperMiddle" and bones["LipLowerMiddle"].edge
    assert bones["rLipLowerInner"].pair == "rLipUpperInner"
    other = mirror_landmarks()
    for part in ("LipUpperInner", "LipCorner", "BrowMid"):
        left, right = bones[f"l{part}"].landmarks, bones[f"r{part}"].landmarks
        assert right == {str(other[int(index)]): weight for index, weight in left.items()}
    assert bones["lEyelidUpper"].control == "eyeBlinkLeft" and bones["lEyelidUpper"].turn[0] > 0
    assert bones["rEyelidLower"].control == "eyeBlinkRight" and bones["rEyelidLower"].turn[0] < 0
    names = both("@_eye", "@_eyelidupper", "lowerjaw", "@_browinner", "@_lipcorner", "chin", "liplowermiddle")
    nine = found(armature="Genesis 9", bones=(*chain("pelvis", "neck1", "neck2", "head"), *below("head", names)))
    assert nine.report.family == "Daz Genesis 9"
    assert {"neck1", "head", "lowerjaw", "l_eye", "r_lipcorner"} <= set(bones_by_name(nine))


METAHUMAN = both(
    *("browDown#", "browLateral#", "browRaiseIn#", "browRaiseOuter#", "eyeBlink#", "eyeCheekRaise#", "eyeLookDown#"),
    *(
        "eyeLookLeft#",
        "eyeLookRight#",
        "eyeLookUp#",
        "eyeSquintInner#",
        "eyeWiden#",
        "jawChinRaiseD#",
        "jawChinRaiseU#",
    ),
    *("jawFwd", "jawLeft", "jawOpen", "jawOpenExtreme", "jawRight", "mouthCheekBlow#", "mouthCornerDepress#"),
    *("mouthCornerPull#", "mouthDimple#", "mouthFunnelD#", "mouthFunnelU#", "mouthLeft", "mouthLipsPress#"),
    *("mouthLipsPurseD#", "mouthLipsPurseU#", "mouthLipsTogetherD#", "mouthLipsTogetherU#", "mouthLowerLipDepress#"),
    *("mouthLowerLipRollIn#", "mouthRight", "mouthStretch#", "mouthUp", "mouthUpperLipRaise#", "mouthUpperLipRollIn#"),
    *("noseWrinkle#", "tongueOut"),
)
META_BONES = (
    *chain("spine_05", "neck_01", "neck_02", "head", "FACIAL_C_FacialRoot"),
    *below(
        "FACIAL_C_FacialRoot", both("FACIAL_C_Jaw", "FACIAL_C_LowerLipRotation", "FACIAL_#_Eye", "FACIAL_C_LipUpper")
    ),
    *below("FACIAL_C_LowerLipRotation", both("FACIAL_C_LipLower", "FACIAL_#_LipLower", "FACIAL_C_Chin")),
    *below("FACIAL_C_FacialRoot", both("FACIAL_#_LipUpper", "FACIAL_#_LipCorner", "FACIAL_#_EyelidUpperA")),
)


@pytest.mark.parametrize("as_keys", [False, True])
def test_metahuman_expressions_as_properties_or_keys(as_keys: bool) -> None:
    names = tuple(f"CTRL_expressions_{name}" for name in METAHUMAN)
    parts = {"meshes": (("Face", names),)} if as_keys else {"properties": tuple((f'["{n}"]', n) for n in names)}
    detection = found(armature="root", bones=META_BONES, **parts)
    assert detection.report.family == "MetaHuman + MetaHuman joints"
    assert not detection.report.missing
    assert set(bones_by_name(detection)) == {"head", "neck_01"}
    keys = {
        control: {n.strip('[]"').removeprefix("CTRL_expressions_") for n in k}
        for control, k in keys_by_control(detection).items()
    }
    assert keys["eyeLookInLeft"] == {"eyeLookRightL"} and keys["eyeLookOutRight"] == {"eyeLookRightR"}
    assert keys["mouthPucker"] == set(both("mouthLipsPurseD#", "mouthLipsPurseU#"))
    assert keys["eyeBlinkRight"] == {"eyeBlinkR"} and keys["jawForward"] == {"jawFwd"}


def test_metahuman_joints_alone() -> None:
    bones = bones_by_name(found(armature="root", bones=META_BONES))
    # The chin alone would leave the lower lip behind.
    assert bones["FACIAL_C_Jaw"].drive == bones["FACIAL_C_LowerLipRotation"].drive == "jaw"
    assert bones["FACIAL_R_LipLower"].pair == "FACIAL_R_LipUpper"
    assert bones["FACIAL_L_EyelidUpperA"].control == "eyeBlinkLeft"


VROID = [
    *("Fcl_ALL_Neutral", "Fcl_ALL_Joy", "Fcl_BRW_Angry", "Fcl_BRW_Surprised", "Fcl_EYE_Close", "Fcl_EYE_Close_L"),
    *("Fcl_EYE_Close_R", "Fcl_EYE_Surprised", "Fcl_MTH_Fun", "Fcl_MTH_A", "Fcl_MTH_I", "Fcl_MTH_U", "Fcl_MTH_E"),
    *("Fcl_MTH_O", "Fcl_MTH_Joy"),
]
VROID_BONES = (
    *chain("J_Bip_C_Hips", "J_Bip_C_Neck", "J_Bip_C_Head"),
    *below("J_Bip_C_Head", ("J_Adj_L_FaceEye", "J_Adj_R_FaceEye", "J_Sec_Hair1_01")),
)
PRESETS = ("aa", "ih", "ou", "ee", "oh", "blink", "blink_left", "blink_right", "look_up", "look_left", "happy")


def previews(*names: str) -> tuple[tuple[str, str], ...]:
    return tuple((f"data.vrm_addon_extension.vrm1.expressions.preset.{name}.preview", name) for name in names)


@pytest.mark.parametrize("prefix", ["", "Face.M_F00_000_00_"])
def test_vroid_shapes(prefix: str) -> None:
    keys = tuple(prefix + name for name in VROID)
    detection = found(armature="Armature", bones=VROID_BONES, meshes=(("Face", keys),), properties=previews(*PRESETS))
    assert detection.report.family == "VRoid + head and eye bones"
    shown = keys_by_control(detection)
    assert shown["eyeBlinkLeft"] == {f"{prefix}Fcl_EYE_Close_L"}
    assert shown["jawOpen"] == {f"{prefix}Fcl_MTH_A"}
    # A rounded mouth that opens is an O, not an A.
    assert entries_for(detection, f"{prefix}Fcl_MTH_A")["mouthFunnel"].gain < 0
    assert shown["browDownLeft"] == {f"{prefix}Fcl_BRW_Angry"}
    assert {"J_Adj_L_FaceEye", "J_Adj_R_FaceEye", "J_Bip_C_Head", "J_Bip_C_Neck"} == set(bones_by_name(detection))
    assert "left alone: blink_left, blink_right, aa" in notes(detection)
    assert not detection.report.unmatched


def test_vrm_expressions_through_the_add_ons_previews() -> None:
    detection = found(armature="Armature", bones=chain("hips", "neck", "head"), properties=previews(*PRESETS))
    assert detection.report.family == "VRM 1 + head bones"
    shown = keys_by_control(detection)
    path = "data.vrm_addon_extension.vrm1.expressions.preset.{}.preview"
    assert shown["eyeBlinkLeft"] == {path.format("blink_left")}
    assert shown["eyeLookOutLeft"] == {path.format("look_left")} == shown["eyeLookInRight"]
    assert path.format("blink") not in {name for names in shown.values() for name in names}
    assert path.format("happy") not in {name for names in shown.values() for name in names}
    groups = ("A", "I", "U", "E", "O", "Blink_L", "Blink_R", "LookUp")
    zero = tuple(
        (f"data.vrm_addon_extension.vrm0.blend_shape_master.blend_shape_groups[{i}].preview", name)
        for i, name in enumerate(groups)
    )
    old = found(armature="Armature", properties=zero)
    assert old.report.family == "VRM 0"
    assert keys_by_control(old)["eyeBlinkRight"] == {zero[6][0]}


def test_vrm_perfect_sync_expressions_need_no_vowels() -> None:
    custom = tuple(
        (f"data.vrm_addon_extension.vrm1.expressions.custom[{i}].preview", name[0].upper() + name[1:])
        for i, name in enumerate(ARKIT_SHAPES)
    )
    detection = found(armature="Armature", properties=(*previews(*PRESETS), *custom))
    assert [entry.control for entry in detection.character.controls] == list(ARKIT_SHAPES)
    assert detection.character.controls[0].channels[0].name == custom[0][0]
    keyed = found(armature="Armature", meshes=(("Face", tuple(name for _, name in custom)),), properties=custom)
    assert {c.kind for entry in keyed.character.controls for c in entry.channels} == {"shape_key"}


@pytest.mark.parametrize(
    "names",
    [
        ("A", "I", "U", "E", "O", "Blink_L", "Blink_R"),
        ("vrc.v_aa", "vrc.v_ih", "vrc.v_ou", "vrc.v_e", "vrc.v_oh", "vrc.blink_left", "vrc.blink_right", "vrc.blink"),
        ("あ", "い", "う", "え", "お", "まばたき", "ウィンク２", "ウィンク２右"),
        ("MTH_A", "MTH_I", "MTH_U", "MTH_E", "MTH_O", "blinkLeft", "blinkRight"),
    ],
)
def test_vowels_and_blinks_as_keys(names: tuple[str, ...]) -> None:
    detection = found(meshes=(("Face", names),))
    shown = keys_by_control(detection)
    assert shown["jawOpen"] == {names[0]}
    assert shown["mouthPucker"] >= {names[2]}
    assert names[4] in shown["mouthFunnel"]
    assert len(shown["eyeBlinkLeft"]) == len(shown["eyeBlinkRight"]) == 1
    assert shown["eyeBlinkLeft"] != shown["eyeBlinkRight"]


OCULUS = ("sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "I", "O", "U")


def test_visemes_speak_where_nothing_finer_does() -> None:
    visemes = tuple(f"viseme_{name}" for name in OCULUS)
    alone = found(meshes=(("Wolf3D_Head", (*visemes, "mouthOpen", "mouthSmile")),))
    assert "visemes" in alone.report.family
    assert keys_by_control(alone)["jawOpen"] == {"viseme_aa"}
    assert "viseme_aa" in notes(alone)
    assert not alone.report.unmatched
    beside = found(meshes=(("Wolf3D_Head", (*visemes, *ARKIT_SHAPES, "mouthOpen", "eyesClosed")),))
    assert [entry.control for entry in beside.character.controls] == list(ARKIT_SHAPES)
    assert beside.report.family == "ARKit shape keys"
    assert "left alone: viseme_PP" in notes(beside)
    assert not beside.report.unmatched


def test_a_few_letters_are_no_vowels() -> None:
    detection = found(meshes=(("Body", ("A", "E", "Fat", "Key 1")),))
    assert not detection.character.controls
    assert not detection.report.family
    assert "Create Face Rig" in notes(detection)


def test_makehuman_expression_units() -> None:
    names = ("eye-left-closure", "eye-right-closure", "mouth-open", "mouth-corner-puller", "eyebrows-left-inner-up")
    shown = keys_by_control(found(meshes=(("Human", names),)))
    assert shown["eyeBlinkLeft"] == {"eye-left-closure"}
    assert shown["jawOpen"] == {"mouth-open"}
    assert shown["mouthSmileRight"] == {"mouth-corner-puller"}


# Rigs

ARP_BONES = (
    *chain("c_root.x", "c_neck.x", "neck.x", "c_head.x", "head.x", "c_jawbone.x"),
    *below("head.x", both("c_eye.@", "c_eye_target.@", "c_eyelid_top.@", "c_eyelid_bot.@", "c_lips_smile.@")),
    *below("head.x", both("c_eyebrow_full.@", "c_eyebrow_01_end.@", "c_eyebrow_01.@", "c_eyebrow_03.@")),
    *below("head.x", both("c_lips_top.x", "c_lips_top.@", "c_lips_top_01.@", "c_cheek_smile.@", "c_cheek_inflate.@")),
    *below("c_jawbone.x", both("c_lips_bot.x", "c_lips_bot.@", "c_lips_bot_01.@", "c_tong_01.x", "c_tong_02.x")),
)


def test_auto_rig_pro() -> None:
    detection = found(armature="rig", bones=ARP_BONES)
    assert detection.report.family == "Auto-Rig Pro"
    assert detection.character.response
    bones = bones_by_name(detection)
    assert bones["c_head.x"].drive == "head" and "head.x" not in bones and "neck.x" not in bones
    # Moved, not turned: its way down opens the mouth.
    assert bones["c_jawbone.x"].drive == "landmarks" and "152" in bones["c_jawbone.x"].landmarks
    assert bones["c_eye_target.l"].drive == "eye_target" and bones["c_eye_target.l"].pair == "c_eye.l"
    assert "c_eye.l" not in bones
    assert bones["c_eyelid_top.r"].pair == "c_eyelid_bot.r" and bones["c_eyelid_top.r"].upper
    assert bones["c_eyelid_bot.r"].pair == "c_eyelid_top.r" and bones["c_eyelid_bot.r"].side == "R"
    assert bones["c_lips_bot_01.l"].pair == "c_lips_top_01.l" and bones["c_lips_bot_01.l"].edge
    # What moves all of a brow rests: its parts are driven.
    assert "c_eyebrow_full.l" not in bones
    assert bones["c_tong_01.x"].control == "tongueOut"
    assert not [c for c in detection.report.missing if c.startswith(("brow", "eye", "jawO", "mouth"))]
    without = found(armature="rig", bones=tuple(b for b in ARP_BONES if "target" not in b[0]))
    assert bones_by_name(without)["c_eye.l"].drive == "eye"


def test_mpfb_default_rig() -> None:
    face = both("oris05", "oris03.#", "oris07.#", "oris01", "orbicularis03.#", "orbicularis04.#", "oculi01.#", "eye.#")
    bones = (*chain("spine01", "neck01", "neck02", "neck03", "head", "jaw"), *below("head", [*face, "levator05.L"]))
    detection = found(armature="Human.rig", bones=bones)
    assert detection.report.family == "MPFB default rig"
    driven = bones_by_name(detection)
    assert driven["oris01"].pair == "oris05"
    assert driven["oris07.R"].pair == "oris03.R"
    # Its lids turn about the eye's centre.
    assert driven["orbicularis03.L"].drive == "control" and driven["orbicularis03.L"].control == "eyeBlinkLeft"
    assert driven["neck01"].drive == "neck" and driven["jaw"].drive == "jaw"
    keyed = found(armature="Human.rig", bones=bones, meshes=(("Human", ARKIT_SHAPES),))
    assert set(bones_by_name(keyed)) == {"neck01", "head"}
    assert "left alone" in notes(keyed)


@pytest.mark.parametrize(
    ("bones", "parts"),
    [
        (
            (
                *chain("mixamorig:Hips", "mixamorig:Neck", "mixamorig:Head"),
                *below("mixamorig:Head", ("mixamorig:HeadTop_End",)),
            ),
            {"mixamorig:Neck": "neck", "mixamorig:Head": "head"},
        ),
        (
            chain("mixamorig7:Hips", "mixamorig7:Neck", "mixamorig7:Head"),
            {"mixamorig7:Neck": "neck", "mixamorig7:Head": "head"},
        ),
        (
            (*chain("Hips", "Neck", "Head"), *below("Head", ("LeftEye", "RightEye", "Jaw"))),
            {"Neck": "neck", "Head": "head", "LeftEye": "eye", "RightEye": "eye", "Jaw": "jaw"},
        ),
        (chain("pelvis", "spine_01", "neck_01", "head"), {"neck_01": "neck", "head": "head"}),
        (chain("Bip001", "Bip001 Neck", "Bip001 Head"), {"Bip001 Neck": "neck", "Bip001 Head": "head"}),
        (
            (*chain("spine", "neck", "head"), *below("head", ("eye.L", "eye.R"))),
            {"neck": "neck", "head": "head", "eye.L": "eye", "eye.R": "eye"},
        ),
        (chain("Root_M", "Neck_M", "Head_M", "Jaw_M"), {"Neck_M": "neck", "Head_M": "head", "Jaw_M": "jaw"}),
        # A neck that carries no head is another one's; one eye alone may be a target.
        ((*chain("hips", "head"), ("neck", "tail"), ("tail", ""), ("LeftEye", "head")), {"head": "head"}),
    ],
)
def test_plain_heads(bones: tuple[tuple[str, str], ...], parts: dict[str, str]) -> None:
    driven = bones_by_name(found(armature="Armature", bones=bones))
    assert {name: entry.drive for name, entry in driven.items()} == parts
    assert all(
        entry.side == name.replace("Right", "R").replace("eye.", "")[0] for name, entry in driven.items() if entry.side
    )


def test_eyes_look_by_shapes_or_by_bones_and_never_by_both() -> None:
    bones = (*chain("Hips", "Neck", "Head"), *below("Head", ("LeftEye", "RightEye")))
    looks = [name for name in ARKIT_SHAPES if name.startswith("eyeLook")]
    shapes = found(armature="Armature", bones=bones, meshes=(("Head", tuple(looks[:6])),))
    assert set(bones_by_name(shapes)) == {"Head", "Neck"}
    assert len(shapes.character.controls) == 6
    assert "by shapes" in notes(shapes)
    eyes = found(armature="Armature", bones=bones, meshes=(("Head", (*looks[:5], "jawOpen")),))
    assert set(bones_by_name(eyes)) == {"Head", "Neck", "LeftEye", "RightEye"}
    assert [entry.control for entry in eyes.character.controls] == ["jawOpen"]
    assert "by bones" in notes(eyes)
    assert not set(looks) & set(eyes.report.missing)


def test_a_jaw_bone_rests_where_a_shape_opens_the_mouth() -> None:
    bones = (*chain("Hips", "Neck", "Head"), *below("Head", ("Jaw",)))
    assert "Jaw" not in bones_by_name(found(armature="A", bones=bones, meshes=(("Head", ("jawOpen",)),)))
    assert "Jaw" in bones_by_name(found(armature="A", bones=bones, meshes=(("Head", ("jawLeft", "jawRight")),)))


def test_bones_with_drivers_are_left_to_what_drives_them() -> None:
    detection = found(armature="A", bones=CC_BONES, driven_bones=("CC_Base_JawRoot",))
    assert "CC_Base_JawRoot" not in bones_by_name(detection)
    assert "CC_Base_JawRoot" in notes(detection)


RIGIFY = both(
    *("head", "neck", "jaw_master", "lips.#", "eyes", "tongue_master", "lip.T", "lip.B", "lip.T.#.001", "lip.B.#.001"),
    *("lid.T.#.002", "lid.B.#.002", "brow.T.#.001", "brow.T.#.002", "master_eye.#", "eye.#", "chin"),
)


def test_rigify_faces() -> None:
    old = found(armature="rig", bones=below("", RIGIFY), rigify=True)
    assert old.report.family == "Rigify (old face)"
    assert old.character.response
    assert bones_by_name(old)["jaw_master"].drive == "jaw"
    new = [name.replace("lips.", "lip_end.") + (".001" if name.startswith("lips.") else "") for name in RIGIFY]
    assert found(armature="rig", bones=below("", new), rigify=True).report.family == "Rigify (new face)"


def test_a_rigify_rig_without_a_face() -> None:
    detection = found(armature="rig", bones=chain("torso", "neck", "head"), rigify=True)
    assert set(bones_by_name(detection)) == {"neck", "head"}
    assert "no face" in notes(detection)


@pytest.mark.parametrize("flagged", [True, False])
def test_a_metarig_is_to_be_generated_first(flagged: bool) -> None:
    bones = below("", (*both("face", "spine", "jaw", "lip.T.#", "lid.T.#.002"), "spine.006"))
    detection = found(armature="metarig", bones=bones, metarig=flagged)
    assert not detection.character.bones and not detection.character.controls
    assert "press Generate Rig" in notes(detection)
    assert detection.report.missing == ARKIT_SHAPES


def test_mimicas_own_rig_and_what_it_deforms() -> None:
    own = own_rig_map().bones
    detection = found(
        armature="Face", bones=below("", [e.bone for e in own]), meshes=(("Head", ARKIT_SHAPES),), own_rig=True
    )
    assert detection.character.bones == own
    assert len(detection.character.controls) == 52
    assert not detection.report.missing


PIECES = st.sampled_from(
    [
        "eye",
        "Blink",
        "_L",
        ".R",
        "jaw",
        "Open",
        "mouth",
        "A",
        "1",
        "Fcl_MTH_",
        "ü",
        "あ",
        "２",
        " ",
        ".",
        '"',
        "head",
        "lips.L",
    ]
)
NAMES = st.lists(st.one_of(st.text(max_size=8), st.lists(PIECES, max_size=5).map("".join)), max_size=8, unique=True)


@given(NAMES, NAMES, NAMES)
def test_any_names_give_a_map_that_drives_each_key_once(
    keys: list[str], bones: list[str], properties: list[str]
) -> None:
    detection = found(
        armature="Rig",
        bones=below("", bones),
        meshes=(("Head", tuple(keys)), ("Teeth", tuple(keys[:2]))),
        properties=tuple((f'["{name}"]', name) for name in properties),
    )
    driven = [
        (entry.control, entry.label, channel) for entry in detection.character.controls for channel in entry.channels
    ]
    assert len(driven) == len(set(driven))
    assert {entry.bone for entry in detection.character.bones} <= set(bones)
    assert {channel.name for *_, channel in driven if channel.kind == "shape_key"} <= set(keys)

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings kept in the scene, and lists kept only while Blender runs."""

import math
from pathlib import Path

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from ..rig import compat, live, test_pose
from ..rig.bind import TargetError, can_be_target
from ..rig.layers import CLASSES as LAYER_CLASSES
from ..rig.layers import MimicaLayeredTake
from ..rig.performers import ProfileError, active_performer
from .bake_properties import CLASSES as BAKE_CLASSES
from .bake_properties import MimicaBake
from .convert_properties import CLASSES as CONVERT_CLASSES
from .convert_properties import MimicaConvert
from .feel_properties import CLASSES as FEEL_CLASSES
from .feel_properties import MimicaFeel
from .microphone_properties import CLASSES as MICROPHONE_CLASSES
from .microphone_properties import MimicaMicrophone
from .phone_properties import CLASSES as PHONE_CLASSES
from .phone_properties import MimicaPhone
from .picture_properties import CLASSES as PICTURE_CLASSES
from .picture_properties import MimicaPicture
from .preview_properties import CLASSES as PREVIEW_CLASSES
from .preview_properties import MimicaPreview
from .quality_properties import CLASSES as QUALITY_CLASSES
from .quality_properties import MimicaQuality, MimicaWeakSpots
from .record_properties import MimicaRecording
from .region_properties import tolerance_property
from .streams_properties import CLASSES as STREAM_CLASSES
from .streams_properties import MimicaProgram, MimicaSending, MimicaStreams
from .viewer import CLASSES as VIEWER_CLASSES
from .viewer import MimicaViewer, MimicaViewing

_FACES = (
    ("Face 1", "Who was found first; of those who were found together, the leftmost in the picture"),
    ("Face 2", "Who was found second. Faces keep their numbers when they leave and come back"),
    ("Face 3", "Who was found third"),
    ("Face 4", "Who was found fourth"),
)


def _may_be_target(_self: "MimicaScene", obj: bpy.types.Object) -> bool:
    return can_be_target(obj)


class MimicaCastMember(bpy.types.PropertyGroup):
    """One more character beside the first."""

    object: PointerProperty(
        name="Character",
        description="Another character that the capture moves and a bake is made for",
        type=bpy.types.Object,
        poll=_may_be_target,
    )
    face: EnumProperty(
        name="Face",
        description="The face that moves this character. Several characters may follow one face",
        items=tuple((str(i), name, text) for i, (name, text) in enumerate(_FACES)),
    )
    take: StringProperty(
        name="Take", description="The take that is baked to this character. Empty is the one that is active in the list"
    )


class MimicaOwnTake(bpy.types.PropertyGroup):
    """One take of the scene, wherever its file is."""

    path: StringProperty()
    """Absolute, or relative to the .blend."""


class MimicaScene(bpy.types.PropertyGroup):
    """What belongs to the project: the source, the character, how to bake."""

    source: EnumProperty(
        name="Source",
        description="Where the images of the performer come from",
        items=(
            ("CAMERA", "Camera", "A webcam or any other camera of this computer", "OUTLINER_OB_CAMERA", 0),
            ("VIDEO", "Video", "A video file, played at its own speed", "FILE_MOVIE", 1),
            ("IMAGES", "Images", "A numbered image sequence, a folder of images, or a single still", "FILE_IMAGE", 2),
            ("STREAM", "Stream", "A network camera: MJPEG over HTTP, or RTSP", "URL", 3),
            (
                "PROGRAM",
                "Other Program",
                "An app or a program that has solved the face already and sends its controls. No face model is needed",
                "LINKED",
                4,
            ),
            (
                "PHONE",
                "Phone",
                "The cameras of phones and other computers, through a page in their browser",
                "WORLD",
                5,
            ),
        ),
    )
    camera: StringProperty(
        name="Camera", description="The camera to use, by its name. Empty takes the first one that is found"
    )
    video: StringProperty(name="Video", description="The video to capture from", subtype="FILE_PATH")
    images: StringProperty(
        name="Images", description="A folder of images, one of a numbered sequence, or a still", subtype="FILE_PATH"
    )
    address: StringProperty(
        name="Address",
        description="The stream's address, such as http://192.168.0.10:8080/video or rtsp://192.168.0.10/live",
    )
    resolution: EnumProperty(
        name="Resolution",
        description="What the camera is asked for. Larger images cost time and gain little",
        items=(
            ("0x0", "Automatic", "The camera's own choice"),
            ("640x480", "640 × 480", "Fastest; enough for a face that fills the picture"),
            ("1280x720", "1280 × 720", "A good choice when the face is small in the picture"),
            ("1920x1080", "1920 × 1080", "Decoding costs about 5 ms a frame more"),
        ),
        default="640x480",
    )
    rate: IntProperty(
        name="Rate", description="Images a second asked of the camera; 0 is its own choice", min=0, max=240, default=30
    )
    image_rate: FloatProperty(
        name="Rate", description="Images a second of the sequence", min=1.0, max=240.0, default=30.0
    )
    loop: BoolProperty(name="Loop", description="Begin again when the file ends")
    field_of_view: FloatProperty(
        name="Field of View",
        description="The camera's vertical field of view. Most webcams have 40° to 50°, phones 50° to 60°",
        subtype="ANGLE",
        min=math.radians(10),
        max=math.radians(120),
        default=math.radians(45),
    )
    faces: IntProperty(
        name="Faces",
        description="Most faces looked for at once. More than one costs time. Takes hold all of them",
        min=1,
        max=4,
        default=1,
    )
    detection: FloatProperty(
        name="Detection",
        description="How sure the tracker must be to begin with a face. Lower finds hard faces, and also what is none",
        subtype="FACTOR",
        min=0.05,
        max=1.0,
        default=0.5,
    )
    presence: FloatProperty(
        name="Presence",
        description="How sure the tracker must be that the face is still there",
        subtype="FACTOR",
        min=0.05,
        max=1.0,
        default=0.5,
    )
    tracking: FloatProperty(
        name="Tracking",
        description="How well a face must overlap its place in the last image to be followed",
        subtype="FACTOR",
        min=0.05,
        max=1.0,
        default=0.5,
    )
    far: BoolProperty(
        name="Far Faces",
        description=(
            "Search for a face that is not found at once: far away, on its side, in the dark. Costs nothing while the "
            "face is found, and time while nobody is there"
        ),
        default=True,
    )
    detector_file: StringProperty(
        name="Detector",
        description=(
            "A face detector of your own, as an ONNX file of the kind SCRFD or RetinaFace. Empty uses MediaPipe's "
            "full-range one, which comes with Mimica"
        ),
        subtype="FILE_PATH",
    )
    smoothness: FloatProperty(
        name="Smoothness",
        description=(
            "Calmer motion, live against a little delay: 0 lets everything through, each step up halves what passes. "
            "The same is baked"
        ),
        min=0.0,
        max=4.0,
        default=1.0,
    )
    head_translation: FloatProperty(
        name="Head Translation",
        description="How much of the head's own motion in space the character's neck takes",
        subtype="FACTOR",
        min=0.0,
        max=1.0,
        default=0.0,
    )
    target: PointerProperty(
        name="Character",
        description="A Mimica face rig, or a mesh with shape keys that bear ARKit's names",
        type=bpy.types.Object,
        poll=_may_be_target,
    )
    range_poses: EnumProperty(
        name="Poses",
        description="Which poses Learn Range asks for",
        items=(
            # Files keep the numbers.
            ("QUICK", "Quick", "The ten poses that matter most, in about twenty seconds", "NONE", 2),
            ("USUAL", "Usual", "15 poses in about half a minute: cheeks, lips and glances too", "NONE", 0),
            (
                "FULL",
                "Full",
                "36 poses in about a minute and a half: each side alone, tongue, jaw and lips in detail",
                "NONE",
                1,
            ),
        ),
        default="QUICK",
    )
    range_seconds: FloatProperty(
        name="Longest",
        description="Seconds after which it goes on though a pose was not held; usually it goes on as soon as it was",
        subtype="TIME_ABSOLUTE",
        min=0.5,
        max=10.0,
        default=3.0,
        step=50,
        precision=1,
    )
    face: EnumProperty(
        name="Face",
        description="The face that moves the character. Set Neutral is for this face too",
        items=tuple((str(i), name, text) for i, (name, text) in enumerate(_FACES)),
    )
    cast: CollectionProperty(type=MimicaCastMember)
    cast_index: IntProperty(name="Character", description="The character that is shown below")
    existing_animation: EnumProperty(
        name="Existing Animation",
        description="What happens to channels that an action already animates. Drivers are always left alone",
        items=(
            ("LEAVE", "Leave Alone", "The animation keeps its channels; the performer moves the others"),
            (
                "REPLACE",
                "Replace in Preview",
                "The performer moves animated channels too. The action itself is not changed; a bake goes on top of it",
            ),
            (
                "ADD",
                "Add on Top",
                "The performance is added to the animation, and to the pose where nothing is animated",
            ),
        ),
    )
    keep_pose: BoolProperty(
        name="Keep Pose",
        description="Leave the characters in their last pose when a capture ends. Off gives them back as they stood",
    )
    program: PointerProperty(type=MimicaProgram)
    streams: PointerProperty(type=MimicaStreams)
    viewer: PointerProperty(type=MimicaViewer)
    microphone: PointerProperty(type=MimicaMicrophone)
    bake: PointerProperty(type=MimicaBake)
    feel: PointerProperty(type=MimicaFeel)
    phone: PointerProperty(type=MimicaPhone)
    picture: PointerProperty(type=MimicaPicture)
    preview: PointerProperty(type=MimicaPreview)
    convert: PointerProperty(type=MimicaConvert)
    recording: PointerProperty(type=MimicaRecording)
    bake_all: BoolProperty(
        name="All Characters", description="Bake to every character of the list, each its own take if it has one"
    )
    takes_folder: StringProperty(
        name="Folder",
        description=(
            "Where takes are kept. // is the folder of the .blend; until that is saved, they go to the user's folder"
        ),
        subtype="DIR_PATH",
        default="//mimica",
        options=compat.relative_path_options(),
    )
    own_takes: CollectionProperty(type=MimicaOwnTake)
    layered: CollectionProperty(type=MimicaLayeredTake)
    quality: PointerProperty(type=MimicaQuality)
    slate: StringProperty(name="Slate", description="What takes are named after; a number is added", default="Take")
    bake_face: EnumProperty(
        name="Face",
        description="The face of the take that is baked",
        items=(
            ("MOST", "Seen Most", "The face that is in most of the take's images"),
            *((str(i), name, text) for i, (name, text) in enumerate(_FACES)),
        ),
    )
    bake_start: IntProperty(
        name="Start Frame",
        description="Scene frame at which the performance begins",
        default=1,
        min=-1000000,
        max=1000000,
    )
    bake_performer: EnumProperty(
        name="Performer",
        description="Whose neutral and range the take is read with",
        items=(
            ("RECORDED", "As Recorded", "What was known of the performer when the take was recorded"),
            ("ACTIVE", "Active Performer", "The one chosen in the Performer panel: for a range learned later"),
        ),
    )
    bake_learn: BoolProperty(
        name="Learn from Take",
        description=(
            "Learn from the take itself what this face's expressions and turns of the head look like. A range that "
            "was shown when asked is hardly changed. Off reads the take with what was known before"
        ),
        default=True,
    )
    bake_reduce: BoolProperty(
        name="Reduce Keys",
        description=(
            "Key as few frames as the tolerance allows, with handles for the way between them: extremes, holds, closed "
            "lids and lips that touch are kept. Off keys each frame"
        ),
    )
    bake_tolerance: tolerance_property()
    bake_part: BoolProperty(name="Part of the Take", description="Bake only a part of the take")
    bake_from: FloatProperty(
        name="From", description="Seconds after the take's beginning", subtype="TIME_ABSOLUTE", min=0.0, default=0.0
    )
    bake_to: FloatProperty(
        name="To", description="Seconds after the take's beginning", subtype="TIME_ABSOLUTE", min=0.0, default=10.0
    )


class MimicaName(bpy.types.PropertyGroup):
    """One entry of a list of names; `name` is Blender's own."""


class MimicaTake(bpy.types.PropertyGroup):
    """One take as the list shows it; `name` is Blender's own."""

    path: StringProperty(subtype="FILE_PATH")
    duration: FloatProperty(subtype="TIME_ABSOLUTE", unit="TIME_ABSOLUTE")
    frames: IntProperty()
    rate: FloatProperty()
    """Images a second."""
    dropped: IntProperty(default=-1)
    """Images that were lost while recording; below 0 when the take does not say."""
    quality: FloatProperty()
    note: StringProperty()
    star: BoolProperty()
    cut_short: BoolProperty()
    """Whether the recording did not end as it should."""
    missing: BoolProperty()
    """Whether its file is not there."""
    error: StringProperty()
    placed: BoolProperty()
    """Whether it was recorded while the timeline played, and knows its place."""
    several_faces: BoolProperty()
    faces: StringProperty()
    """Its faces as users count them, each with its share of the images."""


def _chosen(self: "MimicaWindowManager", _context: bpy.types.Context) -> None:
    """Make the performer that was picked in the list the active one, here and in the running capture."""
    if not 0 <= self.performer_index < len(self.performers):
        return
    path = Path(self.performers[self.performer_index].path)
    if path == active_performer(path.parent):
        return
    self.calibration = ""
    try:
        live.choose_performer(path)
    except ProfileError as error:
        self.calibration = str(error)


def _tested(_self: "MimicaWindowManager") -> float:
    return test_pose.share_of(bpy.context.scene.mimica.target)


def _test(self: "MimicaWindowManager", value: float) -> None:
    """Show the active entry's control on the character."""
    self.mapping_problem = ""
    try:
        test_pose.show_active(bpy.context.scene.mimica.target, value)
    except TargetError as error:
        self.mapping_problem = str(error)


_TEST = "Show the active entry's control without a performer. At 0 the character has its own pose again"


class MimicaPerformer(bpy.types.PropertyGroup):
    """One performer as the list shows it; `name` is Blender's own."""

    path: StringProperty(subtype="FILE_PATH")
    has_neutral: BoolProperty()
    has_range: BoolProperty()
    error: StringProperty()


class MimicaWindowManager(bpy.types.PropertyGroup):
    """What is found on this computer, gathered by operators; never saved."""

    cameras: CollectionProperty(type=MimicaName)
    takes: CollectionProperty(type=MimicaTake)
    take_index: IntProperty(name="Take", description="The take to bake")
    quality: PointerProperty(type=MimicaWeakSpots)
    takes_trashed: IntProperty()
    """How many takes the trash of the folder holds."""
    takes_to_move: IntProperty()
    """How many takes of the scene are in the user's folder, though the file has a folder of its own by now."""
    performers: CollectionProperty(type=MimicaPerformer)
    performer_index: IntProperty(
        name="Performer", description="Whose neutral and range captures use from now on", update=_chosen
    )
    test: FloatProperty(
        name="Test",
        description=_TEST,
        subtype="FACTOR",
        min=0.0,
        max=1.0,
        get=_tested,
        set=_test,
        options={"SKIP_SAVE"},
    )
    test_both: FloatProperty(
        name="Test",
        description=_TEST,
        subtype="FACTOR",
        min=-1.0,
        max=1.0,
        get=_tested,
        set=_test,
        options={"SKIP_SAVE"},
    )
    sending: PointerProperty(type=MimicaSending)
    viewing: PointerProperty(type=MimicaViewing)
    mapping_problem: StringProperty()
    """Why a test shows nothing, as a sentence."""
    calibration: StringProperty()
    """What came of the last calibration, as a sentence."""
    learning: BoolProperty()
    """Whether something is being learned from a take."""
    progress: FloatProperty(default=-1.0)
    """[0, 1] of a running download; below 0 when there is none."""
    model: StringProperty()
    """The model in use, as the panel says it."""
    detector: BoolProperty()
    """Whether there is a detector for faces far away."""
    problem: StringProperty()
    """What went wrong last, as a sentence; the panel shows it until the next start."""
    source_failed: BoolProperty()
    """Whether that was the source, which did not open."""


_CLASSES = (
    MimicaCastMember,
    MimicaOwnTake,
    MimicaRecording,
    *MICROPHONE_CLASSES,
    *STREAM_CLASSES,
    *VIEWER_CLASSES,
    *BAKE_CLASSES,
    *FEEL_CLASSES,
    *PHONE_CLASSES,
    *PICTURE_CLASSES,
    *PREVIEW_CLASSES,
    *CONVERT_CLASSES,
    *QUALITY_CLASSES,
    *LAYER_CLASSES,
    MimicaScene,
    MimicaName,
    MimicaTake,
    MimicaPerformer,
    MimicaWindowManager,
)


def register() -> None:
    """Add `Scene.mimica` and `WindowManager.mimica`."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.mimica = PointerProperty(type=MimicaScene)
    bpy.types.WindowManager.mimica = PointerProperty(type=MimicaWindowManager)


def unregister() -> None:
    """Take them away again."""
    del bpy.types.WindowManager.mimica
    del bpy.types.Scene.mimica
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where what stands: the entity paths of a recording, and its timelines."""

from dataclasses import dataclass

from ...mapping.frame import ARKIT_SHAPES

APPLICATION = "mimica"
"""What the viewer keeps its layout under."""
TIME = "time"
"""Timeline: seconds on the take's clock."""
FRAME = "frame"
"""Timeline: number of the image, from 0."""
PICTURE = "/picture"
ANGLES = ("yaw", "pitch", "roll")
AXES = ("x", "y", "z")
EYES = ("left", "right")
TELLING = (
    "jawOpen",
    "mouthSmileLeft",
    "mouthSmileRight",
    "mouthPucker",
    "eyeBlinkLeft",
    "eyeBlinkRight",
    "browInnerUp",
)
"""What is looked at first: one of each thing that a face does."""


@dataclass(frozen=True, slots=True)
class FacePaths:
    """The paths of one face. What hangs below `head` turns with it."""

    root: str

    @classmethod
    def of(cls, face: int) -> "FacePaths":
        """Return the paths of a face as the take counts them, from 0; users count from 1."""
        return cls(f"/face_{face + 1}")

    @property
    def image(self) -> str:
        """Everything in pixels of the picture."""
        return f"{self.root}/image"

    @property
    def landmarks_2d(self) -> str:
        """478 points, pixels."""
        return f"{self.image}/landmarks"

    @property
    def box(self) -> str:
        """The face's bounds, pixels."""
        return f"{self.image}/box"

    @property
    def key_points(self) -> str:
        """Eyes, nose, mouth and ears, pixels."""
        return f"{self.image}/key_points"

    @property
    def head(self) -> str:
        """The head's pose against the neutral: a transform."""
        return f"{self.root}/head"

    @property
    def landmarks_3d(self) -> str:
        """478 points, centimetres, face space: the head's pose is taken off them and put back by `head`."""
        return f"{self.head}/landmarks"

    @property
    def contours(self) -> str:
        """Static: the neutral's contours, to compare with."""
        return f"{self.head}/neutral"

    @property
    def scores(self) -> str:
        """What the tracker says of each shape, [0, 1], one path a shape."""
        return f"{self.root}/scores"

    @property
    def controls(self) -> str:
        """What Mimica makes of it, [0, 1], one path a shape."""
        return f"{self.root}/controls"

    @property
    def angles(self) -> str:
        """The head's angles, degrees."""
        return f"{self.root}/head_angles"

    @property
    def way(self) -> str:
        """The head's way from its neutral place, cm."""
        return f"{self.root}/head_way"

    @property
    def gaze(self) -> str:
        """Each eye's yaw and pitch, degrees."""
        return f"{self.root}/gaze"

    @property
    def tracked(self) -> str:
        """The tracker's trust in each image, [0, 1], 0 where the face was not found."""
        return f"{self.root}/confidence/tracked"

    @property
    def solved(self) -> str:
        """The solver's trust in each instant, [0, 1]: less where the face is turned away, 0 where it is invented."""
        return f"{self.root}/confidence/solved"

    def score(self, shape: str) -> str:
        """Return the path of one shape's score."""
        return f"{self.scores}/{shape}"

    def control(self, shape: str) -> str:
        """Return the path of one control."""
        return f"{self.controls}/{shape}"

    def every_shape(self, folder: str) -> tuple[str, ...]:
        """Return the paths of the 52 shapes below `scores` or `controls`, in the order of `ARKIT_SHAPES`."""
        return tuple(f"{folder}/{shape}" for shape in ARKIT_SHAPES)

# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which part of the face landmarks and controls belong to."""

import numpy as np
import pytest

from mimica.mapping.face_regions import FACE_REGIONS, control_face_regions, group_shares, landmark_shares
from mimica.mapping.frame import ARKIT_SHAPES


@pytest.mark.parametrize(
    ("landmark", "region"),
    [
        (13, "MOUTH"),
        (14, "MOUTH"),
        (61, "MOUTH"),
        (152, "MOUTH"),
        (105, "BROWS"),
        (159, "EYES"),
        (468, "EYES"),
        (4, "CHEEKS"),
        (50, "CHEEKS"),
    ],
)
def test_landmarks_belong_where_anatomy_has_them(landmark, region):
    assert FACE_REGIONS[int(landmark_shares()[landmark].argmax())] == region


def test_every_landmark_and_group_belongs_wholly_somewhere():
    shares = landmark_shares()
    assert shares.min() >= 0.0
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    groups = np.zeros((2, 478))
    groups[0, [13, 14]], groups[1, [159, 105]] = 0.5, 0.5
    of_groups = group_shares(groups)
    assert of_groups[0, FACE_REGIONS.index("MOUTH")] > 0.9
    assert min(of_groups[1, FACE_REGIONS.index(name)] for name in ("EYES", "BROWS")) > 0.3
    np.testing.assert_allclose(of_groups.sum(axis=1), 1.0)


def test_controls_belong_to_the_part_they_move():
    of = dict(zip(ARKIT_SHAPES, control_face_regions(), strict=True))
    assert (of["jawOpen"], of["tongueOut"], of["mouthSmileLeft"]) == ("MOUTH",) * 3
    assert (of["eyeBlinkLeft"], of["eyeLookInRight"], of["browInnerUp"]) == ("EYES", "EYES", "BROWS")
    assert (of["cheekPuff"], of["noseSneerLeft"]) == ("CHEEKS", "CHEEKS")

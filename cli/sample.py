# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A sample performance for people who have no clip at hand: a photograph made to talk.

The photograph is scikit-image's astronaut (Eileen Collins, NASA, public domain), which that package carries, so nothing
is fetched. Its face is a mesh on the tracker's landmarks with openings for eyes and mouth; the mesh is displaced by
expressions, turned in depth and drawn again over eyeballs and teeth that stay with the skull. What moves when is a
table, `mapping/data/sample_clip.json`. The same versions of the packages give the same pictures on every run.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from ..mapping.data import load_table
from .failure import MISSING, CommandError
from .film import FilmWriter

SIZE = 512
"""Width and height of the clip in pixels."""


def _table() -> dict[str, Any]:
    return load_table("sample_clip")


def clip_rate() -> float:
    """Return the clip's frames per second."""
    return float(_table()["rate"])


def clip_times() -> np.ndarray:
    """Return the time of each frame in seconds, float64 (N,)."""
    return np.arange(round(_table()["duration"] * clip_rate())) / clip_rate()


def clip_controls(times: np.ndarray) -> dict[str, np.ndarray]:
    """Return what the face does at `times` (N,): each control of the table as (N,).

    Expressions and lids are amounts (0 rest, 1 full), `yaw`, `pitch` and `roll` degrees (yaw > 0 turns to the image's
    right, pitch > 0 down, roll > 0 tips the head's top to the image's left), `x` and `y` centimetres in the image.
    """
    from scipy.interpolate import PchipInterpolator

    controls = {}
    for name, keys in _table()["performance"].items():
        at, value = np.array(keys, float).T
        controls[name] = PchipInterpolator(at, value)(np.clip(times, at[0], at[-1]))
    return controls


@dataclass(frozen=True, eq=False)
class _Puppet:
    """The photograph cut into triangles. Places are (x, y, depth) in pixels of the clip, depth growing away."""

    image: np.ndarray
    """uint8 (SIZE, SIZE, 3), BGR."""
    rest: np.ndarray
    """(V, 3): the landmarks, then the points around the face."""
    follow: np.ndarray
    """(V,): how far each point goes with the head, 1 on the face and 0 far away."""
    around: np.ndarray
    """(A, 3): triangles around the face, drawn first; they join its rim."""
    eyes: np.ndarray
    """(E, 3): triangles of the eyeballs; they stay with the skull, behind the lids."""
    teeth: np.ndarray
    """(T, 3): triangles of the open mouth, drawn over the dark of the mouth."""
    skin: np.ndarray
    """(S, 3): triangles of the face, drawn last."""
    shapes: dict[str, np.ndarray]
    """Expression -> (V, 2) displacement at full amount, pixels."""
    unit: float
    """Pixels in a centimetre."""
    pivot: np.ndarray
    """(3,): what the head turns about."""


def _smooth_step(x: np.ndarray, low: float, high: float) -> np.ndarray:
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def _inside(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Return which of `points` (N, 2) lie in `polygon` (M, 2), by the even-odd rule."""
    x, y = points[:, 0, None], points[:, 1, None]
    a, b = polygon, np.roll(polygon, -1, axis=0)
    crosses = (a[:, 1] > y) != (b[:, 1] > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        at = a[:, 0] + (y - a[:, 1]) * (b[:, 0] - a[:, 0]) / (b[:, 1] - a[:, 1])
    return (np.count_nonzero(crosses & (x < at), axis=1) % 2).astype(bool)


def _surroundings(
    face: np.ndarray, oval: list[int], step: int = 24
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the points around the face (P, 3), and for each how far it goes with the head (P,), the landmark of the
    face's rim nearest to it (P,) and how far it gives way when that one moves (P,).
    """
    table = _table()["head"]
    line = np.linspace(0, SIZE - 1, SIZE // step + 1)
    grid = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    rim = face[oval]
    gap = np.linalg.norm(grid[:, None] - rim[None, :, :2], axis=2)
    nearest = gap.argmin(axis=1)
    keep = ~_inside(grid, rim[:, :2]) & (gap.min(axis=1) > step * 0.5)
    grid, gap, nearest = grid[keep], gap.min(axis=1)[keep], nearest[keep]
    reach = np.linalg.norm((grid - table["centre"]) / table["radii"], axis=1)
    follow = 1.0 - _smooth_step(reach, table["whole"], table["none"])
    border = (grid <= 0).any(axis=1) | (grid >= SIZE - 1).any(axis=1)
    follow[border] = 0.0
    give = np.clip(1.0 - gap / table["give"], 0.0, 1.0)
    return np.column_stack([grid, rim[nearest, 2]]), follow, np.array(oval)[nearest], give


Anchors = dict[int, np.ndarray]
"""Landmark -> its displacement, (2,) pixels."""


def _spread(face: np.ndarray, anchors: Anchors) -> np.ndarray:
    """Spread displacements given at some landmarks smoothly over all: (478, 2)."""
    from scipy.interpolate import RBFInterpolator

    at = list(anchors)
    values = np.array([anchors[i] for i in at])
    return RBFInterpolator(face[at, :2], values, kernel="thin_plate_spline", smoothing=1e-3)(face[:, :2])


def _shapes(face: np.ndarray, unit: float) -> dict[str, np.ndarray]:
    """Return each expression's displacement of the landmarks at full amount, (478, 2) pixels."""
    table = _table()
    rows, still = table["rows"], table["still"]
    corners = table["corners"]
    across = (face[corners[1], :2] - face[corners[0], :2]) / np.linalg.norm(face[corners[1], :2] - face[corners[0], :2])
    down = np.array([-across[1], across[0]])
    middle = face[corners, :2].mean(axis=0)
    half = np.linalg.norm(face[corners[1], :2] - face[corners[0], :2]) / 2
    upper_rows, lower_rows, corner_rows = rows["upper_lip"], rows["lower_lip"], table["corner_rows"]
    upper_lip, lower_lip, mouth_corners = (list(chain(*part)) for part in (upper_rows, lower_rows, corner_rows))
    below = (face[:, :2] - middle) @ down > 0
    below[upper_lip] = False
    below[lower_lip] = True

    def spread(anchors: Anchors, fixed: list[int]) -> np.ndarray:
        return _spread(face, {**dict.fromkeys(fixed, np.zeros(2)), **anchors})

    def around_mouth(upper: Anchors, lower: Anchors, both: Anchors, fixed: list[int]) -> np.ndarray:
        result = spread({**upper, **both}, fixed)
        result[below] = spread({**lower, **both}, fixed)[below]
        for anchors in (upper, lower, both):
            for i, value in anchors.items():
                result[i] = value
        return result

    def side(i: int) -> float:
        """-1 at the mouth's corner on the image's left, 1 on its right."""
        return float((face[i, :2] - middle) @ across / half)

    def move(x: float, y: float) -> np.ndarray:
        return (x * across + y * down) * unit

    shapes: dict[str, np.ndarray] = {}
    mouth_still = still["oval"] + still["eyes"] + still["brows"] + still["nose"]

    # The photograph smiles. Its resting face has the corners further in and lower, and the lips together.
    rest = table["shapes"]["rest"]
    both = {i: move(-np.sign(side(i)) * rest["in"], rest["down"]) for i in mouth_corners}
    upper, lower = {}, {}
    for u, v in zip(upper_rows[0], lower_rows[0], strict=True):
        inward = move(-side(u) * rest["in"], 0.0)
        sink = move(0.0, rest["down"] * min(1.0, abs(side(u))) ** 2)
        for k, fraction in enumerate(rest["rows"]):
            i, j = upper_rows[k][upper_rows[0].index(u)], lower_rows[k][lower_rows[0].index(v)]
            upper[i] = inward + fraction * (sink + rest["upper"] * (face[v, :2] - face[u, :2]))
            lower[j] = inward + fraction * (sink + rest["lower"] * (face[u, :2] - face[v, :2]))
    shapes["rest"] = around_mouth(upper, lower, both, mouth_still)

    jaw = table["shapes"]["jaw"]
    lower = {i: move(0.0, jaw["down"] * (1 - jaw["round"] * min(1.0, abs(side(i))) ** 2)) for i in lower_lip}
    chin = {int(i): move(0.0, value) for i, value in jaw["chin"].items()}
    both = {i: move(-np.sign(side(i)) * jaw["corner_in"], jaw["corner_down"]) for i in mouth_corners}
    upper = {i: move(0.0, jaw["upper"]) for i in upper_lip}
    shapes["jaw"] = around_mouth(upper, {**lower, **chin}, both, [i for i in mouth_still if i not in chin])

    for name in ("pucker", "stretch"):
        amount = table["shapes"][name]["in"]
        lips = {i: move(-side(i) * amount, 0.0) for i in upper_lip + lower_lip + mouth_corners}
        shapes[name] = spread(lips, mouth_still)

    for name in ("brows_up", "frown"):
        anchors = {int(i): move(*value) for i, value in table["shapes"][name].items()}
        shapes[name] = spread(anchors, still["oval"] + still["eyes"] + still["nose"] + upper_lip)
        shapes[name][upper_lip + lower_lip + mouth_corners] = 0.0

    lids = table["shapes"]["lids"]
    for name, eye in table["eyes"].items():
        closing = np.zeros((len(face), 2))
        for row, fraction in zip(eye["upper"], lids["upper"], strict=True):
            for i, u, v in zip(row, eye["upper"][0], eye["lower"][0], strict=True):
                closing[i] = fraction * (face[v, :2] - face[u, :2]) * lids["meet"]
        for row, fraction in zip(eye["lower"], lids["lower"], strict=True):
            for i, u, v in zip(row, eye["upper"][0], eye["lower"][0], strict=True):
                closing[i] = fraction * (face[u, :2] - face[v, :2])
        shapes[f"lids_{name}"] = closing
    return shapes


@cache
def _puppet() -> _Puppet:
    """Cut the photograph. Raises CommandError when scikit-image, which carries it, is missing."""
    import cv2
    from scipy.spatial import Delaunay

    try:
        from skimage.data import astronaut
    except ImportError as error:
        raise CommandError(
            "The sample clip is made from a photograph in the package scikit-image, which is not installed."
            " Install it with: pip install scikit-image. Or give a video of your own.",
            MISSING,
        ) from error
    table = _table()
    left, top, side = table["crop"]
    scale = SIZE / side
    crop = astronaut()[top : top + side, left : left + side, ::-1]
    image = cv2.resize(np.ascontiguousarray(crop), (SIZE, SIZE), interpolation=cv2.INTER_LANCZOS4)
    face = (np.array(table["landmarks"], float) - (left, top, 0.0)) * scale
    # A flat picture has no sides of the head to turn into view: depth levels off before the silhouette.
    flat = table["head"]["flat"]
    face[:, 2] = np.where(face[:, 2] > 0, flat * np.tanh(face[:, 2] / flat), face[:, 2])
    oval = table["still"]["oval"]
    around, around_follow, rim, give = _surroundings(face, oval)
    rest = np.vstack([face, around])
    # An iris gives its centre and the ends of its width to the eyeball; its top and bottom hide behind the lids.
    used = np.setdiff1d(np.arange(len(rest)), table["hidden"])
    triangles = used[Delaunay(rest[used, :2]).simplices]
    centres = rest[triangles, :2].mean(axis=1)
    eyes = np.zeros(len(triangles), bool)
    for eye in table["eyes"].values():
        ring = [eye["corners"][0], *eye["upper"][0], eye["corners"][1], *reversed(eye["lower"][0])]
        eyes |= _inside(centres, face[ring, :2])
    mouth = _inside(centres, face[_mouth_ring(), :2])
    outside = (triangles >= len(face)).any(axis=1) | ~_inside(centres, face[oval, :2])
    skin = ~(eyes | mouth | outside)
    unit = float(np.linalg.norm(face[473, :2] - face[468, :2])) / 6.3  # an adult's pupils are 6.3 cm apart
    shapes = {name: np.vstack([field, give[:, None] * field[rim]]) for name, field in _shapes(face, unit).items()}
    pivot = np.append(face[oval, :2].mean(axis=0), face[oval, 2].mean()) + np.array(table["head"]["pivot"]) * unit
    return _Puppet(
        image=image,
        rest=rest,
        follow=np.concatenate([np.ones(len(face)), around_follow]),
        around=triangles[outside],
        eyes=triangles[eyes],
        teeth=triangles[mouth],
        skin=triangles[skin],
        shapes=shapes,
        unit=unit,
        pivot=pivot,
    )


def _mouth_ring() -> list[int]:
    rows, corners = _table()["rows"], _table()["inner_corners"]
    return [corners[0], *rows["upper_lip"][0], corners[1], *reversed(rows["lower_lip"][0])]


def _turned(puppet: _Puppet, points: np.ndarray, pose: dict[str, float]) -> np.ndarray:
    """Return `points` (V, 3) with the head turned and moved, each as far as it follows."""
    yaw, pitch, roll = (np.radians(pose[name]) for name in ("yaw", "pitch", "roll"))
    # Image axes are x right, y down, depth away; the signs make yaw > 0 the nose to the right, pitch > 0 down and
    # roll > 0 the head's top to the left.
    cy, sy, cp, sp, cr, sr = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
    about_y = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, sr, 0], [-sr, cr, 0], [0, 0, 1]])
    moved = (points - puppet.pivot) @ (about_y @ about_x @ about_z).T + puppet.pivot
    moved[:, :2] += np.array([pose["x"], pose["y"]]) * puppet.unit
    return points + puppet.follow[:, None] * (moved - points)


def draw_frame(pose: dict[str, float]) -> np.ndarray:
    """Draw the photograph with one value for each control (see `clip_controls`): uint8 (SIZE, SIZE, 3), BGR."""
    import cv2

    puppet = _puppet()
    skull = puppet.rest.copy()
    for iris in (slice(468, 473), slice(473, 478)):
        skull[iris, 0] += pose["gaze_x"] * puppet.unit
        skull[iris, 1] += pose["gaze_y"] * puppet.unit
    face = puppet.rest.copy()
    for name, field in puppet.shapes.items():
        amount = 1.0 - pose["smile"] if name == "rest" else pose[name]
        face[:, :2] += amount * field
    skull, face = _turned(puppet, skull, pose), _turned(puppet, face, pose)

    layers = (puppet.around, puppet.eyes, puppet.teeth, puppet.skin)
    triangles = np.vstack(layers)
    around, eyes, teeth, skin = np.split(np.arange(len(triangles)), np.cumsum([len(layer) for layer in layers])[:-1])
    places = face[triangles]
    places[eyes], places[teeth] = skull[puppet.eyes], skull[puppet.teeth]
    # From a pixel of the frame to a pixel of the photograph: one affine map a triangle.
    square = np.concatenate([places[..., :2], np.ones((*places.shape[:2], 1))], axis=2)
    solid = np.abs(np.linalg.det(square)) > 1e-3
    square[~solid] = np.eye(3)
    back = np.linalg.inv(square) @ puppet.rest[triangles, :2]

    labels = np.full((SIZE, SIZE), -1, np.int32)
    corners = np.round(places[..., :2] * 16).astype(np.int32)

    def fill(indices: np.ndarray) -> None:
        for i in indices[np.argsort(-places[indices, :, 2].mean(axis=1))]:
            if solid[i]:
                cv2.fillConvexPoly(labels, corners[i], (int(i),), shift=4)

    fill(around)
    fill(eyes)
    opening = np.zeros(labels.shape, np.uint8)
    cv2.fillPoly(opening, [np.round(face[_mouth_ring(), :2] * 16).astype(np.int32)], (1,), shift=4)
    behind = labels.copy()
    labels[:] = -1
    fill(teeth)
    labels[opening == 0] = behind[opening == 0]
    fill(skin)

    y, x = np.mgrid[0:SIZE, 0:SIZE]
    known = back[labels]
    source = x[..., None] * known[:, :, 0] + y[..., None] * known[:, :, 1] + known[:, :, 2]
    source = source.astype(np.float32)
    frame = cv2.remap(puppet.image, source[..., 0], source[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    frame[labels < 0] = _table()["mouth_colour"]
    # Layers are cut at whole pixels: soften their edges.
    layer = np.searchsorted([eyes[0], teeth[0], skin[0]], labels, side="right").astype(np.uint8)
    layer[labels < 0] = 4
    edge = cv2.morphologyEx(layer, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    frame[edge] = cv2.GaussianBlur(frame, (3, 3), 0)[edge]
    return frame


def draw_frames() -> Iterator[np.ndarray]:
    """Draw the clip's frames in turn, each uint8 (SIZE, SIZE, 3), BGR."""
    controls = clip_controls(clip_times())
    for i in range(len(clip_times())):
        yield draw_frame({name: float(values[i]) for name, values in controls.items()})


def write_sample(path: Path, progress: Callable[[float], None] = lambda fraction: None) -> None:
    """Write the sample clip as an MP4 file; about ten seconds of work.

    Raises CommandError when the photograph's package is missing or the file cannot be written.
    """
    count = len(clip_times())
    with FilmWriter(path, clip_rate(), (SIZE, SIZE)) as film:
        for i, frame in enumerate(draw_frames()):
            film.write(frame)
            progress((i + 1) / count)

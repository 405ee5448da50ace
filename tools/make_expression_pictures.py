# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the pictures of the expressions that a character is taught: `python -m mimica.tools.make_expression_pictures`.

Each is Mimica's own face rig in one expression, from the same camera, warmer and brighter where the expression acts.
"""

import struct
import sys
import tempfile
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..mapping.frame import ARKIT_SHAPES
from ..mapping.teaching import Expression, expressions, find_expression

FOLDER = Path(__file__).resolve().parents[1] / "ui" / "pictures"
SIZE = 192
_SHARP = 2
"""Times the size at which is rendered."""
_PART = (0.14, 0.245, 0.72)
"""Left, top and width of the square that is kept, in shares of what is rendered: brows to chin. For the head, all."""
_RENDERED = round(SIZE * _SHARP / _PART[2])
_COLOURS = 80
"""Shades in a picture: few make it small, and the face is one material."""
_DIMMED, _LIT = 0.72, 0.33
"""How bright the picture is where nothing happens, and how much brighter where the expression acts most."""
_WARM = np.array([20.0, 60.0, 120.0]) * 0.55
"""BGR of what is added where the expression acts."""
_LEAST = 0.12
"""Share of the greatest motion that is lit: what skin does nearby is not the point."""
_SOFT = SIZE / 28
"""Pixels over which the light is softened."""
_AXES = {"headYaw": (0.0, 1.0, 0.0), "headPitch": (1.0, 0.0, 0.0), "headRoll": (0.0, 0.0, 1.0)}
"""The axis that each angle of the head turns about, face space."""
_JAW_WITH_TONGUE = 0.5


def main() -> int:
    """Render all pictures."""
    import bpy

    from ..rig.arkit import key_controls
    from ..rig.face_rig import create_face_rig
    from ..rig.preview import PreviewSettings, best_engine, render_preview

    bpy.ops.wm.read_homefile(use_empty=True)
    scene = bpy.context.scene
    armature = bpy.data.objects[create_face_rig(bpy.context).armature]
    shown = expressions()
    # The pose of each at frames from 1, and what it begins with at frames from there on.
    controls = np.array([_controls(e, 1.0) for e in shown] + [_controls(e, 0.0) for e in shown])
    frames = np.arange(1, len(controls) + 1)
    key_controls(armature, controls, frames.astype(float), bpy.data.actions.new("Expressions"))
    _key_head(armature, shown)

    glows = [_glow(scene, armature, i + 1, len(shown) + i + 1) for i in range(len(shown))]
    FOLDER.mkdir(exist_ok=True)
    total = 0
    with tempfile.TemporaryDirectory() as name:
        settings = PreviewSettings(best_engine(), _RENDERED)
        paths = render_preview(scene, armature.name, frames[: len(shown)].tolist(), Path(name), settings)
        for expression, glow, path in zip(shown, glows, paths, strict=True):
            picture = cv2.imread(str(path))
            assert picture is not None
            if expression.group != "head":
                lit = _kept(glow)[..., None]
                picture = _kept(picture).astype(np.float32) * (_DIMMED + _LIT * lit) + _WARM * lit
            data = _png(cv2.resize(np.clip(picture, 0, 255), (SIZE, SIZE), interpolation=cv2.INTER_AREA))
            (FOLDER / f"{expression.id}.png").write_bytes(data)
            total += len(data)
    print(f"{len(shown)} pictures, {total / 1000:.0f} kB, in {FOLDER}")
    return 0


def _controls(expression: Expression, amount: float) -> np.ndarray:
    """Return the 52 controls of an expression on top of what it begins with."""
    row = np.zeros(len(ARKIT_SHAPES))
    for name in expression.after:
        first = find_expression(name)
        assert first is not None
        row[[ARKIT_SHAPES.index(c) for c in first.controls]] = (
            1.0 if expression.region != "tongue" else _JAW_WITH_TONGUE
        )
    for control in expression.controls:
        if control in ARKIT_SHAPES:
            row[ARKIT_SHAPES.index(control)] = amount
    return row


def _key_head(armature: Any, shown: tuple[Expression, ...]) -> None:
    """Turn the head at the frames of the expressions that are turns of it, and back after the last."""
    from mathutils import Matrix, Vector

    bone = armature.pose.bones["head"]
    rest = bone.bone.matrix_local.to_3x3()
    for i, expression in enumerate((*shown, shown[0])):
        x, y, z = _AXES.get(expression.controls[0], (1.0, 0.0, 0.0))
        angle = expression.full if expression.group == "head" else 0.0
        turn = Matrix.Rotation(angle, 3, Vector((x, -z, y)))
        bone.rotation_mode = "QUATERNION"
        bone.rotation_quaternion = (rest.inverted() @ turn @ rest).to_quaternion()
        bone.keyframe_insert("rotation_quaternion", frame=i + 1)


def _glow(scene: Any, armature: Any, frame: int, before: int) -> np.ndarray:
    """Return where the visible skin moves between two frames, as a picture in [0, 1]."""
    posed, seen, spots = _skin(scene, armature, frame)
    started, _, _ = _skin(scene, armature, before)
    moved = np.linalg.norm(posed - started, axis=1)
    share = np.clip((moved / max(float(moved.max()), 1e-9) - _LEAST) / (1.0 - _LEAST), 0.0, 1.0)
    picture = np.zeros((_RENDERED, _RENDERED), np.float32)
    for i in np.argsort(share):
        if seen[i] and share[i] > 0.0:
            cv2.circle(picture, (int(spots[i, 0]), int(spots[i, 1])), round(_SOFT), (float(share[i]),), -1)
    picture = cv2.GaussianBlur(picture, (0, 0), _SOFT)
    return picture / max(float(picture.max()), 1e-9)


def _kept(picture: np.ndarray) -> np.ndarray:
    """Return the part of a rendered picture that is shown."""
    left, top, width = (round(share * _RENDERED) for share in _PART)
    return picture[top : top + width, left : left + width]


def _skin(scene: Any, armature: Any, frame: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the vertices (V, 3) of all the character's meshes, whether they face the camera, and their pixels."""
    import bpy
    from bpy_extras.object_utils import world_to_camera_view  # pyright: ignore[reportMissingImports]

    from ..rig.preview import add_stage

    if scene.camera is None:
        scene.render.resolution_x = scene.render.resolution_y = _RENDERED
        add_stage(scene, armature.name)
    camera = scene.camera
    assert camera is not None
    scene.frame_set(frame)
    graph = bpy.context.evaluated_depsgraph_get()
    points, seen, spots = [], [], []
    for obj in sorted((o for o in armature.children_recursive if o.type == "MESH"), key=lambda o: o.name):
        evaluated = obj.evaluated_get(graph)
        mesh = evaluated.to_mesh()
        turn = evaluated.matrix_world.to_3x3()
        for vertex in mesh.vertices:
            place = evaluated.matrix_world @ vertex.co
            x, y, _ = world_to_camera_view(scene, camera, place)
            points.append(place)
            seen.append((turn @ vertex.normal).dot(place - camera.matrix_world.translation) < 0.0)
            spots.append((x * _RENDERED, (1.0 - y) * _RENDERED))
        evaluated.to_mesh_clear()
    return np.array(points), np.array(seen), np.array(spots)


def _png(picture: np.ndarray) -> bytes:
    """Return a picture (BGR) as a PNG with few shades."""
    pixels = picture.reshape(-1, 3).astype(np.float32)
    cv2.setRNGSeed(1)
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 0.5)
    _, labels, shades = cv2.kmeans(pixels, _COLOURS, np.zeros((0, 0), np.int32), criteria, 1, cv2.KMEANS_PP_CENTERS)
    rows = labels.reshape(SIZE, SIZE).astype(np.uint8)
    palette = np.round(shades[:, ::-1]).astype(np.uint8)
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", SIZE, SIZE, 8, 3, 0, 0, 0)),
        (b"PLTE", palette.tobytes()),
        (b"IDAT", zlib.compress(raw, 9)),
        (b"IEND", b""),
    )
    data = b"\x89PNG\r\n\x1a\n"
    for kind, body in chunks:
        data += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return data


if __name__ == "__main__":
    sys.exit(main())

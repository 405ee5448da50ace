# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our face drawn over the viewport by the graphics card: no object in the scene, no material, nothing to clean up."""

from typing import Any

import gpu
import numpy as np
from gpu_extras.batch import batch_for_shader

from ..rig import compat
from ..rig.guide_face import Drawn, GuideFace
from ..rig.picture_shapes import Box

_SHARPER = 2
"""Times the pixels shown: edges are smooth after being made smaller."""
_MIDDLE = np.array([0.0, -0.9, 0.0])
_REACH = 10.2
"""cm from the middle of the picture to its edge."""
_DISTANCE = 62.0
"""cm from the eye to the middle: a portrait lens."""
_NEAR, _FAR = 20.0, 120.0
_BACK = (0.17, 0.185, 0.21)
_BACK_LINEAR = (0.025, 0.029, 0.036)

_VERTEX = """
void main()
{
  vec4 p = place * vec4(pos, 1.0);
  gl_Position = p;
  seen = pos;
  facing = normal;
  tint = colour;
}
"""
_FRAGMENT = """
void main()
{
  vec3 n = normalize(facing);
  vec3 view = normalize(eye - seen);
  if (dot(n, view) < 0.0) {
    n = -n;
  }
  vec3 key = normalize(vec3(-0.55, 0.65, 0.75));
  vec3 fill = normalize(vec3(0.85, 0.05, 0.55));
  vec3 rim = normalize(vec3(0.65, 0.45, -0.65));
  float wet = tint.w;
  /* Skin lets light through, red the farthest: it goes around the terminator. */
  vec3 wrap = vec3(0.34, 0.18, 0.12);
  vec3 lit = clamp((vec3(dot(n, key)) + wrap) / (1.0 + wrap), 0.0, 1.0);
  vec3 light = lit * vec3(1.04, 1.0, 0.95) * 0.92;
  light += clamp(dot(n, fill), 0.0, 1.0) * vec3(0.16, 0.19, 0.24);
  light += mix(vec3(0.06, 0.05, 0.055), vec3(0.17, 0.18, 0.20), 0.5 + 0.5 * n.y);
  vec3 colour = tint.xyz * light;
  vec3 halfway = normalize(key + view);
  float power = mix(14.0, 220.0, smoothstep(0.5, 0.85, wet));
  float strength = mix(0.035, 0.75, smoothstep(0.55, 0.85, wet));
  colour += strength * pow(max(dot(n, halfway), 0.0), power);
  float edge = pow(1.0 - max(dot(n, view), 0.0), 3.0);
  colour += edge * clamp(dot(n, rim), 0.0, 1.0) * vec3(0.55, 0.6, 0.7) * 0.7;
  colour = clamp(colour, 0.0, 1.0);
  vec3 shown = mix(colour * 12.92, 1.055 * pow(colour, vec3(1.0 / 2.4)) - 0.055, step(0.0031308, colour));
  fragColor = vec4(mix(shown, colour, linear), 1.0);
}
"""


class FaceCanvas:
    """One picture of the face, kept until the face or its size changes. Main thread, while something is drawn."""

    def __init__(self) -> None:
        self._canvas: Any = None
        self._drawn: Drawn | None = None

    def draw(self, face: GuideFace, drawn: Drawn, box: Box) -> None:
        """Draw the face into a square of the region."""
        size = max(8, round(box.width)) * _SHARPER
        if self._drawn is not drawn or self._canvas is None or self._canvas.width != size:
            self._render(face, drawn, size)
            self._drawn = drawn
        corners = [(box.left, box.bottom), (box.right, box.bottom), (box.left, box.top), (box.right, box.top)]
        places = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)]
        shader = gpu.shader.from_builtin("IMAGE")
        canvas: Any = self._canvas
        shader.uniform_sampler("image", canvas.texture_color)
        batch_for_shader(shader, "TRI_STRIP", {"pos": corners, "texCoord": places}).draw(shader)

    def _render(self, face: GuideFace, drawn: Drawn, size: int) -> None:
        # See `shown_texture_format`: older shaders for images take values as linear.
        linear = compat.shown_texture_format() == "SRGB8_A8"
        if self._canvas is None or self._canvas.width != size:
            self._canvas = gpu.types.GPUOffScreen(size, size, format="RGBA16F")
        shader = _shader()
        points = np.ascontiguousarray(drawn.points)
        tints = np.concatenate([face.colours, face.gloss[:, None]], axis=1).astype(np.float32)
        layout = gpu.types.GPUVertFormat()
        for name, count in (("pos", 3), ("normal", 3), ("colour", 4)):
            layout.attr_add(id=name, comp_type="F32", len=count, fetch_mode="FLOAT")
        vertices = gpu.types.GPUVertBuf(layout, len(points))
        vertices.attr_fill("pos", points)
        vertices.attr_fill("normal", np.ascontiguousarray(drawn.normals))
        vertices.attr_fill("colour", np.ascontiguousarray(tints))
        corners = gpu.types.GPUIndexBuf(type="TRIS", seq=face.triangles)
        batch = gpu.types.GPUBatch(type="TRIS", buf=vertices, elem=corners)
        with self._canvas.bind():
            framebuffer = gpu.state.active_framebuffer_get()
            framebuffer.clear(color=(*(_BACK_LINEAR if linear else _BACK), 1.0), depth=1.0)
            gpu.state.depth_test_set("LESS_EQUAL")
            gpu.state.depth_mask_set(True)
            gpu.state.blend_set("NONE")
            shader.bind()
            shader.uniform_float("place", _projection())
            shader.uniform_float("eye", (0.0, 0.0, _DISTANCE))
            shader.uniform_float("linear", float(linear))
            batch.draw(shader)
            gpu.state.depth_mask_set(False)
            gpu.state.depth_test_set("NONE")


def _projection() -> Any:
    """Return the matrix from face space to the screen, mirrored as a mirror is.

    Face space has x to the performer's left. Someone opposite sees that on the right; in a mirror, as here, the
    performer's left is on the left of the screen.
    """
    from mathutils import Matrix

    scale = _DISTANCE / _REACH
    depth = (_FAR + _NEAR) / (_NEAR - _FAR)
    lens = Matrix(((scale, 0, 0, 0), (0, scale, 0, 0), (0, 0, depth, 2 * _FAR * _NEAR / (_NEAR - _FAR)), (0, 0, -1, 0)))
    mirror = Matrix.Diagonal((-1.0, 1.0, 1.0, 1.0))
    return lens @ Matrix.Translation((0.0, 0.0, -_DISTANCE)) @ mirror @ Matrix.Translation((-_MIDDLE).tolist())


_made: list[Any] = []


def _shader() -> Any:
    if not _made:
        info = gpu.types.GPUShaderCreateInfo()
        info.push_constant("MAT4", "place")
        info.push_constant("VEC3", "eye")
        info.push_constant("FLOAT", "linear")
        info.vertex_in(0, "VEC3", "pos")
        info.vertex_in(1, "VEC3", "normal")
        info.vertex_in(2, "VEC4", "colour")
        between = gpu.types.GPUStageInterfaceInfo("mimica_face")
        between.smooth("VEC3", "seen")
        between.smooth("VEC3", "facing")
        between.smooth("VEC4", "tint")
        info.vertex_out(between)
        info.fragment_out(0, "VEC4", "fragColor")
        info.vertex_source(_VERTEX)
        info.fragment_source(_FRAGMENT)
        _made.append(gpu.shader.create_from_info(info))
    return _made[0]


def forget() -> None:
    """Free the shader."""
    _made.clear()

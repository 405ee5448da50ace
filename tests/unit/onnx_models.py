# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tiny ONNX models, written byte by byte as the format's protobuf has them: outputs that do not depend on the picture.

Each output is a constant, plus nothing times the picture's sum, so that the picture is used and its shape checked.
"""

import struct
from collections.abc import Mapping

import numpy as np

_FLOAT = 1


def constant_model(size: int | None, outputs: Mapping[str, np.ndarray], channels: int = 3) -> bytes:
    """A model that takes (1, channels, size, size) float32, any size for None, and gives the arrays, float32."""
    nodes = _field(1, _node("ReduceMax", ["image"], ["most"], [_attribute("keepdims", 0)]))
    nodes += _field(1, _node("Mul", ["most", "nothing"], ["none"]))
    initializers = _field(5, _tensor("nothing", np.zeros((), np.float32)))
    results = b""
    for name, array in outputs.items():
        initializers += _field(5, _tensor(f"{name}_constant", array))
        nodes += _field(1, _node("Add", [f"{name}_constant", "none"], [name]))
        results += _field(12, _value(name, array.shape))
    image = _field(11, _value("image", (1, channels, size or "h", size or "w")))
    graph = nodes + _text(2, "tiny") + initializers + image + results
    opset = _text(1, "") + _number(2, 13)
    return _number(1, 7) + _field(7, graph) + _field(8, opset)


def _node(kind: str, inputs: list[str], outputs: list[str], attributes: list[bytes] | None = None) -> bytes:
    parts = [_text(1, name) for name in inputs] + [_text(2, name) for name in outputs] + [_text(4, kind)]
    return b"".join(parts) + b"".join(_field(5, attribute) for attribute in attributes or [])


def _attribute(name: str, value: int) -> bytes:
    return _text(1, name) + _number(3, value) + _number(20, 2)


def _tensor(name: str, array: np.ndarray) -> bytes:
    sides = b"".join(_number(1, side) for side in array.shape)
    return sides + _number(2, _FLOAT) + _text(8, name) + _field(9, array.astype("<f4").tobytes())


def _value(name: str, shape: tuple[int | str, ...]) -> bytes:
    sides = (_number(1, side) if isinstance(side, int) else _text(2, side) for side in shape)
    kind = _number(1, _FLOAT) + _field(2, b"".join(_field(1, side) for side in sides))
    return _text(1, name) + _field(2, _field(1, kind))


def _text(number: int, text: str) -> bytes:
    return _field(number, text.encode())


def _field(number: int, contents: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(contents)) + contents


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += struct.pack("B", value & 127 | 128)
        value >>= 7
    return out + struct.pack("B", value)

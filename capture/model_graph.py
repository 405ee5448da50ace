# SPDX-FileCopyrightText: 2026 Mimica authors
# SPDX-License-Identifier: GPL-3.0-or-later
# MediaPipe has no type information, so nothing is known of what comes from it.
# pyright: basic
"""Change a TensorFlow Lite model: read its flatbuffer, append operators, choose its outputs, pack it; and pack bundles.

The object interface of TensorFlow Lite's schema comes with MediaPipe, which is why it and flatbuffers are loaded here.
"""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from .model import ModelError
from .sound_devices import without_sound


class ModelGraph:
    """One model, opened for changes. A tensor is known by its number; "elements on axis 3" means (1, 1, 1, N)."""

    def __init__(self, model: bytes) -> None:
        """Read a `.tflite` file's contents: about 60 ms for the landmark model. Raises `ModelError`."""
        try:
            import flatbuffers

            with without_sound():
                from mediapipe.tasks.metadata import schema_py_generated
        except ImportError as error:
            raise ModelError(
                f"The face model cannot be built, as a library is missing ({error.name}). Install Mimica again."
            ) from error
        self._flatbuffers: Any = flatbuffers
        self._schema: Any = schema_py_generated
        self._size = len(model)
        self._model = self._schema.ModelT.InitFromObj(self._schema.Model.GetRootAs(model, 0))
        self._graph = self._model.subgraphs[0]

    @property
    def outputs(self) -> list[int]:
        """The numbers of the output tensors."""
        return [int(number) for number in self._graph.outputs]

    @outputs.setter
    def outputs(self, numbers: Sequence[int]) -> None:
        self._graph.outputs = list(numbers)

    def find(self, name: str) -> int:
        """Return the number of the tensor `name`. Raises KeyError."""
        for number, tensor in enumerate(self._graph.tensors):
            if tensor.name.decode() == name:
                return number
        raise KeyError(name)

    def elements(self, tensor: int) -> int:
        """Return how many elements a tensor has."""
        return int(np.prod(self._graph.tensors[tensor].shape))

    def reshape(self, tensor: int, shape: Sequence[int], name: str) -> int:
        """Return a new tensor with the same float32 elements in another shape."""
        options = self._schema.ReshapeOptionsT()
        options.newShape = list(shape)
        return self._append("Reshape", options, [tensor, self._constant("mimica_shape", np.array(shape))], shape, name)

    def join(self, tensors: Sequence[int], length: int, name: str) -> int:
        """Return a new tensor of `length` elements on axis 3: those of `tensors`, one after the other."""
        options = self._schema.ConcatenationOptionsT()
        options.axis = 3
        return self._append("Concatenation", options, list(tensors), [1, 1, 1, length], name)

    def gather(self, tensor: int, indices: np.ndarray, name: str) -> int:
        """Return a new tensor whose elements on axis 3 are those of `tensor` at `indices`, int (N,)."""
        options = self._schema.GatherOptionsT()
        options.axis = 3
        table = self._constant("mimica_indices", indices)
        return self._append("Gather", options, [tensor, table], [1, 1, 1, len(indices)], name)

    def pack(self) -> bytes:
        """Return the `.tflite` file's contents: about 60 ms for the landmark model."""
        builder = self._flatbuffers.Builder(self._size + (1 << 16))
        builder.Finish(self._model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())

    def _constant(self, name: str, values: np.ndarray) -> int:
        contents = np.frombuffer(values.astype("<i4").tobytes(), np.uint8)
        return self._add_tensor(name, self._schema.TensorType.INT32, values.shape, contents)

    def _add_tensor(self, name: str, kind: int, shape: Sequence[int], contents: np.ndarray | None) -> int:
        buffer = self._schema.BufferT()
        if contents is not None:
            buffer.data = contents
        self._model.buffers.append(buffer)
        tensor = self._schema.TensorT()
        tensor.name, tensor.type, tensor.shape, tensor.hasRank = name.encode(), kind, list(shape), True
        tensor.buffer = len(self._model.buffers) - 1
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def _append(self, kind: str, options: Any, inputs: list[int], shape: Sequence[int], name: str) -> int:
        output = self._add_tensor(name, self._schema.TensorType.FLOAT32, shape, None)
        code = self._schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(self._schema.BuiltinOperator, kind.upper())
        self._model.operatorCodes.append(code)
        operator = self._schema.OperatorT()
        operator.opcodeIndex = len(self._model.operatorCodes) - 1
        operator.inputs, operator.outputs = inputs, [output]
        operator.builtinOptionsType = getattr(self._schema.BuiltinOptions, f"{kind}Options")
        operator.builtinOptions = options
        self._graph.operators.append(operator)
        return output


def write_bundle(target: IO[bytes] | Path, members: Mapping[str, bytes]) -> None:
    """Write a `.task` file: a zip whose members are stored as they are, which is what MediaPipe reads."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as bundle:
        for name, contents in members.items():
            # Without a date of its own the same contents always give the same bytes.
            bundle.writestr(zipfile.ZipInfo(name), contents)

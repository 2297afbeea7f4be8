"""Reads an ONNX graph without the onnx package, which the runtime installation does not have.

It reads what `graph_safety` has passed, and only the forms that seehear writes: tensors as raw bytes; attributes that
are a number, a string or a list of integers. Field numbers are those of onnx.proto (ONNX 1.23).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seehear.errors import BundleError
from seehear.runtime.onnx_wire_format import fields, integers
from seehear.senses import Array

Shape = tuple[int, ...]
Attribute = float | bytes | Shape  # the value of an attribute

DTYPES: dict[int, np.dtype[Any]] = {  # TensorProto.DataType
    1: np.dtype("<f4"),
    2: np.dtype("u1"),
    3: np.dtype("i1"),
    6: np.dtype("<i4"),
    7: np.dtype("<i8"),
    9: np.dtype("?"),
    10: np.dtype("<f2"),
    11: np.dtype("<f8"),
}
OPSET = 20
MAX_NODES = 5_000  # our largest have some 700
MAX_AXES = 8
MAX_INPUT_LENGTH = 1 << 20  # along one axis of an input
MAX_LISTED = 64  # integers of an attribute
FLOAT, INT, STRING, INTS = 1, 2, 3, 7  # AttributeProto.AttributeType


@dataclass(frozen=True)
class Node:
    """One operator; an input or output that is left out has the name ""."""

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]


@dataclass
class Graph:
    """Nodes in the order in which they run, constants by name, and the names of the outputs.

    Inputs have a shape, with -1 for an axis of any length, and a type.
    """

    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)
    inputs: dict[str, tuple[Shape, np.dtype[Any]]] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)


def read_graph(model: bytes) -> Graph:
    """Raises BundleError for what seehear does not write, and for a name that is defined twice or never."""
    graph = Graph()
    for number, value in fields(memoryview(model)):
        if number == 7:
            _read_graph_field(graph, _message(value))
        if number == 8 and (versions := [each for place, each in fields(_message(value)) if place == 2]) != [OPSET]:
            raise BundleError(f"it uses the operator set {versions}, not {OPSET}")
    known = {*graph.inputs, *graph.constants}
    if graph.inputs.keys() & graph.constants.keys():
        raise BundleError("an input has the name of a constant")
    for node in graph.nodes:
        for name in node.inputs:
            if name and name not in known:
                raise BundleError(f"{node.op} reads '{name[:40]}' before it is defined")
        for name in filter(None, node.outputs):
            if name in known:
                raise BundleError(f"'{name[:40]}' is defined twice")
            known.add(name)
    if not set(graph.outputs) <= known:
        raise BundleError("an output of the graph is never defined")
    return graph


def _read_graph_field(graph: Graph, data: memoryview) -> None:
    for number, value in fields(data):
        match number:
            case 1:
                graph.nodes.append(_read_node(_message(value)))
                if len(graph.nodes) > MAX_NODES:
                    raise BundleError(f"it has more than {MAX_NODES:,} operators")
            case 5:
                name, array = _read_tensor(_message(value))
                if name in graph.constants:
                    raise BundleError(f"the constant '{name[:40]}' is defined twice")
                graph.constants[name] = array
            case 11:
                name = _read_name(_message(value))
                if name in graph.inputs:
                    raise BundleError(f"the input '{name[:40]}' is defined twice")
                graph.inputs[name] = _read_type(_message(value))
            case 12:
                graph.outputs.append(_read_name(_message(value)))


def _read_node(data: memoryview) -> Node:
    op, inputs, outputs, attributes = "", [], [], {}
    for number, value in fields(data):
        match number:
            case 1:
                inputs.append(_text(value))
            case 2:
                outputs.append(_text(value))
            case 4:
                op = _text(value)
            case 5:
                name, attribute = _read_attribute(_message(value))
                attributes[name] = attribute
    return Node(op, tuple(inputs), tuple(outputs), attributes)


def _read_attribute(data: memoryview) -> tuple[str, Attribute]:
    name, kind, number, whole, word = "", 0, 0.0, 0, b""
    listed: list[int] = []
    for place, value in fields(data):
        match place:
            case 1:
                name = _text(value)
            case 2:
                (number,) = struct.unpack("<f", _number(value).to_bytes(8, "little")[:4])
            case 3:
                (whole,) = integers(_number(value))
            case 4:
                word = bytes(_message(value)[:100])
            case 8:
                listed += integers(value)
            case 20:
                kind = _number(value)
        if len(listed) > MAX_LISTED:
            raise BundleError(f"the attribute '{name[:40]}' lists more than {MAX_LISTED} integers")
    attributes: dict[int, Attribute] = {FLOAT: number, INT: whole, STRING: word, INTS: tuple(listed)}
    if kind not in attributes:
        raise BundleError(f"the attribute '{name[:40]}' is neither a number, a string nor a list of integers")
    return name, attributes[kind]


def _read_tensor(data: memoryview) -> tuple[str, Array]:
    name, kind, raw = "", 0, memoryview(b"")
    shape: list[int] = []
    for number, value in fields(data):
        match number:
            case 1:
                shape += integers(value)
            case 2:
                kind = _number(value)
            case 8:
                name = _text(value)
            case 9:
                raw = _message(value)
            case 3 | 4 | 5 | 6 | 7 | 10 | 11:
                raise BundleError(f"the constant '{name[:40]}' is not kept as raw bytes")
        if len(shape) > MAX_AXES:
            raise BundleError(f"a constant has more than {MAX_AXES} axes")
    if kind not in DTYPES:
        raise BundleError(f"the constant '{name[:40]}' is of type {kind}")
    if min(shape, default=0) < 0 or math.prod(shape) * DTYPES[kind].itemsize != len(raw):
        raise BundleError(f"the constant '{name[:40]}' does not have the bytes of its shape")
    return name, np.frombuffer(raw, DTYPES[kind]).reshape(shape)


def _read_name(data: memoryview) -> str:
    """The name of an input or output."""
    names = [_text(value) for number, value in fields(data) if number == 1]
    return names[-1] if names else ""


def _read_type(data: memoryview) -> tuple[Shape, np.dtype[Any]]:
    """The declared shape and type of an input."""
    kind, shape = 0, []
    for tensor in _nested(data, 2, 1):  # ValueInfoProto.type.tensor_type
        kind = sum(_number(value) for number, value in fields(tensor) if number == 1)
        shape = [
            next((value for number, value in fields(axis) if number == 1 and isinstance(value, int)), -1)
            for axis in _nested(tensor, 2, 1)  # TensorShapeProto.dim
        ]
    if kind not in DTYPES or len(shape) > MAX_AXES or max(shape, default=0) > MAX_INPUT_LENGTH:
        raise BundleError("an input has a type or a shape that seehear does not export")
    return tuple(shape), DTYPES[kind]


def _nested(data: memoryview, *path: int) -> Iterator[memoryview]:
    """The messages along this path of field numbers."""
    if not path:
        yield data
        return
    for number, value in fields(data):
        if number == path[0]:
            yield from _nested(_message(value), *path[1:])


def _message(value: memoryview | int) -> memoryview:
    if isinstance(value, int):
        raise BundleError("a number is where bytes should be")
    return value


def _number(value: memoryview | int) -> int:
    if not isinstance(value, int):
        raise BundleError("bytes are where a number should be")
    return value


def _text(value: memoryview | int) -> str:
    try:
        return bytes(_message(value)).decode()
    except UnicodeDecodeError:
        raise BundleError("a name is not UTF-8") from None

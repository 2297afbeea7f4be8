"""A graph of ONNX as plain values, read without the package onnx, which serving does not have.

It reads what `graph_safety` lets pass, and only the forms that seehear writes: tensors as raw bytes, attributes that
are a number, a word or a list of integers. Field numbers are those of onnx.proto (ONNX 1.23).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seehear.errors import BundleError
from seehear.runtime.protobuf import fields, integers
from seehear.senses import Array

Shape = tuple[int, ...]
Setting = float | bytes | Shape  # the value of an attribute

DTYPES: dict[int, np.dtype[Any]] = {  # TensorProto.DataType
    1: np.dtype("<f4"),
    2: np.dtype("u1"),
    6: np.dtype("<i4"),
    7: np.dtype("<i8"),
    9: np.dtype("?"),
    10: np.dtype("<f2"),
    11: np.dtype("<f8"),
}
OPSET = 20
MOST_NODES = 5_000  # our largest have some 700
MOST_AXES = 8
MOST_FED = 1 << 20  # along one axis of an input
MOST_LISTED = 64  # integers of an attribute
FLOAT, INT, STRING, INTS = 1, 2, 3, 7  # AttributeProto.AttributeType


@dataclass(frozen=True)
class Node:
    """One operator; an input or output that is left out has the name ""."""

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    settings: Mapping[str, Setting]


@dataclass
class Graph:
    """nodes in the order in which they are run, constants by name, and what is fed and what comes out.

    Of inputs it has the shapes, -1 where any length may be fed, and the types.
    """

    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, Array] = field(default_factory=dict)
    inputs: dict[str, tuple[Shape, np.dtype[Any]]] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)


def read_graph(model: bytes) -> Graph:
    """Raises BundleError for what seehear does not write, and where a name is defined twice or never."""
    graph = Graph()
    for number, value in fields(memoryview(model)):
        if number == 7:
            _add(graph, _message(value))
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


def _add(graph: Graph, data: memoryview) -> None:
    for number, value in fields(data):
        match number:
            case 1:
                graph.nodes.append(_node(_message(value)))
                if len(graph.nodes) > MOST_NODES:
                    raise BundleError(f"it has more than {MOST_NODES:,} operators")
            case 5:
                name, array = _tensor(_message(value))
                if name in graph.constants:
                    raise BundleError(f"the constant '{name[:40]}' is defined twice")
                graph.constants[name] = array
            case 11:
                name = _named(_message(value))
                if name in graph.inputs:
                    raise BundleError(f"the input '{name[:40]}' is defined twice")
                graph.inputs[name] = _declared(_message(value))
            case 12:
                graph.outputs.append(_named(_message(value)))


def _node(data: memoryview) -> Node:
    op, inputs, outputs, settings = "", [], [], {}
    for number, value in fields(data):
        match number:
            case 1:
                inputs.append(_text(value))
            case 2:
                outputs.append(_text(value))
            case 4:
                op = _text(value)
            case 5:
                name, setting = _attribute(_message(value))
                settings[name] = setting
    return Node(op, tuple(inputs), tuple(outputs), settings)


def _attribute(data: memoryview) -> tuple[str, Setting]:
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
        if len(listed) > MOST_LISTED:
            raise BundleError(f"the attribute '{name[:40]}' lists more than {MOST_LISTED} integers")
    settings: dict[int, Setting] = {FLOAT: number, INT: whole, STRING: word, INTS: tuple(listed)}
    if kind not in settings:
        raise BundleError(f"the attribute '{name[:40]}' is neither a number, a word nor a list of integers")
    return name, settings[kind]


def _tensor(data: memoryview) -> tuple[str, Array]:
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
        if len(shape) > MOST_AXES:
            raise BundleError(f"a constant has more than {MOST_AXES} axes")
    if kind not in DTYPES:
        raise BundleError(f"the constant '{name[:40]}' is of type {kind}")
    if min(shape, default=0) < 0 or math.prod(shape) * DTYPES[kind].itemsize != len(raw):
        raise BundleError(f"the constant '{name[:40]}' does not have the bytes of its shape")
    return name, np.frombuffer(raw, DTYPES[kind]).reshape(shape)


def _named(data: memoryview) -> str:
    """The name of an input or output."""
    names = [_text(value) for number, value in fields(data) if number == 1]
    return names[-1] if names else ""


def _declared(data: memoryview) -> tuple[Shape, np.dtype[Any]]:
    """The shape and type of an input, as it is declared."""
    kind, shape = 0, []
    for tensor in _within(data, 2, 1):  # ValueInfoProto.type.tensor_type
        kind = sum(_number(value) for number, value in fields(tensor) if number == 1)
        shape = [
            next((value for number, value in fields(axis) if number == 1 and isinstance(value, int)), -1)
            for axis in _within(tensor, 2, 1)  # TensorShapeProto.dim
        ]
    if kind not in DTYPES or len(shape) > MOST_AXES or max(shape, default=0) > MOST_FED:
        raise BundleError("an input has a type or a shape that seehear does not export")
    return tuple(shape), DTYPES[kind]


def _within(data: memoryview, *path: int) -> Iterator[memoryview]:
    """The messages that lie in these fields of each other."""
    if not path:
        yield data
        return
    for number, value in fields(data):
        if number == path[0]:
            yield from _within(_message(value), *path[1:])


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

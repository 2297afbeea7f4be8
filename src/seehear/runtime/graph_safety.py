"""Refuses graphs that make onnxruntime open a file or run foreign code, and operators that seehear does not export.

It walks over the protobuf wire format, without decoding tensors and without the onnx package, which the runtime
installation does not have. Every field of onnx.proto (ONNX 1.23) is listed and any other is refused, so that nothing is
skipped here that another reader would follow.
"""

from __future__ import annotations

from typing import NamedTuple

from seehear.errors import BundleError
from seehear.runtime.graph import read_graph
from seehear.runtime.onnx_wire_format import fields
from seehear.runtime.operators import check_exported

MAX_FIELDS = 200_000  # a network of thousands of nodes has some ten thousand; bounds the time of the walk
LOOPS = "graphs in operators, such as loops, which may never end"
OWN_DOMAINS = (b"", b"ai.onnx")


class Message(NamedTuple):
    """The field numbers of one onnx.proto message: to follow, to refuse (with the reason), and to pass."""

    name: str
    follow: dict[int, str]
    refuse: dict[int, str]
    other: frozenset[int]


MESSAGES = {
    message.name: message
    for message in (
        Message(
            "ModelProto",
            {7: "GraphProto"},
            {20: "training steps", 25: "functions of its own"},
            frozenset({1, 2, 3, 4, 5, 6, 8, 14, 26}),
        ),
        Message(
            "GraphProto",
            {1: "NodeProto", 5: "TensorProto"},
            {15: "sparse tensors"},
            frozenset({2, 10, 11, 12, 13, 14, 16}),
        ),
        Message("NodeProto", {5: "AttributeProto"}, {}, frozenset({1, 2, 3, 4, 6, 7, 8, 9, 10})),
        Message(
            "AttributeProto",
            {5: "TensorProto", 10: "TensorProto"},
            {6: LOOPS, 11: LOOPS, 22: "sparse tensors", 23: "sparse tensors"},
            frozenset({1, 2, 3, 4, 7, 8, 9, 13, 14, 15, 20, 21}),
        ),
        Message(
            "TensorProto",
            {},
            {13: "tensors kept in other files"},
            frozenset({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16}),
        ),
    )
}
NODE_DOMAIN, TENSOR_LOCATION = ("NodeProto", 7), ("TensorProto", 14)


def check_graph(model: bytes, name: str) -> None:
    """Raises BundleError, naming the member, for a graph that seehear could not have written."""
    try:
        check_self_contained(model)
        for node in read_graph(model).nodes:
            check_exported(node)
    except BundleError as error:
        raise BundleError(f"{name} is refused: {error.what}") from None


def check_self_contained(model: bytes) -> None:
    """Raises BundleError for a graph that needs other files or foreign code, or that may never end."""
    if model[4:8] == b"ORTM":
        raise _refuse("it is in onnxruntime's own format")
    waiting = [("ModelProto", memoryview(model))]
    count, nodes = 0, 0
    while waiting:
        name, data = waiting.pop()
        nodes += name == "NodeProto"
        for number, value in fields(data):
            count += 1
            if count > MAX_FIELDS:
                raise _refuse(f"it has more than {MAX_FIELDS:,} fields")
            if child := _check_field(MESSAGES[name], number, value):
                waiting.append(child)
    if not nodes:
        raise _refuse("it holds no operator")


def _check_field(message: Message, number: int, value: memoryview | int) -> tuple[str, memoryview] | None:
    """The message in this field, as its name and contents, if it is one to follow."""
    if number in message.refuse:
        raise _refuse(f"it has {message.refuse[number]}")
    if number in message.follow:
        if isinstance(value, int):
            raise _refuse(f"field {number} of {message.name} is a number where a message should be")
        return message.follow[number], value
    if number not in message.other:
        raise _refuse(f"{message.name} has no field {number}")
    place = message.name, number
    if place == NODE_DOMAIN and (isinstance(value, int) or bytes(value) not in OWN_DOMAINS):
        shown = value if isinstance(value, int) else bytes(value[:40]).decode("utf-8", "replace")
        raise _refuse(f"it has operators of another domain, {shown!r}")
    if place == TENSOR_LOCATION and value != 0:
        raise _refuse("it has tensors kept in other files")
    return None


def _refuse(reason: str) -> BundleError:
    return BundleError(reason)

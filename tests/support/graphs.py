"""Handmade ONNX graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnx.parser
from onnx import TensorProto, helper, numpy_helper

GRAPH_NAME = "handmade"
Shape = Sequence[str | int | None]
Input = tuple[int, Shape]  # the type of its elements, and its shape


def make_graph(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Input],
    outputs: Mapping[str, Shape],
    constants: Mapping[str, Any],
) -> bytes:
    """A model whose outputs are floats."""
    graph = helper.make_graph(
        list(nodes),
        GRAPH_NAME,
        [helper.make_tensor_value_info(name, type_, list(shape)) for name, (type_, shape) in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)) for name, shape in outputs.items()],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(made)
    return bytes(made.SerializeToString())


def parse_graph(text: str) -> bytes:
    """A model as text, with its constants as raw bytes, as exports have them."""
    made = onnx.parser.parse_model(text)
    for constant in made.graph.initializer:
        constant.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(constant), constant.name))
    return bytes(made.SerializeToString())

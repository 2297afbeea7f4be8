"""Small ONNX encoders of pictures, as a person might have them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CHANNELS = 6  # not divisible by the usual number of attention heads
OTHERS = ("Elu", "Erf", "Exp", "HardSigmoid", "HardSwish", "LeakyRelu", "Neg", "Tanh")  # that seehear does not export


def make_encoder(
    output: str = "vector",
    *,
    picture: Sequence[int | str] = ("batch", 3, 32, 32),
    opset: int = 20,
    metadata: dict[str, str] | None = None,
    raw: bool = True,
    kind: int = TensorProto.FLOAT,
) -> onnx.ModelProto:
    """A convolution with random weights, and the output as a "vector", as "tokens" (B, N, D) or as a "map".

    picture   the shape of its input
    raw       whether constants are kept as bytes, or as numbers
    """
    random = np.random.default_rng(0)
    weight = random.normal(0, 0.2, (CHANNELS, 3, 3, 3)).astype(np.float32)
    kernel = numpy_helper.from_array(weight, "kernel")
    if not raw:
        kernel = helper.make_tensor("kernel", TensorProto.FLOAT, weight.shape, weight.reshape(-1).tolist())
    nodes = [
        helper.make_node("Conv", ["picture", "kernel"], ["convolved"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["convolved"], ["map"]),
        *_make_output(output),
    ]
    constants = [kernel, numpy_helper.from_array(np.array([0, CHANNELS, -1]), "flat")]
    inputs = [helper.make_tensor_value_info("picture", kind, picture)]
    graph = helper.make_graph(nodes, "encoder", inputs, [_any("encoded")], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    helper.set_model_props(model, metadata or {})
    return model


def _make_output(output: str) -> list[onnx.NodeProto]:
    match output:
        case "vector":
            pooled = helper.make_node("GlobalAveragePool", ["map"], ["pooled"])
            return [pooled, helper.make_node("Flatten", ["pooled"], ["encoded"])]
        case "tokens":
            flat = helper.make_node("Reshape", ["map", "flat"], ["list"])
            return [flat, helper.make_node("Transpose", ["list"], ["encoded"], perm=[0, 2, 1])]
    return [helper.make_node("Identity", ["map"], ["encoded"])]


def make_varied_encoder() -> onnx.ModelProto:
    """An encoder with all the operators that seehear accepts but does not export."""
    model = make_encoder("map")
    slopes = numpy_helper.from_array(np.full((CHANNELS, 1, 1), 0.1, np.float32), "slopes")
    model.graph.initializer.append(slopes)
    last = "map"
    del model.graph.node[2:]
    for op in OTHERS:
        model.graph.node.append(helper.make_node(op, [last], [op]))
        last = op
    model.graph.node.append(helper.make_node("PRelu", [last, "slopes"], ["PRelu"]))
    model.graph.node.append(helper.make_node("Sum", ["PRelu", "map", "slopes"], ["Sum"]))
    model.graph.node.append(helper.make_node("GlobalAveragePool", ["Sum"], ["encoded"]))
    return model


def _any(name: str) -> onnx.ValueInfoProto:
    """A value of type float, of any shape."""
    value: Any = helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
    found: onnx.ValueInfoProto = value
    return found

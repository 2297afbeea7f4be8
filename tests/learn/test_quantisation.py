"""Products in 8-bit integers give nearly the same outputs, and the runtime accepts them."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from seehear.learn.quantisation import quantise, quantise_columns
from seehear.runtime.cost import estimate_cost
from seehear.runtime.graph import OPSET, read_graph
from seehear.runtime.graph_safety import check_graph
from seehear.runtime.onnx_session import Session

TOKENS, WIDTH = 300, 64


def make_model() -> bytes:
    """Rows of an embedding, a product, and a product by the same embedding transposed."""
    generator = np.random.default_rng(0)
    embedding = generator.normal(size=(TOKENS, WIDTH)).astype(np.float32)
    weight = generator.normal(size=(WIDTH, WIDTH)).astype(np.float32) / 8
    nodes = [
        helper.make_node("Gather", ["embedding", "tokens"], ["x"], axis=0),
        helper.make_node("MatMul", ["x", "weight"], ["y"]),
        helper.make_node("Transpose", ["embedding"], ["columns"], perm=[1, 0]),
        helper.make_node("MatMul", ["y", "columns"], ["logits"]),
    ]
    inputs = [helper.make_tensor_value_info("tokens", TensorProto.INT64, ["K", "L"])]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["K", "L", TOKENS])]
    constants = [numpy_helper.from_array(embedding, "embedding"), numpy_helper.from_array(weight, "weight")]
    graph = helper.make_graph(nodes, "g", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    content: bytes = model.SerializeToString()
    return content


def test_a_quantised_graph_gives_about_the_same_in_a_quarter_of_the_bytes() -> None:
    model = make_model()
    smaller = quantise(model)
    assert len(smaller) < 0.35 * len(model)
    onnx.checker.check_model(onnx.load_from_string(smaller))
    tokens = np.arange(12).reshape(3, 4)
    exact, about = (Session(each).run({"tokens": tokens})["logits"] for each in (model, smaller))
    assert np.abs(exact - about).max() < 0.05 * np.abs(exact).max()


def test_the_runtime_knows_its_operators_and_their_cost() -> None:
    smaller = quantise(make_model())
    check_graph(smaller, "model.onnx")
    cost = estimate_cost(read_graph(smaller), {"tokens": ((3, 4), np.dtype("<i8"))})
    assert cost.multiply_adds > 12 * WIDTH * (WIDTH + TOKENS)


def test_each_column_has_its_own_scale() -> None:
    weight = np.array([[1, 100], [-0.51, 50.4]], np.float32)
    integers, scale = quantise_columns(weight)
    assert integers.tolist() == [[63, 63], [-32, 32]]
    np.testing.assert_allclose(integers * scale, weight, rtol=0.02)

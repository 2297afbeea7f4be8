"""Graphs that would take all memory or all time: each is refused by its shapes, before onnxruntime sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import tiny
from exports import exports, feeds
from seehear.errors import BundleError
from seehear.learn.quantisation import quantise
from seehear.runtime import model_runner
from seehear.runtime.bundle import read_bundle, write_bundle
from seehear.runtime.cost import estimate_cost, infer_shapes
from seehear.runtime.graph import MAX_NODES, read_graph
from seehear.runtime.operators import OPERATORS
from seehear.runtime.predictor import Predictor

Change = Callable[[onnx.ModelProto], None]
HUGE = 1 << 40


def made_with(change: Change, *senses: str) -> bytes:
    model = onnx.load_from_string(tiny.model(*senses))
    change(model)
    return model.SerializeToString()


def constant(model: onnx.ModelProto, name: str, value: Any, dtype: Any = np.int64) -> str:
    model.graph.initializer.append(numpy_helper.from_array(np.asarray(value, dtype), name))
    return name


def adding(op: str, *inputs: Any, **attributes: Any) -> Change:
    """An operator added to the network; its inputs are constants with these values, or names."""

    def change(model: onnx.ModelProto) -> None:
        names = [each if isinstance(each, str) else constant(model, f"c{i}", each) for i, each in enumerate(inputs)]
        model.graph.node.append(helper.make_node(op, names, ["unused"], **attributes))

    return change


def doubling(model: onnx.ModelProto) -> None:
    """A few bytes each, and twice the memory."""
    before = "mean"
    for i in range(40):
        model.graph.node.append(helper.make_node("Concat", [before, before], [f"twice{i}"], axis=0))
        before = f"twice{i}"


def matrix(model: onnx.ModelProto) -> None:
    """Constants of a megabyte whose product takes a terabyte."""
    tall = constant(model, "tall", np.zeros((1 << 18, 1)), np.float32)
    wide = constant(model, "wide", np.zeros((1, 1 << 18)), np.float32)
    model.graph.node.append(helper.make_node("MatMul", [tall, wide], ["product"]))


def products(model: onnx.ModelProto) -> None:
    """Little memory, but endless work."""
    before, shape = "square", constant(model, "shape", [1 << 9, 1 << 9])
    model.graph.node.append(helper.make_node("Expand", ["mean", shape], [before]))
    for i in range(2_000):
        model.graph.node.append(helper.make_node("MatMul", [before, before], [f"product{i}"]))
        before = f"product{i}"


def window(model: onnx.ModelProto) -> None:
    kernel = constant(model, "kernel", np.zeros((1, 1, 1, 1)), np.float32)
    picture = constant(model, "picture", np.zeros((1, 1, 2, 2)), np.float32)
    model.graph.node.append(helper.make_node("Conv", [picture, kernel], ["padded"], pads=[1 << 20] * 4))


def gates(model: onnx.ModelProto) -> None:
    """A recurrent layer over a constant of any declared length."""
    shape = constant(model, "shape", [1 << 30, 1, 1])
    weights = [constant(model, f"w{i}", np.zeros(size), np.float32) for i, size in enumerate(((1, 3, 1), (1, 3, 1)))]
    bias = constant(model, "bias", np.zeros((1, 6)), np.float32)
    start = constant(model, "start", np.zeros((1, 1, 1)), np.float32)
    model.graph.node.append(helper.make_node("ConstantOfShape", [shape], ["long"]))
    model.graph.node.append(
        helper.make_node("GRU", ["long", *weights, bias, "", start], ["states"], hidden_size=1, linear_before_reset=1)
    )


def by_itself(model: onnx.ModelProto) -> None:
    """Cheap for short sounds; for the longest, every sample is compared with every other one."""
    first, second = constant(model, "one", [1]), constant(model, "two", [2])
    model.graph.node.append(helper.make_node("Unsqueeze", ["audio", second], ["tall"]))
    model.graph.node.append(helper.make_node("Unsqueeze", ["audio", first], ["wide"]))
    model.graph.node.append(helper.make_node("MatMul", ["tall", "wide"], ["square"]))


def many(model: onnx.ModelProto) -> None:
    for i in range(MAX_NODES):
        model.graph.node.append(helper.make_node("Not", ["x"], [f"n{i}"]))


COSTLY: dict[str, tuple[Change, str]] = {
    "zeros": (adding("ConstantOfShape", [HUGE]), "bytes"),
    "zeros beyond all numbers": (adding("ConstantOfShape", [1 << 62, 1 << 62]), "bytes"),
    "zeros that are folded": (adding("ConstantOfShape", [1 << 26]), "bytes of constants for one example"),
    "a range": (adding("Range", 0, HUGE, 1), "bytes"),
    "a range that never ends": (adding("Range", 0, 1, 0), "Range does not fit"),
    "one number everywhere": (adding("Expand", "half", [HUGE]), "bytes|Expand does not fit"),
    "an input everywhere": (adding("Expand", "mean", [1 << 20, 1 << 20]), "bytes"),
    "padding": (adding("Pad", "mean", [0, HUGE]), "bytes"),
    "enlarging": (adding("Resize", "image", "", "", [1, 8, 1 << 20, 1 << 20]), "bytes"),
    "doubling": (doubling, "bytes"),
    "a product of constants": (matrix, "bytes"),
    "many products": (products, "multiply-adds"),
    "a window in the void": (window, "bytes"),
    "a recurrent layer": (gates, "bytes"),
    "tiles": (adding("Tile", "mean", [HUGE]), "'Tile'"),
    "an unknown setting": (adding("Gelu", "mean", approximate="tanh"), "Gelu has approximate=b'tanh'"),
    "a size that is seen": (adding("ConstantOfShape", "seen"), "reads 'seen' before it is defined"),
    "a division by nothing": (adding("Mod", [1], [0]), "Mod divides integers by values that may be 0"),
    "no groups": (adding("Conv", np.zeros((1, 4, 2, 2)), np.zeros((4, 2, 1, 1)), group=0), "Conv has 0 groups"),
    "groups that do not divide": (
        adding("Conv", np.zeros((1, 4, 2, 2)), np.zeros((4, 2, 1, 1)), group=3),
        "Conv has 3 groups",
    ),
    "groups of other channels": (
        adding("Conv", np.zeros((1, 4, 2, 2)), np.zeros((4, 4, 1, 1)), group=2),
        "Conv has weights of a different shape",
    ),
    "many operators": (many, f"more than {MAX_NODES:,} operators"),
}


def refused(tmp_path: Path, model: bytes, because: str, *senses: str) -> None:
    """Whether read from a file or made by hand."""
    bundle = replace(tiny.bundle(*senses), model=model)
    with pytest.raises(BundleError, match=because) as caught:
        write_bundle(tmp_path / "m.seehear", bundle)
        Predictor(read_bundle(tmp_path / "m.seehear"))
    assert len(str(caught.value)) < 500
    with pytest.raises(BundleError, match=because):
        Predictor(bundle)


@pytest.fixture
def _no_session(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_late(*_: object) -> None:
        raise AssertionError("onnxruntime was given the graph")

    monkeypatch.setattr(model_runner, "Session", too_late)


@pytest.mark.usefixtures("_no_session")
@pytest.mark.parametrize("case", COSTLY)
def test_a_graph_without_limits_is_refused_before_it_is_loaded(case: str, tmp_path: Path) -> None:
    change, because = COSTLY[case]
    refused(tmp_path, made_with(change), because)


@pytest.mark.usefixtures("_no_session")
def test_a_graph_that_explodes_on_long_inputs_is_refused_before_it_is_loaded(tmp_path: Path) -> None:
    refused(tmp_path, made_with(by_itself, "audio"), "bytes for one example", "audio")


# --- What seehear itself exports -------------------------------------------------------------------------------------

LENGTHS = (
    {"batch": 1, "samples": 16_000, "frames": 20, "cells": 1, "texts": 1, "length": 1},
    {"batch": 3, "samples": 9_600, "frames": 33, "cells": 9, "texts": 4, "length": 5},
)


@pytest.mark.slow
@pytest.mark.xdist_group("exports")  # which take minutes: once for all of them
def test_the_operators_allowed_are_exactly_those_that_are_exported() -> None:
    graphs = [*exports().values(), quantise(exports()["label by audio, pretrained"])]
    used = {node.op_type for graph in graphs for node in onnx.load_from_string(graph).graph.node}
    assert used == OPERATORS.keys()


@pytest.mark.slow
@pytest.mark.xdist_group("exports")  # which take minutes: once for all of them
@pytest.mark.parametrize("lengths", LENGTHS, ids=["short", "long"])
def test_shapes_types_and_contents_are_those_that_onnxruntime_gives(lengths: dict[str, int]) -> None:
    """For every value in every graph: the rules agree with a slow, obvious implementation."""
    for title, content in exports().items():
        model = onnx.load_from_string(content)
        fed = feeds(model, lengths)
        told = {
            name: value
            for node, made, _ in infer_shapes(
                read_graph(content), {name: (x.shape, x.dtype) for name, x in fed.items()}
            )
            for name, value in zip(node.outputs, made, strict=False)
        }
        for name, value in _everything(model, fed).items():
            assert (value.shape, value.dtype) == (told[name].shape, told[name].dtype), (title, name)
            if (contents := told[name].contents) is not None:
                assert np.array_equal(value, contents), (title, name)


def _everything(model: onnx.ModelProto, fed: dict[str, Any]) -> dict[str, np.ndarray[Any, Any]]:
    """All intermediate values, computed by onnxruntime without optimisations."""
    names = [name for node in model.graph.node for name in node.output if name]
    del model.graph.output[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return dict(zip(names, session.run(names, fed), strict=True))


@pytest.mark.slow
@pytest.mark.xdist_group("exports")  # which take minutes: once for all of them
def test_what_is_exported_names_no_file_of_the_machine_that_made_it() -> None:
    for graph in map(_drop_weights, exports().values()):
        assert b".py" not in graph and str(Path(onnx.__file__).parents[3]).encode() not in graph


def _drop_weights(graph: bytes) -> bytes:
    """Without the numbers, which may contain any bytes."""
    model = onnx.load_from_string(graph)
    for tensor in model.graph.initializer:
        tensor.ClearField("raw_data")
    return model.SerializeToString()


def test_memory_is_counted_while_it_is_held_and_constants_for_good() -> None:
    """A chain keeps only two values at once; values computed from constants stay."""
    nodes = [helper.make_node("Sqrt", ["x" if i == 0 else f"s{i}"], [f"s{i + 1}"]) for i in range(9)]
    nodes.append(helper.make_node("ConstantOfShape", ["shape"], ["zeros"]))
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["B"])],
        [helper.make_tensor_value_info("s9", TensorProto.FLOAT, ["B"])],
        [numpy_helper.from_array(np.array([50]), "shape")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    cost = estimate_cost(read_graph(model.SerializeToString()), {"x": ((1000,), np.dtype(np.float32))})
    assert (cost.peak_bytes, cost.constant_bytes, cost.multiply_adds) == (8_000 + 200, 200, 9_050)

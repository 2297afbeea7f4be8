"""A handmade recogniser of masks, without training: which pixels are white?"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper

import tiny
from graphs import Input, Shape, make_graph
from seehear.recipe import RiskCoverageCurve, SelectivePrediction
from seehear.runtime.bundle import Bundle

SIDE_PX, CELL_PX = 64, 8
SPEC: dict[str, Any] = {
    "classes": ("black", "white"),
    "numbers": (0, 1),
    "shares": (0.9, 0.1),
    "colors": ("#000000", "#ffffff"),
}


def bundle() -> Bundle:
    """For pictures of 64 by 64 px."""
    sight = {
        "height": SIDE_PX,
        "width": SIDE_PX,
        "channels": 1,
        "encoder": tiny.SIGHT["encoder"],
        "output_stride_px": CELL_PX,
    }
    risk = RiskCoverageCurve(confidence=(0.9, 0.5), wrong=(0.01, 0.04))
    selective = {"image": SelectivePrediction(risk=risk, whole_risk=risk)}
    made = {"kind": "mask", "answer": SPEC, "senses": {"image": sight}, "selective": selective, "ood_threshold": {}}
    return Bundle(tiny.recipe("image", **made), _model(), tiny.weights(), "# What is white?\n")


def _model() -> bytes:
    """logits = ±20 (x - 1/2), x the mean whiteness of each cell."""
    constants: dict[str, Any] = {
        "white": np.float32(255),
        "half": np.float32(0.5),
        "steep": np.array([-20, 20], np.float32).reshape(1, 2, 1, 1),
        "none": np.float32(0),
        "cell": np.float32(CELL_PX),
        "all": np.array([1, 2, 3]),
        "column": np.array([-1, 1]),
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["pixels"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["planes"], ["means"], kernel_shape=[CELL_PX] * 2, strides=[CELL_PX] * 2),
        helper.make_node("Div", ["means", "white"], ["whiteness"]),
        helper.make_node("Sub", ["whiteness", "half"], ["over"]),
        helper.make_node("Mul", ["over", "steep"], ["logits"]),
        helper.make_node("ReduceMean", ["whiteness", "all"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "none"], ["ood_score_image"]),
        helper.make_node("Add", ["ood_score_image", "cell"], ["cell_px"]),
        helper.make_node("Reshape", ["mean", "column"], ["embedding"]),
    ]
    side = SIDE_PX // CELL_PX
    shapes: dict[str, Shape] = {
        "logits": ["B", 2, side, side],
        "cell_px": ["B"],
        "ood_score_image": ["B"],
        "embedding": ["B", 1],
    }
    inputs: dict[str, Input] = {"image": (TensorProto.UINT8, ["B", SIDE_PX, SIDE_PX, 1])}
    return make_graph(nodes, inputs, shapes, constants)

"""Videos of white squares on black, and a handmade recogniser that finds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx import TensorProto, helper
from PIL import Image, ImageDraw

import tiny
from graphs import Input, Shape, make_graph
from seehear.answers.boxes import Box, Boxes
from seehear.recipe import RiskCoverageCurve, SelectivePrediction
from seehear.runtime.bundle import Bundle
from seehear.runtime.prediction import Prediction

SIDE_PX, SQUARE_PX = 64, 8
PLACES = SIDE_PX - SQUARE_PX + 1  # of the square's corner, down and across
SPEC: dict[str, Any] = {
    "classes": ("square",),
    "counts": (9,),
    "pictures": 9,
    "max_boxes": 9,
    "sides_px": (8.0, 8.0, 8.0),
}

At = tuple[float, float]  # upper left corner of a square


def boxes_of(prediction: Prediction) -> tuple[Box, ...]:
    assert isinstance(prediction.answer, Boxes)
    return prediction.answer.boxes


def picture(squares: Sequence[At], size: tuple[int, int] = (SIDE_PX, SIDE_PX)) -> Image.Image:
    drawn = Image.new("L", size)
    for x, y in squares:
        ImageDraw.Draw(drawn).rectangle((x, y, x + SQUARE_PX - 1, y + SQUARE_PX - 1), fill=255)
    return drawn


def bundle(**changes: Any) -> Bundle:
    """For pictures of 64 by 64 px; more than 50 % confident in squares whiter than 0.85."""
    sight = {
        "height": SIDE_PX,
        "width": SIDE_PX,
        "channels": 1,
        "encoder": tiny.SIGHT["encoder"],
        "output_stride_px": 8,
    }
    risk = RiskCoverageCurve(confidence=(0.9, 0.8), wrong=(0.01, 0.05))
    selective = {
        "image": SelectivePrediction(risk=risk, whole_risk=RiskCoverageCurve(confidence=(0.95,), wrong=(0.04,)))
    }
    made = {"kind": "boxes", "answer": SPEC, "senses": {"image": sight}, "selective": selective, "ood_threshold": {}}
    recipe = tiny.recipe("image", **(made | changes))
    return Bundle(recipe=recipe, model=_model(), weights=tiny.weights(), card="# Where are the squares?\n")


def _model() -> bytes:
    """logits = 60 (whiteness - 0.85) of the square at each place."""
    y, x = (places.ravel() for places in np.mgrid[:PLACES, :PLACES].astype(np.float32))
    corners = np.stack([x, y, x + SQUARE_PX, y + SQUARE_PX], 1)[None]
    cells = np.stack([x + SQUARE_PX / 2, y + SQUARE_PX / 2, np.full_like(x, SQUARE_PX)], 1)[None]
    constants: Mapping[str, Any] = {
        "white": np.full((1, 1, SQUARE_PX, SQUARE_PX), 1 / 255 / SQUARE_PX**2, np.float32),
        "flat": np.array([0, -1, 1]),
        "least": np.float32(0.85),
        "steep": np.float32(60),
        "none": np.float32(0),
        "all": np.array([1, 2]),
        "places": np.array([1]),
        "every_corner": corners,
        "every_cell": cells,
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["pixels"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "white"], ["whiteness"]),
        helper.make_node("Reshape", ["whiteness", "flat"], ["column"]),
        helper.make_node("Sub", ["column", "least"], ["over"]),
        helper.make_node("Mul", ["over", "steep"], ["logits"]),
        helper.make_node("Mul", ["logits", "none"], ["nothing"]),
        helper.make_node("Add", ["nothing", "every_corner"], ["corners"]),
        helper.make_node("Add", ["nothing", "every_cell"], ["cells"]),
        helper.make_node("ReduceMax", ["nothing", "all"], ["ood_score_image"], keepdims=0),
        helper.make_node("ReduceMax", ["logits", "places"], ["embedding"], keepdims=0),
    ]
    shapes: dict[str, Shape] = {
        "logits": ["B", "N", 1],
        "corners": ["B", "N", 4],
        "cells": ["B", "N", 3],
        "ood_score_image": ["B"],
        "embedding": ["B", 1],
    }
    inputs: dict[str, Input] = {"image": (TensorProto.UINT8, ["B", SIDE_PX, SIDE_PX, 1])}
    return make_graph(nodes, inputs, shapes, constants)

"""A handmade recogniser that goes by one thing: whether there is a white square somewhere in a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper
from PIL import Image, ImageDraw

import tiny
from graphs import make_graph
from seehear.runtime.bundle import Bundle

SIDE_PX, CUE_PX = 64, 8


def picture(corner: tuple[int, int] | None, seed: int = 0) -> Image.Image:
    """Dark noise, with a white square at a corner (x, y)."""
    noise = np.random.default_rng(seed).integers(0, 120, (SIDE_PX, SIDE_PX), np.uint8)
    drawn = Image.fromarray(noise)
    if corner is not None:
        x, y = corner
        ImageDraw.Draw(drawn).rectangle((x, y, x + CUE_PX - 1, y + CUE_PX - 1), fill=255)
    return drawn


def bundle(filter_px: np.ndarray[Any, Any] | None = None) -> Bundle:
    """Says "plain" or "marked": logits = ±20 (whiteness - 0.8) of the whitest square.

    filter_px (CUE_PX, CUE_PX)  what it looks for instead of whiteness, and then how it differs most from its mean
    """
    weights = np.full((CUE_PX, CUE_PX), 1 / CUE_PX**2) if filter_px is None else filter_px
    offset = 0.8 if filter_px is None else 0.0
    sight = {**tiny.SIGHT, "height": SIDE_PX, "width": SIDE_PX}
    changes = {
        "senses": {"image": sight},
        "answer": {"classes": ("plain", "marked"), "several": False, "counts": (10, 10)},
        "ood_threshold": {},
    }
    return Bundle(
        recipe=tiny.recipe("image", **changes),
        model=_model(weights.astype(np.float32), offset),
        weights=tiny.weights(),
        card="# Is there a square?\n",
    )


def _model(weights: np.ndarray[Any, Any], offset: float) -> bytes:
    constants: dict[str, Any] = {
        "filter": weights[None, None] / 255,
        "offset": np.float32(offset),
        "signs": np.array([[-20, 20]], np.float32),
        "none": np.float32(0),
        "flat": np.array([0, -1]),
        "all": np.array([1]),
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["pixels"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "filter"], ["found"]),
        helper.make_node("Reshape", ["found", "flat"], ["places"]),
        helper.make_node("ReduceMax", ["places", "all"], ["most"], keepdims=1),
        helper.make_node("Sub", ["most", "offset"], ["over"]),
        helper.make_node("MatMul", ["over", "signs"], ["logits"]),
        helper.make_node("Mul", ["logits", "none"], ["nothing"]),
        helper.make_node("ReduceMax", ["nothing", "all"], ["ood_score_image"], keepdims=0),
        helper.make_node("Add", ["over", "none"], ["embedding"]),
    ]
    shapes = {"logits": ["B", 2], "ood_score_image": ["B"], "embedding": ["B", 1]}
    inputs = {"image": (TensorProto.UINT8, ["B", SIDE_PX, SIDE_PX, 1])}
    return make_graph(nodes, inputs, shapes, constants)  # type: ignore[arg-type]

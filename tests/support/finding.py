"""A handmade detector of boxes, without training: it always finds a red cell, and perhaps a white one."""

from __future__ import annotations

from typing import Any

import tiny
from graphs import parse_graph
from seehear.recipe import RiskCoverageCurve, SelectivePrediction
from seehear.runtime.bundle import Bundle

SIDE = 32  # of preprocessed pictures
CLASSES = ("red cell", "white cell")
SURE = (8.0, 8.0, 16.0, 16.0)  # where it finds a red cell, in preprocessed pixels
UNSURE = (18.0, 6.0, 28.0, 20.0)
RESULT = {
    "n": 20,
    "metrics": {"map50": 0.75, "wrong": 0.25, "coverage": 0.5, "accepted_error": 0.1},
    "intervals": {"map50": [0.6, 0.9]},
}


def bundle(**changes: Any) -> Bundle:
    """Boxes in every picture: one of a red cell, 95 % sure, and one of a white cell, 60 % sure."""
    model = parse_graph(f"""
        <ir_version: 10, opset_import: ["" : 20]>
        finds (uint8[B,{SIDE},{SIDE},1] image) => (
            float[B,2,4] corners, float[B,2,2] logits, float[B,2,3] cells,
            float[B] ood_score_image, float[B,1] embedding
        )
        <float[1,2,4] two = {{{_list(SURE)}, {_list(UNSURE)}}}, float[1,2,2] classes = {{3.0, -9.0, -9.0, 0.4}},
            float[1,2,3] where = {{12.0, 12.0, 8.0, 23.0, 13.0, 8.0}}, int64[3] hwc = {{1, 2, 3}}, float zero = {{0.0}},
            float one = {{1.0}}, int64[1] c = {{1}}, int64[2] cc = {{1, 2}}>
        {{
            pixels = Cast<to = 1>(image)
            most = ReduceMax<keepdims = 0>(pixels, hwc)
            ood_score_image = Mul(most, zero)
            nothing = Unsqueeze(ood_score_image, cc)
            corners = Add(nothing, two)
            logits = Add(nothing, classes)
            cells = Add(nothing, where)
            embedded = Add(ood_score_image, one)
            embedding = Unsqueeze(embedded, c)
        }}""")
    recipe = tiny.recipe(
        senses={"image": {**tiny.SIGHT, "height": SIDE, "width": SIDE}},
        kind="boxes",
        answer={"classes": CLASSES, "counts": (9, 9), "pictures": 9, "max_boxes": 9, "sides_px": (5, 9, 16)},
        selective={"image": SelectivePrediction(risk=RiskCoverageCurve(confidence=(0.9, 0.8), wrong=(0.01, 0.05)))},
        ood_threshold={"image": 0.5},
        **{"results": {"image": RESULT}, **changes},
    )
    return Bundle(recipe=recipe, model=model, weights=tiny.weights(), card="# Cells\n")


def _list(numbers: tuple[float, ...]) -> str:
    return ", ".join(map(str, numbers))

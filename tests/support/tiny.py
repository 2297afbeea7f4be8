"""Handmade recognisers, without training: is a picture dark or bright, a sound loud?"""

from __future__ import annotations

import struct
from functools import cache
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from graphs import Input, Shape, make_graph
from seehear.recipe import Recipe, RiskCoverageCurve, SelectivePrediction, Training
from seehear.runtime.bundle import Bundle

CLASSES = ("dark", "bright")
SIGHT: dict[str, Any] = {
    "height": 8,
    "width": 8,
    "channels": 1,
    "encoder": {"kind": "feature-pyramid", "stages": (16,)},
}
HEARING: dict[str, Any] = {
    "longest_s": 2.0,
    "encoder": {"kind": "conv-recurrent", "top_hz": 8000.0, "stages": (16, 16, 16), "width": 16},
}


def recipe(*senses: str, **changes: Any) -> Recipe:
    senses = senses or ("image",)
    specs = {"image": SIGHT, "audio": HEARING}
    subsets = {"+".join(senses), *senses}
    values = {
        "senses": {sense: specs[sense] for sense in senses},
        "kind": "label",
        "answer": {"classes": CLASSES, "several": False, "counts": (10, 10)},
        "width": 16,
        "training": Training(minutes=1, batch=16, learning_rate=0.01),
        "selective": {
            key: SelectivePrediction(risk=RiskCoverageCurve(confidence=(0.9, 0.8), wrong=(0.01, 0.05)))
            for key in subsets
        },
        "ood_threshold": dict.fromkeys(senses, 0.5),
    }
    return Recipe.model_validate(values | changes)


def model(*senses: str) -> bytes:
    """logits = ±20 (x - 1/2), x the mean brightness; or the mean loudness, clipped to 1, if there is no picture.

    Not finite for a picture that is black all over. The embedding is (x, sqrt(1 - x^2)). ood_score_image is how far
    the pixels of a picture range, 0 to 1; ood_score_audio is always 0.
    """
    return _model(senses or ("image",))


@cache
def _model(senses: tuple[str, ...]) -> bytes:
    inputs: dict[str, Input] = {}
    nodes, outputs, x = [], ["logits", "embedding"], {}
    if "image" in senses:
        inputs["image"] = TensorProto.UINT8, ["B", 8, 8, 1]
        outputs.append("ood_score_image")
        x["image"] = "brightness"
        nodes += [
            helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
            helper.make_node("Div", ["pixels", "white"], ["scaled"]),
            helper.make_node("ReduceMean", ["scaled", "hwc"], ["mean"], keepdims=0),
            helper.make_node("Log", ["mean"], ["log"]),
            helper.make_node("Mul", ["log", "zero"], ["nothing"]),
            helper.make_node("Add", ["mean", "nothing"], ["brightness"]),
            helper.make_node("ReduceMax", ["scaled", "hwc"], ["most"], keepdims=0),
            helper.make_node("Sub", ["one", "scaled"], ["inverted"]),
            helper.make_node("ReduceMax", ["inverted", "hwc"], ["darkest"], keepdims=0),
            helper.make_node("Add", ["most", "darkest"], ["range"]),
            helper.make_node("Sub", ["range", "one"], ["ood_score_image"]),
        ]
    if "audio" in senses:
        inputs["audio"] = TensorProto.FLOAT, ["B", "T"]
        inputs["audio_samples"] = TensorProto.INT64, ["B"]
        outputs.append("ood_score_audio")
        x["audio"] = "loudness"
        nodes += [
            helper.make_node("Sub", ["zero", "audio"], ["negative"]),
            helper.make_node("Max", ["audio", "negative"], ["absolute"]),
            helper.make_node("ReduceSum", ["absolute", "t"], ["sum"], keepdims=0),
            helper.make_node("Cast", ["audio_samples"], ["samples"], to=TensorProto.FLOAT),
            helper.make_node("Div", ["sum", "samples"], ["loudness"]),
            helper.make_node("Mul", ["samples", "zero"], ["ood_score_audio"]),
        ]
    if len(senses) > 1:
        inputs["present"] = TensorProto.BOOL, ["B", 2]
        nodes += [
            helper.make_node("Gather", ["present", "first"], ["seen"], axis=1),
            helper.make_node("Where", ["seen", "brightness", "loudness"], ["x"]),
        ]
    seen = "x" if len(senses) > 1 else x[senses[0]]
    nodes += [
        helper.make_node("Mul", [seen, seen], ["x squared"]),
        helper.make_node("Sub", ["whole", "x squared"], ["rest"]),
        helper.make_node("Sqrt", ["rest"], ["other"]),
        helper.make_node("Unsqueeze", [seen, "t"], ["first column"]),
        helper.make_node("Unsqueeze", ["other", "t"], ["second column"]),
        helper.make_node("Concat", ["first column", "second column"], ["embedding"], axis=1),
        helper.make_node("Sub", [seen, "half"], ["offset"]),
        helper.make_node("Unsqueeze", ["offset", "t"], ["column"]),
        helper.make_node("MatMul", ["column", "weight"], ["logits"]),
    ]
    constants = {
        "white": np.float32(255),
        "zero": np.float32(0),
        "one": np.float32(1),
        "whole": np.float32(1),
        "half": np.float32(0.5),
        "hwc": np.array([1, 2, 3]),
        "t": np.array([1]),
        "first": np.array(0),
        "weight": np.array([[-20, 20]], np.float32),
    }
    used = {name for node in nodes for name in node.input}
    shapes: dict[str, Shape] = {name: ["B", 2] if name in ("logits", "embedding") else ["B"] for name in outputs}
    return make_graph(nodes, inputs, shapes, {name: value for name, value in constants.items() if name in used})


def weights(header: bytes = b'{"w":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}') -> bytes:
    return struct.pack("<Q", len(header)) + header + np.array([-20, 20], "<f4").tobytes()


def bundle(*senses: str, **changes: Any) -> Bundle:
    return Bundle(
        recipe=recipe(*senses, **changes), model=model(*senses), weights=weights(), card="# Dark or bright?\n"
    )


def exchanged() -> Bundle:
    """The same with the names of its classes exchanged: it says "dark" to what is bright."""
    return bundle(answer={"classes": CLASSES[::-1], "several": False, "counts": (10, 10)})


def picture(brightness: float, size: tuple[int, int] = (8, 8)) -> np.ndarray:
    return np.full((*size, 1), round(255 * brightness), np.uint8)

"""A text recogniser made without training, with outputs that are known exactly; its decoder is a table."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from onnx import TensorProto, helper

import tiny
from graphs import Input, make_graph
from seehear.answers.text import TextSpec
from seehear.answers.text.spec import AttentionSpec
from seehear.decoding.autoregressive import LAYERS
from seehear.decoding.ngrams import NGramCounts
from seehear.recipe import Recipe
from seehear.runtime.bundle import Bundle

CELLS, WIDTH = 6, 4
TOKENS = (" ", "a", "b")
EDGE = len(TOKENS)
NGRAMS = NGramCounts.count_sentences([[1, 0, 2], [2, 1]], EDGE).pack()
SPEC = TextSpec(tokens=TOKENS, ngrams=NGRAMS, texts=2, words=3, translated=True, decoder=AttentionSpec())


def recipe(spec: TextSpec = SPEC) -> Recipe:
    return Recipe.model_validate(tiny.recipe("audio").model_dump() | {"kind": "text", "answer": spec.model_dump()})


def bundle(spec: TextSpec = SPEC, decoder: bytes | None = None) -> Bundle:
    return Bundle(recipe(spec), model(spec), tiny.weights(), "# a, b\n", decoder or writing("a b"))


def model(spec: TextSpec = SPEC) -> bytes:
    """For any sound, CELLS cells of 0.04 s in which all symbols are equally likely, and a memory of zeros."""
    logp = np.full((CELLS, EDGE + 1), -np.log(EDGE + 1), np.float32)
    values = {"logp": logp, "cells": CELLS, "cell_s": 0.04, "ood_score_audio": 0, "embedding": np.ones(1)}
    values |= {"memory": np.zeros((CELLS, WIDTH))} if spec.decoder else {}
    arrays = {name: np.asarray(value, np.float32) for name, value in values.items()}
    nodes = [
        helper.make_node("Shape", ["audio_samples"], ["batch"]),
        *(
            node
            for name, array in arrays.items()
            for node in (
                helper.make_node("Concat", ["batch", f"{name} shape"], [f"{name} of all"], axis=0),
                helper.make_node("Expand", [f"{name} of one", f"{name} of all"], [name]),
            )
        ),
    ]
    constants = {f"{name} of one": array for name, array in arrays.items()}
    constants |= {f"{name} shape": np.array(array.shape, np.int64) for name, array in arrays.items()}
    inputs: dict[str, Input] = {
        "audio": (TensorProto.FLOAT, ["B", "T"]),
        "audio_samples": (TensorProto.INT64, ["B"]),
    }
    return make_graph(nodes, inputs, {name: ["B", *array.shape] for name, array in arrays.items()}, constants)


def writing(text: str, symbols: int = EDGE + 1, sure: float = 0.9) -> bytes:
    """A decoder that predicts the next token of `text` from the last token alone."""
    tokens = [EDGE, *SPEC.encode(text), EDGE]
    table = np.full((EDGE + 1, symbols), (1 - sure) / symbols, np.float32)
    for last, following in pairwise(tokens):
        table[last, following] += sure
    table = np.log(table / table.sum(1, keepdims=True))
    nodes = [
        helper.make_node("Gather", ["table", "tokens"], ["logp"], axis=0),
        helper.make_node("Concat", ["state"], ["next_state"], axis=0),
    ]
    inputs: dict[str, Input] = {
        "memory": (TensorProto.FLOAT, ["N", "D"]),
        "tokens": (TensorProto.INT64, ["K", "L"]),
        "state": (TensorProto.FLOAT, ["K", LAYERS, "D"]),
    }
    return make_graph(nodes, inputs, {"logp": ["K", "L", symbols], "next_state": ["K", LAYERS, "D"]}, {"table": table})

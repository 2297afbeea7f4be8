"""A small recurrent decoder with random weights, in numpy: what follows depends on all tokens before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from seehear.decoding.autoregressive import RunDecoder

Array = np.ndarray[Any, Any]
CELLS, WIDTH = 3, 4


def make_decoder_network(seed: int, vocabulary: int, scale: float = 1.5) -> RunDecoder:
    random = np.random.default_rng(seed)
    embed, turn = random.normal(size=(vocabulary + 1, WIDTH)), random.normal(size=(WIDTH, WIDTH))
    out = scale * random.normal(size=(WIDTH, vocabulary + 1))

    def run(inputs: Mapping[str, Array]) -> dict[str, Array]:
        state, logp = inputs["state"].astype(np.float64), []
        for token in inputs["tokens"].T:
            state = np.tanh(state @ turn + embed[token][:, None] + inputs["memory"].mean(0))
            logits = state[:, -1] @ out
            logp.append(logits - np.logaddexp.reduce(logits, 1, keepdims=True))
        return {"logp": np.stack(logp, 1), "next_state": state}

    return run


def make_memory(cells: int = CELLS, seed: int = 0) -> Array:
    """(cells, WIDTH)"""
    return np.random.default_rng(seed).normal(size=(cells, WIDTH))

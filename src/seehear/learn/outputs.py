"""Computes the outputs of a network for many examples, in batches and without augmentation."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seehear.learn.data.cache import Batch, DatasetCache
from seehear.learn.model.network import Network, Tensors

BATCH = 64  # at most

Array = NDArray[Any]


def compute_outputs(network: Network, dataset: DatasetCache, rows: NDArray[np.int64]) -> dict[str, Array]:
    """The head's outputs (n, ...) for these rows, by name."""
    return _compute(
        network, dataset, rows, lambda batch: network.apply_head(network.encode(batch.inputs), batch.present)
    )


def compute_scored_outputs(
    network: Network, dataset: DatasetCache, rows: NDArray[np.int64], until_s: float = math.inf
) -> dict[str, Array]:
    """The outputs (n, ...) of the head for these rows, the embeddings and the out-of-distribution scores, by name.

    Stops when `time.monotonic()` reaches `until_s`, after at least one batch, and returns only the rows done by then.
    """
    return _compute(network, dataset, rows, lambda batch: network(batch.inputs, batch.present), until_s)


@torch.no_grad()
def _compute(
    network: Network,
    dataset: DatasetCache,
    rows: NDArray[np.int64],
    answer: Callable[[Batch], Tensors],
    until_s: float = math.inf,
) -> dict[str, Array]:
    network.eval()
    device = next(network.parameters()).device
    computed = []
    for chosen in dataset.split_rows(rows, BATCH):
        outputs = answer(dataset.batch(chosen).to(device))
        computed.append({name: value.float().cpu().numpy() for name, value in outputs.items()})
        if time.monotonic() >= until_s:
            break
    return {name: np.concatenate([each[name] for each in computed]) for name in computed[0]}

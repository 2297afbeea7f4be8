"""Chooses the weights with the lowest loss on held-out examples, after fine-tuning."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from seehear.events import Listener, Notice
from seehear.learn.data.cache import DatasetCache
from seehear.learn.model.network import Network

BATCH = 64  # at most

Weights = Literal["before", "mean", "after"]
WEIGHTS: tuple[Weights, ...] = ("before", "mean", "after")


class Selected(NamedTuple):
    """Which weights have the lowest loss, and the network with them."""

    weights: Weights
    network: Network


def choose_weights(
    before: Network, after: Network, dataset: DatasetCache, rows: NDArray[np.int64], listen: Listener
) -> Selected:
    """Those before or after fine-tuning, or the mean of both, whichever has the lowest loss on these rows."""
    networks = {each: take_weights(each, before, after) for each in WEIGHTS}
    losses = {each: compute_loss(network, dataset, rows) for each, network in networks.items()}
    best = min(losses, key=lambda each: losses[each])
    change = f"the loss on held-out examples from {losses['before']:.3g} to {losses[best]:.3g}"
    if best == "before":
        listen(Notice("fine-tuning did not help: the encoder keeps its pretrained weights, with the head fitted to it"))
    elif best == "mean":
        listen(Notice(f"fine-tuning lowered {change}, using the mean of the weights before and after"))
    else:
        listen(Notice(f"fine-tuning lowered {change}"))
    return Selected(best, networks[best])


def take_weights(chosen: Weights, before: Network, after: Network) -> Network:
    """The network with these weights.

    The mean often combines the strengths of both (Wortsman et al. 2022, arXiv:2109.01903).
    """
    if chosen == "mean":
        return average_weights([before, after])
    return before if chosen == "before" else after


@torch.no_grad()
def compute_loss(network: Network, dataset: DatasetCache, rows: NDArray[np.int64]) -> float:
    """The mean loss of the network on these rows, with all their senses."""
    network.eval()
    device, total = next(network.parameters()).device, 0.0
    for chosen in dataset.split_rows(rows, BATCH):
        batch = dataset.batch(chosen).to(device)
        raw = network.apply_head(network.encode(batch.inputs), batch.present)
        total += float(network.loss(raw, batch.target).sum())
    return total / len(rows)


@torch.no_grad()
def average_weights(networks: Sequence[Network]) -> Network:
    """A network with the mean of these networks' weights. Counters are those of the last."""
    mean = deepcopy(networks[0])
    for number, network in enumerate(networks[1:], 2):
        for own, tensor in zip(mean.state_dict().values(), network.state_dict().values(), strict=True):
            own.lerp_(tensor, 1 / number) if own.is_floating_point() else own.copy_(tensor)
    return mean

"""Chooses the weights with the lowest loss on held-out examples, after fine-tuning."""

from __future__ import annotations

import math
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
KEPT = "the encoder keeps its pretrained weights, with the head fitted to it"

Weights = Literal["before", "mean", "after"]
WEIGHTS: tuple[Weights, ...] = ("before", "mean", "after")


class Selected(NamedTuple):
    """Which weights have the lowest loss, and the network with them."""

    weights: Weights
    network: Network


def choose_weights(
    before: Network, after: Network, dataset: DatasetCache, rows: NDArray[np.int64], listen: Listener
) -> Selected:
    """Those before or after fine-tuning, or the mean of both, whichever has the lowest loss on these rows.

    Fine-tuning has to lower the loss by more than the standard error of the difference: on a few examples of a single
    speaker, a smaller one is chance.
    """
    networks = {each: take_weights(each, before, after) for each in WEIGHTS}
    losses = {each: compute_losses(network, dataset, rows) for each, network in networks.items()}
    best = min(losses, key=lambda each: losses[each].mean())
    gains = losses["before"] - losses[best]
    change = f"the loss on held-out examples from {losses['before'].mean():.3g} to {losses[best].mean():.3g}"
    if best == "before":
        listen(Notice(f"fine-tuning did not help: {KEPT}"))
    elif gains.mean() <= (error := gains.std(ddof=1) / math.sqrt(len(gains))):
        best = "before"
        listen(Notice(f"fine-tuning changed {change}, which may be chance (standard error {error:.2g}): {KEPT}"))
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
def compute_losses(network: Network, dataset: DatasetCache, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """The loss of the network on each of these rows (n,), in any order, with all their senses."""
    network.eval()
    device, losses = next(network.parameters()).device, []
    for chosen in dataset.split_rows(rows, BATCH):
        batch = dataset.batch(chosen).to(device)
        raw = network.apply_head(network.encode(batch.inputs), batch.present)
        losses.append(network.loss(raw, batch.target).double().cpu().numpy())
    return np.concatenate(losses)


@torch.no_grad()
def average_weights(networks: Sequence[Network]) -> Network:
    """A network with the mean of these networks' weights. Counters are those of the last."""
    mean = deepcopy(networks[0])
    for number, network in enumerate(networks[1:], 2):
        for own, tensor in zip(mean.state_dict().values(), network.state_dict().values(), strict=True):
            own.lerp_(tensor, 1 / number) if own.is_floating_point() else own.copy_(tensor)
    return mean

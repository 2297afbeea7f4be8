"""The first stage of training on a pretrained encoder: fit the head to its frozen features, in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seehear.events import Advanced, Finished, Listener, Started
from seehear.geometry import Cells
from seehear.learn.data.cache import DatasetCache, move
from seehear.learn.model.network import Network, Tensors

TASK = "fitting the head"
BATCH = 64  # at most

Array = NDArray[Any]


@runtime_checkable
class LinearHead(Protocol):
    """A head that is linear in features of the cells, and can be fitted to them without gradient steps."""

    def extract_features(self, cells: Cells) -> Tensor:
        """The features (B, F)."""

    def fit_probe(self, features: Tensor, target: Tensors, groups: Array) -> Mapping[str, Array] | None:
        """Fit to the features (n, F) of an untrained head.

        Returns the head's cross-validated outputs (n, ...) for each example; None with too few examples.
        """


class FrozenFeatures(NamedTuple):
    """What a head was fitted to: features (n, F), targets and groups (n,) of the training examples.

    outputs   the cross-validated outputs (n, ...) of the fitted head by name; None with too few examples
    """

    features: Tensor
    target: Tensors
    groups: Array
    outputs: Mapping[str, Array] | None = None

    def refit(self, network: Network, chosen: Array) -> None:
        """Fit the head of a network with the same encoder to some of these examples."""
        head: Any = network.head
        target = {name: values[chosen] for name, values in self.target.items()}
        head.fit_probe(self.features[chosen], target, self.groups[chosen])


def fit_head(
    network: Network, dataset: DatasetCache, rows: NDArray[np.int64], listen: Listener
) -> FrozenFeatures | None:
    """Fit the head to the features of these rows, and give them. None if it is not linear."""
    head = network.head
    if not isinstance(head, LinearHead):
        return None
    listen(Started(TASK, len(rows), "examples"))
    frozen = FrozenFeatures(*compute_features(network, dataset, rows, listen), dataset.groups[rows])
    outputs = head.fit_probe(frozen.features, frozen.target, frozen.groups)
    listen(Finished(TASK, "" if outputs is None else _describe(network, dataset, rows, outputs)))
    return frozen._replace(outputs=outputs)


@torch.no_grad()
def compute_features(
    network: Network, dataset: DatasetCache, rows: NDArray[np.int64], listen: Listener
) -> tuple[Tensor, Tensors]:
    """Features (n, F) and targets of the examples, without augmentation."""
    network.eval()
    device = next(network.parameters()).device
    features: list[Tensor] = []
    targets: list[Tensors] = []
    done = 0
    for chosen in dataset.split_rows(rows, BATCH):
        batch = dataset.batch(chosen)
        cells = network.encode(move(batch.inputs, device))
        features.append(network.extract_features(network.fuse(cells, batch.present.to(device))).cpu())
        targets.append(batch.target)
        done += len(chosen)
        listen(Advanced(TASK, done))
    return torch.cat(features), {name: torch.cat([each[name] for each in targets]) for name in targets[0]}


def _describe(network: Network, dataset: DatasetCache, rows: NDArray[np.int64], raw: Mapping[str, Array]) -> str:
    """The headline metric of the head in cross-validation."""
    headline, value = measure_headline(dataset, rows, raw)
    before = ", before fine-tuning" if network.trains_encoders else ""
    return f"{headline} {value:.3g} in cross-validation{before}"


def measure_headline(dataset: DatasetCache, rows: NDArray[np.int64], raw: Mapping[str, Array]) -> tuple[str, float]:
    """The name and the value of the headline metric, for the head's outputs (n, ...) for these rows."""
    kind, spec = dataset.kind, dataset.recipe.answer
    answers = [
        kind.to_answer({name: values[place] for name, values in raw.items()}, spec, {}, None)
        for place in range(len(rows))
    ]
    compared = kind.compare(answers, [dataset.truth(int(row)) for row in rows], spec)
    headline = kind.headline(spec).metric
    return headline, kind.metrics(compared, spec)[headline]

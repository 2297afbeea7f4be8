"""The first stage of training on a pretrained encoder: fit the head to its frozen features, in seconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seehear.answers.kind import Headline
from seehear.effects import Fairness, GroupEffect
from seehear.events import Advanced, Finished, Listener, Measured, Notice, Started, ignore_events
from seehear.learn.data.balance import balance
from seehear.learn.data.cache import DatasetCache, move
from seehear.learn.model.network import Network, Tensors
from seehear.learn.model.ood import BANK
from seehear.measure.binning import group_rows
from seehear.sampling import take_evenly

TASK = "training the last layer"
BATCH = 64  # at most

Array = NDArray[Any]


@runtime_checkable
class PoolingHead(Protocol):
    """A head whose last layer reads norm(pool(cells))."""

    pool: nn.Module
    norm: nn.Module


@runtime_checkable
class LinearHead(PoolingHead, Protocol):
    """A head that is linear in what it pools, and can be fitted to it without gradient steps. Fitting changes only
    `norm` and the last layer."""

    penalty: float

    def apply_last_layer(self, features: Tensor) -> Tensors:
        """The head's outputs (n, ...) for the inputs (n, F) of its last layer."""

    def fit_probe(
        self, features: Tensor, target: Tensors, groups: Array, penalty: float | None = None
    ) -> Mapping[str, Array] | None:
        """Fit to the features (n, F) of an untrained head, and set `penalty`, the L2 penalty, chosen unless given.

        Returns the head's cross-validated outputs (n, ...) for each example; None with too few, or a given penalty.
        """


class EncodedExamples(NamedTuple):
    """Training examples after the encoder, without augmentation.

    rows           (n,) in the dataset
    pooled         (n, F), what the head pools from their cells
    target         (n, ...) by name
    ood_features   (m, ...), what the out-of-distribution scorer compares, for up to BANK of them, evenly spaced
    """

    rows: NDArray[np.int64]
    pooled: Tensor
    target: Tensors
    ood_features: Tensor


class FrozenFeatures(NamedTuple):
    """What a head was fitted to: features (n, F), targets and groups (n,) of the training examples.

    encoded   the same examples before the head's last layers
    outputs   the cross-validated outputs (n, ...) of the fitted head by name; None with too few examples
    fairness  what equal weight for groups changed; None unless requested
    """

    features: Tensor
    target: Tensors
    groups: Array
    encoded: EncodedExamples
    outputs: Mapping[str, Array] | None = None
    fairness: Fairness | None = None

    def refit(self, network: Network, chosen: Array, penalty: float | None = None) -> Mapping[str, Array] | None:
        """Fit the head of a network with the same encoder to some of these examples, which may be repeated.

        Returns its cross-validated outputs for each of them; None with too few, or a given penalty.
        """
        head: Any = network.head
        target = {name: values[chosen] for name, values in self.target.items()}
        found: Mapping[str, Array] | None = head.fit_probe(self.features[chosen], target, self.groups[chosen], penalty)
        return found


def fit_head(
    network: Network,
    dataset: DatasetCache,
    rows: NDArray[np.int64],
    listen: Listener,
    share_cores: Callable[[], None] = lambda: None,
) -> FrozenFeatures | None:
    """Fit the head to the features of these rows, and give them. None if it is not linear.

    share_cores   called before each batch: it may change the number of threads
    """
    head = network.head
    if not isinstance(head, LinearHead):
        return None
    listen(Started(TASK, len(rows), "examples"))
    encoded = encode_examples(network, dataset, rows, listen, share_cores)
    frozen = FrozenFeatures(normalise(head, encoded.pooled), encoded.target, dataset.groups[rows], encoded)
    outputs, fairness = frozen.refit(network, np.arange(len(rows))), None
    if (places := balance(dataset, rows)).size > len(rows):
        plain, repeated = outputs, frozen.refit(network, places)
        first = np.unique(places, return_index=True)[1]
        outputs = None if repeated is None else {name: values[first] for name, values in repeated.items()}
        if plain is not None and outputs is not None:
            fairness = compare_groups(
                dataset, rows, *(decode_answers(dataset, rows, each) for each in (plain, outputs))
            )
            listen(Notice(str(fairness)))
    found = "" if outputs is None else _tell_measured(network, dataset, rows, outputs, listen)
    listen(Finished(TASK, found))
    return frozen._replace(outputs=outputs, fairness=fairness)


@torch.no_grad()
def encode_examples(
    network: Network,
    dataset: DatasetCache,
    rows: NDArray[np.int64],
    listen: Listener = ignore_events,
    share_cores: Callable[[], None] = lambda: None,
) -> EncodedExamples:
    """Run the encoder on these rows. The network must have one sense, and a head that pools. See `fit_head`."""
    network.eval()
    device = next(network.parameters()).device
    head: Any = network.head
    (scorer,) = network.ood.values()
    compared = take_evenly(rows, BANK)
    pooled, targets, ood_features = [], [], []
    done = 0
    for chosen in dataset.split_rows(rows, BATCH):
        share_cores()
        batch = dataset.batch(chosen)
        cells = network.encode(move(batch.inputs, device))
        pooled.append(head.pool(network.fuse(cells, batch.present.to(device))).float().cpu())
        targets.append(batch.target)
        is_compared = torch.from_numpy(np.isin(chosen, compared)).to(device)
        ood_features.append(scorer.features(cells[0])[is_compared].cpu())  # type: ignore[operator]
        done += len(chosen)
        listen(Advanced(TASK, done))
    target = {name: torch.cat([each[name] for each in targets]) for name in targets[0]}
    return EncodedExamples(rows, torch.cat(pooled), target, torch.cat(ood_features))


@torch.no_grad()
def normalise(head: PoolingHead, pooled: Tensor) -> Tensor:
    """The inputs (n, F) of the last layer, from what the head pooled (n, F)."""
    device = next(head.norm.parameters()).device
    features: Tensor = head.norm(pooled.to(device)).cpu()
    return features


def _tell_measured(
    network: Network, dataset: DatasetCache, rows: NDArray[np.int64], raw: Mapping[str, Array], listen: Listener
) -> str:
    """Say how good the head is in cross-validation -> the same in words."""
    headline, value = measure_headline(dataset, rows, decode_answers(dataset, rows, raw))
    listen(Measured(TASK, len(rows), headline.metric, value, headline.higher_is_better, len(rows)))
    before = ", before fine-tuning" if network.trains_encoders else ""
    return f"{headline.metric} {value:.3g} in cross-validation{before}"


def decode_answers(dataset: DatasetCache, rows: NDArray[np.int64], raw: Mapping[str, Array]) -> list[Any]:
    """The answers to these rows, not calibrated, from the head's outputs (n, ...)."""
    kind, spec = dataset.kind, dataset.recipe.answer
    return [
        kind.to_answer({name: values[place] for name, values in raw.items()}, spec, {}, dataset.geometry(int(row)))
        for place, row in enumerate(rows)
    ]


def compare_groups(
    dataset: DatasetCache, rows: NDArray[np.int64], without: Sequence[Any], with_it: Sequence[Any]
) -> Fairness:
    """How many answers to each group are wrong without and with equal weight for all groups."""
    kind, spec, column = dataset.kind, dataset.recipe.answer, dataset.recipe.training.fair
    truths = [dataset.truth(int(row)) for row in rows]
    wrong = [~kind.right(kind.compare(answers, truths, spec), spec) for answers in (without, with_it)]
    groups = group_rows(column, dataset.table.take(rows.tolist()).metadata_column(column))
    return Fairness(
        column=column,
        groups=tuple(
            GroupEffect(name=name, examples=len(own), without=wrong[0][own].mean(), with_it=wrong[1][own].mean())
            for name, own in groups.items()
        ),
    )


def measure_headline(dataset: DatasetCache, rows: NDArray[np.int64], answers: Sequence[Any]) -> tuple[Headline, float]:
    """The headline metric and its value, for the answers to these rows."""
    kind, spec = dataset.kind, dataset.recipe.answer
    compared = kind.compare(answers, [dataset.truth(int(row)) for row in rows], spec)
    headline = kind.headline(spec)
    return headline, kind.metrics(compared, spec)[headline.metric]

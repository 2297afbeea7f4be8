"""Answers every example by a model that has not learned from it, nor from another of its group.

With one pretrained encoder and a head that is linear in its features, fitting heads takes seconds. Otherwise, or to
find more, a network is trained for each fold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from seehear.answers.linear_probe import split_folds
from seehear.errors import DataError
from seehear.events import Listener, Notice
from seehear.learn.calibrate.calibration import Calibrator, predict_held_out
from seehear.learn.data.cache import DatasetCache
from seehear.learn.loop.checkpoint import number_checkpoint
from seehear.learn.loop.fit import Clock, fit
from seehear.learn.loop.probe import FrozenFeatures, fit_head
from seehear.learn.model.network import Network, create_network
from seehear.learn.model.pretrained import load_starts
from seehear.learn.outputs import compute_outputs
from seehear.recipe import Recipe, used_key
from seehear.run_files import CHECKPOINT
from seehear.table import Table

Array = NDArray[Any]

FOLDS = 3  # networks that are trained, if heads alone are not enough
FEWEST = 2  # groups, such as people, that can be kept apart


class OutOfFoldAnswers(NamedTuple):
    """The answer to each example of a dataset by a model without it, and its truth.

    rows    of the table, one for each example
    frozen  what heads were fitted to; None if heads alone cannot be
    """

    dataset: DatasetCache
    rows: NDArray[np.int64]
    answers: Sequence[Any]
    truths: Sequence[Any]
    network: Network
    frozen: FrozenFeatures | None


class TrainedFold(NamedTuple):
    """A network, and the rows that it was not trained on."""

    network: Network
    held_out: NDArray[np.int64]


def answer_out_of_fold(
    table: Table, recipe: Recipe, run: Path, device: torch.device, listen: Listener, *, heads_suffice: bool
) -> OutOfFoldAnswers:
    """Decode the examples into the folder `run`, fit and answer. Raises DataError for fewer than two groups.

    The time that networks take is the budget of the recipe; all folds share it. `heads_suffice`: whether to train none
    where heads can be fitted.
    """
    dataset = DatasetCache.build(table, recipe, run / "examples", listen=listen)
    rows = np.arange(len(dataset))
    torch.manual_seed(recipe.training.seed)
    network = create_network(recipe, device)
    load_starts(network)
    frozen = fit_head(network, dataset, rows, listen) if len(recipe.senses) == 1 and recipe.starts else None
    if frozen is None or frozen.outputs is None:  # no linear head, or too few examples
        frozen, answered = None, _answer_by_networks(_train_folds(network, None, dataset, run, listen), dataset, listen)
    else:
        outputs = frozen.outputs
        if not heads_suffice:
            outputs = _average_with_networks(outputs, _train_folds(network, frozen, dataset, run, listen), dataset)
        answered = _calibrate(outputs, dataset)
    answers = [answered[row] for row in range(len(dataset))]
    truths = [dataset.truth(row) for row in range(len(dataset))]
    return OutOfFoldAnswers(dataset, dataset.kept, answers, truths, network, frozen)


def _average_with_networks(
    outputs: Mapping[str, Array], folds: Iterable[TrainedFold], dataset: DatasetCache
) -> Mapping[str, Array]:
    """The mean of the outputs (n, ...) of heads and of fine-tuned networks, whose errors differ.

    Networks are right more often, but also learn wrong labels.
    """
    averages = {name: values.copy() for name, values in outputs.items()}
    for network, held_out in folds:
        for name, values in compute_outputs(network, dataset, held_out).items():
            averages[name][held_out] = (averages[name][held_out] + values) / 2
    return averages


def _calibrate(outputs: Mapping[str, Array], dataset: DatasetCache) -> dict[int, Any]:
    """The calibrated answers, by row, from outputs (n, ...) for each example."""
    calibrator = Calibrator(dataset.kind, dataset)
    for row in range(len(dataset)):
        calibrator.add(row, {name: values[row] for name, values in outputs.items()})
    return calibrator.calibrate(None).answers


def _answer_by_networks(folds: Iterable[TrainedFold], dataset: DatasetCache, listen: Listener) -> dict[int, Any]:
    """The calibrated answers, by row, of the network of each fold."""
    answered: dict[int, Any] = {}
    for network, held_out in folds:
        calibrators, _ = predict_held_out(network, dataset, held_out, listen)
        answered |= calibrators[used_key(dataset.recipe.senses)].calibrate(None).answers
    return answered


def _train_folds(
    network: Network, frozen: FrozenFeatures | None, dataset: DatasetCache, run: Path, listen: Listener
) -> Iterator[TrainedFold]:
    """Train a copy of the network for each fold. Its head is first fitted to the frozen features, if there are any."""
    groups = dataset.groups
    folds = min(FOLDS, len(np.unique(groups)))
    if folds < FEWEST:
        raise DataError(
            "all examples come from one group, so none can be answered by a model without it",
            where=str(dataset.table.root),
            hint="add examples of other people or places, or leave out the column that names them",
        )
    training = dataset.recipe.training
    clock = Clock(training, 60 * training.minutes).share(1 / folds)
    listen(Notice(f"training {folds} networks, each without a part of the examples, to answer that part"))
    strata = [dataset.kind.stratum(cell) for cell in dataset.table.answers()]
    classes = np.unique(strata, return_inverse=True)[1]
    for number, (train, held_out) in enumerate(split_folds(classes, groups, folds)):
        own, saved = deepcopy(network), number_checkpoint(run / CHECKPOINT, number)
        if frozen is not None:
            frozen.refit(own, train)
        trained, _ = fit(own, dataset, train, clock, saved=saved, listen=listen)
        yield TrainedFold(trained, held_out)

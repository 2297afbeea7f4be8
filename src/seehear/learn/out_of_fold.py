"""Answers every example by a model that has not learned from it, nor from another of its group.

With one pretrained encoder and a head that is linear in its features, only heads are fitted, in seconds. Otherwise a
network is trained for each fold.
"""

from __future__ import annotations

from collections.abc import Sequence
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
from seehear.recipe import Recipe, used_key
from seehear.run_files import CHECKPOINT
from seehear.table import Table

FOLDS = 3  # networks that are trained, if heads alone are not enough
FEWEST = 2  # groups, such as people, that can be kept apart


class OutOfFoldAnswers(NamedTuple):
    """The answer to each example of a dataset by a model without it, and its truth.

    rows    of the table, one for each example
    frozen  what heads were fitted to; None if networks were trained
    """

    dataset: DatasetCache
    rows: NDArray[np.int64]
    answers: Sequence[Any]
    truths: Sequence[Any]
    network: Network
    frozen: FrozenFeatures | None


def answer_out_of_fold(
    table: Table, recipe: Recipe, run: Path, device: torch.device, listen: Listener
) -> OutOfFoldAnswers:
    """Decode the examples into the folder `run`, fit and answer. Raises DataError for fewer than two groups.

    The time that networks take is the budget of the recipe; all folds share it.
    """
    dataset = DatasetCache.build(table, recipe, run / "examples", listen=listen)
    rows = np.arange(len(dataset))
    torch.manual_seed(recipe.training.seed)
    network = create_network(recipe, device)
    load_starts(network)
    frozen = fit_head(network, dataset, rows, listen) if len(recipe.senses) == 1 and recipe.starts else None
    if frozen is not None and frozen.outputs is not None:
        answered = _calibrate_heads(dataset, frozen)
    else:
        frozen, answered = None, _train_folds(network, dataset, run, listen)
    answers = [answered[row] for row in range(len(dataset))]
    truths = [dataset.truth(row) for row in range(len(dataset))]
    return OutOfFoldAnswers(dataset, dataset.kept, answers, truths, network, frozen)


def _calibrate_heads(dataset: DatasetCache, frozen: FrozenFeatures) -> dict[int, Any]:
    """The calibrated answers, by row, from the cross-validated outputs of heads."""
    calibrator = Calibrator(dataset.kind, dataset)
    for row in range(len(dataset)):
        calibrator.add(row, {name: values[row] for name, values in (frozen.outputs or {}).items()})
    return calibrator.calibrate(None).answers


def _train_folds(network: Network, dataset: DatasetCache, run: Path, listen: Listener) -> dict[int, Any]:
    """The calibrated answers, by row, of a network for each fold, trained on the others."""
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
    answered: dict[int, Any] = {}
    for number, (train, held_out) in enumerate(split_folds(classes, groups, folds)):
        saved = number_checkpoint(run / CHECKPOINT, number)
        trained, _ = fit(deepcopy(network), dataset, train, clock, saved=saved, listen=listen)
        calibrators, _ = predict_held_out(trained, dataset, held_out, listen)
        answered |= calibrators[used_key(dataset.recipe.senses)].calibrate(None).answers
    return answered

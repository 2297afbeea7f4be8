"""Fine-tuning after the head was fitted, with cross-fitting: networks answer training examples that they have not seen.

Of a few hundred examples, too few can be held out to show that only few answers are wrong. So the training examples
are divided into folds. For each fold, a network is trained without it and answers the examples in it. The mean of
their weights is the network that is kept. See docs/decisions/033-cross-fitting.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seehear.answers import ANSWERS
from seehear.answers.linear_probe import split_folds
from seehear.events import Listener, Notice
from seehear.learn.data.balance import balance
from seehear.learn.data.cache import DatasetCache
from seehear.learn.data.split import DataSplit
from seehear.learn.loop.checkpoint import TrainingProgress, number_checkpoint
from seehear.learn.loop.fit import Clock, fit
from seehear.learn.loop.probe import FrozenFeatures
from seehear.learn.loop.selection import Selected, average_weights, choose_weights, take_weights
from seehear.learn.loop.validation import Validation
from seehear.learn.model.network import Network
from seehear.learn.outputs import compute_outputs

Array = NDArray[Any]


class OutOfFold(NamedTuple):
    """Rows (n,), and for each the outputs (n, ...) by name of a head that was fitted without the row and its group."""

    rows: NDArray[np.int64]
    outputs: Mapping[str, Array]


class Fold(NamedTuple):
    """Indices of training examples: those to train on, and those to answer."""

    train: Array
    held_out: Array


class Member(NamedTuple):
    """One of the networks whose mean is kept, the rows that it was trained on, and the other rows, which it answers."""

    network: Network
    train: NDArray[np.int64]
    held_out: NDArray[np.int64]


class Fitted(NamedTuple):
    """A trained network, the progress of its training, the networks of which it is the mean, and outputs for its
    training examples by networks that have not seen them."""

    network: Network
    progress: TrainingProgress
    members: Sequence[Member]
    out_of_fold: OutOfFold | None = None


class FineTuned(NamedTuple):
    """A network before and after fine-tuning."""

    before: Network
    after: Network


@dataclass(frozen=True)
class FineTuning:
    """Fine-tunes a network whose head was fitted to frozen features.

    saved   the checkpoint; with folds, that of the first, and those of the others are beside it
    """

    fitted: Network
    frozen: FrozenFeatures
    split: DataSplit
    saved: Path
    listen: Listener

    def run(self, clock: Clock) -> Fitted:
        """The network with the best of its weights, and outputs for its training examples by networks without them.

        With folds, "after fine-tuning" is the mean of their networks, which all get the same time. If fine-tuning does
        not help, or there is no time for it, the outputs are the cross-validated ones of the head. There are none for
        separate held-out data.
        """
        folds = self._make_folds(clock.training.folds)
        tuned, progress = self._fine_tune(folds, clock)
        after = average_weights([each.after for each in tuned])
        weights, network = Selected("before", self.fitted)
        if progress.step > 0:
            weights, network = choose_weights(self.fitted, after, self.split.val, self.split.val_rows, self.listen)
        alone = [network] if not folds else [take_weights(weights, *each) for each in tuned]
        members = self._list_members(folds, alone)
        out_of_fold: OutOfFold | None = None
        if weights != "before":
            out_of_fold = answer_held_out(members, self.split.train)
        elif self.frozen.outputs is not None and self.split.val is self.split.train:
            out_of_fold = OutOfFold(self.split.train_rows, self.frozen.outputs)
        return Fitted(network, progress, members, out_of_fold)

    def _make_folds(self, number: int) -> list[Fold]:
        """None for separate held-out data, and if there are too few groups."""
        dataset, rows = self.split.train, self.split.train_rows
        groups = dataset.groups[rows]
        if not number or self.split.val is not dataset or len(np.unique(groups)) < number:
            return []
        strata = [ANSWERS[dataset.recipe.kind].stratum(cell) for cell in dataset.table.take(rows.tolist()).answers()]
        return [Fold(*pair) for pair in split_folds(np.unique(strata, return_inverse=True)[1], groups, number)]

    def _fine_tune(self, folds: list[Fold], clock: Clock) -> tuple[list[FineTuned], TrainingProgress]:
        """A network for each fold, or one for all examples if there are none; and the progress of the last."""
        rows = self.split.train_rows
        if not folds:
            after, progress = self._fit(self.fitted, rows, clock, self.saved)
            return [FineTuned(self.fitted, after)], progress
        self.listen(Notice(f"cross-fitting: training {len(folds)} networks, each without a part of the examples"))
        tuned, progress = [], TrainingProgress(allowed_s=clock.seconds / len(folds))
        for number, fold in enumerate(folds):
            before = deepcopy(self.fitted)
            self.frozen.refit(before, fold.train[balance(self.split.train, rows[fold.train])])
            # A resumed run keeps the time that its first network got.
            clock = replace(clock, seconds=progress.allowed_s)
            after, progress = self._fit(before, rows[fold.train], clock, number_checkpoint(self.saved, number))
            tuned.append(FineTuned(before, after))
        return tuned, progress

    def _fit(
        self, fitted: Network, rows: NDArray[np.int64], clock: Clock, saved: Path
    ) -> tuple[Network, TrainingProgress]:
        unchanged = TrainingProgress(allowed_s=clock.seconds)
        if clock.fraction_done(unchanged) >= clock.until and not saved.exists():
            return fitted, unchanged  # making an optimiser would import torch's compiler, which takes two seconds
        validation, train = Validation(self.split, clock.seconds, self.listen), self.split.train
        rows = rows[balance(train, rows)]
        return fit(deepcopy(fitted), train, rows, clock, validation=validation, saved=saved, listen=self.listen)

    def _list_members(self, folds: list[Fold], networks: list[Network]) -> list[Member]:
        rows = self.split.train_rows
        if not folds:
            return [Member(networks[0], rows, rows[:0])]
        return [
            Member(network, rows[fold.train], rows[fold.held_out])
            for fold, network in zip(folds, networks, strict=True)
        ]


def answer_held_out(members: Sequence[Member], dataset: DatasetCache) -> OutOfFold | None:
    """The outputs of each network for the rows that it was not trained on; None if it was trained on all of them."""
    rows = np.concatenate([member.held_out for member in members])
    if not len(rows):
        return None
    answered = [compute_outputs(member.network, dataset, member.held_out) for member in members]
    order = np.argsort(rows)
    outputs = {name: np.concatenate([each[name] for each in answered])[order] for name in answered[0]}
    return OutOfFold(rows[order], outputs)

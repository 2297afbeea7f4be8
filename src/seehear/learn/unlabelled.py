"""Learns from unlabelled examples too: a trained network answers them, and is trained further on its own answers.

It answers the examples without augmentation, and is trained on its confident answers with augmentation (Xie et al.
2020, arXiv:1911.04252; Sohn et al. 2020, arXiv:2001.07685). Examples unlike the labelled ones are left out. The
held-out examples decide whether this helped. See docs/decisions/034-unlabelled.md.
"""

from __future__ import annotations

import math
import time
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seehear.amounts import format_count
from seehear.answers import ANSWERS
from seehear.effects import UnlabelledUse
from seehear.errors import DataError, UsageError
from seehear.events import Finished, Listener, Notice, Started
from seehear.learn.calibrate.calibration import fit_ood_scorers
from seehear.learn.calibrate.card import describe_unlabelled
from seehear.learn.cross_fit import Fitted, Member, answer_held_out
from seehear.learn.data.balance import balance
from seehear.learn.data.cache import DatasetCache
from seehear.learn.data.joined import JoinedExamples
from seehear.learn.data.split import DataSplit
from seehear.learn.loop.checkpoint import TrainingProgress, number_checkpoint
from seehear.learn.loop.fit import Clock, fit
from seehear.learn.loop.selection import average_weights, compute_losses
from seehear.learn.loop.validation import Validation, measure_network
from seehear.learn.model.network import Network
from seehear.learn.outputs import compute_scored_outputs
from seehear.runtime.model_runner import OOD_SCORE
from seehear.sampling import take_evenly
from seehear.table import Table, find_shared_rows

TASK = "answering unlabelled examples"
TEACHER_SHARE = 0.5  # of the time, for training on the labelled examples alone
CONFIDENT = 0.8  # the lowest calibrated confidence of an answer that is learned
FAMILIAR = 0.9  # the share of held-out examples that count as like the training data
PER_MINUTE = 1000  # examples that are read and answered for each minute of the budget, by all networks together
ANSWERING_SHARE = 0.3  # of the rest of the time, at most
COMPARED = 512  # labelled examples, at most, that unlabelled ones are compared with

Array = NDArray[Any]


def check_supported(kind: str) -> None:
    """Raises UsageError for kinds of answer that are not learned from unlabelled examples."""
    if not ANSWERS[kind].supports_pseudo_labels:
        able = ", ".join(name for name, each in ANSWERS.items() if each.supports_pseudo_labels)
        raise UsageError(
            f"answers of the kind {kind!r} cannot be learned from unlabelled examples",
            allowed=able,
            hint="leave out --unlabelled",
        )


def load_unlabelled(table: Table, split: DataSplit, run: Path, listen: Listener) -> DatasetCache:
    """Read the unlabelled examples that share no file or group with held-out ones, at most what there is time for.

    Raises DataError if none is left.
    """
    recipe = split.train.recipe
    shared = find_shared_rows(split.val.table.take(split.val_rows), table)
    if shared.any():
        what = format_count(int(shared.sum()), "unlabelled example")
        listen(Notice(f"{what} left out: held-out examples have the same file, or group such as a speaker"))
    rows = np.flatnonzero(~shared)
    if not len(rows):
        what = "all unlabelled examples share a file or a group with held-out examples"
        raise DataError(what, where=str(table.root), hint="add examples from other files and groups")
    most = max(1, int(PER_MINUTE * recipe.training.minutes) // max(1, recipe.training.folds))
    if len(rows) > most:
        listen(Notice(f"there is time for {most:,} of {format_count(len(rows), 'unlabelled example')}"))
    return DatasetCache.build(table.take(take_evenly(rows, most)), recipe, run / "unlabelled", listen=listen)


class Student(NamedTuple):
    """A network that learned from unlabelled examples, its progress, and the rows (n,) of these examples."""

    network: Network
    progress: TrainingProgress
    learned: NDArray[np.int64]


@dataclass(frozen=True)
class SelfTraining:
    """Trains networks further, on their answers to the unlabelled examples and on the labelled examples.

    Predicted answers are only trained on: nothing is calibrated or measured with them.

    saved   the checkpoint; with cross-fitting, that of the first network, and those of the others are beside it
    """

    split: DataSplit
    unlabelled: DatasetCache
    saved: Path
    listen: Listener

    def run(self, teacher: Fitted, clock: Clock) -> tuple[Fitted, UnlabelledUse]:
        """The better of the network and its student, and how both compare.

        If the network is a mean, its members have a student each, and the mean of the students is compared.
        """
        clock = replace(clock, seconds=clock.seconds / len(teacher.members))
        taught = [self._teach(member, clock, number) for number, member in enumerate(teacher.members)]
        student = average_weights([each.network for each in taught])
        split = self.split
        before, after = (compute_losses(each, split.val, split.val_rows).mean() for each in (teacher.network, student))
        metric, value = self._measure(teacher.network)
        use = UnlabelledUse(
            examples=len(np.unique(np.concatenate([each.learned for each in taught]))),
            helped=after < before and any(each.progress.step for each in taught),
            metric=metric,
            without=value,
            with_them=self._measure(student)[1],
            held_out=len(split.val_rows),
        )
        self.listen(Notice(describe_unlabelled(use)))
        if not use.helped:
            return teacher, use
        progress = replace(teacher.progress, step=teacher.progress.step + taught[-1].progress.step)
        members = [member._replace(network=each.network) for member, each in zip(teacher.members, taught, strict=True)]
        return Fitted(student, progress, members, answer_held_out(members, split.train)), use

    def _teach(self, teacher: Member, clock: Clock, number: int) -> Student:
        """Train a student of this network, also on what the network itself was trained on."""
        started_s, split, more = time.monotonic(), self.split, self.unlabelled
        timed = clock.training.steps is None
        if timed and not clock.seconds:
            return Student(teacher.network, TrainingProgress(), split.train_rows[:0])
        self.listen(Started(TASK, len(more), "examples"))
        scoring = deepcopy(teacher.network)  # the sizes of fitted scorers differ, so their mean could not be taken
        fit_ood_scorers(scoring, split.train, teacher.train, COMPARED)
        known_rows = take_evenly(split.val_rows, COMPARED)
        held_out = compute_scored_outputs(scoring, split.val, known_rows)
        order = np.random.default_rng(clock.training.seed).permutation(len(more))
        until_s = started_s + ANSWERING_SHARE * clock.seconds if timed else math.inf
        given = compute_scored_outputs(scoring, more, order, until_s)
        rows = order[: len(next(iter(given.values())))]
        answers = _answer(held_out, given, split.val, known_rows)
        confident = np.array([answer.confidence >= CONFIDENT for answer in answers])
        familiar = _find_familiar(held_out, given, split.val, known_rows, more, rows)
        will_answer = split.train.table.take(teacher.held_out)
        shared = find_shared_rows(will_answer, more.table)[rows]
        chosen = confident & familiar & ~shared
        self.listen(Finished(TASK, f"{chosen.sum():,} of {len(rows):,} with enough confidence"))
        if not chosen.any():
            return Student(teacher.network, TrainingProgress(), rows[:0])
        clock = replace(clock, seconds=max(0.0, clock.seconds - (time.monotonic() - started_s)))
        joined = JoinedExamples(split.train, more, dict(zip(rows.tolist(), answers, strict=True)))
        epoch = _repeat(teacher.train[balance(split.train, teacher.train)], len(split.train) + rows[chosen])
        saved = number_checkpoint(self.saved, number)
        validation, network = Validation(split, clock.seconds, self.listen), deepcopy(teacher.network)
        student, progress = fit(network, joined, epoch, clock, validation=validation, saved=saved, listen=self.listen)
        return Student(student, progress, rows[chosen] if progress.step else rows[:0])

    def _measure(self, network: Network) -> tuple[str, float]:
        """The name and the value of the headline metric on the held-out examples."""
        headline, value = measure_network(network, self.split.val, self.split.val_rows)
        return headline.metric, value


def _find_familiar(
    held_out: dict[str, Array],
    given: dict[str, Array],
    labelled: DatasetCache,
    known: NDArray[np.int64],
    unlabelled: DatasetCache,
    rows: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """(n,) whether each sense of an unlabelled example is as much like the training data as most held-out examples.

    Stricter than what is accepted later: an example that is left out costs less than one with a wrong target.
    """
    familiar = np.ones(len(rows), np.bool_)
    for sense in unlabelled.recipe.senses:
        scores = held_out[OOD_SCORE + sense][labelled.has_sense(sense)[known]]
        if len(scores):
            strange = given[OOD_SCORE + sense] > np.quantile(scores, FAMILIAR)
            familiar &= ~(strange & unlabelled.has_sense(sense)[rows])
    return familiar


def _answer(
    held_out: dict[str, Array], given: dict[str, Array], labelled: DatasetCache, known: NDArray[np.int64]
) -> list[Any]:
    """An answer to each unlabelled example, with a confidence that is calibrated on the held-out examples."""
    kind, spec = labelled.kind, labelled.recipe.answer
    seen = [kind.n_best(raw, spec, {}) for raw in _unstack(held_out)]
    calibration = kind.calibrate(seen, [labelled.truth(int(row)) for row in known], spec)
    return [kind.to_answer(raw, spec, calibration, None) for raw in _unstack(given)]


def _unstack(outputs: dict[str, Array]) -> list[dict[str, Array]]:
    """The outputs for each example by name."""
    number = len(next(iter(outputs.values())))
    return [{name: values[place] for name, values in outputs.items()} for place in range(number)]


def _repeat(labelled: NDArray[np.int64], unlabelled: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows of an epoch: at least about half of them are labelled."""
    times = max(1, round(len(unlabelled) / len(labelled)))
    return np.concatenate([np.tile(labelled, times), unlabelled])

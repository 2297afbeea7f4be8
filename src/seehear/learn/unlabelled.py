"""Learning from unlabelled examples too: a trained network answers them, and is trained further on its own answers.

It answers the examples as they are, and learns them augmented (Xie et al. 2020, arXiv:1911.04252). Its targets are
calibrated probabilities, so that an answer it is not sure of teaches little. Examples unlike the labelled ones are left
out. The held-out examples decide whether this helped. See docs/decisions/034-unlabelled.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from seehear.amounts import format_count
from seehear.answers import ANSWERS
from seehear.errors import DataError, UsageError
from seehear.events import Finished, Listener, Notice, Started
from seehear.learn.calibrate.calibration import fit_ood_scorers
from seehear.learn.calibrate.card import describe_unlabelled
from seehear.learn.cross_fit import OutOfFold
from seehear.learn.data.cache import DatasetCache
from seehear.learn.data.joined import JoinedExamples
from seehear.learn.data.split import DataSplit
from seehear.learn.loop.checkpoint import TrainingProgress
from seehear.learn.loop.fit import Clock, fit
from seehear.learn.loop.probe import measure_headline
from seehear.learn.loop.selection import compute_loss
from seehear.learn.model.network import Network
from seehear.recipe import UnlabelledUse
from seehear.runtime.model_runner import OOD_SCORE
from seehear.sampling import take_evenly
from seehear.table import Table, find_shared_rows

TASK = "answering unlabelled examples"
CHECKPOINT = "unlabelled.safetensors"
TEACHER_SHARE = 0.5  # of the time, for training on the labelled examples alone
FAMILIAR = 0.9  # the share of held-out examples that count as like the training data
PER_MINUTE = 1000  # examples for each minute of the budget: reading and answering more would leave little for training
BATCH = 64  # at most

Array = NDArray[Any]


class Fitted(NamedTuple):
    """A trained network, its progress, outputs for its training examples by networks that have not seen them, and what
    unlabelled examples added."""

    network: Network
    progress: TrainingProgress
    out_of_fold: OutOfFold | None = None
    use: UnlabelledUse | None = None


def find_soft_target(kind: str) -> Callable[[Any], dict[str, Array]]:
    """From an answer to a target with its probabilities. Raises UsageError for kinds that have none."""
    if (found := ANSWERS[kind].soft_target) is None:
        able = ", ".join(name for name, each in ANSWERS.items() if each.soft_target is not None)
        raise UsageError(f"unlabelled examples for the answer {kind!r}", allowed=able, hint="leave out --unlabelled")
    return found


def load_unlabelled(table: Table, split: DataSplit, run: Path, listen: Listener) -> DatasetCache:
    """Read unlabelled examples, but none that share a file or a group with held-out examples, nor too many.

    Raises DataError if none is left.
    """
    recipe = split.train.recipe
    shared = find_shared_rows(split.val.table.take(split.val_rows), table)
    if shared.any():
        what = format_count(int(shared.sum()), "unlabelled example")
        listen(Notice(f"{what} left out: held-out examples have the same file, or group such as a speaker"))
    rows = np.flatnonzero(~shared)
    if not len(rows):
        raise DataError("all unlabelled examples are held-out examples, too", where=str(table.root), hint="give others")
    most = max(1, int(PER_MINUTE * recipe.training.minutes))
    if len(rows) > most:
        listen(Notice(f"there is time for {most:,} of {format_count(len(rows), 'unlabelled example')}"))
    return DatasetCache.build(table.take(take_evenly(rows, most)), recipe, run / "unlabelled", listen=listen)


def learn_unlabelled(
    fitted: Fitted, split: DataSplit, unlabelled: DatasetCache, clock: Clock, run: Path, listen: Listener
) -> Fitted:
    """Train a copy of the network on its answers to the unlabelled examples, and on the labelled ones -> the better.

    Predicted answers are only trained on: nothing is calibrated or measured with them.
    """
    started_s, teacher = time.monotonic(), fitted.network
    listen(Started(TASK, len(unlabelled), "examples"))
    fit_ood_scorers(teacher, split.train, split.train_rows)
    held_out, given = _run(teacher, split.val, split.val_rows), _run(teacher, unlabelled, np.arange(len(unlabelled)))
    familiar = np.flatnonzero(_find_familiar(held_out, given, split, unlabelled))
    joined = JoinedExamples(split.train, unlabelled, _predict_targets(held_out, given, split))
    listen(Finished(TASK, f"{len(familiar):,} are like the labelled ones"))
    clock = replace(clock, seconds=max(0.0, clock.seconds - (time.monotonic() - started_s)))
    student, progress = teacher, fitted.progress
    if len(familiar):
        rows = _repeat(split.train_rows, len(split.train) + familiar)
        student, progress = fit(deepcopy(teacher), joined, rows, clock, saved=run / CHECKPOINT, listen=listen)
    before, after = (compute_loss(each, split.val, split.val_rows) for each in (teacher, student))
    metric, value = measure_headline(split.val, split.val_rows, held_out)
    use = UnlabelledUse(
        examples=len(familiar),
        helped=after < before,
        metric=metric,
        without=value,
        used=measure_headline(split.val, split.val_rows, _run(student, split.val, split.val_rows))[1],
        held_out=len(split.val_rows),
    )
    listen(Notice(describe_unlabelled(use)))
    if not use.helped:
        return fitted._replace(use=use)
    return Fitted(student, replace(progress, step=fitted.progress.step + progress.step), use=use)


@torch.no_grad()
def _run(network: Network, dataset: DatasetCache, rows: NDArray[np.int64]) -> dict[str, Array]:
    """The network's outputs (n, ...) by name, with out-of-distribution scores, without augmentation."""
    network.eval()
    device = next(network.parameters()).device
    computed = []
    for chosen in dataset.split_rows(rows, BATCH):
        batch = dataset.batch(chosen).to(device)
        outputs = network(batch.inputs, batch.present)
        computed.append({name: value.float().cpu().numpy() for name, value in outputs.items()})
    return {name: np.concatenate([each[name] for each in computed]) for name in computed[0]}


def _find_familiar(
    held_out: dict[str, Array], given: dict[str, Array], split: DataSplit, unlabelled: DatasetCache
) -> NDArray[np.bool_]:
    """(n,) whether each sense of an unlabelled example is as much like the training data as most held-out examples.

    Stricter than what is accepted later: an example that is left out costs less than one with a wrong target.
    """
    familiar = np.ones(len(unlabelled), np.bool_)
    for sense in unlabelled.recipe.senses:
        known = held_out[OOD_SCORE + sense][split.val.has_sense(sense)[split.val_rows]]
        if len(known):
            strange = given[OOD_SCORE + sense] > np.quantile(known, FAMILIAR)
            familiar &= ~(strange & unlabelled.has_sense(sense))
    return familiar


def _predict_targets(held_out: dict[str, Array], given: dict[str, Array], split: DataSplit) -> dict[str, Array]:
    """The targets (n, ...) by name, with confidences calibrated on the held-out examples."""
    kind, spec = split.val.kind, split.val.recipe.answer
    seen = [kind.n_best(raw, spec, {}) for raw in _unstack(held_out)]
    calibration = kind.calibrate(seen, [split.val.truth(int(row)) for row in split.val_rows], spec)
    to_target = find_soft_target(split.val.recipe.kind)
    targets = [to_target(kind.to_answer(raw, spec, calibration, None)) for raw in _unstack(given)]
    return {name: np.stack([each[name] for each in targets]) for name in targets[0]}


def _unstack(outputs: dict[str, Array]) -> list[dict[str, Array]]:
    """The outputs for each example by name."""
    number = len(next(iter(outputs.values())))
    return [{name: values[place] for name, values in outputs.items()} for place in range(number)]


def _repeat(labelled: NDArray[np.int64], unlabelled: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows of an epoch: at least about half of them are labelled."""
    times = max(1, round(len(unlabelled) / len(labelled)))
    return np.concatenate([np.tile(labelled, times), unlabelled])

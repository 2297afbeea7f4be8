"""What robust training changes, on examples as they are and under corruptions: two short trainings tell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seehear.answers import ANSWERS
from seehear.effects import Robustness
from seehear.errors import UsageError
from seehear.events import Listener, Notice
from seehear.learn.data.balance import balance
from seehear.learn.data.cache import DatasetCache, Example
from seehear.learn.data.split import DataSplit
from seehear.learn.loop.fit import Clock, fit
from seehear.learn.loop.probe import decode_answers, measure_headline
from seehear.learn.model.network import Network
from seehear.sampling import take_evenly
from seehear.senses import SENSES
from seehear.senses.corruption import MILD, STRONG, make_generator

SHARE = 0.1  # of the time, for each of the two trainings
FEWEST_STEPS = 30  # after fewer, neither has learned much
MOST, BATCH = 200, 64  # examples that are measured, and those of them at a time
SEED = 0

Rows = NDArray[np.int64]


def check_robust(network: Network) -> None:
    """Raises UsageError if training cannot become robust, because it does not change the encoder."""
    if network.recipe.training.robust and not network.trains_encoders:
        raise UsageError(
            "--robust with an encoder whose weights do not change: distorted inputs teach it nothing",
            allowed="a start that is fine-tuned, or --start none",
        )


def measure_robustness(network: Network, split: DataSplit, clock: Clock, run: Path, listen: Listener) -> Robustness:
    """Train copies of the network without and with distorted inputs, and measure both on held-out examples.

    clock   of the whole training; both take a share of it. Unmeasured if that is too short, and for a network with a
            decoder, which takes seconds for each example
    """
    if network.decoder is not None or (not clock.seconds and clock.training.steps is None):
        return Robustness()
    listen(Notice("two short trainings, without and with distorted inputs, show what robust training costs"))
    rows = take_evenly(split.val_rows, MOST)
    steps, clean, corrupted = [], [], []
    for robust in (False, True):
        own = clock.share(SHARE)
        own = replace(own, training=own.training.model_copy(update={"robust": robust, "folds": 0}))
        if own.training.steps is not None and own.training.steps < FEWEST_STEPS:
            return Robustness()
        trained = split.train_rows[balance(split.train, split.train_rows)]
        saved = run / f"robust-{robust}.safetensors".lower()
        fitted, progress = fit(deepcopy(network), split.train, trained, own, saved=saved, listen=listen)
        steps.append(progress.step)
        clean.append(_measure(fitted, split.val, rows, corrupted=False))
        corrupted.append(_measure(fitted, split.val, rows, corrupted=True))
    if min(steps) < FEWEST_STEPS or not all(map(math.isfinite, clean + corrupted)):
        return Robustness()
    metric = ANSWERS[network.recipe.kind].headline(network.recipe.answer).metric
    found = Robustness(
        metric=metric,
        examples=len(rows),
        steps=(steps[0], steps[1]),
        clean=(clean[0], clean[1]),
        corrupted=(corrupted[0], corrupted[1]),
    )
    listen(Notice(str(found)))
    return found


@torch.no_grad()
def _measure(network: Network, dataset: DatasetCache, rows: Rows, *, corrupted: bool) -> float:
    """The headline metric on these rows."""
    answers: list[Any] = []
    device = next(network.parameters()).device
    for chosen in dataset.split_rows(rows, BATCH):
        examples = dataset.examples(chosen)
        if corrupted:
            examples = [_corrupt(example, int(row)) for example, row in zip(examples, chosen, strict=True)]
        batch = dataset.collate(examples).to(device)
        raw = network.apply_head(network.encode(batch.inputs), batch.present)
        answers += decode_answers(dataset, chosen, {name: each.float().cpu().numpy() for name, each in raw.items()})
    return measure_headline(dataset, rows, answers)[1]


def _corrupt(example: Example, row: int) -> Example:
    """Each input of the example under one of its sense's corruptions, mild or strong, that move nothing."""
    random = np.random.default_rng((SEED, row))
    arrays = {}
    for sense, array in example.arrays.items():
        corruptions: Sequence[Any] = [
            (name, each) for name, each in SENSES[sense].corruptions().items() if not each.moves
        ]
        name, corruption = corruptions[int(random.integers(len(corruptions)))]
        arrays[sense] = corruption(array, (MILD, STRONG)[random.integers(2)], make_generator(SEED, row, name))
    return replace(example, arrays=arrays)

"""Trains a recipe, and its alternative from random weights if it has one, and keeps the better recogniser.

With many examples, a network that was planned for them can be better than a pretrained one. See
docs/decisions/039-random-weights.md.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch

from seehear.amounts import format_count
from seehear.answers import ANSWERS
from seehear.datasets import TrainingData
from seehear.events import Listener, Notice
from seehear.learn.calibrate.card import render_model_card
from seehear.learn.loop.probe import measure_headline
from seehear.learn.model.pretrained import Pretrained
from seehear.learn.outputs import compute_outputs
from seehear.learn.run_directory import record_start
from seehear.learn.train import Trained, train
from seehear.recipe import RANDOM_SHARE, Alternative, Comparison, Recipe
from seehear.runtime.bundle import Bundle
from seehear.sampling import take_evenly
from seehear.table import RowProblem

MOST = 1000  # held-out examples that are compared
FOLDER = "random-weights"  # in the run directory, for the alternative
COMPARING = "training from random weights, to compare"


def train_best(
    data: TrainingData,
    recipe: Recipe,
    *,
    start: Pretrained | None = None,
    run: Path,
    device: torch.device,
    listen: Listener,
) -> tuple[Bundle, tuple[RowProblem, ...]]:
    """Train the recipe and its alternative -> the better bundle, and the rows that could not be used.

    Raises UsageError if the run in the directory started differently, and the errors of `train`.
    """
    record_start(run, recipe, data, start)
    if recipe.alternative is None:
        trained = train(data, recipe, start=start, run=run, device=device, listen=listen)
        return trained.bundle, trained.problems
    own = train(data, _shorten(recipe, 1 - RANDOM_SHARE), start=start, run=run, device=device, listen=listen)
    listen(Notice(COMPARING))
    random = _shorten(_make_random(recipe, recipe.alternative), RANDOM_SHARE)
    other = train(data, random, run=run / FOLDER, device=device, listen=listen)
    return choose_bundle(measure(own), measure(other), listen), own.problems


class Candidate(NamedTuple):
    """A bundle, and its headline metric on this many held-out examples."""

    bundle: Bundle
    value: float
    examples: int


def measure(trained: Trained) -> Candidate:
    """On held-out examples, which are the same for networks that are trained on the same data."""
    dataset, rows = trained.split.val, take_evenly(trained.split.val_rows, MOST)
    _, value = measure_headline(dataset, rows, compute_outputs(trained.network, dataset, rows))
    return Candidate(trained.bundle, value, len(rows))


def choose_bundle(one: Candidate, other: Candidate, listen: Listener) -> Bundle:
    """The better one; the first if they are equal. Its card says how good the other one is."""
    recipe = one.bundle.recipe
    headline = ANSWERS[recipe.kind].headline(recipe.answer)
    other_is_better = other.value > one.value if headline.higher_is_better else other.value < one.value
    kept, rejected = (other, one) if other_is_better else (one, other)
    described = [f"from {_name_start(each)}: {headline.metric} {each.value:.3g}" for each in (kept, rejected)]
    examples = format_count(kept.examples, "held-out example")
    listen(Notice(f"{described[0]}, {described[1]}, on the same {examples}; the first is kept"))
    comparison = Comparison(
        metric=headline.metric,
        other=f"a recogniser that started from {_name_start(rejected)}",
        other_value=rejected.value,
        own_value=kept.value,
        examples=kept.examples,
    )
    recipe = kept.bundle.recipe.model_copy(update={"comparison": comparison})
    return replace(kept.bundle, recipe=recipe, card=render_model_card(recipe))


def _name_start(candidate: Candidate) -> str:
    return " and ".join(candidate.bundle.recipe.starts.values()) or "random weights"


def _shorten(recipe: Recipe, share: float) -> Recipe:
    """The recipe alone, with a share of the minutes."""
    training = recipe.training.model_copy(update={"minutes": share * recipe.training.minutes})
    return recipe.model_copy(update={"training": training, "alternative": None})


def _make_random(recipe: Recipe, alternative: Alternative) -> Recipe:
    training = recipe.training.model_copy(
        update={"batch": alternative.batch, "learning_rate": alternative.learning_rate, "folds": 0}
    )
    network = {"senses": alternative.senses, "width": alternative.width, "starts": {}}
    return recipe.model_copy(update={**network, "training": training})

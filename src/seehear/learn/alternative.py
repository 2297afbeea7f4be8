"""Trains a recipe, and its alternative from random weights if it has one, and keeps the better recogniser.

With many examples, a network that was planned for them can be better than a pretrained one. See
docs/decisions/039-random-weights.md.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from seehear.answers import ANSWERS
from seehear.datasets import TrainingData
from seehear.events import Listener, Notice
from seehear.learn.calibrate.card import render_model_card
from seehear.learn.model.pretrained import Pretrained
from seehear.learn.run_directory import record_start
from seehear.learn.train import train
from seehear.recipe import RANDOM_SHARE, Alternative, Comparison, Recipe, used_key
from seehear.runtime.bundle import Bundle
from seehear.table import RowProblem

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
        return train(data, recipe, start=start, run=run, device=device, listen=listen)
    share = 1 - RANDOM_SHARE
    bundle, problems = train(data, _shorten(recipe, share), start=start, run=run, device=device, listen=listen)
    listen(Notice(COMPARING))
    random = _shorten(_make_random(recipe, recipe.alternative), RANDOM_SHARE)
    other, _ = train(data, random, run=run / FOLDER, device=device, listen=listen)
    return choose_bundle(bundle, other, listen), problems


def choose_bundle(one: Bundle, other: Bundle, listen: Listener) -> Bundle:
    """The one with the better headline metric on the held-out examples, which are the same for both; the first if they
    are equal. Its card says how good the other one is."""
    kept, rejected = (one, other) if _rate(one.recipe) >= _rate(other.recipe) else (other, one)
    listen(Notice(f"{_describe(kept.recipe)} is kept, and {_describe(rejected.recipe)} is not"))
    recipe = kept.recipe.model_copy(update={"comparison": _compare(kept.recipe, rejected.recipe)})
    return replace(kept, recipe=recipe, card=render_model_card(recipe))


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


def _rate(recipe: Recipe) -> float:
    """The headline metric, with its sign changed if lower is better."""
    headline = ANSWERS[recipe.kind].headline(recipe.answer)
    return _get_headline(recipe) * (1 if headline.higher_is_better else -1)


def _get_headline(recipe: Recipe) -> float:
    metric = ANSWERS[recipe.kind].headline(recipe.answer).metric
    return float(recipe.results[used_key(recipe.senses)]["metrics"][metric])


def _describe(recipe: Recipe) -> str:
    metric = ANSWERS[recipe.kind].headline(recipe.answer).metric
    measured = f"{metric} {_get_headline(recipe):.3g} on held-out data"
    return f"the recogniser that started from {_name_start(recipe)} ({measured})"


def _compare(kept: Recipe, rejected: Recipe) -> Comparison:
    return Comparison(
        metric=ANSWERS[kept.kind].headline(kept.answer).metric,
        other=f"a recogniser that started from {_name_start(rejected)}",
        other_value=_get_headline(rejected),
        own_value=_get_headline(kept),
        examples=kept.results[used_key(kept.senses)]["n"],
    )


def _name_start(recipe: Recipe) -> str:
    return " and ".join(recipe.starts.values()) or "random weights"

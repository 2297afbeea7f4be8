"""Robust training: it is one switch of a recipe, and short trainings without and with it say what it costs."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from learning import ANSWER_CELLS, EXAMPLES, dataset_of, digits_table, recipe_for
from seehear import api
from seehear.effects import Robustness
from seehear.errors import UsageError
from seehear.events import ignore_events
from seehear.learn.calibrate.card import render_model_card
from seehear.learn.data.split import DataSplit
from seehear.learn.loop.fit import Clock
from seehear.learn.loop.step import Trainer
from seehear.learn.model.network import Network
from seehear.learn.robustness import _corrupt, check_robust, measure_robustness
from seehear.planning.options import TrainOptions
from seehear.planning.reuse import continue_recipe, follow_recipe
from seehear.recipe import Recipe
from seehear.runtime.coverage import Coverage

MEASURED = Robustness(metric="accuracy", examples=150, steps=(50, 40), clean=(0.9, 0.88), corrupted=(0.6, 0.75))


def robust_recipe(kind: str = "label", senses: tuple[str, ...] = ("image",), **training: object) -> Recipe:
    return recipe_for(kind, senses, robust=True, **training)


@pytest.mark.parametrize("sense", ["image", "audio"])
def test_only_robust_training_distorts(sense: str) -> None:
    for robust in (False, True):
        recipe = recipe_for("label", (sense,), robust=robust)
        assert Trainer(Network(recipe), recipe.training).augments[sense].robust == robust


def test_a_recipe_is_followed_with_the_switch_and_a_model_is_trained_further_without(tmp_path: Path) -> None:
    recipe = robust_recipe().model_copy(update={"robustness": MEASURED})
    table = dataset_of(recipe, tmp_path).table
    followed = follow_recipe(recipe, table, TrainOptions())
    assert followed.training.robust and followed.robustness is None
    plain = recipe_for("label", ("image",))
    assert follow_recipe(plain, table, TrainOptions(robust=True)).training.robust
    assert not continue_recipe(recipe, table, TrainOptions()).training.robust


def test_the_card_says_what_robust_training_cost() -> None:
    recipe = robust_recipe(steps=1).model_copy(update={"robustness": MEASURED})
    card = render_model_card(recipe)
    assert "(50 steps and 40 steps in the same time), the accuracy on 150 held-out examples was 0.9 and 0.88" in card
    assert "under corruptions like those of stress tests 0.6 and 0.75" in card
    assert Recipe.from_json(recipe.to_json()).robustness == MEASURED
    unmeasured = recipe.model_copy(update={"robustness": Robustness()})
    assert "what that cost on others was not measured" in render_model_card(unmeasured)


def test_an_encoder_that_does_not_change_is_refused() -> None:
    network = Network(robust_recipe())
    check_robust(network)
    network.encoders.requires_grad_(requires_grad=False)
    with pytest.raises(UsageError, match=r"--robust with an encoder whose weights do not change.*--start none"):
        check_robust(network)


@pytest.mark.parametrize(("kind", "sense"), [("label", "image"), ("boxes", "image"), ("text", "audio")])
def test_corrupted_examples_keep_their_shapes(kind: str, sense: str, tmp_path: Path) -> None:
    dataset = dataset_of(recipe_for(kind, (sense,)), tmp_path)
    for row, example in enumerate(dataset.examples(range(len(ANSWER_CELLS[kind])))):
        changed = _corrupt(example, row)
        assert changed.arrays[sense].shape == example.arrays[sense].shape
        assert changed.arrays[sense].dtype == example.arrays[sense].dtype
        assert np.array_equal(_corrupt(example, row).arrays[sense], changed.arrays[sense])


def measure(recipe: Recipe, folder: Path) -> Robustness:
    dataset = dataset_of(recipe, folder / "data")
    rows = np.arange(EXAMPLES)
    split = DataSplit(dataset, rows[::2], dataset, rows[1::2])
    torch.manual_seed(0)
    return measure_robustness(Network(recipe), split, Clock(recipe.training, 0.0), folder, ignore_events)


def test_nothing_is_said_after_too_few_steps(tmp_path: Path) -> None:
    assert measure(robust_recipe(steps=100), tmp_path) == Robustness()


def test_a_network_with_a_decoder_is_not_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Network, "decoder", object())
    assert measure(robust_recipe(steps=300), tmp_path) == Robustness()


@pytest.mark.slow
def test_short_trainings_measure_both(tmp_path: Path) -> None:
    found = measure(robust_recipe(steps=300), tmp_path)
    assert found.steps == (30, 30) and found.examples == EXAMPLES // 2 and found.metric == "accuracy"
    assert found.clean is not None and found.corrupted is not None
    assert all(0 <= value <= 1 and math.isfinite(value) for value in (*found.clean, *found.corrupted))
    assert "(30 steps each)" in str(found)


@pytest.mark.slow
@pytest.mark.xdist_group("exports")
def test_a_robust_model_says_what_that_cost_and_gives_the_sets_it_promised(tmp_path: Path) -> None:
    data = digits_table(tmp_path / "data", {"label": ANSWER_CELLS["label"]}, ("image",))
    out = tmp_path / "digits.seehear"
    api.train(data, out, recipe=recipe_for("label", ("image",), steps=300), robust=True, coverage=0.3)
    recipe = api.load(out).recipe
    assert recipe.training.robust and recipe.robustness is not None and recipe.robustness.steps == (30, 30)
    assert "to be robust: after short trainings" in render_model_card(recipe)
    promised = Coverage.promised(recipe)
    assert promised is not None and promised.share == 0.3
    given = [prediction.prediction_set is not None for prediction in api.load(out).predict(tmp_path / "data")]
    assert given == [promised.is_possible(("image",))] * EXAMPLES

"""The recipes that are tried: the planned one first, and others that cover every range evenly."""

from __future__ import annotations

import numpy as np
import pytest

import tiny
from seehear.planning.variants import MOST_OCTAVES, MOST_STRENGTH, TIMES, Variation, draw_variations, plan_variants
from seehear.recipe import Alternative, Recipe

MINUTES = 2.0


def plan(minutes: float | None) -> Recipe:
    """More minutes, more channels."""
    stages = (8 * round((minutes or MINUTES) / MINUTES / TIMES[0]),)
    sight = {**tiny.SIGHT, "encoder": {"kind": "feature-pyramid", "stages": stages}, "augmentation_strength": 0.9}
    training = tiny.recipe().training.model_copy(update={"minutes": minutes or MINUTES, "learning_rate": 0.004})
    return tiny.recipe(senses={"image": sight}, training=training)


def channels(recipe: Recipe) -> int:
    return int(recipe.senses["image"].encoder.stages[0])  # type: ignore[attr-defined]


@pytest.mark.parametrize("number", [2, 4, 8, 25])
def test_every_range_is_covered_evenly(number: int) -> None:
    first, *others = draw_variations(number, seed=1)
    assert first == Variation(1.0, 0.0, 1.0)
    assert len(others) == number - 1
    for values, most in (
        ([each.strength for each in others], MOST_STRENGTH),
        ([np.log2(each.rate) for each in others], MOST_OCTAVES),
    ):
        cells = [int((value / most + 1) / 2 * len(others)) for value in values]
        assert sorted(cells) == list(range(len(others)))  # one in each equal part
    counts = [[each.times for each in others].count(times) for times in TIMES]
    assert max(counts) - min(counts) <= 2


def test_the_same_seed_gives_the_same_recipes() -> None:
    assert plan_variants(plan, MINUTES, 8, seed=3) == plan_variants(plan, MINUTES, 8, seed=3)
    assert plan_variants(plan, MINUTES, 8, seed=3) != plan_variants(plan, MINUTES, 8, seed=4)


def test_recipes_differ_in_size_strength_and_learning_rate_but_not_in_time() -> None:
    first, *others = recipes = plan_variants(plan, None, 8, seed=0)
    assert first == plan(None)
    assert {channels(each) for each in others} == {8, 32, 128}
    strengths = {each.senses["image"].augmentation_strength for each in others}  # type: ignore[attr-defined]
    assert len(strengths) > 4 and min(strengths) >= 0.6 and max(strengths) <= 1
    assert len({each.training.learning_rate for each in others}) == 7
    assert {each.training.minutes for each in recipes} == {MINUTES}


def test_an_alternative_is_one_of_them() -> None:
    sight = plan(MINUTES).senses
    alternative = Alternative(senses={**sight}, width=24, batch=8, learning_rate=0.1, pretrained_share=0.5, share=0.5)

    def plan_pretrained(minutes: float | None) -> Recipe:
        return plan(minutes).model_copy(update={"starts": {"image": "pretrained"}, "alternative": alternative})

    first, second, third = plan_variants(plan_pretrained, MINUTES, 3, seed=0)
    assert [each.alternative for each in (first, second, third)] == [None] * 3
    assert [each.starts for each in (first, second, third)] == [{"image": "pretrained"}, {}, {"image": "pretrained"}]
    assert (second.width, second.training.learning_rate) == (24, 0.1)

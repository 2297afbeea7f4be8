"""Recipes to try: the planned one, and others that differ in size, strength of augmentation and learning rate."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from seehear.recipe import Alternative, Recipe

TIMES = (0.25, 1.0, 4.0)  # the time for which a network is planned, relative to the time that it gets
MOST_STRENGTH = 0.3  # that is added to the strength of augmentation, or taken away
MOST_OCTAVES = 1.5  # by which the learning rate is higher or lower


class Variation(NamedTuple):
    """How a recipe differs from the planned one.

    times     the network is planned for this many times the time, so it is larger or smaller if there are other sizes
    strength  what is added to the strength of augmentation
    rate      factor of the learning rate
    """

    times: float = 1.0
    strength: float = 0.0
    rate: float = 1.0


def draw_variations(number: int, seed: int) -> list[Variation]:
    """No variation first; then a Latin hypercube (McKay et al. 1979), which covers each range evenly."""
    rng, others = np.random.default_rng(seed), number - 1
    times, strengths, octaves = (((rng.permutation(others) + rng.random(others)) / others).tolist() for _ in range(3))
    drawn = [
        Variation(
            times=TIMES[int(len(TIMES) * time)],
            strength=MOST_STRENGTH * (2 * strength - 1),
            rate=2 ** (MOST_OCTAVES * (2 * octave - 1)),
        )
        for time, strength, octave in zip(times, strengths, octaves, strict=True)
    ]
    return [Variation(), *drawn]


def plan_variants(
    plan: Callable[[float | None], Recipe], minutes: float | None, number: int, seed: int
) -> tuple[Recipe, ...]:
    """So many recipes, of which the first is the planned one, and the second its alternative if it has one.

    plan     a recipe whose network is planned for this many minutes; None for the usual ones
    minutes  those that each recipe gets
    """
    own = plan(minutes)
    plan_in = cache(lambda times: own if times == 1 else plan(times * own.training.minutes))
    varied = [_vary(plan_in(each.times), own, each) for each in draw_variations(number, seed)]
    if own.alternative is not None:
        varied[1] = make_random(own, own.alternative).model_copy(update={"alternative": None})
    return tuple(varied)


def make_random(recipe: Recipe, alternative: Alternative) -> Recipe:
    """The recipe of the alternative."""
    training = recipe.training.model_copy(
        update={"batch": alternative.batch, "learning_rate": alternative.learning_rate, "folds": 0}
    )
    network = {"senses": alternative.senses, "width": alternative.width, "starts": {}}
    return recipe.model_copy(update={**network, "training": training})


def _vary(sized: Recipe, own: Recipe, variation: Variation) -> Recipe:
    """The network of one recipe in the training of another, with varied augmentation and learning rate."""
    senses: dict[str, Any] = {}
    for name, spec in sized.senses.items():
        planned = own.senses[name].augmentation_strength  # type: ignore[attr-defined]
        strength = abs(planned + variation.strength)  # reflected into 0 to 1
        senses[name] = spec.model_copy(update={"augmentation_strength": round(min(strength, 2 - strength), 2)})
    changes = {
        "batch": sized.training.batch,
        "folds": sized.training.folds,
        "learning_rate": float(f"{sized.training.learning_rate * variation.rate:.3g}"),
    }
    training = own.training.model_copy(update=changes)
    return sized.model_copy(update={"senses": senses, "training": training, "alternative": None})

"""Short examples made into longer ones while learning: one after the other, and nothing among them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from seehear.answers import ANSWERS
from seehear.learn.data.cache import Array, Example
from seehear.recipe import Recipe
from seehear.senses import SENSES

MOST = 4  # that become one
FEWEST = 2  # of which one may make way
LONGEST_S = 8.0  # of one that is made so: in longer ones there is enough said one after the other
PAUSE_CELLS = 8  # between two, at most


def concatenate(examples: Sequence[Example], recipe: Recipe, random: np.random.Generator) -> list[Example]:
    """Every so many of a batch made one: how many is drawn, from one, which stays as it is, to all that may be.

    One of the batch makes way for an example in which nothing happens, so that silence and noise are learned as what
    they are. Neighbours are joined, so those of like length. A batch of an even number of examples stays one, and has
    as much to learn from as before: neither its memory nor its work grows. Of examples that have no answer together
    the batch stays as it is.
    """
    if len(examples) < FEWEST or not _may_be_joined(examples, recipe):
        return list(examples)
    every = list(examples)
    place = int(random.integers(len(every)))
    every[place] = _nothing(every[place], recipe)
    each = int(random.choice(_counts(every)))
    return [_one(every[start : start + each], recipe, random) for start in range(0, len(every), each)]


def _may_be_joined(examples: Sequence[Example], recipe: Recipe) -> bool:
    """Whether there is one answer to several, and all have the same senses, which are of time."""
    names = examples[0].arrays.keys()
    if not ANSWERS[recipe.kind].supports_concatenation(recipe.answer) or any(
        SENSES[name].pitch_s is None for name in names
    ):
        return False
    return all(example.arrays.keys() == names for example in examples)


def _counts(examples: Sequence[Example]) -> list[int]:
    """How many may become one: as many as leave an even number of examples, none of them too long."""
    longest_s = max(_cells(example) * _pitch_s(example) for example in examples)
    most = int(np.clip(LONGEST_S // longest_s, 1, MOST))
    return [1] + [each for each in range(2, most + 1) if len(examples) % (2 * each) == 0]


def _nothing(like: Example, recipe: Recipe) -> Example:
    """As long as another; what a sense has where nothing happens all along."""
    arrays = {name: _followed(name, array[:1], len(array))[1:] for name, array in like.arrays.items()}
    return Example(arrays, ANSWERS[recipe.kind].concatenate_targets([], recipe.answer))


def _one(examples: Sequence[Example], recipe: Recipe, random: np.random.Generator) -> Example:
    *earlier, last = examples
    if not earlier:
        return last
    parts = [*(_paused(example, int(random.integers(PAUSE_CELLS + 1))) for example in earlier), last]
    return Example(
        arrays={name: np.concatenate([part.arrays[name] for part in parts]) for name in last.arrays},
        target=ANSWERS[recipe.kind].concatenate_targets([part.target for part in parts], recipe.answer),
    )


def _paused(example: Example, cells: int) -> Example:
    """Followed by so many cells of nothing; all of its senses end at once."""
    duration_s = (_cells(example) + cells) * _pitch_s(example)
    arrays = {
        name: _followed(name, array, round(duration_s / SENSES[name].grid(array).pitch) - len(array))
        for name, array in example.arrays.items()
    }
    return replace(example, arrays=arrays)


def _followed(name: str, array: Array, steps: int) -> NDArray[np.generic]:
    """By so many steps in which nothing happens."""
    return np.pad(array, [(0, steps), *[(0, 0)] * (array.ndim - 1)], SENSES[name].padding or "constant")


def _cells(example: Example) -> int:
    """That the longest of its senses lasts."""
    duration_s = max(SENSES[name].grid(array).duration_s for name, array in example.arrays.items())
    return math.ceil(round(duration_s / _pitch_s(example), 6))


def _pitch_s(example: Example) -> float:
    return max(SENSES[name].pitch_s or 0.0 for name in example.arrays)

"""Concatenation augmentation: short examples become longer ones, and silence becomes an example."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.answers import ANSWERS, Concatenation
from seehear.learn.data.cache import Array, Example
from seehear.recipe import Recipe
from seehear.senses import SENSES

MOST = 4  # examples in one
FEWEST = 2  # examples in a batch, of which one may be replaced
LONGEST_S = 8.0  # of a result: longer examples are long enough sequences already
PAUSE_CELLS = 8  # longest pause between two


def concatenate(examples: Sequence[Example], recipe: Recipe, random: np.random.Generator) -> list[Example]:
    """Replace every n examples of a batch by their concatenation, for a random n that may be 1.

    A random example is replaced by one in which nothing happens, so that the network learns silence and noise as such.
    Neighbours are concatenated, which have similar lengths. A batch keeps an even number of examples and its total
    length, so it needs no more memory or time. The batch stays as it is if its kind of answer or its senses cannot be
    concatenated.
    """
    concatenation = ANSWERS[recipe.kind].concatenation
    if concatenation is None or not concatenation.supports(recipe.answer) or not _can_concatenate(examples):
        return list(examples)
    every = list(examples)
    index = int(random.integers(len(every)))
    every[index] = _blank(every[index], concatenation.targets([], recipe.answer))
    count = int(random.choice(_allowed_counts(every)))
    return [
        _concatenate_examples(every[start : start + count], recipe.answer, concatenation, random)
        for start in range(0, len(every), count)
    ]


def _can_concatenate(examples: Sequence[Example]) -> bool:
    """Whether there are enough examples, all with the same senses, each of which has a time axis."""
    if len(examples) < FEWEST:
        return False
    names = examples[0].arrays.keys()
    if any(SENSES[name].pitch_s is None for name in names):
        return False
    return all(example.arrays.keys() == names for example in examples)


def _allowed_counts(examples: Sequence[Example]) -> list[int]:
    """Each n that leaves an even number of examples, none of them too long."""
    longest_s = max(_cells(example) * _pitch_s(example) for example in examples)
    most = int(np.clip(LONGEST_S // longest_s, 1, MOST))
    return [1] + [count for count in range(2, most + 1) if len(examples) % (2 * count) == 0]


def _blank(like: Example, target: dict[str, Array]) -> Example:
    """An example as long as `like` in which nothing happens."""
    arrays = {name: _pad_end(name, array[:1], len(array))[1:] for name, array in like.arrays.items()}
    return Example(arrays, target)


def _concatenate_examples(
    examples: Sequence[Example], spec: Any, concatenation: Concatenation[Any], random: np.random.Generator
) -> Example:
    *earlier, last = examples
    if not earlier:
        return last
    parts = [*(_with_pause(example, int(random.integers(PAUSE_CELLS + 1))) for example in earlier), last]
    return Example(
        arrays={name: np.concatenate([part.arrays[name] for part in parts]) for name in last.arrays},
        target=concatenation.targets([part.target for part in parts], spec),
    )


def _with_pause(example: Example, cells: int) -> Example:
    """The example with a pause of this many cells after it. All of its senses end together."""
    duration_s = (_cells(example) + cells) * _pitch_s(example)
    arrays = {
        name: _pad_end(name, array, round(duration_s / SENSES[name].grid(array).pitch) - len(array))
        for name, array in example.arrays.items()
    }
    return replace(example, arrays=arrays)


def _pad_end(name: str, array: Array, steps: int) -> NDArray[np.generic]:
    """Pad the array at its end with this many steps in which nothing happens."""
    return np.pad(array, [(0, steps), *[(0, 0)] * (array.ndim - 1)], SENSES[name].padding or "constant")


def _cells(example: Example) -> int:
    """Length of the longest sense, in cells."""
    duration_s = max(SENSES[name].grid(array).duration_s for name, array in example.arrays.items())
    return math.ceil(round(duration_s / _pitch_s(example), 6))


def _pitch_s(example: Example) -> float:
    return max(SENSES[name].pitch_s or 0.0 for name in example.arrays)

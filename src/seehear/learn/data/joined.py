"""Labelled examples together with unlabelled ones, whose answers were predicted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.answers import ANSWERS
from seehear.learn.data.cache import Batch, DatasetCache, Example, limit_batch


class JoinedExamples:
    """The examples of two datasets of one recipe, to train on: the rows of the second follow those of the first.

    answers   by row of the second dataset; rows without one are not used
    """

    def __init__(self, labelled: DatasetCache, unlabelled: DatasetCache, answers: Mapping[int, Any]) -> None:
        recipe = labelled.recipe
        kind = ANSWERS[recipe.kind]
        self._targets = {row: kind.target(answer, recipe.answer, None) for row, answer in answers.items()}
        self._labelled, self._unlabelled = labelled, unlabelled
        self.lengths: NDArray[np.int64] = np.concatenate([labelled.lengths, unlabelled.lengths])

    def has_sense(self, sense: str) -> NDArray[np.bool_]:
        return np.concatenate([self._labelled.has_sense(sense), self._unlabelled.has_sense(sense)])

    def examples(self, rows: Sequence[int] | NDArray[np.int64]) -> list[Example]:
        return [self._example(int(row)) for row in rows]

    def collate(self, examples: Sequence[Example]) -> Batch:
        return self._labelled.collate(examples)

    def batch_limit(self, most: int) -> int:
        return limit_batch(self.lengths, most)

    def _example(self, row: int) -> Example:
        place = row - len(self._labelled)
        if place < 0:
            return self._labelled.examples([row])[0]
        return replace(self._unlabelled.examples([place])[0], target=self._targets[place])

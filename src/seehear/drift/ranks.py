"""Ranks new values among all earlier ones: uniform on (0, 1) as long as nothing changes.

These are the conformal p-values of Vovk, Gammerman and Shafer (Algorithmic Learning in a Random World, 2005). If the
usual values and the new ones are exchangeable, the ranks are independent and uniform, even with few usual values,
because each new value joins them. Against a fixed sample they would not be: its own errors would show as drift.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from random import Random

import numpy as np
from numpy.typing import NDArray

from seehear.recipe import keep_digits

Array = NDArray[np.float64]
SEED = 0  # for the ranks of equal values, which are random but the same each time


class ValueRanks:
    """Ranks numbers among the usual ones and all earlier ones."""

    def __init__(self, usual: Iterable[float]) -> None:
        self._sorted = sorted(map(keep_digits, usual))
        self._random = Random(SEED)

    def place(self, value: float) -> float:
        """The rank of a value, which then joins the others: near 0 for a low value, near 1 for a high one."""
        rounded = keep_digits(value)
        below, up_to = bisect_left(self._sorted, rounded), bisect_right(self._sorted, rounded)
        self._sorted.insert(up_to, rounded)
        among = up_to - below + 1  # equal values, including this one
        return (below + self._random.random() * among) / len(self._sorted)


class ClassRanks:
    """Ranks, for each class, whether an answer names it, among all earlier answers.

    usual   how many of the `answers` usual ones name each class
    """

    def __init__(self, usual: Mapping[str, int], answers: int) -> None:
        self._index = {name: place for place, name in enumerate(usual)}
        self._named = np.array(list(usual.values()), np.float64)
        self._answers = answers
        self._random = np.random.default_rng(SEED)

    def place(self, names: Sequence[str]) -> Array:
        """(K,), the ranks for K classes: near 0 for a class that is named."""
        there = np.zeros(len(self._named), bool)
        there[[self._index[name] for name in names if name in self._index]] = True
        self._named += there
        self._answers += 1
        chance = self._random.random(len(there))
        placed = np.where(there, chance * self._named, self._named + chance * (self._answers - self._named))
        places: Array = placed / self._answers
        return places

"""Corruptions: fixed, seeded ways to degrade an input, to measure robustness."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

SEVERITIES = (1, 2, 3, 4, 5)
MILD, STRONG = 1, 3  # STRONG is about the average of all five


@dataclass(frozen=True)
class Corruption:
    """A change of a decoded input that leaves its answer as it is.

    change  (signal, severity, random) -> a signal of the same kind; severity is one of SEVERITIES, and a higher one
            with a generator in the same state does the same, only stronger
    moves   whether things change their position, so that true boxes and masks would no longer fit
    """

    change: Callable[[Array, int, np.random.Generator], Array]
    moves: bool = False

    def __call__(self, signal: Array, severity: int, random: np.random.Generator) -> Array:
        return self.change(signal, severity, random)


def generator(seed: int, example: int, name: str) -> np.random.Generator:
    """The random generator of one corruption of one example: the same for every severity, on every machine."""
    return np.random.default_rng((seed, example, zlib.crc32(name.encode())))

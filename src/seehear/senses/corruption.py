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
MILD, STRONG = 1, 3  # STRONG is about the mean of all five severities


@dataclass(frozen=True)
class Corruption:
    """A change of a decoded input that does not change its answer.

    change  (signal, severity, random) -> a signal of the same kind; severity is one of SEVERITIES. With generators in
            the same state, a higher severity makes the same change more strongly
    moves   whether positions change, so that the true boxes and masks no longer apply
    """

    change: Callable[[Array, int, np.random.Generator], Array]
    moves: bool = False

    def __call__(self, signal: Array, severity: int, random: np.random.Generator) -> Array:
        return self.change(signal, severity, random)


def make_generator(seed: int, example: int, name: str) -> np.random.Generator:
    """The generator for one corruption of one example: the same for every severity and on every machine."""
    return np.random.default_rng((seed, example, zlib.crc32(name.encode())))

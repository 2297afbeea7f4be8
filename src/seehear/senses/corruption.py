"""Corruptions: fixed, seeded ways to degrade an input in several severities, to measure what a model withstands."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.geometry import Grid, Warp

Array = NDArray[Any]

MILD, STRONG = 1, 3  # severities; STRONG is about the mean of the first five
PERCENT = "%"


@dataclass(frozen=True)
class Corruption:
    """A change of a decoded input that does not change its answer, except for the positions in it.

    change   (signal, amount, random) -> a signal of the same kind. With generators in the same state, a larger severity
             makes the same change more strongly
    amounts  how strong the change is, by severity from 1
    unit     of the amounts; PERCENT for shares of one
    moves    whether positions change
    warp     (grid of the signal, amount) -> how positions change; None if they do not, or in a way that is no Warp
    """

    change: Callable[[Array, float, np.random.Generator], Array]
    amounts: tuple[float, ...]
    unit: str
    moves: bool = False
    warp: Callable[[Grid, float], Warp] | None = None

    @property
    def severities(self) -> range:
        return range(1, len(self.amounts) + 1)

    @property
    def followed(self) -> bool:
        """Whether the truth of an answer with positions is known after the change."""
        return not self.moves or self.warp is not None

    def __call__(self, signal: Array, severity: int, random: np.random.Generator) -> Array:
        return self.change(signal, self.amounts[severity - 1], random)

    def find_warp(self, grid: Grid, severity: int) -> Warp:
        """How positions in a signal with this grid change. Only for what is `followed`."""
        if self.warp is None:
            return Warp.identity(len(grid.shape))
        return self.warp(grid, self.amounts[severity - 1])

    def describe(self, severity: int) -> str:
        """The amount with its unit."""
        amount = self.amounts[severity - 1]
        return f"{100 * amount:g} %" if self.unit == PERCENT else f"{amount:g} {self.unit}".strip()


def make_generator(seed: int, example: int, name: str) -> np.random.Generator:
    """The generator for one corruption of one example: the same for every severity and on every machine."""
    return np.random.default_rng((seed, example, zlib.crc32(name.encode())))

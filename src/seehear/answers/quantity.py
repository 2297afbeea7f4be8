"""One number of an answer, whose changes show what the answer depends on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from seehear.amounts import format_probability

LEAST_ODDS = 1e-6  # probabilities nearer to 0 or 1 count as this near, so that log odds stay finite


@dataclass(frozen=True)
class Quantity:
    """A probability, or an amount in a unit.

    name           what a caller asks for it by: a class, a word, "box 2"
    what           what it is called in a sentence: "the probability of cat"
    measure        (the head's arrays for the example, or for it with parts hidden) -> its value
    without_input  its value as far as it is known before anything is seen or heard
    unit           of an amount; None for a probability
    """

    name: str
    what: str
    measure: Callable[[Mapping[str, NDArray[Any]]], float]
    without_input: float
    unit: str | None = None

    def stretch(self, value: float) -> float:
        """Its value on a scale on which equal steps count equally: the log odds of a probability."""
        if self.unit is not None:
            return value
        p = min(max(value, LEAST_ODDS), 1 - LEAST_ODDS)
        return math.log(p / (1 - p))

    def format(self, value: float) -> str:
        return format_probability(value) if self.unit is None else f"{value:.4g} {self.unit}".strip()

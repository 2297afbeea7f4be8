"""A measure of quality as a hundred squares: people read "88, 2, 10 of 100" more reliably than percentages."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

SQUARES = 100


@dataclass(frozen=True)
class Hundred:
    """Of a hundred new examples: how many are answered right, answered wrong, or "I don't know"."""

    right: int
    wrong: int
    unknown: int

    @classmethod
    def of(cls, coverage: float, accepted_error: float) -> Self:
        """coverage is the share that is accepted, accepted_error the share of these that is wrong; both 0 to 1."""
        wrong = coverage * accepted_error if coverage else 0.0
        return cls(*allot((coverage - wrong, wrong, 1 - coverage)))

    @property
    def squares(self) -> list[str]:
        return ["right"] * self.right + ["wrong"] * self.wrong + ["unknown"] * self.unknown

    @property
    def accepted(self) -> int:
        return self.right + self.wrong


def find_hundred(results: Mapping[str, Any]) -> Hundred | None:
    """From the results of a recipe for one set of senses; None if its answers were not measured one by one."""
    metrics = results["metrics"]
    coverage, error = (metrics.get(name) for name in ("coverage", "accepted_error"))
    if coverage is None or not math.isfinite(coverage):
        return None
    return Hundred.of(coverage, error if error is not None and math.isfinite(error) else 0.0)


def allot(shares: Sequence[float]) -> list[int]:
    """Whole numbers that add up to SQUARES, by the largest remainder. A share above 0 gets at least one.

    The shares are not negative and add up to 1.
    """
    exact = [share * SQUARES for share in shares]
    numbers = [max(math.floor(value + 1e-9), 1 if value > 1e-9 else 0) for value in exact]
    while (missing := SQUARES - sum(numbers)) != 0:
        step = 1 if missing > 0 else -1
        allowed = [i for i, number in enumerate(numbers) if step > 0 or number > 1]
        furthest = max(allowed, key=lambda i: step * (exact[i] - numbers[i]))
        numbers[furthest] += step
    return numbers

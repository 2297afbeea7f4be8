"""Tests whether the second of two models loses more than is tolerated, and whether it loses less."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from seehear.errors import UsageError
from seehear.measure.formatting import format_number
from seehear.measure.intervals import Interval

TOLERABLE, TOO_WORSE, UNDECIDED = "tolerable", "worse", "undecided"
ONE_SIDED_Z = 1.6448536269514722  # standard deviations below which 95 % of a normal distribution lie
BOTH_SIDES = 0.9  # an interval that holds this much has two one-sided bounds of 95 %
STEPS = 60  # of a bisection, more than a double has digits


@dataclass(frozen=True)
class Loss:
    """How much worse the second model is in the metric to quote, and how much of that is tolerated.

    allowed   the loss that is tolerated
    value     the loss; negative if the second model is better
    bounds    two one-sided 95 % bounds: the loss is at least the first, and at most the second; nan if unknown
    n         the examples that it was measured on
    """

    metric: str
    allowed: float
    value: float
    bounds: Interval
    n: int

    @property
    def verdict(self) -> str:
        """TOO_WORSE if the loss is shown to be above what is tolerated, TOLERABLE if it is shown not to be."""
        least, most = self.bounds
        if least > self.allowed:
            return TOO_WORSE
        return TOLERABLE if most <= self.allowed else UNDECIDED

    @property
    def needed(self) -> int | None:
        """About how many examples would show that the present loss is tolerable; None if no number would."""
        most, room = self.bounds[1], self.allowed - self.value
        if math.isnan(most) or room <= 0:
            return None
        return math.ceil(self.n * max(1.0, ((most - self.value) / room) ** 2))

    def to_json(self) -> dict[str, Any]:
        least, most = (None if math.isnan(end) else end for end in self.bounds)
        return {
            "verdict": self.verdict,
            "allowed": self.allowed,
            "loss": self.value,
            "at_least": least,
            "at_most": most,
            "examples_needed": self.needed if self.verdict == UNDECIDED else None,
        }

    def __str__(self) -> str:
        least, most = map(format_number, self.bounds)
        allowed = f"{format_number(self.allowed)} of {self.metric} may be lost"
        if self.verdict == TOO_WORSE:
            return f"worse than tolerated: {allowed}, and the loss is at least {least} (one-sided 95 % bound)"
        if self.verdict == TOLERABLE:
            return f"tolerable: {allowed}, and the loss is at most {most} (one-sided 95 % bound)"
        if math.isnan(self.bounds[0]):
            return f"undecided: {allowed}, but these examples do not show how much the loss varies"
        more = f"; about {self.needed:,} examples would show it to be tolerable" if self.needed else ""
        return f"undecided: {allowed}, and the loss is between {least} and {most}{more}"


def check_tolerance(share: float) -> None:
    """Raises UsageError for a share that is not from 0 to below 1."""
    if not 0 <= share < 1:
        raise UsageError(f"cannot tolerate {share:g}", allowed="a share from 0% to below 100%, such as 1%")


def bound_paired_shares(gained: int, lost: int, n: int) -> Interval:
    """One-sided 95 % bounds of the gain in a share of n examples, of which `gained` became hits and `lost` misses.

    Tango's score interval (1998). At a gain of 0 its test is McNemar's. It is defined for few changes and for none.
    """
    low = _bisect(gained, lost, n, ONE_SIDED_Z)
    return low, -_bisect(lost, gained, n, ONE_SIDED_Z)


def _bisect(gained: int, lost: int, n: int, z: float) -> float:
    """The gain at which the observed one is z standard deviations above."""
    low, high = -1.0, (gained - lost) / n
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if _score(gained, lost, n, middle) > z else (low, middle)
    return high


def _score(gained: int, lost: int, n: int, gain: float) -> float:
    """Standard deviations from a gain to the observed one, with the share of losses that fits the gain best."""
    linear = -gained - lost + (2 * n - gained + lost) * gain
    constant = -lost * gain * (1 - gain)
    share_lost = (math.sqrt(max(linear**2 - 8 * n * constant, 0.0)) - linear) / (4 * n)
    variance = n * (2 * share_lost + gain * (1 - gain))
    distance = gained - lost - n * gain
    return distance / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, distance)

"""Monitors the numbers in answers and the shares of classes, and raises an alarm when one has changed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean, median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seehear.drift.bets import SHARE_BETS, VALUE_BETS, Evidence, bet_on_shares, bet_on_values
from seehear.drift.ranks import ClassRanks, ValueRanks
from seehear.drift.report import CLASS, Alarm

MOVED = 0.2  # more usual values on one side of a median than on the other, as a share of all
CHANCE = 4.0  # standard deviations of a correlation that chance alone does not explain


class UsualValues(NamedTuple):
    """A number in answers: its name, the sentences for when it has become lower or higher, and its reference values."""

    name: str
    lower: str
    higher: str
    values: Sequence[float]


class FollowedValues:
    """Monitors the numbers in answers, each of which may be missing.

    most   the evidence that raises an alarm: one statistic raises one false alarm in this many values
    """

    def __init__(self, usual: Sequence[UsualValues], most: float) -> None:
        self._usual, self._log_most = usual, math.log(most)
        self._ranks, self._evidence = [ValueRanks(each.values) for each in usual], Evidence(len(usual), VALUE_BETS)
        self._seen: list[list[tuple[int, float]]] = [[] for _ in usual]  # the numbers of the answers, and their values
        self._alarmed = np.zeros(len(usual), bool)

    def add(self, number: int, values: Mapping[str, float]) -> Iterator[Alarm]:
        """Yield the alarms that the values of this answer raise, each at most once."""
        there = [place for place, usual in enumerate(self._usual) if usual.name in values]
        if not there:
            return
        given = [values[self._usual[place].name] for place in there]
        for place, value in zip(there, given, strict=True):
            self._seen[place].append((number, value))
        placed = np.array([self._ranks[place].place(value) for place, value in zip(there, given, strict=True)])
        self._evidence.add(bet_on_values(placed), there)
        raised = (self._evidence.log_statistic() >= self._log_most) & ~self._alarmed
        self._alarmed |= raised
        for place in np.flatnonzero(raised).tolist():
            yield self._describe(place, number)

    def correlate_neighbours(self) -> float:
        """The largest correlation of any statistic between the ranks of consecutive values, beyond what chance
        explains; 0 if there is none. A single change does not count as a correlation."""
        return max((self._correlate(place) for place in range(len(self._usual))), default=0.0)

    def _correlate(self, place: int) -> float:
        values = np.array([value for _, value in self._seen[place]])
        began = self._evidence.best_bet(place)[1] if self._alarmed[place] else 0
        parts = [_center_ranks(part) for part in (values[:began], values[began:])]
        squares = sum(float(part @ part) for part in parts)
        if not squares:
            return 0.0
        correlation = sum(float(part[1:] @ part[:-1]) for part in parts) / squares
        return correlation if correlation > CHANCE / math.sqrt(len(values)) else 0.0

    def _describe(self, place: int, number: int) -> Alarm:
        usual, seen = self._usual[place], self._seen[place]
        bet, began = self._evidence.best_bet(place)
        now = median(value for _, value in seen[began:])
        what = usual.lower if bet < VALUE_BETS // 2 else usual.higher
        return Alarm(
            statistic=usual.name,
            what=what if _is_moved(usual.values, now) else f"in some cases, {what}",
            usual=median(usual.values),
            now=now,
            since=seen[began][0],
            found=number,
        )


def _is_moved(usual: Sequence[float], now: float) -> bool:
    """Whether a median is so far from the usual one that more than a few values have changed."""
    below, above = sum(each < now for each in usual), sum(each > now for each in usual)
    return abs(below - above) > MOVED * len(usual)


def _center_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) -> (n,): ranks, the same for equal values, less their mean."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (counts.cumsum() - (counts + len(values)) / 2)[which]
    return ranks


class FollowedClasses:
    """Monitors which classes the answers name.

    usual   how many of the `answers` to reference examples name each class
    most    the evidence that raises the alarm, for all classes together
    """

    def __init__(self, usual: Mapping[str, int], answers: int, most: float) -> None:
        self._usual = {name: count / answers for name, count in usual.items()}
        self._log_most = math.log(most * len(usual))
        self._ranks, self._evidence = ClassRanks(usual, answers), Evidence(len(usual), SHARE_BETS)
        self._numbers: list[int] = []
        self._named: list[Sequence[str]] = []
        self._alarmed = np.zeros(len(usual), bool)

    def add(self, number: int, names: Sequence[str]) -> Iterator[Alarm]:
        """Yield the alarms of classes whose share has changed, each at most once."""
        self._numbers.append(number)
        self._named.append(names)
        self._evidence.add(bet_on_shares(self._ranks.place(names)))
        raised = (self._evidence.log_statistic() >= self._log_most) & ~self._alarmed
        self._alarmed |= raised
        for place in np.flatnonzero(raised).tolist():
            yield self._describe(place, number)

    def _describe(self, place: int, number: int) -> Alarm:
        name, usual = list(self._usual.items())[place]
        _, began = self._evidence.best_bet(place)
        now = fmean(name in names for names in self._named[began:])
        what = f"{'more' if now > usual else 'fewer'} answers are '{name}'"
        return Alarm(f"{CLASS}{name}", what, usual, now, self._numbers[began], number)

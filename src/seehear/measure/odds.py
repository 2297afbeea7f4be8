"""True and false positive rates by class and group: equalised odds asks that they are the same for all groups."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seehear.answers import AnyKind
from seehear.measure.formatting import format_interval, format_percent
from seehear.measure.intervals import Interval
from seehear.measure.scored_answers import ScoredAnswers, Share

Array = NDArray[Any]
MAX_CLASSES = 20  # whose rates are listed
MIN_TRIALS = 5  # examples of a class in a group, below which its rate is not compared
RECOGNISED, FALSELY_FOUND = "recognised", "falsely found"


class Rate(NamedTuple):
    """A share of `trials`: examples, objects or pixels; nan without any."""

    value: float
    interval: Interval
    trials: int

    @classmethod
    def of(cls, share: Share) -> Rate:
        return cls(share.value, share.interval, int(share.trials.sum()))

    def to_json(self) -> dict[str, Any]:
        low, high = (None if math.isnan(end) else end for end in self.interval)
        return {"value": None if math.isnan(self.value) else self.value, "interval": [low, high], "n": self.trials}

    def __str__(self) -> str:
        return f"{format_percent(self.value)} ({format_interval(self.interval, percent=True)})"


@dataclass(frozen=True)
class Gap:
    """The largest difference between two groups in one rate, over all classes."""

    rate: str
    name: str
    high: tuple[str, Rate]
    low: tuple[str, Rate]

    @property
    def value(self) -> float:
        return self.high[1].value - self.low[1].value

    def to_json(self) -> dict[str, Any]:
        return {"class": self.name, "gap": self.value, "high": self.high[0], "low": self.low[0]}

    def __str__(self) -> str:
        (more, high), (less, low) = self.high, self.low
        return f"'{self.name}' is {self.rate} in {high} of {more} and {low} of {less}"


@dataclass(frozen=True)
class Odds:
    """By group and class: the share of its examples that are recognised, and of other examples taken for it."""

    recognised: Mapping[str, Mapping[str, Rate]]
    falsely_found: Mapping[str, Mapping[str, Rate]]

    def gaps(self) -> Iterator[Gap]:
        """The largest gap of each rate that is known for two groups."""
        for rate, by_group in ((RECOGNISED, self.recognised), (FALSELY_FOUND, self.falsely_found)):
            found = [gap for name in next(iter(by_group.values()), ()) if (gap := _find_gap(rate, name, by_group))]
            yield from sorted(found, key=lambda gap: -gap.value)[:1]

    def to_json(self, group: str) -> dict[str, dict[str, Any]]:
        return {
            name: {"true_positive": rate.to_json(), "false_positive": self.falsely_found[group][name].to_json()}
            for name, rate in self.recognised.get(group, {}).items()
        }


NO_RATES = Odds({}, {})


def measure_odds(kind: AnyKind, spec: Any, groups: Mapping[str, ScoredAnswers]) -> Odds:
    """The rates of each group; empty for answers without classes, and for more than MAX_CLASSES of them."""
    if kind.rates is None or len(kind.rates.names(spec)) > MAX_CLASSES:
        return NO_RATES
    names = kind.rates.names(spec)
    recognised, falsely_found = {}, {}
    for group, scored in groups.items():
        counts = kind.rates.count(scored.compared, spec)
        recognised[group] = _measure(names, counts.hits, counts.positives, scored.cluster)
        falsely_found[group] = _measure(names, counts.false_alarms, counts.negatives, scored.cluster)
    return Odds(recognised, falsely_found)


def _measure(names: Sequence[str], hits: Array, trials: Array, cluster: Array) -> dict[str, Rate]:
    columns = zip(names, hits.T.astype(np.int64), trials.T.astype(np.int64), strict=True)
    return {name: Rate.of(Share(hit, trial, cluster)) for name, hit, trial in columns}


def _find_gap(rate: str, name: str, by_group: Mapping[str, Mapping[str, Rate]]) -> Gap | None:
    known = [(group, rates[name]) for group, rates in by_group.items() if rates[name].trials >= MIN_TRIALS]
    if len(known) < 2:
        return None
    high, low = (choose(known, key=lambda each: each[1].value) for choose in (max, min))
    return Gap(rate, name, high, low)

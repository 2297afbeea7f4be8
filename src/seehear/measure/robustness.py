"""Robustness: metrics of the same examples without and under realistic corruptions."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from seehear.answers.kind import Headline
from seehear.measure.formatting import align_columns, format_number, format_percent
from seehear.measure.groups import Group
from seehear.measure.scored_answers import SHARES

SEVERITIES = ("mild", "strong")
UNCORRUPTED = "uncorrupted"


class Severities(NamedTuple):
    """Metrics under one corruption, mild and strong."""

    mild: Group
    strong: Group


@dataclass(frozen=True)
class Robustness:
    """Metrics of some examples uncorrupted (`clean`) and under each corruption, the most harmful first."""

    headline: Headline
    clean: Group
    corruptions: dict[str, Severities]

    @classmethod
    def of(cls, headline: Headline, clean: Group, corruptions: Mapping[str, Severities]) -> Robustness:
        def badness(name: str) -> float:
            value = corruptions[name].strong.metrics.get(headline.metric, math.nan)
            return -math.inf if math.isnan(value) else -value if headline.higher_is_better else value

        worst_first = sorted(corruptions, key=badness, reverse=True)
        return cls(headline, clean, {name: corruptions[name] for name in worst_first})

    def mean(self, metric: str) -> tuple[float, float]:
        """(mild, strong): the mean of a metric over all corruptions under which it is defined."""
        mild, strong = (
            [severities[i].metrics.get(metric, math.nan) for severities in self.corruptions.values()] for i in (0, 1)
        )
        return _mean(mild), _mean(strong)

    def retained(self, metric: str) -> float:
        """The mean of a metric over all corruptions and both severities, divided by its clean value."""
        return _mean(self.mean(metric)) / self.clean.metrics[metric] if self.clean.metrics[metric] else math.nan

    def select(self, names: Collection[str]) -> Robustness:
        """The same with only the named corruptions."""
        return replace(self, corruptions={name: own for name, own in self.corruptions.items() if name in names})

    def to_json(self) -> dict[str, Any]:
        names = list(self.clean.metrics)
        mean = {name: [None if math.isnan(value) else value for value in self.mean(name)] for name in names}
        return {
            "clean": self.clean.to_json(),
            "mean": {severity: {name: mean[name][i] for name in names} for i, severity in enumerate(SEVERITIES)},
            "corruptions": {
                name: {severity: group.to_json() for severity, group in zip(SEVERITIES, groups, strict=True)}
                for name, groups in self.corruptions.items()
            },
        }

    @property
    def header(self) -> tuple[str, ...]:
        return "", self.headline.metric, "wrong", "accepted", "wrong if accepted"

    def rows(self) -> list[tuple[str, ...]]:
        """Table rows below `header`: uncorrupted, under each corruption, and their mean."""
        names = self.headline.metric, *SHARES
        clean = (UNCORRUPTED, *(_format(name, [self.clean.metrics[name]]) for name in names))
        corrupted = [
            (corruption, *(_format(name, [group.metrics.get(name, math.nan) for group in groups]) for name in names))
            for corruption, groups in self.corruptions.items()
        ]
        return [clean, *corrupted, (f"mean of {len(corrupted)}", *(_format(name, self.mean(name)) for name in names))]

    def __str__(self) -> str:
        heading = f"{self.clean.n:,} examples under corruptions, mild → strong, the most harmful first"
        return "\n".join([heading, *align_columns([self.header, *self.rows()])])


def _format(name: str, values: Sequence[float]) -> str:
    """One value, or two: mild → strong."""
    return " → ".join(map(format_percent if name in SHARES else format_number, values))


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan

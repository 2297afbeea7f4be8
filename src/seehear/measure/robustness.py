"""Robustness: the figures of some examples as they are, and under realistic corruptions."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from seehear.answers.headline import Headline
from seehear.measure.formatting import format_per_100, short
from seehear.measure.groups import Group
from seehear.measure.html import table
from seehear.measure.scored_answers import SHARES

LEVELS = ("mild", "strong")
AS_THEY_ARE = "as they are"
HOW = (
    "Each figure is given twice: under a mild and under a strong corruption. What costs much here is likely to cost "
    "much where lamps, lenses, rooms or microphones differ from those it learned from."
)


class Levels(NamedTuple):
    """The figures under one corruption, mild and strong."""

    mild: Group
    strong: Group


@dataclass(frozen=True)
class Robustness:
    """Figures of some examples as they are (`clean`) and under each corruption, the most harmful first."""

    headline: Headline
    clean: Group
    corruptions: dict[str, Levels]

    @classmethod
    def of(cls, headline: Headline, clean: Group, corruptions: Mapping[str, Levels]) -> Robustness:
        def badness(name: str) -> float:
            value = corruptions[name].strong.metrics.get(headline.metric, math.nan)
            return -math.inf if math.isnan(value) else -value if headline.higher_is_better else value

        return cls(
            headline, clean, {name: corruptions[name] for name in sorted(corruptions, key=badness, reverse=True)}
        )

    def mean(self, metric: str) -> tuple[float, float]:
        """(mild, strong): a metric's mean over all corruptions, without those for which it is not defined."""
        mild, strong = (
            [levels[i].metrics.get(metric, math.nan) for levels in self.corruptions.values()] for i in (0, 1)
        )
        return _mean(mild), _mean(strong)

    def retained(self, metric: str) -> float:
        """The mean of a metric over all corruptions and both levels, divided by its clean value."""
        return _mean(self.mean(metric)) / self.clean.metrics[metric] if self.clean.metrics[metric] else math.nan

    def select(self, names: Collection[str]) -> Robustness:
        """The same with only some of the corruptions."""
        return replace(self, corruptions={name: own for name, own in self.corruptions.items() if name in names})

    def to_json(self) -> dict[str, Any]:
        names = list(self.clean.metrics)
        mean = {name: [None if math.isnan(value) else value for value in self.mean(name)] for name in names}
        return {
            "clean": self.clean.to_json(),
            "mean": {level: {name: mean[name][i] for name in names} for i, level in enumerate(LEVELS)},
            "corruptions": {
                name: {level: group.to_json() for level, group in zip(LEVELS, levels, strict=True)}
                for name, levels in self.corruptions.items()
            },
        }

    def rows(self) -> list[tuple[str, ...]]:
        """The rows of a table headed `head`: clean, under each corruption, and the mean of all."""
        names = self.headline.metric, *SHARES
        clean = (AS_THEY_ARE, *(_words(name, [self.clean.metrics[name]]) for name in names))
        under = [
            (corruption, *(_words(name, [group.metrics.get(name, math.nan) for group in levels]) for name in names))
            for corruption, levels in self.corruptions.items()
        ]
        return [clean, *under, (f"mean of {len(under)}", *(_words(name, self.mean(name)) for name in names))]

    @property
    def head(self) -> tuple[str, ...]:
        return "", self.headline.metric, "wrong of 100", "accepted", "of those wrong"

    def __str__(self) -> str:
        rows = [self.head, *self.rows()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        heading = f"corruptions of {self.clean.n:,} examples, mild → strong, the worst first"
        return "\n".join([heading, *(f"  {line}" for line in lines)])


def robustness_section(robustness: Robustness, picture: str) -> str:
    """The section of the report, as HTML; `picture` is HTML, too."""
    return f"<p>{HOW}</p>{picture}{table(robustness.head, robustness.rows())}"


def _words(name: str, values: Sequence[float]) -> str:
    """One figure, or two: mild → strong."""
    return " → ".join(map(format_per_100 if name in SHARES else short, values))


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan

"""Whom it serves worse: the same figures for each group of examples that metadata tells apart.

Which differences are told, and why those, is in docs/decisions/009-groups.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Any

from seehear.answers import AnswerKind
from seehear.measure.binning import group_rows
from seehear.measure.formatting import format_per_100, reach, short, truncate
from seehear.measure.intervals import Interval, Z
from seehear.measure.scored_answers import SHARES, ScoredAnswers, figures, plain

FEWEST = 5  # examples of which anything is told
FEWEST_DRAWN = 20  # examples from which resampling shows how far a metric varies
FEW_GROUPS = 5  # among more, resampled intervals of small ones are too narrow to be compared
MOST = 20  # groups that are all told
EXTREMES = 3  # the worst, and the best, of more than MOST groups
NAMED = 8  # of those too small to tell
UNKNOWN = math.nan, math.nan

APART = {
    "wrong": "{more} is answered wrongly more often, {high} of 100, than {less}, {low}",
    "accepted_error": "of what it accepts, {more} is wrong more often, {high} of 100, than {less}, {low}",
    "coverage": "for {less} it accepts fewer, {low} of 100, than for {more}, {high}",
}
HEADLINE_APART = "{name} is higher for {more}, {high}, than for {less}, {low}"


@dataclass(frozen=True)
class Group:
    """`n` examples, and the headline and SHARES of their answers; all nan of fewer than FEWEST."""

    n: int
    metrics: dict[str, float]
    intervals: dict[str, Interval]

    def words(self, name: str) -> tuple[str, str]:
        """A figure and its interval as people read them, of a hundred where it is a share; a dash alone where it is not
        known."""
        if math.isnan(self.metrics[name]):
            return "–", ""
        words = format_per_100 if name in SHARES else short
        return words(self.metrics[name]), reach(self.intervals[name], words)

    def quoted(self, name: str) -> str:
        figure, interval = self.words(name)
        return f"{figure} ({interval})" if interval else figure

    def reach(self, name: str, stretch: float) -> Interval:
        """The interval of a figure, so many times as wide."""
        value, (low, high) = self.metrics[name], self.intervals[name]
        return value - stretch * (value - low), value + stretch * (high - value)

    def to_json(self) -> dict[str, Any]:
        return {"n": self.n, **plain(self.metrics, self.intervals)}


@dataclass(frozen=True)
class Grouping:
    """The groups of one metadata column by their values, the worst headline first, those too small to tell last.

    Of more than MOST, such as speakers, only the worst and the best EXTREMES are here; `measured` says of how many.
    """

    column: str
    headline: str
    measured: int
    groups: dict[str, Group]

    @property
    def extremes(self) -> bool:
        return self.measured > MOST

    def differences(self) -> Iterator[str]:
        """A sentence for each figure in which two groups lie further apart than chance explains."""
        names = (*SHARES, self.headline) if self.measured <= FEW_GROUPS else SHARES
        apart = {name: pair for name in names if (pair := self._apart(name))}
        if "wrong" in apart:  # then the headline would say the same again
            apart.pop(self.headline, None)
        for name, (more, less) in apart.items():
            high, low = self.groups[more].quoted(name), self.groups[less].quoted(name)
            yield APART.get(name, HEADLINE_APART).format(name=name, more=more, less=less, high=high, low=low)

    def _apart(self, name: str) -> tuple[str, str] | None:
        """The two groups furthest apart, the higher first; None where all intervals, stretched for many, overlap."""
        known = {value: group for value, group in self.groups.items() if not math.isnan(group.intervals[name][0])}
        if not known:
            return None
        low, high = ({value: group.reach(name, self._stretch)[i] for value, group in known.items()} for i in (0, 1))
        more, less = max(low, key=lambda value: low[value]), min(high, key=lambda value: high[value])
        return (more, less) if low[more] > high[less] else None

    @cached_property
    def _stretch(self) -> float:
        """How much wider intervals must be for any two of so many groups to lie apart by chance 1 time in 20 at most.

        Bonferroni's bound for all pairs (Dunn 1961). 1 for up to 4 groups: where two estimates deviate alike, 95 %
        intervals that do not overlap are already a difference of 2.8 of its own deviations.
        """
        pairs = self.measured * (self.measured - 1) / 2
        needed = NormalDist().inv_cdf(1 - 0.05 / 2 / max(pairs, 1)) / math.sqrt(2)
        return max(1.0, needed / Z)

    def to_json(self) -> dict[str, dict[str, Any]]:
        return {value: group.to_json() for value, group in self.groups.items()}

    def heading(self) -> str:
        if not self.extremes:
            return f"by {self.column}, the worst first"
        told = f"{self.measured:,} with {FEWEST} examples or more"
        return f"by {self.column}: of {told} the {EXTREMES} worst and the {EXTREMES} best"

    def told(self) -> dict[str, Group]:
        return {value: group for value, group in self.groups.items() if group.n >= FEWEST}

    def few(self) -> str:
        """The groups too small to tell, with their sizes."""
        sizes = [f"{value} ({group.n})" for value, group in self.groups.items() if group.n < FEWEST]
        more = [f"and {len(sizes) - NAMED:,} more"] if len(sizes) > NAMED else []
        return ", ".join([*sizes[:NAMED], *more])

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [("", "n", self.headline, "wrong of 100", "accepted", "of those wrong")]
        for value, group in self.told().items():
            figures = (group.quoted(name) for name in (self.headline, *SHARES))
            rows.append((truncate(value), f"{group.n:,}", *figures))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        lines += [f"too few to tell: {few}"] if (few := self.few()) else []
        lines += [f"more than chance explains: {sentence}" for sentence in self.differences()]
        return "\n".join([self.heading(), *(f"  {line}" for line in lines)])


def by_group(
    kind: AnswerKind, spec: Any, judged: ScoredAnswers, metadata: Mapping[str, Sequence[str]], *, resamples: int
) -> dict[str, Grouping]:
    """The groups of each column of metadata, which has a cell for every example that was asked.

    A column most of whose examples lie in groups too small to tell is left out, as is one without two groups.
    """
    groupings = {}
    for column, cells in metadata.items():
        places = group_rows(column, [cells[row] for row in judged.row])
        told = sum(len(where) for where in places.values() if len(where) >= FEWEST)
        if len(places) > 1 and 2 * told >= sum(map(len, places.values())):
            groups = {value: judged.take(where) for value, where in places.items()}
            groupings[column] = _grouping(column, groups, kind, spec, resamples=resamples)
    return groupings


def _grouping(
    column: str, groups: Mapping[str, ScoredAnswers], kind: AnswerKind, spec: Any, *, resamples: int
) -> Grouping:
    headline = kind.headline(spec)

    def badness(value: str) -> tuple[bool, float]:
        quoted = kind.metrics(groups[value].compared, spec)[headline.metric]
        return not math.isnan(quoted), -quoted if headline.higher_is_better else quoted

    told = [value for value, judged in groups.items() if len(judged) >= FEWEST]
    worst_first = sorted(told, key=badness, reverse=True)
    if len(told) > MOST:
        shown = worst_first[:EXTREMES] + worst_first[-EXTREMES:]
    else:
        shown = worst_first + sorted(groups.keys() - told)
    measured = {value: _measured(groups[value], kind, spec, resamples) for value in shown}
    return Grouping(column, headline.metric, len(told), measured)


def _measured(judged: ScoredAnswers, kind: AnswerKind, spec: Any, resamples: int) -> Group:
    headline = kind.headline(spec).metric
    names = headline, *SHARES
    if len(judged) < FEWEST:
        return Group(len(judged), dict.fromkeys(names, math.nan), dict.fromkeys(names, UNKNOWN))
    metrics, intervals = figures(judged, kind, spec, resamples=resamples if len(judged) >= FEWEST_DRAWN else 0)
    return Group(
        len(judged), {name: metrics[name] for name in names}, {name: intervals.get(name, UNKNOWN) for name in names}
    )

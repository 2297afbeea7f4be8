"""Metrics by group: are results worse for some speakers, sites or sexes than for others?

docs/decisions/009-groups.md says which differences are reported, and why.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import NormalDist
from typing import Any

from numpy.typing import NDArray

from seehear.answers import AnyKind
from seehear.measure.binning import group_rows
from seehear.measure.clusters import find_people
from seehear.measure.formatting import align_columns, format_interval, format_number, format_percent, truncate
from seehear.measure.intervals import Interval, Z
from seehear.measure.odds import NO_RATES, Odds, measure_odds
from seehear.measure.scored_answers import SHARES, ScoredAnswers, compute_metrics, metrics_to_json
from seehear.measure.worse_groups import DEFICIT, MIN_EXAMPLES, Compared, compare_groups, count_needed

Array = NDArray[Any]
MIN_RESAMPLED = 20  # examples; the bootstrap says little about smaller groups
MAX_COMPARED = 5  # groups whose headlines are compared: with more, bootstrap intervals of small groups are too narrow
MAX_LISTED = 20  # groups that are listed in full
EXTREMES = 3  # of more groups than that: how many of the worst, and of the best, are listed
MAX_SMALL_NAMED = 8
UNKNOWN = math.nan, math.nan

WORSE = "more answers are wrong for {name}, {wrong}, than for the others, {others}: p = {p_value}"
DIFFERENCES = {
    "accepted_error": "more accepted answers are wrong for {more}, {high}, than for {less}, {low}",
    "coverage": "fewer answers are accepted for {less}, {low}, than for {more}, {high}",
}
HEADLINE_DIFFERENCE = "{name} is higher for {more}, {high}, than for {less}, {low}"


@dataclass(frozen=True)
class Group:
    """The headline metric and SHARES of `n` examples; all nan below MIN_EXAMPLES."""

    n: int
    metrics: dict[str, float]
    intervals: dict[str, Interval]

    def format(self, name: str) -> tuple[str, str]:
        """A metric and its interval as text; a dash and no interval if it is not known."""
        if math.isnan(self.metrics[name]):
            return "–", ""
        percent = name in SHARES
        value = (format_percent if percent else format_number)(self.metrics[name])
        return value, format_interval(self.intervals[name], percent=percent)

    def quote(self, name: str) -> str:
        value, interval = self.format(name)
        return f"{value} ({interval})" if interval else value

    def widen(self, name: str, factor: float) -> Interval:
        """The interval of a metric, made wider by a factor."""
        value, (low, high) = self.metrics[name], self.intervals[name]
        return value - factor * (value - low), value + factor * (high - value)

    def to_json(self) -> dict[str, Any]:
        return {"n": self.n, **metrics_to_json(self.metrics, self.intervals)}


@dataclass(frozen=True)
class Grouping:
    """The groups of one metadata column by value: the worst headline first, groups below MIN_EXAMPLES last.

    If more than MAX_LISTED groups were measured (`measured`), only the EXTREMES worst and best are here.

    compared   large enough groups with all other examples; p-values are adjusted for all groups of all columns
    odds       the true and false positive rates of the groups that are here
    """

    column: str
    headline: str
    measured: int
    groups: dict[str, Group]
    compared: Mapping[str, Compared] = field(default_factory=dict)
    odds: Odds = NO_RATES

    @property
    def worst(self) -> tuple[str, Group] | None:
        """The group with the worst headline; None if no group is large enough."""
        return next(iter(self.listed().items()), None)

    @property
    def only_extremes(self) -> bool:
        return self.measured > MAX_LISTED

    def differences(self) -> Iterator[str]:
        """A sentence for each group that is worse than the others, and for each metric in which two groups differ."""
        worse = {name: each for name, each in self.compared.items() if each.worse}
        for name, each in sorted(worse.items(), key=lambda pair: pair[1].p_value):
            wrong, others = format_percent(each.wrong), format_percent(each.others)
            yield WORSE.format(name=name, wrong=wrong, others=others, p_value=f"{each.p_value:.2g}")
        names = (*DIFFERENCES, self.headline) if self.measured <= MAX_COMPARED else DIFFERENCES
        found = {name: pair for name in names if (pair := self._find_difference(name))}
        if worse:  # the headline would repeat it
            found.pop(self.headline, None)
        for name, (more, less) in found.items():
            high, low = self.groups[more].quote(name), self.groups[less].quote(name)
            template = DIFFERENCES.get(name, HEADLINE_DIFFERENCE)
            yield template.format(name=name, more=more, less=less, high=high, low=low)

    def _find_difference(self, name: str) -> tuple[str, str] | None:
        """The two groups furthest apart, the higher one first; None if all corrected intervals overlap."""
        known = {value: group for value, group in self.groups.items() if not math.isnan(group.intervals[name][0])}
        if not known:
            return None
        low, high = ({value: group.widen(name, self._correction)[i] for value, group in known.items()} for i in (0, 1))
        more, less = max(low, key=lambda value: low[value]), min(high, key=lambda value: high[value])
        return (more, less) if low[more] > high[less] else None

    @cached_property
    def _correction(self) -> float:
        """The factor by which intervals must widen so that chance separates any two groups at most 1 time in 20.

        Bonferroni's bound over all pairs (Dunn 1961). It is 1 for up to 4 groups: if two estimates have the same
        standard error, 95 % intervals that do not overlap already mean a difference of 2.8 standard errors.
        """
        pairs = self.measured * (self.measured - 1) / 2
        needed = NormalDist().inv_cdf(1 - 0.05 / 2 / max(pairs, 1)) / math.sqrt(2)
        return max(1.0, needed / Z)

    def needed(self) -> int:
        """About how many examples a group needs to show that DEFICIT more of its answers are wrong."""
        if not self.compared:
            return 0
        groups = len(self.compared)
        wrong = sum(each.others for each in self.compared.values()) / groups
        return count_needed(wrong, groups, sum(each.n for each in self.compared.values()) * (groups - 1) // groups)

    def small(self) -> str:
        """The groups that are compared but too small to find DEFICIT, with their sizes; "" if there are none."""
        needed = self.needed()
        return _list_sizes({name: group.n for name, group in self.listed().items() if group.n < needed})

    def to_json(self) -> dict[str, dict[str, Any]]:
        return {
            value: group.to_json()
            | {"others": self.compared[value].to_json() if value in self.compared else None}
            | {"small": group.n < MIN_EXAMPLES or group.n < self.needed(), "rates": self.odds.to_json(value)}
            for value, group in self.groups.items()
        }

    def worst_to_json(self) -> dict[str, Any] | None:
        """The worst group by its headline, and the largest gaps between groups in recognising a class."""
        if self.worst is None:
            return None
        name, group = self.worst
        measured = group.to_json()
        return {
            "group": name,
            "metric": self.headline,
            "value": measured["metrics"][self.headline],
            "interval": measured["intervals"][self.headline],
            "gaps": {gap.rate: gap.to_json() for gap in self.odds.gaps()},
        }

    def heading(self) -> str:
        if not self.only_extremes:
            return f"by {self.column}, the worst first"
        measured = f"{self.measured:,} groups of {MIN_EXAMPLES} or more examples"
        return f"by {self.column}: the {EXTREMES} worst and the {EXTREMES} best of {measured}"

    def listed(self) -> dict[str, Group]:
        return {value: group for value, group in self.groups.items() if group.n >= MIN_EXAMPLES}

    def too_small(self) -> str:
        """The groups below MIN_EXAMPLES with their sizes; "" if there are none."""
        return _list_sizes({value: group.n for value, group in self.groups.items() if group.n < MIN_EXAMPLES})

    def notes(self) -> Iterator[str]:
        """Sentences on the worst group, the gaps in recognising a class, and groups that are too small."""
        if self.worst and self.measured > 1:
            name, group = self.worst
            yield f"worst group: {name}, {self.headline} {group.quote(self.headline)}"
        yield from (f"largest gap, class {gap}" for gap in self.odds.gaps())
        if small := self.small():
            yield (
                f"small: below about {self.needed():,} examples, {100 * DEFICIT:g} points more wrong answers are often "
                f"not found: {small}"
            )
        if self.too_small():
            yield f"too few examples: {self.too_small()}"

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [("", "n", self.headline, "wrong", "accepted", "wrong if accepted")]
        for value, group in self.listed().items():
            rows.append((truncate(value), f"{group.n:,}", *map(group.quote, (self.headline, *SHARES))))
        lines = [self.heading(), *align_columns(rows)]
        lines += [f"  {note}" for note in self.notes()]
        lines += [f"  significant difference: {sentence}" for sentence in self.differences()]
        return "\n".join(lines)


def measure_groups(
    kind: AnyKind, spec: Any, scored: ScoredAnswers, metadata: Mapping[str, Sequence[str]], *, resamples: int
) -> dict[str, Grouping]:
    """The groups of each metadata column; columns have a cell for every example, answered or not.

    Columns with a single group are left out, and columns most of whose examples are in groups below MIN_EXAMPLES.
    """
    known = {column: [cells[row] for row in scored.row] for column, cells in metadata.items()}
    found = {column: rows for column in known if (rows := _find_groups(column, known[column]))}
    compared = {
        column: compare_groups(~scored.right, rows, find_people(scored.cluster, known, column))
        for column, rows in found.items()
    }
    tests = sum(map(bool, compared.values()))
    return {
        column: _measure_grouping(
            column,
            {value: scored.take(group) for value, group in rows.items()},
            {name: each.adjust(tests) for name, each in compared[column].items()},
            kind,
            spec,
            resamples=resamples,
        )
        for column, rows in found.items()
    }


def _find_groups(column: str, cells: Sequence[str]) -> dict[str, Array]:
    """The rows of each group; {} for a single group, and if most examples are in groups below MIN_EXAMPLES."""
    rows = group_rows(column, cells)
    in_large_groups = sum(len(group) for group in rows.values() if len(group) >= MIN_EXAMPLES)
    return rows if len(rows) > 1 and 2 * in_large_groups >= sum(map(len, rows.values())) else {}


def _list_sizes(sizes: Mapping[str, int]) -> str:
    named = [f"{value} ({n:,})" for value, n in sizes.items()]
    more = [f"and {len(named) - MAX_SMALL_NAMED:,} more"] if len(named) > MAX_SMALL_NAMED else []
    return ", ".join([*named[:MAX_SMALL_NAMED], *more])


def _measure_grouping(
    column: str,
    groups: Mapping[str, ScoredAnswers],
    compared: Mapping[str, Compared],
    kind: AnyKind,
    spec: Any,
    *,
    resamples: int,
) -> Grouping:
    headline = kind.headline(spec)

    def badness(value: str) -> tuple[bool, float]:
        metric = kind.metrics(groups[value].compared, spec)[headline.metric]
        return not math.isnan(metric), -metric if headline.higher_is_better else metric

    large = [value for value, scored in groups.items() if len(scored) >= MIN_EXAMPLES]
    worst_first = sorted(large, key=badness, reverse=True)
    if len(large) > MAX_LISTED:
        listed = worst_first[:EXTREMES] + worst_first[-EXTREMES:]
    else:
        listed = worst_first + sorted(groups.keys() - large)
    measured = {value: _measure_group(groups[value], kind, spec, resamples) for value in listed}
    odds = measure_odds(kind, spec, {value: groups[value] for value in listed if value in large})
    return Grouping(column, headline.metric, len(large), measured, compared, odds)


def _measure_group(scored: ScoredAnswers, kind: AnyKind, spec: Any, resamples: int) -> Group:
    names = kind.headline(spec).metric, *SHARES
    if len(scored) < MIN_EXAMPLES:
        return Group(len(scored), dict.fromkeys(names, math.nan), dict.fromkeys(names, UNKNOWN))
    measured = compute_metrics(scored, kind, spec, resamples=resamples if len(scored) >= MIN_RESAMPLED else 0)
    return Group(
        len(scored),
        {name: measured.values[name] for name in names},
        {name: measured.intervals.get(name, UNKNOWN) for name in names},
    )

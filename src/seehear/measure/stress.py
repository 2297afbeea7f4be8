"""Results of a stress test: metrics of examples as they are, under corruptions, and without a sense."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from seehear.answers.kind import Headline
from seehear.measure.formatting import align_columns, format_number, format_percent
from seehear.measure.groups import Group
from seehear.measure.scored_answers import SHARES
from seehear.senses.corruption import MILD, STRONG

FALSE_ACCEPTANCE = "false_acceptance"  # metric: the share of wrong items that are accepted
QUOTED = (*SHARES, FALSE_ACCEPTANCE)
UNCORRUPTED = "uncorrupted"
KEPT = 0.9  # a model withstands a corruption as long as it keeps this share of its headline metric
SUMMED_UP = 3  # corruptions in the plain summary, the most harmful ones


class Level(NamedTuple):
    """The metrics under one amount of a corruption, and the amount with its unit."""

    amount: str
    group: Group


@dataclass(frozen=True)
class Curve:
    """The metrics under one corruption, from its mildest to its strongest amount."""

    levels: tuple[Level, ...]

    @property
    def mild(self) -> Group:
        return self.levels[MILD - 1].group

    @property
    def strong(self) -> Group:
        return self.levels[STRONG - 1].group

    @property
    def strongest(self) -> Group:
        return self.levels[-1].group

    @property
    def quoted(self) -> tuple[Group, ...]:
        """The groups that stand for the curve in a table: mild, strong and strongest."""
        return self.mild, self.strong, self.strongest

    def values(self, metric: str) -> list[float]:
        return [level.group.metrics.get(metric, math.nan) for level in self.levels]

    def to_json(self) -> list[dict[str, Any]]:
        return [{"amount": amount, **group.to_json()} for amount, group in self.levels]


@dataclass(frozen=True)
class Unfamiliar:
    """Inputs for which the right answer is "I don't know".

    auroc     by sense, of the unfamiliarity score: these inputs against the uncorrupted examples
    accepted  the share of the inputs whose answers were accepted anyway
    """

    name: str
    inputs: int
    accepted: float
    auroc: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "inputs": self.inputs, "accepted": self.accepted, "auroc": dict(self.auroc)}

    def __str__(self) -> str:
        values = " and ".join(f"{value:.3f} by {sense}" for sense, value in self.auroc.items())
        auroc = f"; distinguished from the examples with an AUROC of {values}" if values else ""
        return f"{self.name}: {format_percent(self.accepted)} of {self.inputs:,} inputs are accepted{auroc}"


@dataclass(frozen=True)
class Stress:
    """Metrics of some examples uncorrupted (`clean`) and under each corruption, the most harmful first.

    without     the metrics without one of the senses, by its name; {} for a model of one sense
    unfamiliar  what the model does with inputs that are unlike its training data
    unfollowed  corruptions that were left out, because the new positions of answers would not be known
    """

    headline: Headline
    clean: Group
    curves: dict[str, Curve]
    without: dict[str, Group] = field(default_factory=dict)
    unfamiliar: tuple[Unfamiliar, ...] = ()
    unfollowed: tuple[str, ...] = ()

    @classmethod
    def of(cls, headline: Headline, clean: Group, curves: Mapping[str, Curve], **rest: Any) -> Stress:
        def badness(name: str) -> float:
            value = curves[name].strong.metrics.get(headline.metric, math.nan)
            return -math.inf if math.isnan(value) else -value if headline.higher_is_better else value

        worst_first = sorted(curves, key=badness, reverse=True)
        return cls(headline, clean, {name: curves[name] for name in worst_first}, **rest)

    def mean(self, metric: str) -> tuple[float, float]:
        """(mild, strong): the mean of a metric over all corruptions under which it is defined."""
        mild, strong = (
            [group.metrics.get(metric, math.nan) for group in groups]
            for groups in zip(*((curve.mild, curve.strong) for curve in self.curves.values()), strict=True)
        )
        return _mean(mild), _mean(strong)

    def retained(self, metric: str) -> float:
        """The mean of a metric over all corruptions, mild and strong, divided by its clean value."""
        return _mean(self.mean(metric)) / self.clean.metrics[metric] if self.clean.metrics[metric] else math.nan

    def select(self, names: Collection[str]) -> Stress:
        """The same with only the named corruptions."""
        return replace(self, curves={name: own for name, own in self.curves.items() if name in names})

    def kept(self, curve: Curve) -> list[float]:
        """The share of the headline metric that is kept at each level; of an error, its clean value in relation."""
        clean, values = self.clean.metrics[self.headline.metric], curve.values(self.headline.metric)
        if self.headline.higher_is_better:
            return [value / clean if clean else math.nan for value in values]
        return [clean / value if value else 1.0 for value in values]

    def holds_to(self, curve: Curve) -> str:
        """The strongest amount up to which the model keeps KEPT of its headline metric at every level; "" if none."""
        held = ""
        for level, kept in zip(curve.levels, self.kept(curve), strict=True):
            if not round(kept, 9) >= KEPT:
                break
            held = level.amount
        return held

    def summary(self) -> list[str]:
        """A sentence for each of the most harmful corruptions: what the model withstands, and what happens beyond."""
        return [self._sum_up(name, curve) for name, curve in list(self.curves.items())[:SUMMED_UP]]

    def to_json(self) -> dict[str, Any]:
        names = list(self.clean.metrics)
        mean = {name: [None if math.isnan(value) else value for value in self.mean(name)] for name in names}
        return {
            "clean": self.clean.to_json(),
            "mean": {
                severity: {name: mean[name][i] for name in names} for i, severity in enumerate(("mild", "strong"))
            },
            "corruptions": {
                name: {"holds_to": self.holds_to(curve) or None, "levels": curve.to_json()}
                for name, curve in self.curves.items()
            },
            "without": {sense: group.to_json() for sense, group in self.without.items()},
            "unfamiliar": [each.to_json() for each in self.unfamiliar],
            "summary": self.summary(),
        }

    @property
    def header(self) -> tuple[str, ...]:
        return "", self.headline.metric, "wrong", "accepted", "wrong if accepted", "accepted if wrong", "holds to"

    def rows(self) -> list[tuple[str, ...]]:
        """Table rows below `header`: uncorrupted, under each corruption, their mean, and without a sense."""
        names = self.headline.metric, *QUOTED

        def row(heading: str, groups: Sequence[Group], holds_to: str = "") -> tuple[str, ...]:
            cells = (_format(name, [group.metrics.get(name, math.nan) for group in groups]) for name in names)
            return heading, *cells, holds_to

        corrupted = [row(name, curve.quoted, self.holds_to(curve) or "–") for name, curve in self.curves.items()]
        mean = (f"mean of {len(corrupted)}", *(_format(name, self.mean(name)) for name in names), "")
        without = [row(f"without {sense}", [group]) for sense, group in self.without.items()]
        return [row(UNCORRUPTED, [self.clean]), *corrupted, mean, *without]

    def __str__(self) -> str:
        heading = f"{self.clean.n:,} examples under corruptions, mild → strong → strongest, the most harmful first"
        lines = [heading, *align_columns([self.header, *self.rows()]), *self.summary()]
        if self.unfollowed:
            lines.append(f"not measured, as the true positions would not be known: {', '.join(self.unfollowed)}")
        return "\n".join([*lines, *map(str, self.unfamiliar)])

    def _sum_up(self, name: str, curve: Curve) -> str:
        held, metrics = self.holds_to(curve), curve.strongest.metrics
        holds = f"holds to {held}" if held else f"does not hold even at {curve.levels[0].amount}"
        if held == (strongest := curve.levels[-1].amount):
            return f"{name}: {holds}, the most that was tried"
        accepted, wrong = metrics.get("coverage", math.nan), metrics.get("accepted_error", math.nan)
        answers = f"at {strongest} it accepts {format_percent(accepted)}"
        return f"{name}: {holds}; {answers}" + (
            "" if math.isnan(wrong) else f", and {format_percent(wrong)} of that is wrong"
        )


def _format(name: str, values: Sequence[float]) -> str:
    """One value, or several: mild → strong → strongest."""
    return " → ".join(map(format_percent if name in QUOTED else format_number, values))


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan

"""How often prediction sets contain the truth, and how large they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from seehear.amounts import format_count, format_exact_percent
from seehear.answers import AnyKind
from seehear.answers.prediction_sets import EVERY_CLASS, PredictionSet, require_prediction_sets
from seehear.measure.binning import group_rows
from seehear.measure.formatting import format_interval, format_number, format_percent
from seehear.measure.intervals import Interval
from seehear.measure.scored_answers import Share


class GroupCoverage(NamedTuple):
    """The share of a group's true things that is in the sets, with its 95 % interval."""

    name: str
    contained: float
    interval: Interval
    things: int


@dataclass(frozen=True)
class SetCoverage:
    """The coverage that was asked for, and the coverage measured on `things` true things.

    contained   the share of them that is in the sets, with its 95 % interval
    size        the mean size of a set, in `unit`; "" for the unit of the answer
    groups      the same by group of a column, if it was asked for each
    """

    asked: float
    contained: float
    interval: Interval
    size: float
    unit: str
    noun: str
    things: int
    column: str = ""
    groups: tuple[GroupCoverage, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "asked": self.asked,
            "contained": self.contained,
            "interval": list(self.interval),
            "mean_size": self.size,
            "unit": self.unit,
            "things": self.things,
            **({"column": self.column, "groups": [each._asdict() for each in self.groups]} if self.groups else {}),
        }

    def __str__(self) -> str:
        share = f"{format_percent(self.contained)} ({format_interval(self.interval, percent=True)})"
        size = " ".join(filter(None, [format_number(self.size), self.unit]))
        return (
            f"prediction sets contain {share} of {format_count(self.things, self.noun)} "
            f"(asked: {format_exact_percent(self.asked)}); mean size {size}{self._describe_groups()}"
        )

    def _describe_groups(self) -> str:
        if not self.groups:
            return ""
        worst = min(self.groups, key=lambda group: group.contained)
        interval = format_interval(worst.interval, percent=True)
        return (
            f"; of the groups of '{self.column}', fewest in '{worst.name}': {format_percent(worst.contained)} "
            f"({interval}) of {worst.things:,}"
        )


class MadeSet(NamedTuple):
    """An answer with its truth, its set, and the thresholds, by class, that the set was made with.

    cluster   of the example, such as its speaker
    """

    answer: Any
    truth: Any
    made: PredictionSet
    thresholds: Mapping[str, float]
    cluster: int


def measure_sets(
    kind: AnyKind, spec: Any, made: Sequence[MadeSet], asked: float, column: str = "", cells: Sequence[str] = ()
) -> SetCoverage | None:
    """None if no set has anything to contain. cells: of the column, if it was asked for each of its groups."""
    sets = require_prediction_sets(kind, spec)
    names = sets.classes(spec) or (EVERY_CLASS,)
    needed = sets.needed([each.answer for each in made], [each.truth for each in made], spec)
    limits = [[each.thresholds.get(name, each.thresholds.get(EVERY_CLASS, 0.0)) for name in names] for each in made]
    contained = needed.contained(np.array(limits, np.float64).reshape(len(made), len(names)))
    share = Share(contained, needed.number.sum(1), np.array([each.cluster for each in made]))
    if not share.trials.any():
        return None
    size = float(np.mean([each.made.size for each in made]))
    groups = []
    for name, rows in group_rows(column, cells).items():
        own = Share(*(array[rows] for array in share))
        if own.trials.any():
            groups.append(GroupCoverage(name, own.value, own.interval, int(own.trials.sum())))
    return SetCoverage(
        asked, share.value, share.interval, size, sets.unit, sets.noun, int(share.trials.sum()), column, tuple(groups)
    )

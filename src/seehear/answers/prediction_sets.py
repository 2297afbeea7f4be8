"""Prediction sets: sets that contain the truth with a coverage that held-out examples support.

The sets of a kind of answer are nested by one threshold: the larger it is, the larger they are. Each true thing has the
least threshold with which its set contains it. The share of new true things that a threshold misses is bounded from
above, from held-out ones: for independent ones this is split conformal prediction with the guarantee of Vovk (2012,
"Conditional validity of inductive conformal predictors"), and otherwise risk control (Bates et al. 2021,
"Distribution-free, risk-controlling prediction sets"). As a larger threshold never misses more, no bound has to be
corrected for the choice of the threshold. See docs/decisions/072-guarantees.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from seehear.answers.selective import clopper_pearson, conservative_counts
from seehear.errors import UsageError
from seehear.sampling import take_evenly

Array = NDArray[Any]
SpecT = TypeVar("SpecT")
AnswerT = TypeVar("AnswerT")
COVERAGE_LEVEL = 0.98  # confidence of a promised coverage
MOST_POINTS = 200  # of a curve
LARGEST_MISSED = 0.5  # share that is missed at the smallest threshold of a curve
EVERY_CLASS = ""  # the stratum of all true things


class PredictionSet(Protocol):
    """What may be true for one example."""

    @property
    def size(self) -> float:
        """The size of a set, in `PredictionSets.unit`."""

    def to_json(self) -> dict[str, Any]: ...

    def __str__(self) -> str:
        """One line for people."""


class Needed(NamedTuple):
    """The true things of n examples in up to K slots each. Arrays are (n, K).

    threshold   the least with which the set of the example contains them; infinity if none does
    number      how many true things a slot holds; 0 if it is empty
    stratum     the index of their class; 0 if there are no classes
    """

    threshold: Array
    number: Array
    stratum: Array

    def take(self, rows: Array) -> Needed:
        return Needed(*(array[rows] for array in self))

    def contained(self, limits: Array) -> Array:
        """(n,): how many true things of each example its set contains, with thresholds (n, classes or 1)."""
        reached = np.take_along_axis(limits, self.stratum, axis=1)
        contained: Array = (self.number * (self.threshold <= reached)).sum(1)
        return contained

    def hardest_first(self, clusters: Array) -> TrueThings:
        """All of them in one list. clusters (n,) int: the cluster of each example, such as its speaker."""
        example, place = np.nonzero(self.number)
        order = np.argsort(-self.threshold[example, place], kind="stable")
        example, place = example[order], place[order]
        threshold, number, stratum = (array[example, place] for array in self)
        return TrueThings(threshold, number, stratum, clusters[example])


class TrueThings(NamedTuple):
    """m slots with true things, those with the largest thresholds first; arrays are (m,), as in `Needed`."""

    threshold: Array
    number: Array
    stratum: Array
    cluster: Array

    def of_class(self, index: int) -> TrueThings:
        return TrueThings(*(array[self.stratum == index] for array in self))


@dataclass(frozen=True)
class PredictionSets(Generic[SpecT, AnswerT]):
    """The capability of a kind of answer: sets that contain the truth, nested by a threshold.

    noun      what they contain: class, number, object, word, pixel
    unit      what the size of a set counts: "classes"; "" for the unit of the answer
    needed    (answers, truths, spec) -> the least thresholds with which the sets contain the true things
    build     (answer, spec, thresholds by class) -> the set of one answer
    classes   (spec) -> the classes that may have thresholds of their own; () if there are none
    refusal   (spec) -> why a recogniser cannot have such sets; "" if it can
    """

    noun: str
    unit: str
    needed: Callable[[Sequence[AnswerT], Sequence[AnswerT], SpecT], Needed]
    build: Callable[[AnswerT, SpecT, Mapping[str, float]], PredictionSet]
    classes: Callable[[SpecT], Sequence[str]]
    refusal: Callable[[SpecT], str] = lambda spec: ""


def require_prediction_sets(kind: Any, spec: Any) -> PredictionSets[Any, Any]:
    """Raises UsageError for a kind of answer, or a recogniser, without sets that contain the truth."""
    sets: PredictionSets[Any, Any] | None = kind.prediction_sets
    if sets is None:
        raise UsageError(f"a coverage for an answer of the kind {kind.name!r}, which has no prediction sets")
    if refusal := sets.refusal(spec):
        raise UsageError(f"a coverage for this recogniser: {refusal}")
    return sets


class MissedBounds(NamedTuple):
    """What is known about the sets with each of k thresholds, ascending. Arrays are (k,).

    threshold   finite
    missed      upper bound on the share of true things that a set does not contain, descending
    held_out    the effective number of true things
    """

    threshold: Array
    missed: Array
    held_out: float


def bound_missed(things: TrueThings, few_groups: int = 0) -> MissedBounds:
    """`few_groups` is as for `selective.bound_risk`."""
    ends = np.array(list(_choose_points(things)), np.int64)  # all before an end are missed
    names, cluster = np.unique(things.cluster, return_inverse=True)
    missed = np.zeros((len(ends), len(names)))
    for row, end in enumerate(ends):
        missed[row] = np.bincount(cluster[:end], things.number[:end], len(names))
    every = np.broadcast_to(np.bincount(cluster, things.number, len(names)), missed.shape)
    mistakes, held_out = conservative_counts(every, missed, few_groups)
    bounds = np.maximum.accumulate(clopper_pearson(mistakes, held_out, COVERAGE_LEVEL))
    return MissedBounds(things.threshold[ends][::-1].astype(np.float64), bounds[::-1], float(held_out.max(initial=0.0)))


def bound_worst(bounds: Sequence[MissedBounds]) -> MissedBounds:
    """What is known about the sets in every one of several groups: the largest bound at each threshold.

    held_out   of the group with the fewest true things
    """
    thresholds = np.unique(np.concatenate([each.threshold for each in bounds]))
    missed = np.zeros(len(thresholds))
    for each in bounds:
        # The bound at the largest of its thresholds that is not above; with none, all may be missed.
        place = np.searchsorted(each.threshold, thresholds, side="right")
        missed = np.maximum(missed, np.r_[1.0, each.missed][place])
    lower = np.flatnonzero(missed < np.r_[1.0, missed[:-1]][: len(missed)])
    kept = take_evenly(lower, MOST_POINTS)
    fewest = min((each.held_out for each in bounds), default=0.0)
    return MissedBounds(thresholds[kept], missed[kept], fewest)


def _choose_points(things: TrueThings) -> Iterator[int]:
    """The index of the threshold at each point of a curve, ascending. Things before it are missed by it."""
    threshold = things.threshold
    first = np.flatnonzero(np.r_[True, threshold[1:] < threshold[:-1]][: len(threshold)] & np.isfinite(threshold))
    before = np.r_[0, things.number.cumsum()][first]
    total = things.number.sum()
    kept = before <= LARGEST_MISSED * total
    if kept.any():
        wanted = np.r_[0.0, np.geomspace(1 / total, LARGEST_MISSED, MOST_POINTS - 1)]
        # Rounded to fewer missed, so that a curve with fewer points is never too low.
        found = np.searchsorted(before[kept] / total, wanted, side="right") - 1
        yield from np.unique(first[kept][np.maximum(found, 0)]).tolist()


def held_out_for(coverage: float) -> int:
    """The fewest independent held-out true things that can show this coverage: if the sets contain all of them."""
    return math.ceil(math.log(1 - COVERAGE_LEVEL) / math.log(coverage))

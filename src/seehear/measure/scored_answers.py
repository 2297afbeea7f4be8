"""Answers beside their truths, and the figures that they give, each with its 95 % interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seehear.answers import Answer, AnswerKind, Items
from seehear.answers.selective import effective_counts
from seehear.measure.intervals import FEWEST_UNITS, Interval, bootstrap, wilson, worth

Array = NDArray[Any]
RESAMPLES = 1000
FEWEST_RESAMPLES = 200  # enough for two digits, where a thousand would take minutes
NUMBERS_DRAWN = 1e9  # bounds the time of the bootstrap on large tables
SHARES = ("wrong", "coverage", "accepted_error")  # that every kind of answer has
WHOLE_SHARES = ("whole_coverage", "whole_error")  # of whole answers, where their items are accepted by themselves
ACCURACY = "accuracy"  # of the kinds that have it: the share of right answers, 1 - wrong


@dataclass(frozen=True)
class ScoredAnswers:
    """One entry per answered example: `row`, its place among all that were asked, and what pictures need."""

    row: Array  # (n,) int
    confidence: Array  # (n,) 0 to 1
    right: Array  # (n,) bool
    accepted: Array  # (n,) bool, whether all of the answer is accepted
    items: Items  # what is accepted by itself: the answers, or their boxes, words or pixels
    compared: Mapping[str, Array]
    item: str  # what of an answer is accepted by itself; "" where it is all of it
    unit: Array  # (n,) int: what is resampled as a whole; each example where they do not come in groups

    @classmethod
    def of(
        cls, kind: AnswerKind, spec: Any, answers: Sequence[Answer | None], truths: Sequence[Answer]
    ) -> ScoredAnswers:
        """Those that were answered, compared with their truths. No whole answer is accepted yet."""
        given = {row: answer for row, answer in enumerate(answers) if answer is not None}
        compared = kind.compare(list(given.values()), [truths[row] for row in given], spec)
        confidence = np.array([answer.confidence for answer in given.values()])
        right = kind.right(compared, spec)
        return cls(
            row=np.array(list(given)),
            confidence=confidence,
            right=right,
            accepted=np.zeros(len(given), bool),
            items=kind.items(compared, spec) or Items.of_wholes(confidence, right),
            compared=compared,
            item=kind.item,
            unit=np.arange(len(given)),
        )

    def accepting(self, accepted: Sequence[bool] | Array) -> ScoredAnswers:
        """`accepted` has an entry for each of all that were asked: whether the whole answer is accepted."""
        whole = np.asarray(accepted, bool)[self.row]
        return replace(self, accepted=whole, items=self.items if self.item else self.items.accepting(whole))

    def accepting_from(self, item: float, whole: float) -> ScoredAnswers:
        """The items and the whole answers that are at least as sure."""
        items = self.items.accepting(self.items.confidence >= item)
        return replace(self, items=items, accepted=self.confidence >= whole)

    def __len__(self) -> int:
        return len(self.row)

    def take(self, places: Array) -> ScoredAnswers:
        """Some of them, by their places among these."""
        compared = {name: array[places] for name, array in self.compared.items()}
        return ScoredAnswers(
            self.row[places],
            self.confidence[places],
            self.right[places],
            self.accepted[places],
            self.items.take(places),
            compared=compared,
            item=self.item,
            unit=self.unit[places],
        )

    def shares(self) -> dict[str, Share]:
        """What each of SHARES is of, and of WHOLE_SHARES where answers have items."""
        one, (every, accepted) = np.ones(len(self), np.int64), self.items.each()
        of = [Share(~self.right, one, self.unit), Share(accepted, every, self.unit)]
        of += [Share(self.items.mistakes(), accepted, self.unit)]
        if not self.item:
            return dict(zip(SHARES, of, strict=True))
        whole = self.accepted.astype(np.int64)
        of += [Share(whole, one, self.unit), Share(whole * ~self.right, whole, self.unit)]
        return dict(zip(SHARES + WHOLE_SHARES, of, strict=True))


class Share(NamedTuple):
    """hit of each example, of how many (n,); unit (n,): the group of each."""

    hit: Array
    of: Array
    unit: Array

    @property
    def value(self) -> float:
        return float(self.hit.sum() / self.of.sum()) if self.of.any() else math.nan

    @property
    def interval(self) -> Interval:
        return wilson(int(self.hit.sum()), int(self.of.sum()), self._worth())

    def _worth(self) -> float:
        """How many independent ones they are worth. Those of one example are alike, as are those of one unit."""
        there = self.of > 0
        hit, of, unit = self.hit[there], self.of[there], self.unit[there]
        if (of == 1).all():
            return worth(hit.astype(bool), unit)
        units, cluster = np.unique(unit, return_inverse=True)
        if len(units) < FEWEST_UNITS:
            cluster = np.arange(len(unit))
        answers, hits = (np.bincount(cluster, each)[None] for each in (of, hit))
        return float(effective_counts(answers, hits)[1][0])


def _none_of_nothing(shares: Mapping[str, Share]) -> dict[str, float]:
    """Where there is not one item, none is accepted."""
    return {} if shares["coverage"].of.any() else {"coverage": 0.0}


class Figures(NamedTuple):
    metrics: dict[str, float]  # nan where not defined
    intervals: dict[str, Interval]


def figures(judged: ScoredAnswers, kind: AnswerKind, spec: Any, *, resamples: int) -> Figures:
    """The kind's own metrics, with intervals from so many resamples, and SHARES, with Wilson's, as has ACCURACY."""
    metrics, shares = kind.metrics(judged.compared, spec), judged.shares()
    one = np.ones(len(judged), np.int64)
    counted = shares | ({ACCURACY: Share(judged.right, one, judged.unit)} if ACCURACY in metrics else {})
    resampled = bootstrap(judged.compared, partial(kind.metrics, spec=spec), resamples=resamples, unit=judged.unit)
    return Figures(
        metrics=metrics | {name: share.value for name, share in shares.items()} | _none_of_nothing(shares),
        intervals=resampled | {name: share.interval for name, share in counted.items()},
    )


def enough_resamples(judged: ScoredAnswers) -> int:
    """As many as take a bounded time."""
    size = sum(array.size for array in judged.compared.values())
    return int(np.clip(NUMBERS_DRAWN / size, FEWEST_RESAMPLES, RESAMPLES))


def plain(metrics: Mapping[str, float], intervals: Mapping[str, Interval]) -> dict[str, Any]:
    """For JSON: what is not defined is None."""
    return {
        "metrics": {name: _known(value) for name, value in metrics.items()},
        "intervals": {name: [_known(low), _known(high)] for name, (low, high) in intervals.items()},
    }


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None

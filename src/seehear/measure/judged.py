"""Answers beside their truths, and the figures that they give, each with its 95 % interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seehear.answers import Answer, AnswerKind
from seehear.measure.intervals import Interval, bootstrap, wilson, worth

Array = NDArray[Any]
RESAMPLES = 1000
FEWEST_RESAMPLES = 200  # enough for two digits, where a thousand would take minutes
NUMBERS_DRAWN = 1e9  # bounds the time of the bootstrap on large tables
SHARES = ("wrong", "coverage", "accepted_error")  # that every kind of answer has
ACCURACY = "accuracy"  # of the kinds that have it: the share of right answers, 1 - wrong


@dataclass(frozen=True)
class Judged:
    """One entry per answered example: `row`, its place among all that were asked, and what pictures need."""

    row: Array  # (n,) int
    confidence: Array  # (n,) 0 to 1
    right: Array  # (n,) bool
    accepted: Array  # (n,) bool
    compared: Mapping[str, Array]
    unit: Array  # (n,) int: what is resampled as a whole; each example where they do not come in groups

    @classmethod
    def of(cls, kind: AnswerKind, spec: Any, answers: Sequence[Answer | None], truths: Sequence[Answer]) -> Judged:
        """Those that were answered, compared with their truths. None is accepted yet."""
        given = {row: answer for row, answer in enumerate(answers) if answer is not None}
        compared = kind.compare(list(given.values()), [truths[row] for row in given], spec)
        return cls(
            row=np.array(list(given)),
            confidence=np.array([answer.confidence for answer in given.values()]),
            right=kind.right(compared, spec),
            accepted=np.zeros(len(given), bool),
            compared=compared,
            unit=np.arange(len(given)),
        )

    def accepting(self, accepted: Sequence[bool] | Array) -> Judged:
        """`accepted` has an entry for each of all that were asked."""
        return replace(self, accepted=np.asarray(accepted, bool)[self.row])

    def __len__(self) -> int:
        return len(self.row)

    def take(self, places: Array) -> Judged:
        """Some of them, by their places among these."""
        compared = {name: array[places] for name, array in self.compared.items()}
        return Judged(
            self.row[places],
            self.confidence[places],
            self.right[places],
            self.accepted[places],
            compared=compared,
            unit=self.unit[places],
        )

    def shares(self) -> dict[str, Share]:
        """What each of SHARES is of."""
        wrong, accepted = ~self.right, self.accepted
        of = Share(wrong, self.unit), Share(accepted, self.unit), Share(wrong[accepted], self.unit[accepted])
        return dict(zip(SHARES, of, strict=True))


class Share(NamedTuple):
    """hit (n,) bool: which count; unit (n,): the group of each."""

    hit: Array
    unit: Array

    @property
    def value(self) -> float:
        return float(self.hit.mean()) if len(self.hit) else math.nan

    @property
    def interval(self) -> Interval:
        return wilson(int(self.hit.sum()), len(self.hit), worth(self.hit, self.unit))


class Figures(NamedTuple):
    metrics: dict[str, float]  # nan where not defined
    intervals: dict[str, Interval]


def figures(judged: Judged, kind: AnswerKind, spec: Any, *, resamples: int) -> Figures:
    """The kind's own metrics, with intervals from so many resamples, and SHARES, with Wilson's, as has ACCURACY."""
    metrics, shares = kind.metrics(judged.compared, spec), judged.shares()
    counted = shares | ({ACCURACY: Share(judged.right, judged.unit)} if ACCURACY in metrics else {})
    resampled = bootstrap(judged.compared, partial(kind.metrics, spec=spec), resamples=resamples, unit=judged.unit)
    return Figures(
        metrics=metrics | {name: share.value for name, share in shares.items()},
        intervals=resampled | {name: share.interval for name, share in counted.items()},
    )


def enough_resamples(judged: Judged) -> int:
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

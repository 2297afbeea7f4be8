"""Compares answers with their truths, and computes the metrics with their 95 % intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seehear.answers import Answer, AnyKind, Items
from seehear.answers.selective import effective_counts
from seehear.measure.intervals import MIN_CLUSTERS, Interval, bootstrap, effective_sample_size, wilson

Array = NDArray[Any]
RESAMPLES = 1000
MIN_RESAMPLES = 200  # enough for two digits where 1000 would take minutes
MAX_RESAMPLED_NUMBERS = 1e9  # bounds the time of the bootstrap on large tables
SHARES = ("wrong", "coverage", "accepted_error")  # metrics of every kind of answer
WHOLE_SHARES = ("whole_coverage", "whole_error")  # of whole answers, for kinds whose items are accepted one by one
ITEMS = "items:"  # before the names of the arrays of items, beside those that the kind compared
ACCURACY = "accuracy"  # a metric of some kinds: the share of right answers, 1 - wrong


@dataclass(frozen=True)
class ScoredAnswers:
    """The answered examples, one entry each.

    row         (n,) int, position among all examples, answered or not
    confidence  (n,) from 0 to 1
    right       (n,) bool
    accepted    (n,) bool, whether the whole answer is accepted
    items       what is accepted one by one: boxes, words, pixels, or else the answers themselves
    compared    arrays (n, ...) from which the kind computes its metrics
    item        the noun for one of the items; "" if answers are accepted as a whole
    cluster     (n,) int, the cluster of each example, which the bootstrap draws as a whole
    """

    row: Array
    confidence: Array
    right: Array
    accepted: Array
    items: Items
    compared: Mapping[str, Array]
    item: str
    cluster: Array

    @classmethod
    def of(cls, kind: AnyKind, spec: Any, answers: Sequence[Answer | None], truths: Sequence[Answer]) -> ScoredAnswers:
        """Compare answers with truths, except for None. No whole answer is accepted yet."""
        given = {row: answer for row, answer in enumerate(answers) if answer is not None}
        compared = kind.compare(list(given.values()), [truths[row] for row in given], spec)
        confidence = np.array([answer.confidence for answer in given.values()])
        right = kind.right(compared, spec)
        return cls(
            row=np.array(list(given)),
            confidence=confidence,
            right=right,
            accepted=np.zeros(len(given), bool),
            items=kind.items.score(compared, spec) if kind.items else Items.from_answers(confidence, right),
            compared=compared,
            item=kind.item,
            cluster=np.arange(len(given)),
        )

    def accept(self, accepted: Sequence[bool] | Array) -> ScoredAnswers:
        """A copy in which `accepted`, with an entry for each example, answered or not, says which are accepted."""
        whole = np.asarray(accepted, bool)[self.row]
        return replace(self, accepted=whole, items=self.items if self.item else self.items.with_accepted(whole))

    def accept_from(self, item_threshold: float, whole_threshold: float) -> ScoredAnswers:
        """A copy that accepts the items and the whole answers whose confidence reaches the thresholds."""
        items = self.items.with_accepted(self.items.confidence >= item_threshold)
        return replace(self, items=items, accepted=self.confidence >= whole_threshold)

    def __len__(self) -> int:
        return len(self.row)

    def take(self, indices: Array) -> ScoredAnswers:
        return ScoredAnswers(
            self.row[indices],
            self.confidence[indices],
            self.right[indices],
            self.accepted[indices],
            self.items.take(indices),
            compared={name: array[indices] for name, array in self.compared.items()},
            item=self.item,
            cluster=self.cluster[indices],
        )

    def shares(self) -> dict[str, Share]:
        """SHARES, and WHOLE_SHARES if items are accepted one by one."""
        ones, (every, accepted) = np.ones(len(self), np.int64), self.items.counts()
        shares = [Share(~self.right, ones, self.cluster), Share(accepted, every, self.cluster)]
        shares += [Share(self.items.mistakes(), accepted, self.cluster)]
        if not self.item:
            return dict(zip(SHARES, shares, strict=True))
        whole = self.accepted.astype(np.int64)
        shares += [Share(whole, ones, self.cluster), Share(whole * ~self.right, whole, self.cluster)]
        return dict(zip(SHARES + WHOLE_SHARES, shares, strict=True))


class Share(NamedTuple):
    """Hits among trials, both (n,) counts by example; cluster (n,) is the cluster of each example."""

    hits: Array
    trials: Array
    cluster: Array

    @property
    def value(self) -> float:
        return float(self.hits.sum() / self.trials.sum()) if self.trials.any() else math.nan

    @property
    def interval(self) -> Interval:
        return wilson(int(self.hits.sum()), int(self.trials.sum()), self._effective_size())

    def _effective_size(self) -> float:
        """The number of independent trials with as much information: trials of one example or cluster correlate."""
        used = self.trials > 0
        hits, trials, cluster = self.hits[used], self.trials[used], self.cluster[used]
        if (trials == 1).all():
            return effective_sample_size(hits.astype(bool), cluster)
        names, code = np.unique(cluster, return_inverse=True)
        if len(names) < MIN_CLUSTERS:
            code = np.arange(len(cluster))
        by_cluster = (np.bincount(code, each)[None] for each in (trials, hits))
        return float(effective_counts(*by_cluster)[1][0])


class Metrics(NamedTuple):
    values: dict[str, float]  # nan if undefined
    intervals: dict[str, Interval]


def compute_metrics(scored: ScoredAnswers, kind: AnyKind, spec: Any, *, resamples: int) -> Metrics:
    """The kind's metrics with bootstrap intervals; SHARES and ACCURACY with Wilson's intervals."""
    arrays, measure = scored.compared, partial(kind.metrics, spec=spec)
    if kind.items is not None and kind.items.metrics is not None:
        arrays = {**arrays, **{f"{ITEMS}{name}": array for name, array in scored.items._asdict().items()}}
        measure = partial(_measure_with_items, kind=kind, spec=spec)
    own, shares = measure(arrays), scored.shares()
    ones = np.ones(len(scored), np.int64)
    proportions = shares | ({ACCURACY: Share(scored.right, ones, scored.cluster)} if ACCURACY in own else {})
    resampled = bootstrap(arrays, measure, resamples=resamples, cluster=scored.cluster)
    without_items = {} if shares["coverage"].trials.any() else {"coverage": 0.0}
    return Metrics(
        values=own | {name: share.value for name, share in shares.items()} | without_items,
        intervals=resampled | {name: share.interval for name, share in proportions.items()},
    )


def _measure_with_items(arrays: Mapping[str, Array], kind: AnyKind, spec: Any) -> dict[str, float]:
    """The kind's metrics, also those that depend on which items are accepted, from what it compared and the items."""
    items = Items(**{name: arrays[f"{ITEMS}{name}"] for name in Items._fields})
    of_items: dict[str, float] = kind.items.metrics(arrays, items, spec)  # type: ignore[union-attr, misc]
    return kind.metrics(arrays, spec) | of_items


def choose_resamples(scored: ScoredAnswers) -> int:
    """The number of resamples that keeps the time bounded."""
    size = sum(array.size for array in scored.compared.values())
    return int(np.clip(MAX_RESAMPLED_NUMBERS / size, MIN_RESAMPLES, RESAMPLES))


def metrics_to_json(values: Mapping[str, float], intervals: Mapping[str, Interval]) -> dict[str, Any]:
    """None stands for what is undefined."""
    return {
        "metrics": {name: _finite_or_none(value) for name, value in values.items()},
        "intervals": {name: [_finite_or_none(end) for end in interval] for name, interval in intervals.items()},
    }


def _finite_or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None

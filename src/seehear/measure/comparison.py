"""Compares two models on the same examples: is the second better, or may the difference be chance?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seehear.amounts import format_count
from seehear.answers import AnyKind
from seehear.answers.kind import Headline
from seehear.errors import WorseError
from seehear.measure.changes import Change
from seehear.measure.clusters import Clusters
from seehear.measure.cost import Cost
from seehear.measure.formatting import align_columns, format_interval, format_number, format_percent
from seehear.measure.intervals import MIN_CLUSTERS, Interval, bootstrap, expanded_share
from seehear.measure.noninferiority import BOTH_SIDES, TOO_WORSE, Loss, bound_paired_shares, check_tolerance
from seehear.measure.scored_answers import (
    ACCURACY,
    SHARES,
    Metrics,
    ScoredAnswers,
    choose_resamples,
    compute_metrics,
    metrics_to_json,
)

Array = NDArray[Any]
SIGNIFICANCE = 0.05
FEWEST = 6  # independent examples: with fewer, even if all of them agree, a sign test finds nothing
MOST_LISTED = 20  # flips, and classes and groups that changed; JSON has all of them
BETTER, WORSE, NOT_DISTINGUISHABLE = "better", "worse", "not distinguishable"
MCNEMAR, BOOTSTRAP = "McNemar's exact test", "paired bootstrap"


class Difference(NamedTuple):
    """The second model's headline metric minus the first's, and how it was tested.

    interval   95 %; (nan, nan) if it cannot be computed
    p_value    of the hypothesis that both are equally often right; None for the bootstrap
    """

    value: float
    interval: Interval
    p_value: float | None
    test: str


class Flip(NamedTuple):
    """An example that one model gets right and the other wrong; `row` is its position among all examples."""

    row: int
    key: str
    truth: str
    answers: tuple[str, str]
    became_right: bool

    def to_json(self) -> dict[str, Any]:
        first, second = self.answers
        return {
            "example": self.key,
            "truth": self.truth,
            "first": first,
            "second": second,
            "became": "right" if self.became_right else "wrong",
        }

    def describe(self) -> str:
        before, after = self.answers
        return f"{self.key}: {before} → {after}, which is " + ("right" if self.became_right else f"wrong: {self.truth}")


@dataclass(frozen=True)
class PairedComparison:
    """Two models, in the order in which they were given, on `n` examples that both answered.

    verdict    what the second is, compared with the first: BETTER, WORSE or NOT_DISTINGUISHABLE
    names      of the models
    metrics    of each model on these examples, with intervals
    resampled  what the bootstrap draws, or what McNemar's test counts: examples, or whole speakers, patients or sites
    flips      the examples that only one of them gets right
    changes    the classes and groups with such examples, lowest p-value first
    costs      of each model; None if they were not measured
    loss       None unless a tolerance was given
    left_out   what is not compared and why, in sentences
    """

    answer: str
    headline: Headline
    n: int
    names: tuple[str, str]
    metrics: tuple[Metrics, Metrics]
    difference: Difference
    verdict: str
    resampled: str
    flips: tuple[Flip, ...]
    changes: tuple[Change, ...] = ()
    costs: tuple[Cost, Cost] | None = None
    loss: Loss | None = None
    left_out: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values; undefined ones are None."""
        difference = self.difference
        return {
            "answer": self.answer,
            "n": self.n,
            "verdict": self.verdict,
            "metric": self.headline.metric,
            "higher_is_better": self.headline.higher_is_better,
            "difference": _finite_or_none(difference.value),
            "interval": [_finite_or_none(end) for end in difference.interval],
            "test": difference.test,
            "p_value": difference.p_value,
            "resampled": self.resampled,
            "models": [
                {"name": name, **metrics_to_json(*metrics), **(self.costs[side].to_json() if self.costs else {})}
                for side, (name, metrics) in enumerate(zip(self.names, self.metrics, strict=True))
            ],
            **({"tolerance": self.loss.to_json()} if self.loss else {}),
            "became_right": self.count(became_right=True),
            "became_wrong": self.count(became_right=False),
            "changes": [change.to_json() for change in self.changes],
            "flips": [flip.to_json() for flip in self.flips],
            "left_out": list(self.left_out),
        }

    def count(self, *, became_right: bool) -> int:
        """How many examples only the second, or only the first, gets right."""
        return sum(flip.became_right is became_right for flip in self.flips)

    def __str__(self) -> str:
        gained, lost = (self.count(became_right=right) for right in (True, False))
        lines = [
            f"{self.names[1]} {self.describe_verdict()}",
            f"{format_count(self.n, 'example')} that both answered:",
            *align_columns([*self.rows()]),
            self.describe_difference(),
            *([str(self.loss)] if self.loss else []),
            f"{format_count(gained, 'answer')} became right, {lost:,} became wrong",
            *_list_some(self.changes),
            *_list_some([flip.describe() for flip in self.flips]),
            *self.left_out,
        ]
        return "\n".join(lines)

    def refuse_worse(self) -> None:
        """Raises WorseError if the second model is shown to lose more than is tolerated."""
        if self.loss is not None and self.loss.verdict == TOO_WORSE:
            raise WorseError(
                f"{self.names[1]} is {self.loss}",
                hint=f"keep {self.names[0]}, or tolerate more",
            )

    def describe_verdict(self) -> str:
        """What follows the second model's name: "is better than M"."""
        return f"is {self.verdict} {'from' if self.verdict == NOT_DISTINGUISHABLE else 'than'} {self.names[0]}"

    def rows(self) -> Iterator[tuple[str, ...]]:
        """A table of the figures of both models, with their names in the first row."""
        yield "", *self.names
        metric, (first, second) = self.headline.metric, self.metrics
        yield (
            metric,
            *(f"{format_number(m.values[metric])} ({format_interval(m.intervals[metric])})" for m in (first, second)),
        )
        for name, words in zip(SHARES, ("wrong", "accepted", "wrong if accepted"), strict=True):
            yield (
                words,
                *(
                    f"{format_percent(m.values[name])} ({format_interval(m.intervals[name], percent=True)})"
                    for m in (first, second)
                ),
            )
        if self.costs:
            yield "one answer takes", *(cost.format_latency() for cost in self.costs)
            yield "size", *(cost.format_size() for cost in self.costs)

    def describe_difference(self) -> str:
        value, interval, p_value, test = self.difference
        tested = test if p_value is None else f"{test}: p = {p_value:.2g}"
        better = "higher" if self.headline.higher_is_better else "lower"
        return (
            f"difference in {self.headline.metric} ({better} is better): {value:+.3g}, "
            f"95 % interval {format_interval(interval)}; {tested}, {self.resampled}"
        )


def compare_answers(
    kind: AnyKind,
    specs: tuple[Any, Any],
    scored: tuple[ScoredAnswers, ScoredAnswers],
    clusters: Clusters,
) -> tuple[tuple[Metrics, Metrics], Difference, str]:
    """Compare two models' answers to the same rows -> their metrics, the difference, the verdict.

    specs      of the answers of each; their headline must be the same
    clusters   of the rows of `scored`
    """
    headline = kind.headline(specs[0])
    scored = replace(scored[0], cluster=clusters.code), replace(scored[1], cluster=clusters.code)
    resamples = min(map(choose_resamples, scored))
    metrics = tuple(
        compute_metrics(each, kind, spec, resamples=resamples) for each, spec in zip(scored, specs, strict=True)
    )
    value = metrics[1].values[headline.metric] - metrics[0].values[headline.metric]
    independent = len(np.unique(clusters.code))
    if headline.metric == ACCURACY and not _is_grouped(clusters):
        tested = apply_mcnemar(scored[0].right, scored[1].right)
        p_value, interval, test = *tested, MCNEMAR
    else:
        p_value, test = None, BOOTSTRAP
        interval = _bootstrap_difference(kind, specs, scored, clusters, resamples)
    difference = Difference(value, interval, p_value, test)
    return (metrics[0], metrics[1]), difference, _decide(difference, headline, independent)


def measure_loss(
    kind: AnyKind,
    specs: tuple[Any, Any],
    scored: tuple[ScoredAnswers, ScoredAnswers],
    clusters: Clusters,
    tolerate: float,
) -> Loss:
    """How much worse the second model is in the headline metric, compared with what is tolerated.

    tolerate   a share of one: of 100 % of the metric, or for a metric in the unit of the answers, of the first model's
    """
    check_tolerance(tolerate)
    headline = kind.headline(specs[0])
    first, second = (kind.metrics(scored[side].compared, specs[side])[headline.metric] for side in (0, 1))
    sign = -1 if headline.higher_is_better else 1
    independent = len(np.unique(clusters.code))
    if headline.metric == ACCURACY and not _is_grouped(clusters):
        right, becomes = scored[0].right, scored[1].right
        gain = bound_paired_shares(int((~right & becomes).sum()), int((right & ~becomes).sum()), len(right))
    else:
        scored = replace(scored[0], cluster=clusters.code), replace(scored[1], cluster=clusters.code)
        resamples = min(map(choose_resamples, scored))
        gain = _bootstrap_difference(kind, specs, scored, clusters, resamples, BOTH_SIDES)
    low, high = sorted(sign * end for end in gain) if independent >= FEWEST else (math.nan, math.nan)
    whole = first if headline.whole is None else headline.whole
    return Loss(headline.metric, tolerate * whole, sign * (second - first), (low, high), len(clusters.code))


def find_flips(
    scored: tuple[ScoredAnswers, ScoredAnswers],
    keys: Sequence[str],
    truths: Sequence[object],
    answers: tuple[Sequence[object], Sequence[object]],
) -> tuple[Flip, ...]:
    """The examples that only one of the two gets right, those that became wrong first.

    keys, truths, answers   of all examples, answered or not
    """
    first, second = scored
    changed = np.flatnonzero(first.right != second.right)
    ordered = changed[np.argsort(second.right[changed], kind="stable")]
    return tuple(
        Flip(row, keys[row], str(truths[row]), (str(answers[0][row]), str(answers[1][row])), bool(second.right[place]))
        for place, row in zip(ordered, first.row[ordered].tolist(), strict=True)
    )


def apply_mcnemar(first: Array, second: Array) -> tuple[float, Interval]:
    """McNemar's test (1947) with exact binomial probabilities -> p, and the interval of the difference in accuracy.

    The interval is that of Clopper & Pearson (1934) for the share that became right among those that changed. So it
    contains 0 if and only if p is above 0.05.
    """
    from scipy.stats import binomtest  # type: ignore[import-untyped]  # installed for training, not for serving

    gained, lost = int((~first & second).sum()), int((first & ~second).sum())
    changed = gained + lost
    if not changed:
        return 1.0, (math.nan, math.nan)
    found = binomtest(gained, changed)
    share = found.proportion_ci(1 - SIGNIFICANCE, method="exact")
    low, high = ((2 * end - 1) * changed / len(first) for end in (share.low, share.high))
    return float(found.pvalue), (float(low), float(high))


def _bootstrap_difference(
    kind: AnyKind,
    specs: tuple[Any, Any],
    scored: tuple[ScoredAnswers, ScoredAnswers],
    clusters: Clusters,
    resamples: int,
    share: float = 0.95,
) -> Interval:
    """The interval of the difference in the headline metric when both answer the same resampled examples."""
    independent = len(np.unique(clusters.code))
    if independent < 2:
        return math.nan, math.nan
    metric = kind.headline(specs[0]).metric
    both = {f"{side}{name}": array for side, each in enumerate(scored) for name, array in each.compared.items()}

    def difference(drawn: Mapping[str, Array]) -> dict[str, float]:
        first, second = (
            kind.metrics({name: drawn[f"{side}{name}"] for name in scored[side].compared}, specs[side])[metric]
            for side in (0, 1)
        )
        return {metric: second - first}

    middle = expanded_share(independent, share)
    return bootstrap(both, difference, resamples=resamples, cluster=clusters.code, middle=middle)[metric]


def _decide(difference: Difference, headline: Headline, independent: int) -> str:
    low, high = difference.interval
    if independent < FEWEST or math.isnan(low) or low <= 0 <= high:
        return NOT_DISTINGUISHABLE
    return BETTER if (low > 0) is headline.higher_is_better else WORSE


def _is_grouped(clusters: Clusters) -> bool:
    """Whether whole speakers, patients or sites are resampled."""
    return MIN_CLUSTERS <= len(np.unique(clusters.code)) < len(clusters.code)


def _list_some(things: Sequence[object]) -> Iterator[str]:
    yield from (f"  {each}" for each in things[:MOST_LISTED])
    if (more := len(things) - MOST_LISTED) > 0:
        yield f"  and {more:,} more, which --json lists"


def _finite_or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None

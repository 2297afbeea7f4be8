"""Selective prediction: upper bounds on the risk (share of errors) of the most confident items, from held-out examples.

Errors in one picture, recording or speaker are correlated, so the bounds use an effective sample size. See
docs/decisions/004-accepted.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.answers.items import Items
from seehear.answers.risk_posterior import Bins, bound_posterior_risk, fill_bins

Array = NDArray[Any]
CONFIDENCE_LEVEL = 0.9  # of a promise
SINGLE_LEVEL = 0.95  # of each of the two bounds that it rests on
THRESHOLDS = 50  # and as many more where confidences are equal
PRIOR_CORRELATION, PRIOR_CLUSTERS = 0.2, 3  # intra-cluster correlation before any data, worth this many clusters
GROUP_CORRELATION = 0.02  # within speakers, patients or sites, if too few were held out to estimate it
DEFAULT_RISK, MAX_DEFAULT_RISK = 0.05, 0.25  # range of the target risk, unless the user gives one
MOST_GROWTH = 64.0  # times as many held-out examples as there are, in forecasts
GROWTHS = (1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 16.0, 32.0, MOST_GROWTH)
LEAST_COVERAGE = 0.1  # share of items that is worth to be accepted, in forecasts
MIN_COVERAGE = 0.7  # share of items to accept at the target risk


@dataclass(frozen=True)
class RiskBounds:
    """What is known about the items above each of up to THRESHOLDS confidences, descending. Arrays are (k,).

    confidence  the threshold
    accepted    coverage: the share of all items above the threshold, ascending
    mistakes    effective number of errors
    answers     effective number of items
    bins        the items between one threshold and the next
    """

    confidence: Array
    accepted: Array
    mistakes: Array
    answers: Array
    bins: Bins

    @cached_property
    def wrong(self) -> Array:
        """Upper bound on the share of errors, ascending."""
        return self.bound()

    def bound(self, times: float = 1.0) -> Array:
        """The same if so many times as many items were held out, with as many mistakes among them.

        The lower of two bounds, each of which holds with SINGLE_LEVEL, so that both hold with CONFIDENCE_LEVEL. One
        counts mistakes; a count for more items also holds for the more confident ones among them. The other relies on
        confidences, but is never less than what all held-out items could show if they were right.
        """
        counted = clopper_pearson(times * self.mistakes, times * self.answers, SINGLE_LEVEL)
        believed = bound_posterior_risk(self.bins, times * self._weight, SINGLE_LEVEL)
        least = achievable_risk(times * float(self.answers.max(initial=0.0)))
        lower: Array = np.minimum(
            np.minimum.accumulate(counted[::-1])[::-1], np.maximum(np.maximum.accumulate(believed), least)
        )
        return lower

    @property
    def _weight(self) -> float:
        """How many independent items one item counts for, in the part of them where that is least."""
        return float((self.answers / self.bins.number.cumsum()).min(initial=1.0))


def bound_risk(items: Items, clusters: Array, few_groups: int = 0) -> RiskBounds:
    """Bound the risk at THRESHOLDS thresholds, each of which accepts an equal number of further items.

    clusters (n,) int: the cluster of each example, such as its speaker. few_groups: the number of speakers or the like,
    if they are too few to be the clusters; otherwise 0.
    """
    example, place = np.nonzero(items.number)
    order = np.argsort(-items.confidence[example, place], kind="stable")
    example, place = example[order], place[order]
    descending = items.confidence[example, place].astype(np.float64)
    count, wrong = items.number[example, place], items.wrong[example, place]
    last = _threshold_indices(descending, count)
    total = np.zeros((2, len(last), int(clusters.max(initial=-1)) + 1))
    for threshold, end in enumerate(last + 1):
        for kind, numbers in enumerate((count, wrong)):
            total[kind, threshold] = np.bincount(clusters[example[:end]], numbers[:end], total.shape[2])
    mistakes, answers = conservative_counts(total[0], total[1], few_groups)
    return RiskBounds(
        confidence=descending[last],
        accepted=total[0].sum(1) / max(int(count.sum()), 1),
        mistakes=mistakes,
        answers=answers,
        bins=fill_bins(descending, count, wrong, last),
    )


def _threshold_indices(descending: Array, count: Array) -> Array:
    """The index of the last item above each threshold; items of equal confidence stay together.

    Where many are equal, the thresholds on either side of them count: the items above them can be accepted alone.
    """
    if not len(descending):
        return np.zeros(0, np.int64)
    ends = np.flatnonzero(np.r_[descending[1:] < descending[:-1], True])
    reached = count.cumsum()[ends]
    wanted = np.ceil(np.linspace(0, reached[-1], THRESHOLDS + 1)[1:])
    after, above = np.searchsorted(reached, wanted), np.searchsorted(reached, wanted, side="right")
    last: Array = ends[np.unique(np.r_[after, above[above > 0] - 1])]
    return last


def effective_counts(answers: Array, mistakes: Array) -> tuple[Array, Array]:
    """answers, mistakes (k, C) of nested sets in C clusters, the widest set last -> effective mistakes, answers (k,).

    The effective sample size is n over the design effect 1 + (m - 1) r (Kish 1965), where r is the intra-cluster
    correlation of errors in the set or in the widest one, whichever is larger. `measure.intervals` estimates a design
    effect without a prior, for one set of yes-or-no outcomes in many clusters.
    """
    n, wrong, squares = answers.sum(1), mistakes.sum(1), np.square(answers, dtype=np.float64).sum(1)
    share, pairs = wrong / np.maximum(n, 1), squares - n
    expected = share * (1 - share) * pairs
    together = np.square(mistakes, dtype=np.float64).sum(1) - wrong - share**2 * pairs
    correlation = np.clip(np.divide(together, expected, out=np.zeros_like(expected), where=expected > 0), 0, 1)
    seen = (mistakes > 0).sum(1)
    correlation = (seen * correlation + PRIOR_CLUSTERS * PRIOR_CORRELATION) / (seen + PRIOR_CLUSTERS)
    correlation = np.maximum(correlation, correlation[-1:])
    effective = n / (1 + correlation * np.maximum(squares / np.maximum(n, 1) - 1, 0))
    return share * effective, effective


def conservative_counts(answers: Array, mistakes: Array, few_groups: int = 0) -> tuple[Array, Array]:
    """`effective_counts` with Student's correction, since few clusters estimate r badly (Korn and Graubard 1998).

    few_groups: as for `bound_risk`.
    """
    from scipy.special import ndtri, stdtrit  # type: ignore[import-untyped]  # installed for training, not for serving

    wrong, effective = effective_counts(answers, mistakes)
    clusters = (answers > 0).sum(1)
    student = (ndtri(CONFIDENCE_LEVEL) / stdtrit(np.maximum(clusters - 1, 1), CONFIDENCE_LEVEL)) ** 2
    corrected = np.maximum(effective * student, np.minimum(effective, clusters))
    corrected = np.where(effective < answers.sum(1), corrected, effective)
    if few_groups:
        corrected = corrected / (1 + GROUP_CORRELATION * np.maximum(corrected / few_groups - 1, 0))
    return wrong * np.divide(corrected, effective, out=np.zeros_like(effective), where=effective > 0), corrected


def achievable_risk(answers: float) -> float:
    """The lowest risk that this many independent held-out answers can show: if all of them are right."""
    return float(clopper_pearson(np.array(0.0), np.array(answers)))


def held_out_needed(wrong_at_most: float) -> int:
    """The fewest independent held-out answers that can show this risk: the inverse of `achievable_risk`."""
    return math.ceil(math.log(1 - CONFIDENCE_LEVEL) / math.log1p(-wrong_at_most))


def effective_items(items: float) -> float:
    """The effective number of items of one example, by the prior correlation."""
    if math.isinf(items):
        return 1 / PRIOR_CORRELATION
    return items / (1 + PRIOR_CORRELATION * max(items - 1, 0))


def choose_target_risk(bounds: RiskBounds) -> float:
    """The default target risk: the lowest whole percentage with a coverage of MIN_COVERAGE.

    At least DEFAULT_RISK and at most MAX_DEFAULT_RISK.
    """
    risks = bounds.wrong[bounds.accepted >= MIN_COVERAGE]
    if not risks.size:
        return MAX_DEFAULT_RISK
    return math.ceil(100 * float(np.clip(risks.min(), DEFAULT_RISK, MAX_DEFAULT_RISK)) - 1e-9) / 100


def growth_needed(bounds: RiskBounds, wrong_at_most: float, coverage: float = MIN_COVERAGE) -> float:
    """The factor by which the held-out examples must grow to show this risk with this coverage; infinity if more than
    MOST_GROWTH would not."""
    covering = bounds.accepted >= coverage

    def enough(factor: float) -> bool:
        return bool(bounds.bound(factor)[covering].min(initial=1.0) <= wrong_at_most)

    if not enough(MOST_GROWTH):
        return math.inf
    low, high = 1.0, 1.0
    while not enough(high):
        low, high = high, 2 * high
    while high - low > 1e-3 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def forecast_risks(bounds: RiskBounds) -> list[float]:
    """For each of GROWTHS, the least risk at which LEAST_COVERAGE of the items could be accepted with so many times as
    many held-out examples."""
    covering = bounds.accepted >= LEAST_COVERAGE
    return [float(bounds.bound(times)[covering].min(initial=1.0)) for times in GROWTHS]


def clopper_pearson(mistakes: Array, answers: Array, level: float = CONFIDENCE_LEVEL) -> Array:
    """The one-sided upper bound of Clopper and Pearson (1934) on the share of mistakes; counts need not be whole.

    scipy.stats.binomtest takes only whole counts, so this is its formula, with scipy's beta quantile.
    """
    from scipy.special import betaincinv

    right = np.maximum(answers - mistakes, np.finfo(np.float64).tiny)
    return np.where(mistakes < answers, betaincinv(mistakes + 1, right, level), 1.0)

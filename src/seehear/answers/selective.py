"""How wrong the surest items may be, by how often such were wrong in held-out examples.

Items of one picture, recording or speaker are alike, so they count for fewer than they are. See
docs/decisions/004-accepted.md.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seehear.answers.items import Items

Array = NDArray[Any]
SURE = 0.9  # how surely each bound holds
THRESHOLDS = 20
ALIKE, ALIKE_CLUSTERS = (
    0.2,
    3,
)  # the correlation within clusters before any is seen, and how many clusters it counts for
FEW_ALIKE = 0.02  # correlation within speakers, patients and the like, where too few of them were held out to tell
USUAL, MOST = 0.05, 0.25  # the shares of errors that are promised, where nobody asked for one, lie between these
USEFUL = 0.7  # the share of items that is to be accepted at what is promised


class RiskBounds(NamedTuple):
    """At up to THRESHOLDS confidences, falling, what is known of the items that are at least as sure; all (k,).

    wrong     the share of them that may be wrong, rising
    accepted  the share of all items that they are, rising
    mistakes  how many of them were wrong, and
    answers   how many there were, as if all were independent
    """

    confidence: Array
    wrong: Array
    accepted: Array
    mistakes: Array
    answers: Array


def bound_risk(items: Items, clusters: Array, few_groups: int = 0) -> RiskBounds:
    """clusters (n,): the number of the cluster in which each example lies, such as its speaker.

    few_groups: of how many speakers or the like all examples are, where those are too few to be the clusters.

    At 20 thresholds, each accepting another twentieth of the items, the share of wrong ones is bounded. A bound on
    more items also holds for the surer ones among them, which makes the bounds monotone.
    """
    example, place = np.nonzero(items.number)
    order = np.argsort(-items.confidence[example, place], kind="stable")
    example, place = example[order], place[order]
    falling = items.confidence[example, place].astype(np.float64)
    count, wrong = items.number[example, place], items.wrong[example, place]
    last = _last_of_twentieths(falling, count)
    total = np.zeros((2, len(last), int(clusters.max(initial=-1)) + 1))
    for threshold, end in enumerate(last + 1):
        for kind, numbers in enumerate((count, wrong)):
            total[kind, threshold] = np.bincount(clusters[example[:end]], numbers[:end], total.shape[2])
    mistakes, answers = _cautious(*total)
    if few_groups:
        shrunk = 1 / (1 + FEW_ALIKE * np.maximum(answers / few_groups - 1, 0))
        mistakes, answers = shrunk * mistakes, shrunk * answers
    bound = _wrong_at_most(mistakes, answers)
    return RiskBounds(
        confidence=falling[last],
        wrong=np.minimum.accumulate(bound[::-1])[::-1],
        accepted=total[0].sum(1) / max(int(count.sum()), 1),
        mistakes=mistakes,
        answers=answers,
    )


def _last_of_twentieths(falling: Array, count: Array) -> Array:
    """The places of the last item of each twentieth; those that are as sure as each other stay together."""
    if not len(falling):
        return np.zeros(0, np.int64)
    reached = count.cumsum()
    wanted = np.ceil(np.linspace(0, reached[-1], THRESHOLDS + 1)[1:])
    last = np.minimum(np.searchsorted(reached, wanted), len(falling) - 1)
    return np.unique(np.searchsorted(-falling, -falling[last], side="right")) - 1


def effective_counts(answers: Array, mistakes: Array) -> tuple[Array, Array]:
    """answers, mistakes (k, C) in each of C clusters, of nested sets, the widest last -> mistakes and answers (k,) as
    if all were independent.

    By the design effect 1 + (m - 1) r (Kish 1965): r is the correlation of mistakes within clusters, that of the set or
    of the widest, whichever is larger.
    """
    n, wrong, squares = answers.sum(1), mistakes.sum(1), np.square(answers, dtype=np.float64).sum(1)
    share, pairs = wrong / np.maximum(n, 1), squares - n
    expected = share * (1 - share) * pairs
    together = np.square(mistakes, dtype=np.float64).sum(1) - wrong - share**2 * pairs
    correlation = np.clip(np.divide(together, expected, out=np.zeros_like(expected), where=expected > 0), 0, 1)
    seen = (mistakes > 0).sum(1)
    correlation = (seen * correlation + ALIKE_CLUSTERS * ALIKE) / (seen + ALIKE_CLUSTERS)
    correlation = np.maximum(correlation, correlation[-1:])
    answers_alone = n / (1 + correlation * np.maximum(squares / np.maximum(n, 1) - 1, 0))
    return share * answers_alone, answers_alone


def _cautious(answers: Array, mistakes: Array) -> tuple[Array, Array]:
    """As `effective`, but fewer, as few clusters tell badly how alike their items are (Korn and Graubard 1998)."""
    from scipy.special import ndtri, stdtrit  # type: ignore[import-untyped]  # comes with training, not with serving

    wrong, alone = effective_counts(answers, mistakes)
    clusters = (answers > 0).sum(1)
    few = (ndtri(SURE) / stdtrit(np.maximum(clusters - 1, 1), SURE)) ** 2
    fewer = np.where(alone < answers.sum(1), np.maximum(alone * few, np.minimum(alone, clusters)), alone)
    return wrong * np.divide(fewer, alone, out=np.zeros_like(alone), where=alone > 0), fewer


def achievable_risk(answers: float) -> float:
    """The least share of wrong answers that so many held-out ones vouch for: where all of them are right."""
    return float(_wrong_at_most(np.array(0.0), np.array(answers)))


def held_out_needed(wrong_at_most: float) -> int:
    """The fewest held-out answers that vouch for a share of wrong ones: `vouched` the other way round."""
    return math.ceil(math.log(1 - SURE) / math.log1p(-wrong_at_most))


def effective_items(items: float) -> float:
    """For how many independent items those of one example count, before it is known how alike they are."""
    if math.isinf(items):
        return 1 / ALIKE
    return items / (1 + ALIKE * max(items - 1, 0))


def choose_target_risk(bounds: RiskBounds) -> float:
    """What is promised where nobody asked: the least share, in whole hundredths, at which most items are accepted.

    Not less than USUAL and not more than MOST.
    """
    useful = bounds.wrong[bounds.accepted >= USEFUL]
    return math.ceil(100 * float(np.clip(useful.min(initial=1), USUAL, MOST)) - 1e-9) / 100 if useful.size else MOST


def growth_needed(bounds: RiskBounds, wrong_at_most: float) -> float:
    """How many times as many held-out examples would vouch for a share at which most items are accepted; infinity
    where too many are wrong."""
    useful = bounds.accepted >= USEFUL
    pairs = zip(bounds.mistakes[useful].tolist(), bounds.answers[useful].tolist(), strict=True)
    return min((_times(mistakes, answers, wrong_at_most) for mistakes, answers in pairs), default=math.inf)


def _times(mistakes: float, answers: float, wrong_at_most: float) -> float:
    if mistakes >= wrong_at_most * answers:
        return math.inf

    def enough(times: float) -> bool:
        return bool(_wrong_at_most(np.array(times * mistakes), np.array(times * answers)) <= wrong_at_most)

    low, high = 1.0, 1.0
    while not enough(high):
        low, high = high, 2 * high
    while high - low > 1e-3 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _wrong_at_most(mistakes: Array, answers: Array) -> Array:
    """The upper end of Clopper and Pearson's interval (1934) for the share of mistakes among answers."""
    from scipy.special import betaincinv

    few = np.maximum(answers - mistakes, np.finfo(np.float64).tiny)
    return np.where(mistakes < answers, betaincinv(mistakes + 1, few, SURE), 1.0)

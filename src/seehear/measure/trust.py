"""When to believe an answer: fitted on examples held out of training, kept in the recipe."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.recipe import RiskCurve

Array = NDArray[Any]
SURE = 0.9  # how surely each bound holds; see docs/decisions/004-accepted.md
THRESHOLDS = 20
REFUSED = 0.02  # the share of familiar inputs that one accepts to send back as unfamiliar
FEWEST = 30  # scores that a limit is fitted to; see docs/decisions/006-unfamiliar.md
TAIL = 0.2  # the share of largest scores whose excess tells how the tail falls


def fit_risk(confidence: Array, right: Array) -> RiskCurve:
    """confidence (n,) and right (n,) bool of held-out answers -> how wrong the most confident ones may be.

    At 20 thresholds, each accepting another twentieth of the examples, the share of wrong answers is bounded. A bound
    on more answers also holds for the more confident ones among them, which makes the curve monotone.
    """
    order = np.argsort(-np.asarray(confidence, np.float64), kind="stable")
    falling, wrong = np.asarray(confidence, np.float64)[order], (~np.asarray(right, bool))[order].cumsum()
    last = np.unique(np.ceil(np.linspace(0, len(order), THRESHOLDS + 1)[1:]).astype(int)) - 1
    last = np.unique(np.searchsorted(-falling, -falling[last[last >= 0]], side="right")) - 1  # equals together
    bound = _wrong_at_most(wrong[last] if last.size else last, last + 1)
    monotone = np.minimum.accumulate(bound[::-1])[::-1]
    return RiskCurve(confidence=tuple(falling[last].tolist()), wrong=tuple(monotone.tolist()))


def vouched(held_out: int) -> float:
    """The least share of wrong answers that so many held-out examples vouch for: where all are answered rightly."""
    return float(_wrong_at_most(np.array(0), np.array(held_out)))


def needed(wrong_at_most: float) -> int:
    """The fewest held-out examples that vouch for a share of wrong answers: `vouched` the other way round."""
    return math.ceil(math.log(1 - SURE) / math.log1p(-wrong_at_most))


def _wrong_at_most(mistakes: Array, answers: Array) -> Array:
    """The upper end of Clopper and Pearson's interval (1934) for the share of mistakes among answers."""
    from scipy.special import betaincinv  # type: ignore[import-untyped]  # comes with training, not with serving

    return np.where(mistakes < answers, betaincinv(mistakes + 1, np.maximum(answers - mistakes, 1), SURE), 1.0)


def familiar_limit(scores_held_out: Array) -> float:
    """The score above which an input is unlike the training's, so that about 1 in 50 like it is refused too.

    From 49 examples on it is one of their own scores, which holds for any distribution (conformal prediction,
    Vovk et al. 2005); for fewer the tail is taken to fall exponentially from its upper fifth on. Infinity, all
    is familiar, from fewer than FEWEST.
    """
    scores = np.sort(np.asarray(scores_held_out, np.float64))
    place = math.ceil((len(scores) + 1) * (1 - REFUSED))
    if place <= len(scores):
        return float(scores[place - 1])
    if len(scores) < FEWEST:
        return math.inf
    start = np.quantile(scores, 1 - TAIL)
    excess = scores[scores > start] - start
    return float(start + (excess.mean() * math.log(TAIL / REFUSED) if excess.size else 0.0))

"""When to believe an answer: fitted on examples held out of training, kept in the recipe."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.answers.items import Items
from seehear.answers.selective import RiskBounds, bound_risk
from seehear.recipe import RiskCoverageCurve

Array = NDArray[Any]
REFUSED = 0.02  # the share of familiar inputs that one accepts to send back as unfamiliar
FEWEST = 30  # scores that a limit is fitted to; see docs/decisions/006-out-of-distribution.md
TAIL = 0.2  # the share of largest scores whose excess tells how the tail falls


def fit_risk_curve(confidence: Array, right: Array, clusters: Array | None = None) -> RiskCoverageCurve:
    """confidence (n,) and right (n,) bool of held-out answers -> how wrong the most confident ones may be.

    `clusters` (n,) says which of them are alike, such as those of one speaker; each is its own unless given.
    """
    alone = np.arange(len(confidence)) if clusters is None else clusters
    return to_risk_curve(bound_risk(Items.of_wholes(confidence, right), alone))


def to_risk_curve(bounds: RiskBounds) -> RiskCoverageCurve:
    return RiskCoverageCurve(confidence=tuple(bounds.confidence.tolist()), wrong=tuple(bounds.wrong.tolist()))


def fit_ood_threshold(scores_held_out: Array) -> float:
    """The score above which an input is unlike the training's, so that about 1 in 50 like it is refused too.

    From 49 examples on it is one of their own scores, which holds for any distribution (conformal prediction,
    Vovk et al. 2005); for fewer the tail is taken to fall exponentially from its upper fifth on, as it may fall by
    what so few tell of it (the predictive distribution of an exponential one). Infinity, all is familiar, from fewer
    than FEWEST.
    """
    scores = np.sort(np.asarray(scores_held_out, np.float64))
    place = math.ceil((len(scores) + 1) * (1 - REFUSED))
    if place <= len(scores):
        return float(scores[place - 1])
    if len(scores) < FEWEST:
        return math.inf
    start = np.quantile(scores, 1 - TAIL)
    excess = scores[scores > start] - start
    k = excess.size
    return float(start + (k * excess.mean() * ((TAIL / REFUSED) ** (1 / k) - 1) if k else 0.0))

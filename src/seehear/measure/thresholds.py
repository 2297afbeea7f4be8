"""Thresholds that are fitted on held-out examples and stored in the recipe."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.answers import AnyKind
from seehear.answers.prediction_sets import EVERY_CLASS, TrueThings, bound_missed
from seehear.answers.selective import RiskBounds
from seehear.recipe import CoverageCurve, RiskCoverageCurve

Array = NDArray[Any]
REJECTED = 0.02  # the share of in-distribution inputs that may be rejected as out of distribution
MIN_SCORES = 30  # fewer give no threshold; see docs/decisions/006-out-of-distribution.md
TAIL = 0.2  # the share of largest scores to which the tail is fitted


def to_risk_curve(bounds: RiskBounds) -> RiskCoverageCurve:
    return RiskCoverageCurve(confidence=tuple(bounds.confidence.tolist()), wrong=tuple(bounds.wrong.tolist()))


def fit_coverage(
    kind: AnyKind, spec: Any, answers: Sequence[Any], truths: Sequence[Any], clusters: Array, few_groups: int
) -> dict[str, CoverageCurve]:
    """The coverage of prediction sets, for all classes together and for each; {} for answers without such sets.

    clusters (n,) int and few_groups: as for `selective.bound_risk`.
    """
    sets = kind.prediction_sets
    if sets is None or sets.refusal(spec):
        return {}
    things = sets.needed(answers, truths, spec).hardest_first(clusters)
    classes = sets.classes(spec)
    each = {name: things.of_class(index) for index, name in enumerate(classes)} if len(classes) > 1 else {}
    fitted = {name: _to_coverage_curve(own, few_groups) for name, own in ({EVERY_CLASS: things} | each).items()}
    return {name: curve for name, curve in fitted.items() if curve.threshold}


def _to_coverage_curve(things: TrueThings, few_groups: int) -> CoverageCurve:
    threshold, missed, held_out = bound_missed(things, few_groups)
    return CoverageCurve(threshold=tuple(threshold.tolist()), missed=tuple(missed.tolist()), held_out=held_out)


def fit_ood_threshold(held_out_scores: Array) -> float:
    """The out-of-distribution score above which about 1 in 50 in-distribution inputs lies.

    From 49 scores on it is one of them, which holds for any distribution (conformal prediction, Vovk et al. 2005).
    With fewer, the tail above the upper fifth is taken to be exponential, and the threshold is a quantile of its
    predictive distribution, which allows for the uncertainty of the fit. Infinity with fewer than MIN_SCORES.
    """
    scores = np.sort(np.asarray(held_out_scores, np.float64))
    rank = math.ceil((len(scores) + 1) * (1 - REJECTED))
    if rank <= len(scores):
        return float(scores[rank - 1])
    if len(scores) < MIN_SCORES:
        return math.inf
    start = np.quantile(scores, 1 - TAIL)
    excess = scores[scores > start] - start
    k = excess.size
    return float(start + (k * excess.mean() * ((TAIL / REJECTED) ** (1 / k) - 1) if k else 0.0))

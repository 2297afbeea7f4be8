"""Thresholds that are fitted on held-out examples and stored in the recipe."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.answers import AnyKind
from seehear.answers.prediction_sets import EVERY_CLASS, MissedBounds, Needed, bound_missed, bound_worst
from seehear.answers.selective import RiskBounds
from seehear.measure.binning import group_rows
from seehear.recipe import CoverageCurve, RiskCoverageCurve

Array = NDArray[Any]
REJECTED = 0.02  # the share of in-distribution inputs that may be rejected as out of distribution
MIN_SCORES = 30  # fewer give no threshold; see docs/decisions/006-out-of-distribution.md
FEWEST_GROUPS = 5  # speakers, patients or the like, to estimate how much they differ
MOST_GROUPS = 50  # in a column whose groups get a coverage each
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
    every = {EVERY_CLASS: things} | each
    fitted = {name: _to_coverage_curve(bound_missed(own, few_groups)) for name, own in every.items()}
    return {name: curve for name, curve in fitted.items() if curve.threshold}


def fit_group_coverage(
    kind: AnyKind,
    spec: Any,
    answers: Sequence[Any],
    truths: Sequence[Any],
    groups: Array,
    columns: Mapping[str, Sequence[str]],
) -> dict[str, CoverageCurve]:
    """By column of metadata: the coverage of prediction sets in every group of it, whichever is worst.

    groups (n,) int: the speaker, patient or the like of each example. Columns with a single group, or with more than
    MOST_GROUPS, are left out. One curve for all groups keeps their names out of model files, and holds for new examples
    whose group nobody says.
    """
    sets = kind.prediction_sets
    if sets is None or sets.refusal(spec):
        return {}
    needed = sets.needed(answers, truths, spec)
    fitted = {}
    for column, cells in columns.items():
        found = group_rows(column, cells)
        if 2 <= len(found) <= MOST_GROUPS:
            bounds = [_bound_group(needed.take(rows), groups[rows]) for rows in found.values()]
            fitted[column] = _to_coverage_curve(bound_worst(bounds))
    return fitted


def _bound_group(needed: Needed, groups: Array) -> MissedBounds:
    """Of a group of examples from these speakers, patients or the like. With few of them, each example counts alone: a
    group may be one speaker."""
    clusters = np.unique(groups, return_inverse=True)[1]
    number = int(clusters.max(initial=-1)) + 1
    if number < min(FEWEST_GROUPS, len(clusters)):
        return bound_missed(needed.hardest_first(np.arange(len(clusters))), number if number > 1 else 0)
    return bound_missed(needed.hardest_first(clusters))


def _to_coverage_curve(bounds: MissedBounds) -> CoverageCurve:
    threshold, missed, held_out = bounds
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

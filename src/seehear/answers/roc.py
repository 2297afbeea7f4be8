"""The area under the ROC curve."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]


def rank(scores: ArrayLike) -> Array:
    """(n,) int: the place of each score among the distinct ones, equal for equal scores."""
    ranks: Array = np.unique(np.asarray(scores, np.float64), return_inverse=True)[1].astype(np.int32)
    return ranks


def measure_auroc(positive: Array, ranks: Array) -> float:
    """How often a positive (n,) bool has a higher rank (n,) than a negative; ties count half. nan if either is missing.

    It is the U of Mann and Whitney (1947) from mean ranks, which are found by counting, without sorting.
    """
    positives = np.count_nonzero(positive)
    if not 0 < positives < len(positive):
        return float("nan")
    counts = np.bincount(ranks)
    mean_ranks = counts.cumsum() - (counts - 1) / 2
    ordered = mean_ranks[ranks[positive]].sum() - positives * (positives + 1) / 2
    return float(ordered / (positives * (len(positive) - positives)))


def compare_scores(low: ArrayLike, high: ArrayLike) -> float:
    """The AUROC of scores: how often one of `high` is above one of `low`."""
    low, high = np.asarray(low, np.float64), np.asarray(high, np.float64)
    return measure_auroc(np.arange(len(low) + len(high)) >= len(low), rank(np.concatenate([low, high])))

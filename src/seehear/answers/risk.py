"""How wrong the surest answers may be, by how often such were wrong among examples held out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
SURE = 0.9  # how surely each bound holds; see docs/decisions/004-accepted.md
THRESHOLDS = 20


def bounded(confidence: Array, right: Array) -> tuple[Array, Array]:
    """confidence (n,) and right (n,) bool -> confidences, falling, and how wrong all that are as sure may be, rising.

    At 20 thresholds, each accepting another twentieth of the answers, the share of wrong ones is bounded. A bound on
    more answers also holds for the more confident ones among them, which makes the bounds monotone.
    """
    order = np.argsort(-np.asarray(confidence, np.float64), kind="stable")
    falling, wrong = np.asarray(confidence, np.float64)[order], (~np.asarray(right, bool))[order].cumsum()
    last = np.unique(np.ceil(np.linspace(0, len(order), THRESHOLDS + 1)[1:]).astype(int)) - 1
    last = np.unique(np.searchsorted(-falling, -falling[last[last >= 0]], side="right")) - 1  # equals together
    bound = _wrong_at_most(wrong[last] if last.size else last, last + 1)
    return falling[last], np.minimum.accumulate(bound[::-1])[::-1]


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

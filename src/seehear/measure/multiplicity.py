"""Corrects p-values when many hypotheses are tested at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def adjust_by_maximum(observed: Array, resampled: Array) -> Array:
    """p-values (K,) of K hypotheses, adjusted by the step-down maximum (Westfall & Young 1993, algorithm 2.8).

    observed    (K,) statistics, large ones against the hypothesis
    resampled   (R, K) the same statistics when all hypotheses hold

    If all of them hold, the smallest of the p-values is below any level at most as often as the level says. Hypotheses
    that correlate cost less than with Bonferroni's correction.
    """
    order = np.argsort(-observed, kind="stable")
    remaining = np.maximum.accumulate(resampled[:, order][:, ::-1], axis=1)[:, ::-1]
    as_large = (remaining >= observed[order] - 1e-12).sum(0)
    stepped = np.maximum.accumulate((1 + as_large) / (1 + len(resampled)))
    adjusted = np.empty(len(observed))
    adjusted[order] = stepped
    return adjusted

"""Platt scaling (Platt 1999): a linear function of the log odds, fitted on held-out examples; and its error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
EPSILON = 1e-4  # least distance from 0 and 1, so that log odds stay finite
PRIOR = 1.0  # 1 / variance of the normal priors, slope about 1 and offset about 0
BINS = 15  # Guo et al. 2017, section 3


def apply_platt(sure: float, calibration: Mapping[str, float], what: str) -> float:
    """The calibrated probability for a raw one, by the fit for `what`; unchanged without a fit."""
    slope, offset = calibration.get(f"{what}_slope", 1.0), calibration.get(f"{what}_offset", 0.0)
    return float(np.exp(-np.logaddexp(0, -(slope * _log_odds(np.array(sure)) + offset))))


def fit_platt(sure: Array, correct: Array, what: str) -> dict[str, float]:
    """Maximum a posteriori slope and offset for raw probabilities `sure` (n,) and `correct` (n,) bool.

    The slope is not negative: if more confident answers are wrong more often, confidence says nothing.
    """
    from scipy.optimize import minimize  # type: ignore[import-untyped]  # installed for training, not for serving

    x, sign = _log_odds(sure), np.where(correct, -1.0, 1.0)

    def loss(line: Array) -> tuple[float, Array]:
        """The negative log posterior, and its gradient."""
        z, off = line[0] * x + line[1], line - (1.0, 0.0)
        p = np.exp(-np.logaddexp(0, -z))
        gradient = np.array([x @ (p - correct), (p - correct).sum()]) + PRIOR * off
        return float(np.logaddexp(0, sign * z).sum() + PRIOR / 2 * off @ off), gradient

    found = minimize(
        loss, (1.0, 0.0), jac=True, bounds=((0, None), (None, None)), options={"ftol": 1e-14, "gtol": 1e-8}
    )
    slope, offset = found.x.tolist()
    return {f"{what}_slope": slope, f"{what}_offset": offset}


def calibration_error(right: Array, confidence: Array) -> float:
    """Expected calibration error: |accuracy - confidence| over BINS bins of equal width, for right and confidence (n,).

    Guo et al. 2017, eq. 3; nan for no answers.
    """
    if not len(right):
        return float("nan")
    bins = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    gaps = np.bincount(bins, weights=right - confidence, minlength=BINS)
    return float(np.abs(gaps).sum() / len(right))


def _log_odds(p: Array) -> Array:
    p = np.clip(p, EPSILON, 1 - EPSILON)
    odds: Array = np.log(p / (1 - p))
    return odds

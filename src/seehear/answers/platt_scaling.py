"""Confidence made honest: a straight line through the log odds (Platt 1999), fitted on examples held out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
EDGE = 1e-4  # from certainty: log odds stay finite
PRIOR = 1.0  # one over the variance of slope and offset about 1 and 0: decides where few examples do not
ROUNDS, HALVINGS = 20, 10
BINS = 15  # Guo et al. 2017, section 3


def apply_platt(sure: float, calibration: Mapping[str, float], what: str) -> float:
    """The honest probability for a raw one, as fitted for `what`; as it is where nothing was fitted."""
    slope, offset = (calibration.get(f"{what}_{name}", usual) for name, usual in (("slope", 1.0), ("offset", 0.0)))
    return float(np.exp(-np.logaddexp(0, -(slope * _log_odds(np.array(sure)) + offset))))


def fit_platt(sure: Array, correct: Array, what: str) -> dict[str, float]:
    """sure (n,) 0 to 1, correct (n,) bool -> slope and offset of the line.

    It never falls: where the surer were wrong oftener, sureness tells nothing, and all are as likely to be right.
    """
    x = np.stack([_log_odds(sure), np.ones(len(sure))], 1)  # (n, 2)
    slope, offset = _fitted(x, correct, np.array([1.0, 0.0]))
    if slope < 0:
        slope, (offset,) = 0.0, _fitted(x[:, 1:], correct, np.zeros(1))
    return {f"{what}_slope": float(slope), f"{what}_offset": float(offset)}


def calibration_error(right: Array, confidence: Array) -> float:
    """Expected calibration error: |accuracy - confidence| over BINS bins of equal width, for right and confidence (n,).

    Guo et al. 2017, eq. 3; nan for no answers.
    """
    if not len(right):
        return float("nan")
    bins = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    gaps = np.bincount(bins, weights=right - confidence, minlength=BINS)
    return float(np.abs(gaps).sum() / len(right))


def _fitted(x: Array, correct: Array, usual: Array) -> Array:
    """What x (n, k) weighs (k,), by Newton's method, which takes a shorter step where a whole one would be worse."""

    def surprise(line: Array) -> float:
        wrong_way = np.where(correct, -1, 1) * (x @ line)
        return float(np.logaddexp(0, wrong_way).sum() + PRIOR / 2 * np.square(line - usual).sum())

    line = usual
    for _ in range(ROUNDS):
        p = np.exp(-np.logaddexp(0, -(x @ line)))
        slope = x.T @ (p - correct) + PRIOR * (line - usual)
        bend = (x * (p * (1 - p))[:, None]).T @ x + PRIOR * np.eye(len(usual))
        step = np.linalg.solve(bend, slope)
        steps = (line - step / 2**halved for halved in range(HALVINGS))
        line = next((shorter for shorter in steps if surprise(shorter) < surprise(line)), line)
    return line


def _log_odds(p: Array) -> Array:
    p = np.clip(p, EDGE, 1 - EDGE)
    odds: Array = np.log(p / (1 - p))
    return odds

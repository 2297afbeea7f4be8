"""How often answers of each confidence are wrong: a posterior, from held-out examples, of the curve that says so.

Counting mistakes among accepted answers takes thousands of them. Here, all held-out answers teach the curve from
confidence to mistakes: P(wrong) = lapse + (1 - lapse) / (1 + exp(slope x + offset)), where x are the log odds of the
calibrated confidence. Slope and offset correct it (Platt 1999), and a lapse is a mistake that no confidence excludes
(Wichmann and Hill 2001, "The psychometric function"). The prior expects confidences that are nearly calibrated.
Thresholds may be chosen after looking: the posterior is the same for all of them. See docs/decisions/072-guarantees.md.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
SLOPES, SLOPE_SD = np.linspace(0.1, 2.5, 13), 0.5  # about 1
OFFSETS, OFFSET_SD = np.linspace(-3.0, 3.0, 19), 0.5  # about 0
LAPSES, MEAN_LAPSE = np.array([0, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16]), 0.01
EPSILON = 1e-4  # least distance of a confidence from 0 and 1


class Bins(NamedTuple):
    """k bins of items, the most confident first. Arrays are (k,).

    log_odds   of the confidence of its items, their mean
    number     of items
    wrong      how many of them are wrong
    """

    log_odds: Array
    number: Array
    wrong: Array


def fill_bins(confidence: Array, number: Array, wrong: Array, last: Array) -> Bins:
    """confidence, number, wrong (n,): of items, the most confident first. last (k,): the last item of each bin."""
    sure = np.clip(confidence, EPSILON, 1 - EPSILON)
    if not len(last):
        return Bins(*np.zeros((3, 0)))
    first = np.r_[0, last[:-1] + 1]
    total, log_odds, mistakes = (
        np.add.reduceat(each.astype(np.float64), first) for each in (number, number * np.log(sure / (1 - sure)), wrong)
    )
    return Bins(log_odds / total, total, mistakes)


def bound_posterior_risk(bins: Bins, weight: float, level: float) -> Array:
    """An upper bound (k,) on the share of wrong items in the bins up to each, with probability `level`.

    weight: how many independent items one of them counts for; less than 1 if those of one example or speaker err
    together.
    """
    x, number, wrong = bins
    slope, offset, lapse = (each.ravel()[:, None] for each in np.meshgrid(SLOPES, OFFSETS, LAPSES, indexing="ij"))
    risk = lapse + (1 - lapse) / (1 + np.exp(np.clip(slope * x + offset, -50, 50)))  # (curves, k)
    risk = np.clip(risk, 1e-12, 1 - 1e-12)
    log_prior = -0.5 * ((slope - 1) / SLOPE_SD) ** 2 - 0.5 * (offset / OFFSET_SD) ** 2 - lapse / MEAN_LAPSE
    log_prior += np.log(np.gradient(LAPSES))[np.searchsorted(LAPSES, lapse)]  # how much of the prior a value stands for
    log_posterior = weight * (np.log(risk) @ wrong + np.log1p(-risk) @ (number - wrong)) + log_prior[:, 0]
    share = np.exp(log_posterior - log_posterior.max())
    nested = (risk * number).cumsum(1) / np.maximum(number.cumsum(), 1)
    return _weighted_quantile(nested, share / share.sum(), level)


def _weighted_quantile(values: Array, weights: Array, level: float) -> Array:
    """values (curves, k), weights (curves,) -> (k,): the least value with at least `level` of the weight up to it."""
    order = np.argsort(values, axis=0)
    reached = weights[order].cumsum(0) >= level - 1e-9
    quantile: Array = np.take_along_axis(values, order, 0)[reached.argmax(0), np.arange(values.shape[1])]
    return quantile

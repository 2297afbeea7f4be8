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
SLOPE_SD, OFFSET_SD, MEAN_LAPSE = 0.5, 0.5, 0.01  # of the prior; slope about 1, offset about 0
# Slope, offset at the mean of x, and square root of lapse: where a curve is looked for at first, and from where on.
RANGES = np.array([[0.02, 2.5], [-12.0, 12.0], [0.0, 0.4]])
LOWEST = np.array([0.0, -np.inf, 0.0])
NODES = (13, 15, 9)
ZOOMS = 3  # each looks at the neighbourhood of what was likely before
NEIGHBOURHOOD = 3.5  # standard deviations on either side
MOST_LOG_ODDS = 27.6  # that an answer is right: it is wrong with a probability of 1e-12
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
    if not len(bins.number):
        return np.zeros(0)
    sides, step = _place_nodes(RANGES)
    risk, share = _weigh_curves(sides, bins, weight)
    for _ in range(ZOOMS):
        nodes = np.stack(np.meshgrid(*sides, indexing="ij"), -1).reshape(-1, 3)
        mean = share @ nodes
        deviation = np.maximum(np.sqrt(share @ (nodes - mean) ** 2), 0.5 * step)
        around = mean[:, None] + NEIGHBOURHOOD * deviation[:, None] * np.array([-1, 1])
        sides, step = _place_nodes(np.maximum(around, LOWEST[:, None]))
        risk, share = _weigh_curves(sides, bins, weight)
    nested = (risk * bins.number).cumsum(1) / bins.number.cumsum()
    return _weighted_quantile(nested, share, level)


def _place_nodes(ranges: Array) -> tuple[list[Array], Array]:
    """The middles of equal cells that fill the ranges (3, 2), along each side: S slopes, M middles and R roots. And the
    widths (3,) of the cells."""
    step = (ranges[:, 1] - ranges[:, 0]) / NODES
    return [low + width * (np.arange(n) + 0.5) for low, width, n in zip(ranges[:, 0], step, NODES, strict=True)], step


def _weigh_curves(sides: list[Array], bins: Bins, weight: float) -> tuple[Array, Array]:
    """The risk (S * M * R, k) of the items in each bin by each curve, and the posterior share (S * M * R,) of each.

    Where possible it computes with slopes and middles alone, (S, M, k): the roots are R times as much.
    """
    slope, middle, root = sides[0][:, None, None], sides[1][:, None], sides[2]  # (S, 1, 1), (M, 1), (R,)
    centre = float(bins.log_odds @ bins.number / bins.number.sum())  # about which slope and offset are independent
    lapse = root**2
    z = np.clip(middle + slope * (bins.log_odds - centre), -MOST_LOG_ODDS, MOST_LOG_ODDS)  # (S, M, k)
    wrong, right = 1 / (1 + np.exp(z)), 1 / (1 + np.exp(-z))  # but for lapses
    risk = lapse[:, None] + (1 - lapse)[:, None] * wrong[:, :, None]
    log_likelihood = np.log(risk) @ bins.wrong
    rights = bins.number - bins.wrong
    log_likelihood += (np.log(right) @ rights)[..., None] + np.log1p(-lapse) * rights.sum()
    offset = middle - slope * centre
    log_prior = -0.5 * ((slope - 1) / SLOPE_SD) ** 2 - 0.5 * (offset / OFFSET_SD) ** 2 - lapse / MEAN_LAPSE
    log_prior = log_prior + np.log(2 * root)  # of the root, from that of the lapse
    log_posterior = (weight * log_likelihood + log_prior).ravel()
    share = np.exp(log_posterior - log_posterior.max())
    return risk.reshape(-1, len(bins.number)), share / share.sum()


def _weighted_quantile(values: Array, weights: Array, level: float) -> Array:
    """values (curves, k), weights (curves,) -> (k,): the least value with at least `level` of the weight up to it."""
    order = np.argsort(values, axis=0)
    reached = weights[order].cumsum(0) >= level - 1e-9
    quantile: Array = np.take_along_axis(values, order, 0)[reached.argmax(0), np.arange(values.shape[1])]
    return quantile

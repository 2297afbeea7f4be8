"""The posterior of the curve from confidence to mistakes, against a dense grid, and at the limits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from seehear.answers.risk_posterior import MEAN_LAPSE, OFFSET_SD, SLOPE_SD, Bins, bound_posterior_risk, fill_bins

Array = NDArray[Any]


def draw(n: int, seed: int = 0, bins: int = 5) -> Bins:
    """Calibrated answers, of which 80 % are right."""
    random = np.random.default_rng(seed)
    sure = np.sort(random.beta(2.2, 0.55, n))[::-1]
    last = np.ceil(np.linspace(0, n, bins + 1)[1:]).astype(int) - 1
    return fill_bins(sure, np.ones(n, int), (random.random(n) > sure).astype(int), last)


def integrate(bins: Bins, level: float) -> Array:
    """The same bound from a dense grid of slopes, offsets and roots of lapses."""
    sides = np.linspace(0.02, 2.5, 50), np.linspace(-2.5, 2.5, 70), (np.arange(25) + 0.5) / 63
    slope, offset, root = (side.ravel()[:, None] for side in np.meshgrid(*sides, indexing="ij"))
    lapse = root**2
    risk = lapse + (1 - lapse) / (1 + np.exp(slope * bins.log_odds + offset))
    prior = ((slope - 1) / SLOPE_SD) ** 2 / 2 + (offset / OFFSET_SD) ** 2 / 2 + lapse / MEAN_LAPSE - np.log(root)
    likely = np.log(risk) @ bins.wrong + np.log1p(-risk) @ (bins.number - bins.wrong) - prior[:, 0]
    share = np.exp(likely - likely.max())
    nested = (risk * bins.number).cumsum(1) / bins.number.cumsum()
    order = np.argsort(nested, 0)
    first = (share[order].cumsum(0) >= level * share.sum()).argmax(0)
    return np.take_along_axis(nested, order, 0)[first, np.arange(nested.shape[1])]


@pytest.mark.parametrize("n", [20, 200, 2000])
def test_the_bound_agrees_with_a_dense_grid(n: int) -> None:
    np.testing.assert_allclose(bound_posterior_risk(draw(n), 1.0, 0.95), integrate(draw(n), 0.95), rtol=0.05)


def test_many_answers_leave_little_doubt() -> None:
    many = draw(200_000)
    counted = many.wrong.cumsum() / many.number.cumsum()
    np.testing.assert_allclose(bound_posterior_risk(many, 1.0, 0.95), counted, atol=0.004)


def test_answers_that_count_for_less_say_less() -> None:
    few, alike = bound_posterior_risk(draw(500), 1.0, 0.95), bound_posterior_risk(draw(500), 0.1, 0.95)
    assert (few < alike).all()
    assert not len(bound_posterior_risk(draw(0, bins=0), 1.0, 0.95))


@pytest.mark.parametrize("wrong", [0, 1])
def test_whatever_is_true_is_possible(wrong: int) -> None:
    """All right or all wrong, against what the confidences say."""
    half = Bins(np.zeros(1), np.array([300.0]), np.array([300.0 * wrong]))
    bound = bound_posterior_risk(half, 1.0, 0.95).item()
    assert bound > 0.9 if wrong else bound < 0.1

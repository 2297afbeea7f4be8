"""How likely each given class is wrong, as models judge that have not learned from it.

The given class y is taken for the true one, except that with probability r it is a random other one of the C classes.
So it is given with probability (1 - r) p(y) + r (1 - p(y)) / (C - 1), where p are the model's probabilities at some
temperature. The rate r and the temperature maximise the likelihood of the given classes; nothing else is chosen. As
in confident learning (Northcutt et al. 2021, arXiv:1911.00068), the noisy classes alone determine the rate.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

LIKELIER = 0.5  # a class is suspected if it is likelier wrong than right
TEMPERATURES = np.geomspace(0.2, 20.0, 41)
MOST_RATE = 0.4  # with more wrong classes, models trained on them are useless
EPSILON = 1e-4  # least distance of a confidence from 0 and 1
STEPS = 50  # of expectation maximisation
FIRST_RATE = 0.05
PRIOR = 2.0  # examples with FIRST_RATE of wrong classes that are assumed


class LabelNoise(NamedTuple):
    """rate: the estimated share of wrong classes. wrong (n,): the probability that each given class is wrong."""

    rate: float
    wrong: Array


def estimate_label_noise(logits: Array, given: Array) -> LabelNoise:
    """logits (n, C) of models without the example; given (n,) the class in the data."""
    classes = logits.shape[1]
    best, found = -np.inf, LabelNoise(0.0, np.zeros(len(given)))
    for temperature in TEMPERATURES:
        of_given = _softmax(logits / temperature)[np.arange(len(given)), given]
        rate, likelihood = _fit_rate(of_given, classes)
        if likelihood > best:
            best, found = likelihood, LabelNoise(rate, _posterior(of_given, rate, classes))
    return found


def _fit_rate(of_given: Array, classes: int) -> tuple[float, float]:
    """The maximum-likelihood rate for the probabilities (n,) of the given classes, and its log likelihood."""
    rate = FIRST_RATE
    for _ in range(STEPS):
        wrong = _posterior(of_given, rate, classes)
        rate = min(MOST_RATE, float((wrong.sum() + PRIOR * FIRST_RATE) / (len(wrong) + PRIOR)))
    return rate, float(np.log((1 - rate) * of_given + rate * (1 - of_given) / (classes - 1) + 1e-300).sum())


def _posterior(of_given: Array, rate: float, classes: int) -> Array:
    """(n,) the probability that the given class is a random other one."""
    by_chance = rate * (1 - of_given) / (classes - 1)
    posterior: Array = by_chance / ((1 - rate) * of_given + by_chance + 1e-300)
    return posterior


def _softmax(logits: Array) -> Array:
    odds = np.exp(logits - logits.max(1, keepdims=True))
    probabilities: Array = odds / odds.sum(1, keepdims=True)
    return probabilities


def estimate_item_noise(confidence: Array, agrees: Array) -> Array:
    """(n,) the probability that the truth about each item is wrong, such as a box that is missing in it.

    confidence (n,): of models that the item is there as they say; agrees (n,) bool: whether the truth says so, too.
    """
    sure = np.clip(confidence, EPSILON, 1 - EPSILON)
    return estimate_label_noise(np.log(np.stack([1 - sure, sure], 1)), agrees.astype(np.int64)).wrong

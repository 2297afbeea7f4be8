"""Forecasts from a learning curve: the error of a model as a power law of the number of its training examples.

The error is e (s + (1 - s) (n / N)^-c). A share s of the present error e, at N examples, remains with any number of
examples; the rest shrinks with exponent c (Hestness et al. 2017, arXiv:1712.00409). A few measured points cannot
separate s from c, so all values are kept, each weighted by how well it explains the points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

EXPONENTS = np.linspace(0.05, 1.5, 146)  # from almost no progress to faster than any published
FLOORS = np.linspace(0.0, 0.98, 99)  # share of the present error that remains with unlimited examples
DRAWS = 4000
MIDDLE = 0.9  # share of the forecasts that an interval holds


class Forecast(NamedTuple):
    """A value and its 90 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class PowerLaw:
    """Samples from the posterior, given the measured points.

    size      N, the largest number of examples that was measured
    error     (DRAWS,) e, at that number
    floor     (DRAWS,) s
    exponent  (DRAWS,) c
    """

    size: float
    error: Array
    floor: Array
    exponent: Array

    @classmethod
    def fit(cls, sizes: Array, errors: Array, covariance: Array, *, seed: int = 0) -> PowerLaw:
        """sizes (K,) ascending; errors (K,) measured there, with their covariance (K, K), as all are measured on the
        same examples. Every exponent and floor is as likely as another before."""
        exponent, floor = (each.ravel() for each in np.meshgrid(EXPONENTS, FLOORS, indexing="ij"))
        shape = _shrink(sizes / sizes[-1], floor[:, None], exponent[:, None])  # (P, K), 1 at the largest size
        inverse = np.linalg.inv(covariance)
        information = np.einsum("pk,kl,pl->p", shape, inverse, shape)
        error = shape @ inverse @ errors / information  # (P,) the best e for each pair
        off = errors - error[:, None] * shape
        misfit = np.einsum("pk,kl,pl->p", off, inverse, off)
        # Points that scatter more than the examples explain: also the subsets that were drawn make a difference.
        spread = max(1.0, float(misfit.min()) / max(len(sizes) - 2, 1))
        weight = np.exp(-(misfit - misfit.min()) / (2 * spread)) / np.sqrt(information)
        random = np.random.default_rng(seed)
        drawn = random.choice(len(weight), DRAWS, p=weight / weight.sum())
        noise = random.normal(size=DRAWS) * np.sqrt(spread / information[drawn])
        return cls(float(sizes[-1]), np.maximum(error[drawn] + noise, 0.0), floor[drawn], exponent[drawn])

    def forecast_error(self, size: float) -> Forecast:
        """Forecast the error with this many examples."""
        return _sum_up(self.error * _shrink(size / self.size, self.floor, self.exponent))

    def forecast_gain(self, before: float, after: float) -> Forecast:
        """Forecast how much the error falls from one number of examples to another."""
        shares = (_shrink(size / self.size, self.floor, self.exponent) for size in (before, after))
        first, second = shares
        return _sum_up(self.error * (first - second))


def _shrink(ratio: Any, floor: Array, exponent: Array) -> Array:
    """The error relative to that at N, for numbers of examples relative to N."""
    left: Array = floor + (1 - floor) * ratio**-exponent
    return left


def _sum_up(values: Array) -> Forecast:
    low, middle, high = np.quantile(values, ((1 - MIDDLE) / 2, 0.5, (1 + MIDDLE) / 2))
    return Forecast(float(middle), float(low), float(high))

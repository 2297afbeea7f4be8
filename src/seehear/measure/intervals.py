"""95 % intervals: what else the figures might have been with other examples of the same kind."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Interval = tuple[float, float]
Z = 1.959963984540054  # standard deviations that hold 95 % of a normal distribution, either side


def bootstrap(
    compared: Mapping[str, Array],
    metrics: Callable[[Mapping[str, Array]], dict[str, float]],
    *,
    resamples: int,
    seed: int = 0,
) -> dict[str, Interval]:
    """Percentile intervals (Efron 1979) of every metric, from rows drawn with replacement.

    (nan, nan) where a metric is never defined, or always the same: that says nothing of other examples.
    """
    random = np.random.default_rng(seed)
    rows = len(next(iter(compared.values())))
    drawn: dict[str, list[float]] = {}
    for _ in range(resamples):
        chosen = random.integers(0, rows, rows)
        for name, value in metrics({key: array[chosen] for key, array in compared.items()}).items():
            drawn.setdefault(name, []).append(value)
    return {name: _middle_95(np.array(values)) for name, values in drawn.items()}


def wilson(hits: int, trials: int) -> Interval:
    """The interval of Wilson 1927 for a share, exactly 0 at no hits and exactly 1 at all; (nan, nan) of nothing."""
    if trials == 0:
        return math.nan, math.nan
    share, weight = hits / trials, Z**2 / trials
    middle = (share + weight / 2) / (1 + weight)
    reach = Z * math.sqrt((share * (1 - share) + weight / 4) / trials) / (1 + weight)
    return middle - reach if hits else 0.0, middle + reach if hits < trials else 1.0


def _middle_95(values: Array) -> Interval:
    known = values[~np.isnan(values)]
    low, high = np.percentile(known, [2.5, 97.5]) if known.size else (math.nan, math.nan)
    return (float(low), float(high)) if low < high else (math.nan, math.nan)

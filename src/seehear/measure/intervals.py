"""95 % intervals: what else the figures might have been with other examples of the same kind."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Interval = tuple[float, float]
FEWEST_UNITS = 5  # groups from which resampling them tells how far a figure varies
Z = 1.959963984540054  # standard deviations that hold 95 % of a normal distribution, either side


def bootstrap(
    compared: Mapping[str, Array],
    metrics: Callable[[Mapping[str, Array]], dict[str, float]],
    *,
    resamples: int,
    seed: int = 0,
    unit: Array | None = None,
) -> dict[str, Interval]:
    """Percentile intervals (Efron 1979) of every metric, from rows drawn with replacement.

    With `unit` (rows,), the group of each row, whole groups are drawn if they are enough (Davison & Hinkley 1997, 3.8).
    (nan, nan) where a metric is never defined, or always the same: that says nothing of other examples.
    """
    random = np.random.default_rng(seed)
    rows = len(next(iter(compared.values())))
    groups = [] if unit is None else _places(unit)
    drawn: dict[str, list[float]] = {}
    for _ in range(resamples):
        if FEWEST_UNITS <= len(groups) < rows:
            chosen = np.concatenate([groups[place] for place in random.integers(0, len(groups), len(groups))])
        else:
            chosen = random.integers(0, rows, rows)
        for name, value in metrics({key: array[chosen] for key, array in compared.items()}).items():
            drawn.setdefault(name, []).append(value)
    return {name: _middle_95(np.array(values)) for name, values in drawn.items()}


def wilson(hits: int, trials: int, worth: float | None = None) -> Interval:
    """The interval of Wilson 1927 for a share, exactly 0 at no hits and exactly 1 at all; (nan, nan) of nothing.

    The trials are worth so many independent ones, by default all.
    """
    if trials == 0:
        return math.nan, math.nan
    worth = worth or trials
    share, weight = hits / trials, Z**2 / worth
    middle = (share + weight / 2) / (1 + weight)
    reach = Z * math.sqrt((share * (1 - share) + weight / 4) / worth) / (1 + weight)
    return middle - reach if hits else 0.0, middle + reach if hits < trials else 1.0


def worth(hit: Array, unit: Array) -> float:
    """How many independent trials tell as much of a share as these, hit (n,) bool, which come in groups, unit (n,).

    Their number over the effect of the design, with Student's correction for few groups (Korn & Graubard 1998). All n
    where each is a group of its own, and where all or none are hits, which tells nothing of how groups differ.
    """
    places = _places(unit)
    trials, groups, share = len(hit), len(places), float(hit.mean()) if len(hit) else 0.0
    if not 1 < groups < trials or share in (0, 1):
        return trials
    residuals = np.array([hit[place].sum() - share * len(place) for place in places])
    variance = groups / (groups - 1) * float((residuals**2).sum()) / trials**2
    by_chance = share * (1 - share) / trials
    effect = variance / by_chance * (_student(groups) / _student(trials)) ** 2
    return trials / max(effect, 1.0)


def _student(count: int) -> float:
    """Standard errors that hold 95 % either side of a mean of so many."""
    from scipy.special import stdtrit  # type: ignore[import-untyped]  # comes with training, not with serving

    return float(stdtrit(count - 1, 0.975))


def _places(unit: Array) -> list[Array]:
    """The places of each group's rows."""
    order = np.argsort(unit, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(unit[order])) + 1)


def _middle_95(values: Array) -> Interval:
    known = values[~np.isnan(values)]
    low, high = np.percentile(known, [2.5, 97.5]) if known.size else (math.nan, math.nan)
    return (float(low), float(high)) if low < high else (math.nan, math.nan)

"""95 % confidence intervals: the bootstrap, and Wilson's for shares."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Interval = tuple[float, float]
MIN_CLUSTERS = 5  # fewer say too little about how much clusters vary
Z = 1.959963984540054  # standard deviations on either side that hold 95 % of a normal distribution


def bootstrap(
    compared: Mapping[str, Array],
    metrics: Callable[[Mapping[str, Array]], dict[str, float]],
    *,
    resamples: int,
    seed: int = 0,
    cluster: Array | None = None,
    middle: float = 0.95,
) -> dict[str, Interval]:
    """Percentile intervals (Efron 1979) of every metric, from rows drawn with replacement.

    They hold the share `middle` of the resampled values.

    `cluster` (rows,) is the cluster of each row; from MIN_CLUSTERS on, whole clusters are drawn (Davison & Hinkley
    1997, 3.8). The interval is (nan, nan) if a metric is undefined or the same in every resample, which says nothing
    about other examples.
    """
    rows = len(next(iter(compared.values())))
    resampled: dict[str, list[float]] = {}
    for drawn in draw_resamples(rows, cluster, resamples, seed=seed):
        for name, value in metrics({key: array[drawn] for key, array in compared.items()}).items():
            resampled.setdefault(name, []).append(value)
    return {name: _find_middle(np.array(values), middle) for name, values in resampled.items()}


def draw_resamples(rows: int, cluster: Array | None, resamples: int, *, seed: int = 0) -> Iterator[Array]:
    """Rows drawn with replacement; whole clusters, from MIN_CLUSTERS on, if `cluster` (rows,) says which."""
    random = np.random.default_rng(seed)
    clusters = [] if cluster is None else _rows_by_cluster(cluster)
    for _ in range(resamples):
        if MIN_CLUSTERS <= len(clusters) < rows:
            yield np.concatenate([clusters[i] for i in random.integers(0, len(clusters), len(clusters))])
        else:
            yield random.integers(0, rows, rows)


def wilson(hits: int, trials: int, effective_size: float | None = None) -> Interval:
    """Wilson's score interval of a share (1927): exactly 0 at no hits, exactly 1 at all; (nan, nan) without trials.

    `effective_size` is the number of independent trials with as much information; by default all are independent.
    """
    if trials == 0:
        return math.nan, math.nan
    size = effective_size or trials
    share, weight = hits / trials, Z**2 / size
    centre = (share + weight / 2) / (1 + weight)
    half_width = Z * math.sqrt((share * (1 - share) + weight / 4) / size) / (1 + weight)
    return centre - half_width if hits else 0.0, centre + half_width if hits < trials else 1.0


def effective_sample_size(hits: Array, cluster: Array) -> float:
    """The number of independent trials with as much information about a share as `hits` (n,) bool in clusters (n,).

    n over the design effect, with Student's correction for few clusters (Korn & Graubard 1998). It is n if every
    cluster has one member, and if none or all are hits, which says nothing about how clusters differ.
    """
    members = _rows_by_cluster(cluster)
    trials, clusters, share = len(hits), len(members), float(hits.mean()) if len(hits) else 0.0
    if not 1 < clusters < trials or share in (0, 1):
        return trials
    residuals = np.array([hits[rows].sum() - share * len(rows) for rows in members])
    variance = clusters / (clusters - 1) * float((residuals**2).sum()) / trials**2
    independent = share * (1 - share) / trials
    design_effect = variance / independent * (_student_quantile(clusters) / _student_quantile(trials)) ** 2
    return trials / max(design_effect, 1.0)


def expanded_share(n: int, share: float = 0.95) -> float:
    """The share of resampled values that a percentile interval of n independent examples must hold to cover 95 %.

    `share` replaces the 95 %.

    Percentile intervals of few examples are too narrow; these are as wide as Student's (Hesterberg 2015, section 5.4).
    """
    return math.erf(math.sqrt(n / (n - 1)) * _student_quantile(n, share) / math.sqrt(2))


def _student_quantile(n: int, share: float = 0.95) -> float:
    """Standard errors on either side that hold this share of the distribution of a mean of n."""
    from scipy.special import stdtrit  # type: ignore[import-untyped]  # installed for training, not for serving

    return float(stdtrit(n - 1, (1 + share) / 2))


def _rows_by_cluster(cluster: Array) -> list[Array]:
    order = np.argsort(cluster, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(cluster[order])) + 1)


def _find_middle(values: Array, share: float) -> Interval:
    known = values[~np.isnan(values)]
    outside = 50 * (1 - share)  # percent, on either side
    low, high = np.percentile(known, [outside, 100 - outside]) if known.size else (math.nan, math.nan)
    return (float(low), float(high)) if low < high else (math.nan, math.nan)

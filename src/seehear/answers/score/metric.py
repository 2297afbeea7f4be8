"""Metrics and calibration of scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.answers.kind import Headline
from seehear.answers.score.answer import Score, ScoreSpec

Array = NDArray[Any]
PRIOR = 5  # weight of the prior that the head's standard deviations are right, in examples


def headline(spec: ScoreSpec) -> Headline:
    return Headline("mae", False, None)


def calibrate(seen: Sequence[Mapping[str, Array]], truths: Sequence[Score], spec: ScoreSpec) -> dict[str, float]:
    """The factor of the standard deviations, by maximum likelihood; `seen` holds mean () and log_scale () of each."""
    truth = (np.array([t.value for t in truths], np.float64) - spec.mean) / spec.spread
    mean, log_scale = (np.array([raw[name] for raw in seen], np.float64) for name in ("mean", "log_scale"))
    off = (truth - mean) / np.exp(log_scale)
    return {"scale": float(np.sqrt((np.sum(off**2) + PRIOR) / (len(truth) + PRIOR)))}


def compare(answers: Sequence[Score], truths: Sequence[Score], spec: ScoreSpec) -> dict[str, Array]:
    """truth, answer (n,) in the spec's unit."""
    return {
        "truth": np.array([t.value for t in truths], np.float64),
        "answer": np.array([a.value for a in answers], np.float64),
    }


def right(compared: Mapping[str, Array], spec: ScoreSpec) -> Array:
    """The answers within the Spec's tolerance."""
    near: Array = np.abs(compared["answer"] - compared["truth"]) <= spec.tolerance
    return near


def metrics(compared: Mapping[str, Array], spec: ScoreSpec) -> dict[str, float]:
    """mae and rmse in the Spec's unit; pearson and spearman, nan if either side is constant."""
    truth, answer = compared["truth"], compared["answer"]
    return {
        "mae": float(np.abs(answer - truth).mean()),
        "rmse": float(np.sqrt(np.square(answer - truth).mean())),
        "pearson": _correlation(truth, answer),
        "spearman": _correlation(_ranks(truth), _ranks(answer)),
    }


def _correlation(a: Array, b: Array) -> float:
    if min(np.ptp(a), np.ptp(b)) == 0:  # a mean is rounded: equal numbers would differ from it
        return float("nan")
    a, b = a - a.mean(), b - b.mean()
    return float(a @ b) / float(np.sqrt((a @ a) * (b @ b)))


def _ranks(values: Array) -> Array:
    """Ranks from 1; ties share their mean."""
    _, place, times = np.unique(values, return_inverse=True, return_counts=True)
    return (times.cumsum() - (times - 1) / 2)[place]

"""How good labels are, and how honest their confidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.answers.kind import Headline
from seehear.answers.label.answer import Label, LabelSpec
from seehear.answers.platt_scaling import calibration_error

Array = NDArray[Any]


def headline(spec: LabelSpec) -> Headline:
    return Headline("accuracy", True)


def calibrate(seen: Sequence[Mapping[str, Array]], truths: Sequence[Label], spec: LabelSpec) -> dict[str, float]:
    """seen: logits (C,) of each. The temperature of Guo et al. 2017, section 4.2, for all classes alike.

    A normal prior on log T (deviation 0.5) keeps it finite where few or perfectly separated examples
    would send it to 0 or infinity; from some tens of examples on the data decide.
    """
    logits = np.array([raw["logits"] for raw in seen], np.float64).reshape(-1, len(spec.classes))
    truth = _membership(truths, spec)

    def loss(log_t: float) -> float:
        return _surprise(logits / np.exp(log_t), truth, several=spec.several) + 2 * log_t**2

    return {"temperature": float(np.exp(_lowest(loss, -3.0, 3.0)))}


def compare(answers: Sequence[Label], truths: Sequence[Label], spec: LabelSpec) -> dict[str, Array]:
    """One row per example, of which metrics are sums, so that rows may be drawn again and again.

    truth, said (n, C) bool; right (n,) bool; confidence, loss (n,); rank (n, C), the order of the probabilities
    of each class, equal where they are.
    """
    truth, said = _membership(truths, spec), _membership(answers, spec)
    probabilities = np.array([a.probabilities for a in answers], np.float64).reshape(truth.shape)
    of_truth = np.where(truth, probabilities, 1 - probabilities).clip(np.finfo(np.float64).eps, 1)
    return {
        "truth": truth,
        "said": said,
        "right": (truth == said).all(1),
        "confidence": np.array([a.confidence for a in answers], np.float64),
        "loss": -(np.log(of_truth).mean(1) if spec.several else np.log(of_truth)[truth]),
        "rank": np.stack([np.unique(p, return_inverse=True)[1] for p in probabilities.T], axis=1).astype(np.int32),
    }


def right(compared: Mapping[str, Array], spec: LabelSpec) -> Array:
    return compared["right"]


def metrics(compared: Mapping[str, Array], spec: LabelSpec) -> dict[str, float]:
    """accuracy (of the whole set, where several), macro_f1 over the classes that occur, auroc of each class against
    the rest (the mean over classes seen with and without), log_loss (the mean over classes, where several), and
    ece: |accuracy - confidence| of what was answered, over 15 bins of equal width (Guo et al. 2017, eq. 3)."""
    right, confidence = compared["right"], compared["confidence"]
    return {
        "accuracy": float(right.mean()),
        "macro_f1": _macro_f1(compared["truth"], compared["said"]),
        "auroc": _auroc(compared["truth"], compared["rank"]),
        "log_loss": float(compared["loss"].mean()),
        "ece": calibration_error(right, confidence),
    }


def _membership(labels: Sequence[Label], spec: LabelSpec) -> Array:
    """(n, C) bool: which classes each label names."""
    has = np.zeros((len(labels), len(spec.classes)), bool)
    rows = [i for i, label in enumerate(labels) for _ in label.names]
    has[rows, [spec.index[name] for label in labels for name in label.names]] = True
    return has


def _surprise(logits: Array, truth: Array, *, several: bool) -> float:
    """-log probability of the truths, summed; logits (n, C), truth (n, C) bool."""
    if several:
        return float(np.logaddexp(0, np.where(truth, -logits, logits)).sum())
    return float((np.logaddexp.reduce(logits, axis=1) - logits[truth]).sum())


def _lowest(loss: Callable[[float], float], low: float, high: float) -> float:
    """Golden-section search of a function with one valley."""
    golden = (np.sqrt(5) - 1) / 2
    left, right = high - golden * (high - low), low + golden * (high - low)
    at_left, at_right = loss(left), loss(right)
    while high - low > 1e-4:
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = high - golden * (high - low)
            at_left = loss(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + golden * (high - low)
            at_right = loss(right)
    return (low + high) / 2


def _macro_f1(truth: Array, said: Array) -> float:
    hits, occurs = (truth & said).sum(0), truth.sum(0) + said.sum(0)
    return float(np.mean(2 * hits[occurs > 0] / occurs[occurs > 0])) if occurs.any() else float("nan")


def _auroc(truth: Array, rank: Array) -> float:
    """The mean over classes of Mann and Whitney's U, from sums of mean ranks; counting finds them without sorting."""
    areas = []
    for has, place in zip(truth.T, rank.T, strict=True):
        there = np.bincount(place)
        mean_rank = there.cumsum() - (there - 1) / 2
        positive = np.count_nonzero(has)
        if 0 < positive < len(has):
            ordered = mean_rank[place[has]].sum() - positive * (positive + 1) / 2
            areas.append(ordered / (positive * (len(has) - positive)))
    return float(np.mean(areas)) if areas else float("nan")

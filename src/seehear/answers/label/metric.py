"""Metrics and calibration of labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.answers.class_rates import ClassCounts
from seehear.answers.kind import Headline
from seehear.answers.label.answer import Label, LabelSpec
from seehear.answers.platt_scaling import calibration_error
from seehear.answers.roc import measure_auroc, rank

Array = NDArray[Any]


def headline(spec: LabelSpec) -> Headline:
    return Headline("accuracy", True)


def calibrate(seen: Sequence[Mapping[str, Array]], truths: Sequence[Label], spec: LabelSpec) -> dict[str, float]:
    """Temperature scaling (Guo et al. 2017, section 4.2); `seen` holds the logits (C,) of each example.

    A normal prior on log T (standard deviation 0.5) keeps T finite for few or perfectly separated examples. From some
    tens of examples on, the data decide.
    """
    from scipy.optimize import minimize_scalar  # type: ignore[import-untyped]  # installed for training, not for serving

    logits = np.array([raw["logits"] for raw in seen], np.float64).reshape(-1, len(spec.classes))
    truth = _membership(truths, spec)

    def loss(log_t: float) -> float:
        return _log_loss(logits / np.exp(log_t), truth, several=spec.several) + 2 * log_t**2

    found = minimize_scalar(loss, bounds=(-3.0, 3.0), options={"xatol": 1e-4})
    return {"temperature": float(np.exp(found.x))}


def compare(answers: Sequence[Label], truths: Sequence[Label], spec: LabelSpec) -> dict[str, Array]:
    """One row per example.

    truth, predicted (n, C) bool: true and predicted classes; right (n,) bool; confidence, loss (n,);
    rank (n, C): of its probability among those of the same class, equal for equal ones.
    """
    truth, predicted = _membership(truths, spec), _membership(answers, spec)
    probabilities = np.array([a.probabilities for a in answers], np.float64).reshape(truth.shape)
    of_truth = np.where(truth, probabilities, 1 - probabilities).clip(np.finfo(np.float64).eps, 1)
    return {
        "truth": truth,
        "predicted": predicted,
        "right": (truth == predicted).all(1),
        "confidence": np.array([a.confidence for a in answers], np.float64),
        "loss": -(np.log(of_truth).mean(1) if spec.several else np.log(of_truth)[truth]),
        "rank": np.stack([rank(p) for p in probabilities.T], axis=1),
    }


def right(compared: Mapping[str, Array], spec: LabelSpec) -> Array:
    return compared["right"]


def count_classes(compared: Mapping[str, Array], spec: LabelSpec) -> ClassCounts:
    """Count examples by class."""
    truth, predicted = compared["truth"], compared["predicted"]
    return ClassCounts(truth & predicted, truth, ~truth & predicted, ~truth)


def metrics(compared: Mapping[str, Array], spec: LabelSpec) -> dict[str, float]:
    """The metrics of classification.

    accuracy   share of examples whose set of classes is exactly right
    macro_f1   mean F1 of the classes that occur
    auroc      mean area under the ROC curve, one class against the rest, of classes that some examples lack
    log_loss   mean over examples, and over classes if an example may have several
    ece        expected calibration error
    """
    right, confidence = compared["right"], compared["confidence"]
    return {
        "accuracy": float(right.mean()),
        "macro_f1": _macro_f1(compared["truth"], compared["predicted"]),
        "auroc": _auroc(compared["truth"], compared["rank"]),
        "log_loss": float(compared["loss"].mean()),
        "ece": calibration_error(right, confidence),
    }


def _membership(labels: Sequence[Label], spec: LabelSpec) -> Array:
    """(n, C) bool: which classes each label has."""
    has = np.zeros((len(labels), len(spec.classes)), bool)
    rows = [i for i, label in enumerate(labels) for _ in label.names]
    has[rows, [spec.index[name] for label in labels for name in label.names]] = True
    return has


def _log_loss(logits: Array, truth: Array, *, several: bool) -> float:
    """Summed over examples; logits (n, C), truth (n, C) bool."""
    if several:
        return float(np.logaddexp(0, np.where(truth, -logits, logits)).sum())
    return float((np.logaddexp.reduce(logits, axis=1) - logits[truth]).sum())


def _macro_f1(truth: Array, predicted: Array) -> float:
    hits, occurs = (truth & predicted).sum(0), truth.sum(0) + predicted.sum(0)
    return float(np.mean(2 * hits[occurs > 0] / occurs[occurs > 0])) if occurs.any() else float("nan")


def _auroc(truth: Array, ranks: Array) -> float:
    """The mean over the classes that some examples have and others lack."""
    areas = [measure_auroc(has, of_class) for has, of_class in zip(truth.T, ranks.T, strict=True)]
    known = [area for area in areas if not np.isnan(area)]
    return float(np.mean(known)) if known else float("nan")

"""Segmentation metrics, and the calibration of confidences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.answers.class_rates import ClassCounts
from seehear.answers.items import Items
from seehear.answers.kind import Headline
from seehear.answers.mask.answer import DEFAULT_DEVIATION, Mask, known_pixels, to_answer
from seehear.answers.mask.levels import CONFIDENCES, LEVELS
from seehear.answers.mask.spec import UNKNOWN, MaskSpec

Array = NDArray[Any]
TEMPERATURES = np.exp(np.linspace(-1.5, 1.5, 61))
MAX_CELLS = 20_000  # for fitting the temperature
MAX_EXAMPLES = 200  # for fitting the line from mean probability to pixel accuracy
PRIOR = 5  # pseudo-examples without bias and with the default deviation


def headline(spec: MaskSpec) -> Headline:
    return Headline("miou", True)


def calibrate(raws: Sequence[Mapping[str, Array]], truths: Sequence[Mask], spec: MaskSpec) -> dict[str, float]:
    """raws: logits (C, h, w) and cell_px () of each. One temperature for all pixels (Guo et al. 2017, section 4.2).

    Then a line from the mean probability of an example to its pixel accuracy, and the deviation from that line, by
    least squares with PRIOR pseudo-examples on the identity.
    """
    temperature = _fit_temperature(raws, truths)
    sample = range(0, len(truths), -(-len(truths) // MAX_EXAMPLES))
    answers = [to_answer(raws[i], spec, {"temperature": temperature}, None) for i in sample]
    true = [
        Mask.from_pixels(truths[i].resample(*answer.shape), spec) for i, answer in zip(sample, answers, strict=True)
    ]
    accuracy = pixel_accuracy(compare(answers, true, spec))
    expected = np.array([answer.expected_accuracy for answer in answers])
    return {"temperature": temperature} | _fit_line(expected, accuracy)


def compare(answers: Sequence[Mask], truths: Sequence[Mask], spec: MaskSpec) -> dict[str, Array]:
    """Pixel counts, one row per example, of which metrics are sums. Only pixels whose class is known count.

    hits, true, predicted (n, C): per class. levels, wrong_levels (n, LEVELS): all pixels and wrong ones per level of
    confidence. accepted_from (n,): the lowest level that is accepted.
    """
    counts = np.zeros((3, len(answers), len(spec.classes)), np.int64)
    by_level = np.zeros((2, len(answers), LEVELS), np.int64)
    for i, (answer, truth) in enumerate(zip(answers, truths, strict=True)):
        predicted, true, levels = known_pixels(answer, truth)
        for row, classes in enumerate((true[predicted == true], true, predicted)):
            counts[row, i] = np.bincount(classes, minlength=256)[: len(spec.classes)]
        for row, of in enumerate((levels, levels[predicted != true])):
            by_level[row, i] = np.bincount(of, minlength=LEVELS)
    return {
        **dict(zip(("hits", "true", "predicted"), counts, strict=True)),
        **dict(zip(("levels", "wrong_levels"), by_level, strict=True)),
        "accepted_from": np.array([answer.accepted_from for answer in answers], np.int64),
    }


def items(compared: Mapping[str, Array], spec: MaskSpec) -> Items:
    """The pixels whose class is known, grouped by level."""
    count = compared["levels"]
    accepted = np.arange(LEVELS) >= compared["accepted_from"][:, None]
    return Items(np.broadcast_to(CONFIDENCES, count.shape), count, compared["wrong_levels"], accepted)


def right(compared: Mapping[str, Array], spec: MaskSpec) -> Array:
    """(n,) bool: whether the pixel accuracy is at least `min_accuracy`."""
    enough: Array = pixel_accuracy(compared) >= spec.min_accuracy
    return enough


def pixel_accuracy(compared: Mapping[str, Array]) -> Array:
    """(n,); 1 if no pixel has a known class."""
    hits, true = compared["hits"].sum(1), compared["true"].sum(1)
    accuracy: Array = np.where(true > 0, hits / np.maximum(true, 1), 1.0)
    return accuracy


def count_classes(compared: Mapping[str, Array], spec: MaskSpec) -> ClassCounts:
    """Count pixels whose class is known."""
    hits, true, predicted = compared["hits"], compared["true"], compared["predicted"]
    return ClassCounts(hits, true, predicted - hits, true.sum(1, keepdims=True) - true)


def metrics(compared: Mapping[str, Array], spec: MaskSpec) -> dict[str, float]:
    """miou, the mean over classes that occur; pixel_accuracy; and iou:CLASS, intersection over union (Jaccard 1901), of
    all pictures together."""
    iou = ious(compared)
    known = max(int(compared["true"].sum()), 1)
    return {
        "miou": float(np.nanmean(iou)) if not np.isnan(iou).all() else float("nan"),
        "pixel_accuracy": float(compared["hits"].sum() / known),
        **{f"iou:{name}": float(value) for name, value in zip(spec.classes, iou, strict=True)},
    }


def ious(compared: Mapping[str, Array]) -> Array:
    """(C,) over all pictures; nan for a class that is neither true nor predicted anywhere."""
    hits, true, predicted = (compared[name].sum(0) for name in ("hits", "true", "predicted"))
    union = true + predicted - hits
    iou: Array = np.where(union > 0, hits / np.maximum(union, 1), np.nan)
    return iou


def _fit_line(expected: Array, accuracy: Array) -> dict[str, float]:
    """slope, bias and deviation of accuracy (n,) given expected (n,)."""
    mean = expected.mean()
    centred = expected - mean
    prior = PRIOR * DEFAULT_DEVIATION**2
    slope = float((centred @ (accuracy - accuracy.mean()) + prior) / (centred @ centred + prior))
    shift = float((accuracy - mean).sum() / (len(accuracy) + PRIOR))
    residuals = accuracy - (mean + shift + slope * centred)
    deviation = float(np.sqrt((residuals @ residuals + prior) / (len(accuracy) + PRIOR)))
    return {"slope": slope, "bias": float(mean + shift - slope * mean), "deviation": deviation}


def _fit_temperature(raws: Sequence[Mapping[str, Array]], truths: Sequence[Mask]) -> float:
    """The best of TEMPERATURES on a sample of cells, with a normal prior on its logarithm (standard deviation 0.5)."""
    logits, true = _sample_cells(raws, truths)
    if not len(true):
        return 1.0

    def loss(temperature: float) -> float:
        scaled = logits / temperature
        entropy = np.logaddexp.reduce(scaled, axis=1) - scaled[np.arange(len(true)), true]
        # Neighbouring cells are nearly equal, so that all cells of an example count as one observation.
        return float(len(truths) * entropy.mean() + 2 * np.log(temperature) ** 2)

    return float(min(TEMPERATURES, key=loss))


def _sample_cells(raws: Sequence[Mapping[str, Array]], truths: Sequence[Mask]) -> tuple[Array, Array]:
    """Logits (n, C) and true classes (n,) of some cells of each example, MAX_CELLS in all."""
    logits, true = [], []
    per_example = max(1, MAX_CELLS // max(len(truths), 1))
    for raw, truth in zip(raws, truths, strict=True):
        own, cell_px = raw["logits"], float(raw["cell_px"])
        height, width = own.shape[1:]
        pixels = truth.resample(round(height * cell_px), round(width * cell_px))
        rows, columns = (
            np.minimum(((np.arange(cells) + 0.5) * side / cells).astype(int), side - 1)
            for cells, side in ((height, pixels.shape[0]), (width, pixels.shape[1]))
        )
        of_cell = pixels[rows][:, columns].ravel()
        known = np.flatnonzero(of_cell != UNKNOWN)
        known = known[:: max(1, len(known) // per_example)]
        logits.append(own.reshape(len(own), -1).T[known])
        true.append(of_cell[known])
    return np.concatenate(logits).astype(np.float64), np.concatenate(true)

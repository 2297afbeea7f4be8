"""How well pictures are divided, and how honest their confidence is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.answers.headline import Headline
from seehear.answers.items import Items
from seehear.answers.mask.answer import USUAL_DEVIATION, Mask, to_answer
from seehear.answers.mask.answer import beside as beside_truth
from seehear.answers.mask.levels import CONFIDENCES, LEVELS
from seehear.answers.mask.spec import UNKNOWN, MaskSpec

Array = NDArray[Any]
TEMPERATURES = np.exp(np.linspace(-1.5, 1.5, 61))
MOST_CELLS = 20_000  # that tell the temperature
MOST_ASKED = 200  # examples that tell how far the share of right pixels is from what was expected
PRIOR = 5  # examples' worth of belief in no bias and the usual deviation


def headline(spec: MaskSpec) -> Headline:
    return Headline("miou", True)


def calibrate(seen: Sequence[Mapping[str, Array]], truths: Sequence[Mask], spec: MaskSpec) -> dict[str, float]:
    """seen: logits (C, h, w) and cell_px () of each. One temperature for all pixels (Guo et al. 2017, section 4.2).

    Then the line by which the share of right pixels of an example follows its mean probability, and how far from it
    shares lie: least squares with PRIOR examples that say that they are the same.
    """
    temperature = _temperature(seen, truths)
    asked = range(0, len(truths), -(-len(truths) // MOST_ASKED))
    answers = [to_answer(seen[i], spec, {"temperature": temperature}, None) for i in asked]
    true = [Mask.of(truths[i].on(*answer.shape), spec) for i, answer in zip(asked, answers, strict=True)]
    share = right_share(compare(answers, true, spec))
    return {"temperature": temperature} | _line(np.array([answer.expected for answer in answers]), share)


def compare(answers: Sequence[Mask], truths: Sequence[Mask], spec: MaskSpec) -> dict[str, Array]:
    """One row per example, of which metrics are sums, in pixels whose class is known.

    hits, true, said (n, C): of each class, those found, those there are, and those said to be. levels, wrong_levels
    (n, LEVELS): how many are as sure as each level, and how many of these are wrong; accepted_from (n,): the level from
    which on they are accepted.
    """
    counts = np.zeros((3, len(answers), len(spec.classes)), np.int64)
    by_level = np.zeros((2, len(answers), LEVELS), np.int64)
    for i, (answer, truth) in enumerate(zip(answers, truths, strict=True)):
        said, true, levels = beside_truth(answer, truth)
        for row, of in enumerate((true[said == true], true, said)):
            counts[row, i] = np.bincount(of, minlength=256)[: len(spec.classes)]
        for row, of in enumerate((levels, levels[said != true])):
            by_level[row, i] = np.bincount(of, minlength=LEVELS)
    return {
        **dict(zip(("hits", "true", "said"), counts, strict=True)),
        **dict(zip(("levels", "wrong_levels"), by_level, strict=True)),
        "accepted_from": np.array([answer.accepted_from for answer in answers], np.int64),
    }


def items(compared: Mapping[str, Array], spec: MaskSpec) -> Items:
    """The pixels whose class is known, those of a level together."""
    count = compared["levels"]
    accepted = np.arange(LEVELS) >= compared["accepted_from"][:, None]
    return Items(np.broadcast_to(CONFIDENCES, count.shape), count, compared["wrong_levels"], accepted)


def right(compared: Mapping[str, Array], spec: MaskSpec) -> Array:
    """Those with enough right pixels."""
    enough: Array = right_share(compared) >= spec.min_accuracy
    return enough


def right_share(compared: Mapping[str, Array]) -> Array:
    """(n,) of the pixels whose class is known; 1 where none is."""
    hits, true = compared["hits"].sum(1), compared["true"].sum(1)
    share: Array = np.where(true > 0, hits / np.maximum(true, 1), 1.0)
    return share


def metrics(compared: Mapping[str, Array], spec: MaskSpec) -> dict[str, float]:
    """miou, the mean of iou over classes that occur; pixel_accuracy; and iou:CLASS, hits of all that is or is said to
    be of a class (Jaccard 1901), over all pictures together."""
    iou = ious(compared)
    known = max(int(compared["true"].sum()), 1)
    return {
        "miou": float(np.nanmean(iou)) if not np.isnan(iou).all() else float("nan"),
        "pixel_accuracy": float(compared["hits"].sum() / known),
        **{f"iou:{name}": float(value) for name, value in zip(spec.classes, iou, strict=True)},
    }


def ious(compared: Mapping[str, Array]) -> Array:
    """(C,) nan for a class that neither is nor is said to be anywhere."""
    hits, true, said = (compared[name].sum(0) for name in ("hits", "true", "said"))
    union = true + said - hits
    share: Array = np.where(union > 0, hits / np.maximum(union, 1), np.nan)
    return share


def _line(sure: Array, share: Array) -> dict[str, float]:
    """slope, bias and deviation of share (n,) given sure (n,)."""
    middle = sure.mean()
    prior = PRIOR * USUAL_DEVIATION**2
    slope = float(((sure - middle) @ (share - share.mean()) + prior) / ((sure - middle) @ (sure - middle) + prior))
    off = float((share - middle).sum() / (len(share) + PRIOR))
    lost = share - (middle + off + slope * (sure - middle))
    deviation = float(np.sqrt((lost @ lost + prior) / (len(share) + PRIOR)))
    return {"slope": slope, "bias": float(middle + off - slope * middle), "deviation": deviation}


def _temperature(seen: Sequence[Mapping[str, Array]], truths: Sequence[Mask]) -> float:
    """The likeliest of TEMPERATURES on some cells, with a normal prior on its logarithm (deviation 0.5)."""
    logits, true = [], []
    each = max(1, MOST_CELLS // max(len(truths), 1))
    for raw, truth in zip(seen, truths, strict=True):
        own, cell_px = raw["logits"], float(raw["cell_px"])
        height, width = own.shape[1:]
        pixels = truth.on(round(height * cell_px), round(width * cell_px))
        rows, columns = (
            np.minimum(((np.arange(cells) + 0.5) * side / cells).astype(int), side - 1)
            for cells, side in ((height, pixels.shape[0]), (width, pixels.shape[1]))
        )
        of_cell = pixels[rows][:, columns].ravel()
        known = np.flatnonzero(of_cell != UNKNOWN)
        known = known[:: max(1, len(known) // each)]
        logits.append(own.reshape(len(own), -1).T[known])
        true.append(of_cell[known])
    values, classes = np.concatenate(logits).astype(np.float64), np.concatenate(true)
    if not len(classes):
        return 1.0

    def surprise(temperature: float) -> float:
        scaled = values / temperature
        lost = np.logaddexp.reduce(scaled, axis=1) - scaled[np.arange(len(classes)), classes]
        # Neighbouring cells tell the same: all cells of an example count as one.
        return float(len(truths) * lost.mean() + 2 * np.log(temperature) ** 2)

    return float(min(TEMPERATURES, key=surprise))

"""How well boxes are found, as COCO measures it, and how honest their confidence is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.answers.boxes.answer import RIGHT_SHARE, Boxes, BoxesSpec, Found, states, told
from seehear.answers.boxes.box import Box
from seehear.answers.boxes.matching import FALSE_POSITIVE, IGNORED, IOU_THRESHOLDS, TRUE_POSITIVE
from seehear.answers.headline import Headline
from seehear.answers.items import Items
from seehear.answers.platt_scaling import fit_platt

Array = NDArray[Any]
RECALLS = np.linspace(0, 1, 101)  # at which precision is read (Lin et al. 2014)
EACH_CLASS = 20  # of more classes, none has a figure of its own
BINS = 15  # Guo et al. 2017, section 3
TINY = np.finfo(np.float64).eps


def headline(spec: BoxesSpec) -> Headline:
    return Headline("map50", True)


def calibrate(seen: Sequence[Found], truths: Sequence[Boxes], spec: BoxesSpec) -> dict[str, float]:
    """How the confidence of boxes, and then of whole pictures, becomes honest."""
    unfitted = [told(each, spec, {}) for each in seen]
    state = compare(unfitted, truths, spec)
    counts = (state["class"] >= 0) & (state["state"][:, :, 0] != IGNORED)
    sure, hit = state["confidence"][counts], state["state"][counts, 0] == TRUE_POSITIVE
    chosen = fit_platt(sure, hit, "box")
    answers = [told(each, spec, chosen) for each in seen]
    compared = compare(answers, truths, spec)
    whole = np.array([answer.confidence for answer in answers])
    return chosen | fit_platt(whole, right(compared, spec), "picture")


def compare(answers: Sequence[Boxes], truths: Sequence[Boxes], spec: BoxesSpec) -> dict[str, Array]:
    """One row per example, of which metrics are made, so that rows may be drawn again and again.

    Of up to M boxes: confidence (n, M), class (n, M), -1 where there is none, told and accepted (n, M) bool, and
    state (n, M, 10), what became of each at ten overlaps. objects (n, C): how many things are there to be found.
    """
    every = [(*answer.boxes, *answer.faint) for answer in answers]
    most = max([len(boxes) for boxes in every] or [0]) or 1
    score, label = np.zeros((len(every), most)), np.full((len(every), most), -1, np.int32)
    is_told, accepted = np.zeros((2, len(every), most), np.bool_)
    state = np.zeros((len(every), most, len(IOU_THRESHOLDS)), np.int8)
    for row, (boxes, truth, answer) in enumerate(zip(every, truths, answers, strict=True)):
        score[row, : len(boxes)] = [box.confidence for box in boxes]
        label[row, : len(boxes)] = [spec.index[box.label] for box in boxes]
        is_told[row, : len(answer.boxes)] = True
        accepted[row, : len(boxes)] = [box.accepted for box in boxes]
        for name in {box.label for box in boxes}:
            mine = label[row] == spec.index[name]
            state[row, mine] = states(boxes, [box for box in truth.boxes if box.label == name], name, IOU_THRESHOLDS)
    objects = np.array([_objects(truth.boxes, spec) for truth in truths], np.int64).reshape(len(every), -1)
    return {
        "confidence": score,
        "class": label,
        "told": is_told,
        "accepted": accepted,
        "state": state,
        "objects": objects,
    }


def items(compared: Mapping[str, Array], spec: BoxesSpec) -> Items:
    """The boxes that are told, but for those at things that need not be found; right from an overlap of a half."""
    state = compared["state"][:, :, 0]
    counts = compared["told"] & (state != IGNORED)
    wrong = counts & (state == FALSE_POSITIVE)
    return Items(compared["confidence"], counts.astype(np.int64), wrong.astype(np.int64), compared["accepted"])


def right(compared: Mapping[str, Array], spec: BoxesSpec) -> Array:
    """Those whose told boxes are, for the most part, what is there."""
    enough: Array = agreement(compared) >= RIGHT_SHARE
    return enough


def agreement(compared: Mapping[str, Array]) -> Array:
    """(n,) 2 hits / (told + there), at an overlap of a half; 1 where nothing is told and nothing there (Dice 1945).

    Crowds and difficult things, and what is found there, do not count.
    """
    state = compared["state"][:, :, 0]
    counts = compared["told"] & (state != IGNORED)
    hits, of = (counts & (state == TRUE_POSITIVE)).sum(1), counts.sum(1) + compared["objects"].sum(1)
    agreed: Array = np.where(of > 0, 2 * hits / np.maximum(of, 1), 1.0)
    return agreed


def metrics(compared: Mapping[str, Array], spec: BoxesSpec) -> dict[str, float]:
    """map50 and map: mean average precision over the classes that are there, at an overlap of 0.5 and over ten from 0.5
    to 0.95 (COCO); precision and recall of the boxes that are told, at 0.5, and ece, |hits - confidence| of them over
    15 bins; map50:CLASS where there are a few."""
    each = np.array([average_precision(compared, label) for label in range(len(spec.classes))])  # (C, 10)
    there = ~np.isnan(each[:, 0])
    mean = each[there].mean(0) if there.any() else np.full(len(IOU_THRESHOLDS), np.nan)
    state = compared["state"][:, :, 0]
    counts = compared["told"] & (state != IGNORED)
    hits, objects = int((counts & (state == TRUE_POSITIVE)).sum()), int(compared["objects"].sum())
    some = 1 < len(spec.classes) <= EACH_CLASS
    return {
        "map50": float(mean[0]),
        "map": float(mean.mean()),
        "precision": hits / int(counts.sum()) if counts.any() else float("nan"),
        "recall": hits / objects if objects else float("nan"),
        "ece": _ece(state[counts] == TRUE_POSITIVE, compared["confidence"][counts]),
    } | ({f"map50:{name}": float(ap[0]) for name, ap in zip(spec.classes, each, strict=True)} if some else {})


def average_precision(compared: Mapping[str, Array], label: int) -> Array:
    """(overlaps,) of one class; nan where there is none of it."""
    objects = int(compared["objects"][:, label].sum())
    if not objects:
        return np.full(len(IOU_THRESHOLDS), np.nan)
    precision, recall = curve(compared, label)
    best = np.maximum.accumulate(precision[::-1])[::-1]  # at this recall or a higher one
    areas = []
    for column in range(len(IOU_THRESHOLDS)):
        places = np.searchsorted(recall[:, column], RECALLS, side="left")
        reached = best[places[places < len(best)], column]
        areas.append(reached.sum() / len(RECALLS))
    return np.array(areas)


def curve(compared: Mapping[str, Array], label: int) -> tuple[Array, Array]:
    """Precision and recall (k, overlaps) after each further box of a class, the surest first."""
    mine = compared["class"] == label
    state = compared["state"][mine][np.argsort(-compared["confidence"][mine], kind="stable")]
    hits, wrong = (state == TRUE_POSITIVE).cumsum(0), (state == FALSE_POSITIVE).cumsum(0)
    objects = int(compared["objects"][:, label].sum())
    return hits / (hits + wrong + TINY), hits / max(objects, 1)


def _objects(boxes: Sequence[Box], spec: BoxesSpec) -> Array:
    counted = [spec.index[box.label] for box in boxes if not (box.crowd or box.difficult)]
    return np.bincount(np.array(counted, np.int64), minlength=len(spec.classes))


def _ece(hit: Array, confidence: Array) -> float:
    if not len(hit):
        return float("nan")
    bins = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    gaps = np.bincount(bins, weights=hit - confidence, minlength=BINS)
    return float(np.abs(gaps).sum() / len(hit))

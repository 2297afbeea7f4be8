"""Detection metrics as COCO defines them, and the calibration of confidences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.answers.boxes.answer import MIN_F1, Boxes, BoxesSpec, Detections, match_class, to_boxes
from seehear.answers.boxes.box import Box
from seehear.answers.boxes.matching import FALSE_POSITIVE, IGNORED, IOU_THRESHOLDS, TRUE_POSITIVE
from seehear.answers.class_rates import ClassCounts
from seehear.answers.items import Items
from seehear.answers.kind import Headline
from seehear.answers.platt_scaling import calibration_error, fit_platt

Array = NDArray[Any]
RECALLS = np.linspace(0, 1, 101)  # at which precision is sampled (Lin et al. 2014)
MAX_CLASSES = 20  # for metrics of each class
TINY = np.finfo(np.float64).eps


def headline(spec: BoxesSpec) -> Headline:
    return Headline("map50", True)


def calibrate(detections: Sequence[Detections], truths: Sequence[Boxes], spec: BoxesSpec) -> dict[str, float]:
    """Platt scaling of the confidence of boxes, and then of whole pictures."""
    uncalibrated = compare([to_boxes(each, spec, {}) for each in detections], truths, spec)
    counted = (uncalibrated["class"] >= 0) & (uncalibrated["state"][:, :, 0] != IGNORED)
    confidence, hit = uncalibrated["confidence"][counted], uncalibrated["state"][counted, 0] == TRUE_POSITIVE
    of_boxes = fit_platt(confidence, hit, "box")
    answers = [to_boxes(each, spec, of_boxes) for each in detections]
    of_pictures = np.array([answer.confidence for answer in answers])
    return of_boxes | fit_platt(of_pictures, right(compare(answers, truths, spec), spec), "picture")


def compare(answers: Sequence[Boxes], truths: Sequence[Boxes], spec: BoxesSpec) -> dict[str, Array]:
    """One row per example, from which metrics are computed; rows may be resampled.

    For up to M boxes: confidence (n, M), class (n, M), -1 for padding, reported and accepted (n, M) bool, and state
    (n, M, 10) at ten IoU thresholds. objects (n, C): the number of objects of each class that count.
    """
    every = [(*answer.boxes, *answer.low_confidence) for answer in answers]
    most = max([len(boxes) for boxes in every] or [0]) or 1
    confidence, label = np.zeros((len(every), most)), np.full((len(every), most), -1, np.int32)
    reported, accepted = np.zeros((2, len(every), most), np.bool_)
    state = np.zeros((len(every), most, len(IOU_THRESHOLDS)), np.int8)
    for row, (boxes, truth, answer) in enumerate(zip(every, truths, answers, strict=True)):
        confidence[row, : len(boxes)] = [box.confidence for box in boxes]
        label[row, : len(boxes)] = [spec.index[box.label] for box in boxes]
        reported[row, : len(answer.boxes)] = True
        accepted[row, : len(boxes)] = [box.accepted for box in boxes]
        for name in {box.label for box in boxes}:
            of_class = [box for box in truth.boxes if box.label == name]
            state[row, label[row] == spec.index[name]] = match_class(boxes, of_class, name, IOU_THRESHOLDS)
    objects = np.array([_count_objects(truth.boxes, spec) for truth in truths], np.int64).reshape(len(every), -1)
    return {
        "confidence": confidence,
        "class": label,
        "reported": reported,
        "accepted": accepted,
        "state": state,
        "objects": objects,
    }


def items(compared: Mapping[str, Array], spec: BoxesSpec) -> Items:
    """The reported boxes, without those on crowds and difficult objects; right at an IoU of 0.5."""
    state, counted = _reported(compared)
    wrong = counted & (state == FALSE_POSITIVE)
    return Items(compared["confidence"], counted.astype(np.int64), wrong.astype(np.int64), compared["accepted"])


def right(compared: Mapping[str, Array], spec: BoxesSpec) -> Array:
    """(n,) bool: whether the F1 score is at least MIN_F1."""
    enough: Array = f1_scores(compared) >= MIN_F1
    return enough


def f1_scores(compared: Mapping[str, Array]) -> Array:
    """F1 (n,) of the reported boxes of each picture at IoU 0.5: 2 TP / (boxes + objects), or 1 if there are neither.

    Crowds, difficult objects and boxes on them do not count.
    """
    state, counted = _reported(compared)
    hits, total = (counted & (state == TRUE_POSITIVE)).sum(1), counted.sum(1) + compared["objects"].sum(1)
    scores: Array = np.where(total > 0, 2 * hits / np.maximum(total, 1), 1.0)
    return scores


def count_classes(compared: Mapping[str, Array], spec: BoxesSpec) -> ClassCounts:
    """Count objects, recognised by a reported box of their class at IoU 0.5. There are no negatives to count."""
    state, counted = _reported(compared)
    hit = counted & (state == TRUE_POSITIVE)
    hits = np.stack([(hit & (compared["class"] == label)).sum(1) for label in range(len(spec.classes))], axis=1)
    return ClassCounts(hits, compared["objects"], np.zeros_like(hits), np.zeros_like(hits))


def metrics(compared: Mapping[str, Array], spec: BoxesSpec) -> dict[str, float]:
    """map50 and map: mean average precision over classes at IoU 0.5, and averaged over IoU 0.5 to 0.95 (COCO).

    precision, recall and ece (expected calibration error, 15 bins) are measured on the reported boxes at IoU 0.5.
    map50:CLASS is the average precision of each class, if there are not too many.
    """
    by_class = np.array([average_precision(compared, label) for label in range(len(spec.classes))])  # (C, 10)
    present = ~np.isnan(by_class[:, 0])
    mean = by_class[present].mean(0) if present.any() else np.full(len(IOU_THRESHOLDS), np.nan)
    state, counted = _reported(compared)
    hits, objects = int((counted & (state == TRUE_POSITIVE)).sum()), int(compared["objects"].sum())
    each = zip(spec.classes, by_class, strict=True) if 1 < len(spec.classes) <= MAX_CLASSES else ()
    return {
        "map50": float(mean[0]),
        "map": float(mean.mean()),
        "precision": hits / int(counted.sum()) if counted.any() else float("nan"),
        "recall": hits / objects if objects else float("nan"),
        "ece": calibration_error(state[counted] == TRUE_POSITIVE, compared["confidence"][counted]),
        **{f"map50:{name}": float(ap[0]) for name, ap in each},
    }


def average_precision(compared: Mapping[str, Array], label: int) -> Array:
    """(thresholds,) of one class; nan if it has no objects."""
    objects = int(compared["objects"][:, label].sum())
    if not objects:
        return np.full(len(IOU_THRESHOLDS), np.nan)
    precision, recall = curve(compared, label)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]  # the best precision at this recall or more
    areas = []
    for column in range(len(IOU_THRESHOLDS)):
        places = np.searchsorted(recall[:, column], RECALLS, side="left")
        areas.append(envelope[places[places < len(envelope)], column].sum() / len(RECALLS))
    return np.array(areas)


def curve(compared: Mapping[str, Array], label: int) -> tuple[Array, Array]:
    """Precision and recall (k, thresholds) of one class after each further box, most confident first."""
    mine = compared["class"] == label
    state = compared["state"][mine][np.argsort(-compared["confidence"][mine], kind="stable")]
    hits, errors = (state == TRUE_POSITIVE).cumsum(0), (state == FALSE_POSITIVE).cumsum(0)
    objects = int(compared["objects"][:, label].sum())
    return hits / (hits + errors + TINY), hits / max(objects, 1)


def _reported(compared: Mapping[str, Array]) -> tuple[Array, Array]:
    """The state (n, M) of all boxes at IoU 0.5, and which of them are reported and not ignored."""
    state = compared["state"][:, :, 0]
    return state, compared["reported"] & (state != IGNORED)


def _count_objects(boxes: Sequence[Box], spec: BoxesSpec) -> Array:
    labels = [spec.index[box.label] for box in boxes if not (box.crowd or box.difficult)]
    return np.bincount(np.array(labels, np.int64), minlength=len(spec.classes))

"""Boxes in the data that are probably missing, loose, of another class, or around nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seehear.amounts import format_probability
from seehear.answers.boxes.answer import Boxes, BoxesSpec
from seehear.answers.boxes.box import Box
from seehear.answers.boxes.overlap import box_iou
from seehear.answers.label_noise import LIKELIER, estimate_item_noise
from seehear.answers.suspect import Suspect

SAME_IOU = 0.5  # of two boxes around one object
TOUCHING_IOU = 0.2  # of a loose box and what it should be around
UNSEEN = 0.02  # below this confidence, models see nothing
USUALLY_SEEN = 0.95  # share of the boxes of a class that models see, for one that they do not see to be suspected

Array = NDArray[Any]


class _Found(NamedTuple):
    """A box that models find, the picture, and its IoU (m,) with each true box there."""

    row: int
    box: Box
    iou: Array


def find_suspects(answers: Sequence[Boxes], truths: Sequence[Boxes], spec: BoxesSpec) -> Iterator[Suspect]:
    """answers: of models that have not learned from these pictures; truths: what the data say."""
    found = list(_compare(answers, truths))
    agrees = np.array([_agrees(each, truths[each.row]) for each in found], bool)
    wrong = estimate_item_noise(np.array([each.box.confidence for each in found]), agrees) if found else np.zeros(0)
    for place in np.flatnonzero(~agrees & (wrong > LIKELIER)).tolist():
        yield _explain(found[place], truths[found[place].row], float(wrong[place]))
    yield from _find_unseen(found, truths)


def _compare(answers: Sequence[Boxes], truths: Sequence[Boxes]) -> Iterator[_Found]:
    for row, (answer, truth) in enumerate(zip(answers, truths, strict=True)):
        boxes = (*answer.boxes, *answer.low_confidence)
        iou = box_iou(_corners(boxes), _corners(truth.boxes))
        yield from (_Found(row, box, own) for box, own in zip(boxes, iou, strict=True))


def _corners(boxes: Sequence[Box]) -> Array:
    return np.array([box.xyxy for box in boxes], np.float64).reshape(-1, 4)


def _agrees(found: _Found, truth: Boxes) -> bool:
    """Whether a true box is there; crowds and difficult objects of any class agree with everything."""
    return any(
        iou >= SAME_IOU and (box.label == found.box.label or box.crowd or box.difficult)
        for iou, box in zip(found.iou, truth.boxes, strict=True)
    )


def _explain(found: _Found, truth: Boxes, probability: float) -> Suspect:
    """What the truth has instead of a box that models are sure of."""
    box, nearest = found.box, int(found.iou.argmax()) if len(found.iou) else -1
    overlap = float(found.iou[nearest]) if len(found.iou) else 0.0
    place = " ".join(f"{corner:.0f}" for corner in box.xyxy)
    sure = format_probability(box.confidence)
    meant = Box(box.label, box.xyxy)
    if overlap < TOUCHING_IOU:
        reason = f"has no box at {place}, where {box.label!r} is found ({sure})"
        return Suspect(found.row, "missing box", probability, reason, _write(truth, (*truth.boxes, meant)))
    given = truth.boxes[nearest]
    others = truth.boxes[:nearest], truth.boxes[nearest + 1 :]
    if overlap >= SAME_IOU:
        reason = f"says {given.label!r} at {place}, where {box.label!r} is found ({sure})"
        changed = (*others[0], replace(given, label=box.label), *others[1])
        return Suspect(found.row, "class of a box", probability, reason, _write(truth, changed))
    reason = f"has a box of {given.label!r} that fits badly: {box.label!r} is found at {place} ({sure})"
    return Suspect(found.row, "loose box", probability, reason, _write(truth, (*others[0], meant, *others[1])))


def _find_unseen(found: Sequence[_Found], truths: Sequence[Boxes]) -> Iterator[Suspect]:
    """Boxes where models see nothing at all, of classes that they usually see."""
    sure = [np.zeros(len(truth.boxes)) for truth in truths]
    for each in found:
        touched = each.iou >= TOUCHING_IOU
        sure[each.row][touched] = np.maximum(sure[each.row][touched], each.box.confidence)
    labels = [box.label for truth in truths for box in truth.boxes]
    seen = np.concatenate([*sure, np.zeros(0)]) >= UNSEEN
    usual = {name: seen[[label == name for label in labels]].mean() >= USUALLY_SEEN for name in set(labels)}
    for row, (truth, own) in enumerate(zip(truths, sure, strict=True)):
        for place, (box, best) in enumerate(zip(truth.boxes, own, strict=True)):
            if best < UNSEEN and usual[box.label] and not (box.crowd or box.difficult):
                at = " ".join(f"{corner:.0f}" for corner in box.xyxy)
                left = truth.boxes[:place] + truth.boxes[place + 1 :]
                reason = f"has a box of {box.label!r} at {at}, where nothing is found"
                yield Suspect(row, "extra box", None, reason, _write(truth, left))


def _write(truth: Boxes, boxes: tuple[Box, ...]) -> str:
    return replace(truth, boxes=boxes).to_cell()

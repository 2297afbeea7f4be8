"""Margins around the boxes of a picture, so that the true objects lie inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.answers.boxes.answer import Boxes, BoxesSpec, to_corners
from seehear.answers.boxes.box import Box
from seehear.answers.boxes.matching import pair_boxes
from seehear.answers.prediction_sets import EVERY_CLASS, Needed

Array = NDArray[Any]


@dataclass(frozen=True)
class OuterBox:
    """The object, if it is there at all, lies inside `outer` (x1, y1, x2, y2 in pixels)."""

    box: Box
    outer: tuple[float, float, float, float]


@dataclass(frozen=True)
class BoxesSet:
    """The reported boxes with their margins. Objects that were not found have none."""

    boxes: tuple[OuterBox, ...]

    @property
    def size(self) -> float:
        """The mean area of the outer boxes, relative to the boxes; 1 without boxes."""
        if not self.boxes:
            return 1.0
        inner, outer = (
            np.array(corners).reshape(-1, 2, 2)
            for corners in ([each.box.xyxy for each in self.boxes], [each.outer for each in self.boxes])
        )
        areas = [np.diff(corners, axis=1).prod(axis=(1, 2)) for corners in (inner, outer)]
        return float((areas[1] / areas[0]).mean())

    def to_json(self) -> dict[str, Any]:
        return {
            "boxes": [
                {**each.box.to_json(), "outer_xyxy": [round(corner, 2) for corner in each.outer]} for each in self.boxes
            ]
        }

    def __str__(self) -> str:
        return "; ".join(f"{each.box.label} within {_format_corners(each.outer)}" for each in self.boxes) or "nothing"


def needed(answers: Sequence[Boxes], truths: Sequence[Boxes], spec: BoxesSpec) -> Needed:
    """The margin that each true object needs around the box that found it, at an IoU of 0.5 and with its class."""
    every = [list(_pair(answer, truth)) for answer, truth in zip(answers, truths, strict=True)]
    most = max((len(pairs) for pairs in every), default=0) or 1
    margin, number = np.zeros((len(every), most)), np.zeros((len(every), most), np.int64)
    stratum = np.zeros((len(every), most), np.int64)
    for row, pairs in enumerate(every):
        number[row, : len(pairs)] = 1
        for place, (found, true) in enumerate(pairs):
            margin[row, place] = _needed_margin(found, true)
            stratum[row, place] = spec.index[found.label]
    return Needed(margin, number, stratum)


def build(answer: Boxes, spec: BoxesSpec, thresholds: Mapping[str, float]) -> BoxesSet:
    """A margin in widths and heights of its box on each side. `thresholds` by class, or one for all of them."""
    margins = [thresholds.get(box.label, thresholds.get(EVERY_CLASS, 0.0)) for box in answer.boxes]
    corners = to_corners(answer.boxes)
    sides = np.tile(corners[:, 2:] - corners[:, :2], 2) * np.array([-1, -1, 1, 1])
    outer = corners + np.array(margins).reshape(-1, 1) * sides
    return BoxesSet(tuple(OuterBox(box, tuple(xyxy)) for box, xyxy in zip(answer.boxes, outer.tolist(), strict=True)))


def _pair(answer: Boxes, truth: Boxes) -> list[tuple[Box, Box]]:
    """The reported boxes with the objects that they found. Crowds and difficult objects do not count."""
    objects = [box for box in truth.boxes if not (box.crowd or box.difficult)]
    pairs = []
    for label in dict.fromkeys(box.label for box in answer.boxes):
        found = [box for box in answer.boxes if box.label == label]
        true = [box for box in objects if box.label == label]
        pairs += [(found[i], true[j]) for i, j in pair_boxes(to_corners(found), to_corners(true))]
    return pairs


def _needed_margin(found: Box, true: Box) -> float:
    """The margin in widths and heights of the found box; 0 if the true one is inside it."""
    x1, y1, x2, y2 = found.xyxy
    sides = np.array([x2 - x1, y2 - y1, x2 - x1, y2 - y1])
    beyond = (np.array(true.xyxy) - found.xyxy) * np.array([-1, -1, 1, 1])
    return float(max(0.0, (beyond / sides).max()))


def _format_corners(xyxy: Sequence[float]) -> str:
    x1, y1, x2, y2 = (f"{corner:.0f}" for corner in xyxy)
    return f"({x1}, {y1}) to ({x2}, {y2})"

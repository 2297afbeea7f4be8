"""Finds two boxes around one object. Boxes beyond their picture were clipped, and flat ones rejected, when read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import numpy as np

from seehear.answers.boxes.answer import to_corners
from seehear.answers.boxes.box import Box, parse_boxes
from seehear.answers.boxes.overlap import box_iou
from seehear.answers.doubt import Doubt
from seehear.errors import InputError
from seehear.geometry import Grid

SAME_IOU = 0.9  # of two boxes around one object: two objects are almost never that close


def find_doubts(cells: Sequence[str], grids: Sequence[Sequence[Grid]]) -> Iterator[Doubt]:
    """cells: of each row. The extents of its inputs do not matter."""
    for row, cell in enumerate(cells):
        try:
            boxes = parse_boxes(cell)
        except InputError:  # reported as unusable
            continue
        corners = to_corners(boxes)
        pairs = np.argwhere(np.triu(box_iou(corners, corners) >= SAME_IOU, 1)).tolist()
        yield from _describe(row, boxes, pairs)


def _describe(row: int, boxes: Sequence[Box], pairs: Sequence[Sequence[int]]) -> Iterator[Doubt]:
    """pairs: the places of two boxes each, around one object."""
    again = {second for first, second in pairs if boxes[first].label == boxes[second].label}
    if again:
        kept = [box.to_truth() for place, box in enumerate(boxes) if place not in again]
        reason = f"two boxes around one {boxes[min(again)].label!r}"
        yield Doubt(row, "repeated", reason, json.dumps(kept, ensure_ascii=False))
    contrary = [(boxes[first].label, boxes[second].label) for first, second in pairs]
    contrary = [(one, other) for one, other in contrary if one != other]
    if contrary:
        yield Doubt(row, "contradicting", "one object that is both {!r} and {!r}".format(*contrary[0]))

"""Boxes as regions that people draw."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from seehear.answers.boxes.answer import Boxes
from seehear.answers.boxes.box import Box, parse_boxes
from seehear.answers.regions import Drawing, DrawnRegions, Region
from seehear.errors import InputError

Corners = tuple[float, float, float, float]


def read(cell: str) -> Drawing:
    return Drawing(tuple(map(_to_region, parse_boxes(cell))))


def write(drawing: Drawing, shape: tuple[int, int], before: str) -> str:
    """Raises InputError for a box without a class, or one that is not within the picture."""
    height, width = shape
    for region in drawing.regions:
        if region.label is None or len(region.corners) != 4:
            raise InputError("a box without a class, or without its four sides", allowed="left, top, right and bottom")
        x1, y1, x2, y2 = region.corners
        if not (0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height):
            where = f"({x1:g}, {y1:g}) to ({x2:g}, {y2:g})"
            raise InputError(f"a box from {where} is not within the picture", allowed=f"{width} by {height} pixels")
    return _to_cell([_to_box(region) for region in drawing.regions])


def predicted(answer: Boxes) -> Sequence[Region]:
    return [_to_region(box) for box in answer.boxes]


def labels(cell: str) -> Sequence[str]:
    return sorted({box.label for box in parse_boxes(cell)})


def rename(cell: str, name: str, new: str) -> str:
    return _to_cell([replace(box, label=new if box.label == name else box.label) for box in parse_boxes(cell)])


def _to_region(box: Box) -> Region:
    return Region(box.label, box.xyxy, box.confidence, box.accepted, box.marks)


def _to_box(region: Region) -> Box:
    marks = {mark: region.marks.get(mark) is True for mark in ("crowd", "difficult")}
    return Box(region.label or "", cast(Corners, region.corners), **marks)


def _to_cell(boxes: Sequence[Box]) -> str:
    return json.dumps([box.to_truth() for box in boxes], ensure_ascii=False)


REGIONS = DrawnRegions(
    noun=Boxes.item,
    has_two_corners=True,
    has_background=False,
    read=read,
    write=write,
    predicted=predicted,
    labels=labels,
    rename=rename,
)

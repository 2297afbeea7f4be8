"""Boxes for other programs: a table, COCO's results, YOLO's lines, and the Detections of supervision."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seehear.errors import UsageError
from seehear.escaping import CsvWriter

if TYPE_CHECKING:
    from seehear.answers.boxes.box import Box


COLUMNS = ("label", "x1", "y1", "x2", "y2", "confidence", "accepted")


def to_row(box: Box) -> tuple[Any, ...]:
    """A box under COLUMNS."""
    corners = [round(corner, 2) for corner in box.xyxy]
    return (box.label, *corners, round(box.confidence, 4), "yes" if box.accepted else "no")


def as_csv(boxes: Sequence[Box]) -> str:
    """A line of headings, and one for each box, as tables of boxes are read."""
    lines = io.StringIO()
    table = CsvWriter(lines, lineterminator="\n")
    table.row(COLUMNS)
    table.rows(to_row(box) for box in boxes)
    return lines.getvalue()


def as_coco(
    boxes: Sequence[Box], *, image_id: int | None = None, categories: dict[str, int] | None = None
) -> list[dict[str, Any]]:
    """One result a box: bbox is x, y, width, height. With what an own set calls its pictures and classes.

    Without, classes are named. https://cocodataset.org/#format-results
    """
    results = []
    for box in boxes:
        x1, y1, x2, y2 = box.xyxy
        named = {"category": box.label} if categories is None else {"category_id": categories[box.label]}
        place = {} if image_id is None else {"image_id": image_id}
        results.append({**place, **named, "bbox": [x1, y1, x2 - x1, y2 - y1], "score": box.confidence})
    return results


def as_yolo(boxes: Sequence[Box], classes: Sequence[str], *, width: int, height: int) -> str:
    """A line a box: the number of its class; middle, width and height in shares of the picture's sides."""
    numbers = {label: number for number, label in enumerate(classes)}
    lines = []
    for box in boxes:
        x1, y1, x2, y2 = box.xyxy
        shares = [(x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height]
        lines.append(" ".join([str(numbers[box.label]), *(f"{share:.6f}" for share in shares)]))
    return "".join(f"{line}\n" for line in lines)


def to_supervision(boxes: Sequence[Box], classes: Sequence[str]) -> Any:
    """The `Detections` of the package supervision. Raises UsageError where it is not installed."""
    try:
        from supervision import Detections
    except ImportError:
        hint = "pip install supervision"
        raise UsageError("the package supervision is not installed", hint=hint) from None
    numbers = {label: number for number, label in enumerate(classes)}
    return Detections(
        xyxy=np.array([box.xyxy for box in boxes], np.float32).reshape(-1, 4),
        confidence=np.array([box.confidence for box in boxes], np.float32),
        class_id=np.array([numbers[box.label] for box in boxes], np.int64),
        data={"class_name": np.array([box.label for box in boxes], np.str_)},
    )


def from_supervision(detections: Any, classes: Sequence[str]) -> list[dict[str, Any]]:
    """The boxes of Detections as a table's cell holds them, to be dumped as JSON."""
    return [
        {"label": classes[int(number)], "xyxy": [float(corner) for corner in corners]}
        for corners, number in zip(detections.xyxy, detections.class_id, strict=True)
    ]

"""Boxes for other programs: CSV, COCO results, YOLO labels, and the Detections of supervision."""

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
    """The values of COLUMNS."""
    corners = [round(corner, 2) for corner in box.xyxy]
    return (box.label, *corners, round(box.confidence, 4), "yes" if box.accepted else "no")


def to_csv(boxes: Sequence[Box]) -> str:
    """A header and a row per box, in a form that tables of boxes are read from."""
    lines = io.StringIO()
    table = CsvWriter(lines, lineterminator="\n")
    table.row(COLUMNS)
    table.rows(to_row(box) for box in boxes)
    return lines.getvalue()


def to_coco(
    boxes: Sequence[Box], *, image_id: int | None = None, categories: dict[str, int] | None = None
) -> list[dict[str, Any]]:
    """COCO results: `bbox` is x, y, width, height. https://cocodataset.org/#format-results

    Without `categories` (class name -> category_id), each result has the name of its class in `category`.
    """
    results = []
    for box in boxes:
        x1, y1, x2, y2 = box.xyxy
        category = {"category": box.label} if categories is None else {"category_id": categories[box.label]}
        image = {} if image_id is None else {"image_id": image_id}
        results.append({**image, **category, "bbox": [x1, y1, x2 - x1, y2 - y1], "score": box.confidence})
    return results


def to_yolo(boxes: Sequence[Box], classes: Sequence[str], *, width: int, height: int) -> str:
    """A line per box: class index, then centre, width and height as fractions of the picture's sides."""
    indices = {label: index for index, label in enumerate(classes)}
    lines = []
    for box in boxes:
        x1, y1, x2, y2 = box.xyxy
        fractions = [(x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height]
        lines.append(" ".join([str(indices[box.label]), *(f"{fraction:.6f}" for fraction in fractions)]))
    return "".join(f"{line}\n" for line in lines)


def to_supervision(boxes: Sequence[Box], classes: Sequence[str]) -> Any:
    """The `Detections` of the supervision package. Raises UsageError if it is not installed."""
    try:
        from supervision import Detections
    except ImportError:
        hint = "pip install supervision"
        raise UsageError("the package supervision is not installed", hint=hint) from None
    indices = {label: index for index, label in enumerate(classes)}
    return Detections(
        xyxy=np.array([box.xyxy for box in boxes], np.float32).reshape(-1, 4),
        confidence=np.array([box.confidence for box in boxes], np.float32),
        class_id=np.array([indices[box.label] for box in boxes], np.int64),
        data={"class_name": np.array([box.label for box in boxes], np.str_)},
    )


def from_supervision(detections: Any, classes: Sequence[str]) -> list[dict[str, Any]]:
    """The boxes of Detections, to be written to a table cell as JSON."""
    return [
        {"label": classes[int(index)], "xyxy": [float(corner) for corner in corners]}
        for corners, index in zip(detections.xyxy, detections.class_id, strict=True)
    ]

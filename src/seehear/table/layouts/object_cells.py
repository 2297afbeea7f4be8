"""Tables with all objects of a picture in one cell, as in Hugging Face datasets:

    {"bbox": [[302, 109, 73, 52], …], "categories": ["cat", …]}

Boxes are x, y, width and height in pixels, as in COCO, or corners under `xyxy`. A list with an object for each box
works too.
Source: https://huggingface.co/docs/datasets/image_dataset#object-detection
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seehear.amounts import format_count
from seehear.strict_json import from_json
from seehear.table.column_roles import find_image_column
from seehear.table.layouts.box_cells import (
    HEADING,
    LABELS,
    ONLY_LABEL,
    UNNAMED,
    Annotations,
    encode_boxes,
    parse_xywh,
    parse_xyxy,
)
from seehear.table.layouts.image_sizes import read_sizes_px
from seehear.table.layouts.raw_table import RawTable
from seehear.table.rows import RowProblem

_CORNERS, _SIDES = ("xyxy",), ("bbox", "bboxes", "boxes")
_LABELS = ("categories", "labels", "classes", "names", *LABELS)
_CROWD, _DIFFICULT = ("iscrowd", "crowd"), ("difficult",)
_NOTHING = "[]"  # a picture without objects, also in a column of any other lists
_LOOKED_AT = 20  # filled cells inspected to recognise a column
_HINT = 'write {"bbox": [[x, y, width, height]], "categories": ["cat"]}'


class _Objects(NamedTuple):
    """The objects of a picture. labels is None if none are given; `corners` if boxes are corners, not sides."""

    boxes: list[Any]
    labels: list[Any] | None = None
    crowds: Sequence[Any] = ()
    difficult: Sequence[Any] = ()
    corners: bool = False


def convert_objects(raw: RawTable) -> RawTable:
    """Replace a column of objects with one of boxes; any other table is returned unchanged."""
    image, headings = find_image_column(raw.cells), _headings(raw.cells)
    if image is None or headings is None:
        return raw
    heading, new_heading = headings
    annotations, without_labels = Annotations(), False
    problems: list[RowProblem] = []
    readable: list[int] = []
    cells = raw.cells[heading].to_pylist()
    for row, cell in enumerate(cells):
        objects = _Objects([]) if cell in (None, _NOTHING) else _objects(cell)
        if isinstance(objects, str):
            problems.append(RowProblem(raw.where(row), objects, _HINT))
        else:
            _add(annotations, len(readable), objects, raw.where(row))
            without_labels |= objects.labels is None and bool(objects.boxes)
            readable.append(row)
    usable = raw.take(np.array(readable, np.int64))
    encoded = encode_boxes(
        annotations.to_columns(), read_sizes_px(raw.root, usable.paths(image)), annotations.sources.__getitem__
    )
    filled = pc.is_valid(usable.cells[heading])
    answers = pc.if_else(filled, encoded.cells, pa.scalar(None, pa.large_string()))
    pictures = format_count(len(readable), "picture")
    notes = [f"each cell of {heading!r} holds the boxes of a picture: {len(annotations.label):,} in {pictures}"]
    notes += [UNNAMED] if without_labels else []
    return replace(
        usable,
        cells=usable.cells.drop_columns([heading]).append_column(new_heading, answers),
        problems=(*raw.problems, *problems, *encoded.problems),
        notes=(*raw.notes, *notes, *encoded.notes),
    )


def _headings(cells: pa.Table) -> tuple[str, str] | None:
    """(the first column with objects in one of its first cells, its heading once it holds boxes)."""
    for name in cells.column_names:
        filled = cells[name].filter(pc.not_equal(cells[name], _NOTHING))
        first = map(_objects, filled.slice(0, _LOOKED_AT).to_pylist())
        if content := next((each for each in first if isinstance(each, _Objects)), None):
            return name, name if content.corners or HEADING in cells.column_names else HEADING
    return None


def _objects(cell: str) -> _Objects | str:
    """The objects in a cell, or what is wrong with it."""
    try:
        content = from_json(cell) if cell.startswith(("{", "[")) else None
    except ValueError:
        content = None
    if isinstance(content, list) and content and all(isinstance(each, dict) for each in content):
        content = {
            key: [each.get(key) for each in content] for key in dict.fromkeys(key for each in content for key in each)
        }
    content = content if isinstance(content, dict) else {}
    corners, sides, labels, *marks = (
        next((content[key] for key in keys if key in content), None)
        for keys in (_CORNERS, _SIDES, _LABELS, _CROWD, _DIFFICULT)
    )
    boxes = sides if corners is None else corners
    if not isinstance(boxes, list) or not all(isinstance(each, list | None) for each in (labels, *marks)):
        return f"'{cell[:60]}' holds no boxes: left out"
    if labels is not None and len(labels) != len(boxes):
        return f"{format_count(len(boxes), 'box')} with {format_count(len(labels), 'label')}: left out"
    crowds, difficult = (each or [] for each in marks)
    return _Objects(boxes, labels, crowds, difficult, corners is not None)


def _add(annotations: Annotations, row: int, objects: _Objects, where: str) -> None:
    labels = [ONLY_LABEL] * len(objects.boxes) if objects.labels is None else objects.labels
    marks = (objects.crowds[: len(labels)], objects.difficult[: len(labels)])
    for number, (box, label, crowd, difficult) in enumerate(zip_longest(objects.boxes, labels, *marks), 1):
        text = str(label).strip() if isinstance(label, str | int) else ""
        xyxy = parse_xyxy(box) if objects.corners else parse_xywh(box)
        annotations.add(row, text, xyxy, f"{where} box {number}", crowd=bool(crowd), difficult=bool(difficult))

"""Objects as the library `datasets` keeps them, all those of a picture in one cell, become its boxes:

    {"bbox": [[302, 109, 73, 52], …], "categories": ["cat", …]}

x, y, width and height in pixels from the upper left, as in COCO, or the corners as `xyxy`; or a list with an object for
each thing.
https://huggingface.co/docs/datasets/image_dataset#object-detection
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
_NOTHING = "[]"  # a picture without objects; in a column of lists of any kind too
_LOOKED_AT = 20  # filled cells by which a column is told
_HINT = 'write {"bbox": [[x, y, width, height]], "categories": ["cat"]}'


class _Objects(NamedTuple):
    """One entry each; no labels where none are given, `corners` where boxes are not x, y, width and height."""

    boxes: list[Any]
    labels: list[Any] | None = None
    crowds: Sequence[Any] = ()
    difficult: Sequence[Any] = ()
    corners: bool = False


def convert_objects(found: RawTable) -> RawTable:
    """The boxes of objects in place of these, where a table has a column of them; any other table as it is."""
    image, headings = find_image_column(found.cells), _headings(found.cells)
    if image is None or headings is None:
        return found
    heading, becomes = headings
    things, nameless = Annotations(), False
    problems: list[RowProblem] = []
    readable: list[int] = []
    cells = found.cells[heading].to_pylist()
    for row, cell in enumerate(cells):
        objects = _Objects([]) if cell in (None, _NOTHING) else _objects(cell)
        if isinstance(objects, str):
            problems.append(RowProblem(found.where(row), objects, _HINT))
        else:
            _add(things, len(readable), objects, found.where(row))
            nameless |= objects.labels is None and bool(objects.boxes)
            readable.append(row)
    good = found.take(np.array(readable, np.int64))
    drawn = encode_boxes(things.columns(), read_sizes_px(found.root, good.paths(image)), things.places.__getitem__)
    filled = pc.is_valid(good.cells[heading])
    answers = pc.if_else(filled, drawn.cells, pa.scalar(None, pa.large_string()))
    pictures = format_count(len(readable), "picture")
    notes = [f"each cell of {heading!r} holds the boxes of a picture: {len(things.label):,} in {pictures}"]
    notes += [UNNAMED] if nameless else []
    return replace(
        good,
        cells=good.cells.drop_columns([heading]).append_column(becomes, answers),
        problems=(*found.problems, *problems, *drawn.problems),
        notes=(*found.notes, *notes, *drawn.notes),
    )


def _headings(cells: pa.Table) -> tuple[str, str] | None:
    """The first column in which one of the first cells holds objects, and how it is called with boxes in it."""
    for name in cells.column_names:
        filled = cells[name].filter(pc.not_equal(cells[name], _NOTHING))
        first = map(_objects, filled.slice(0, _LOOKED_AT).to_pylist())
        if told := next((each for each in first if isinstance(each, _Objects)), None):
            return name, name if told.corners or HEADING in cells.column_names else HEADING
    return None


def _objects(cell: str) -> _Objects | str:
    """The objects in a cell, or what is wrong with it."""
    try:
        told = from_json(cell) if cell.startswith(("{", "[")) else None
    except ValueError:
        told = None
    if isinstance(told, list) and told and all(isinstance(each, dict) for each in told):
        told = {key: [each.get(key) for each in told] for key in dict.fromkeys(key for each in told for key in each)}
    told = told if isinstance(told, dict) else {}
    corners, sides, labels, *marks = (
        next((told[key] for key in keys if key in told), None)
        for keys in (_CORNERS, _SIDES, _LABELS, _CROWD, _DIFFICULT)
    )
    boxes = sides if corners is None else corners
    if not isinstance(boxes, list) or not all(isinstance(each, list | None) for each in (labels, *marks)):
        return f"'{cell[:60]}' holds no boxes: left out"
    if labels is not None and len(labels) != len(boxes):
        return f"{format_count(len(boxes), 'box')} with {format_count(len(labels), 'label')}: left out"
    crowds, difficult = (each or [] for each in marks)
    return _Objects(boxes, labels, crowds, difficult, corners is not None)


def _add(things: Annotations, row: int, objects: _Objects, where: str) -> None:
    labels = [ONLY_LABEL] * len(objects.boxes) if objects.labels is None else objects.labels
    marks = (objects.crowds[: len(labels)], objects.difficult[: len(labels)])
    for number, (box, label, crowd, hard) in enumerate(zip_longest(objects.boxes, labels, *marks), 1):
        text = str(label).strip() if isinstance(label, str | int) else ""
        xyxy = parse_xyxy(box) if objects.corners else parse_xywh(box)
        things.add(row, text, xyxy, f"{where} box {number}", crowd=bool(crowd), hard=bool(hard))

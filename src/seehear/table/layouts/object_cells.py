"""Objects as the library `datasets` keeps them, all those of a picture in one cell, become its boxes:

    {"bbox": [[302, 109, 73, 52], …], "categories": ["cat", …]}

x, y, width and height in pixels from the upper left, as in COCO; or a list with an object for each thing.
https://huggingface.co/docs/datasets/image_dataset#object-detection
"""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seehear.table.layouts.box_cells import HEADING, ONLY_LABEL, UNNAMED, Drawn, box_cells
from seehear.table.layouts.found import Found
from seehear.table.layouts.picture_sizes import sizes_px
from seehear.table.roles import picture_column
from seehear.table.rows import Problem

_BOXES = ("bbox", "bboxes", "boxes")
_LABELS = (
    *("categories", "category", "labels", "label", "classes", "class", "names", "name"),
    *("category_name", "category_id", "class_id"),
)
_CROWD = "iscrowd"
_LOOKED_AT = 20  # filled cells by which a column is told
_HINT = 'write {"bbox": [[x, y, width, height]], "categories": ["cat"]}'


class _Objects(NamedTuple):
    """One entry each; no labels where none are given."""

    boxes: list[Any]
    labels: list[Any] | None
    crowds: list[Any]


def objects_as_boxes(found: Found) -> Found:
    """The boxes of objects in place of these, where a table has a column of them; any other table as it is."""
    image, heading = picture_column(found.cells), _heading(found.cells)
    if image is None or heading is None:
        return found
    things, nameless = Drawn(), False
    problems: list[Problem] = []
    readable: list[int] = []
    cells = found.cells[heading].to_pylist()
    for row, cell in enumerate(cells):
        objects = _objects(cell) if cell is not None else _Objects([], [], [])
        if isinstance(objects, str):
            problems.append(Problem(found.where(row), objects, _HINT))
        else:
            _add(things, len(readable), objects, found.where(row))
            nameless |= objects.labels is None and bool(objects.boxes)
            readable.append(row)
    good = found.take(np.array(readable, np.int64))
    drawn = box_cells(things.columns(), sizes_px(found.root, good.paths(image)), things.places.__getitem__)
    filled = pc.is_valid(good.cells[heading])
    answers = pc.if_else(filled, drawn.cells, pa.scalar(None, pa.large_string()))
    said = [f"a cell of {heading!r} holds the boxes of a picture: {len(things.label):,} in {len(readable):,} pictures"]
    said += [UNNAMED] if nameless else []
    return replace(
        good,
        cells=good.cells.drop_columns([heading]).append_column(HEADING, answers),
        problems=(*found.problems, *problems, *drawn.problems),
        said=(*found.said, *said, *drawn.said),
    )


def _heading(cells: pa.Table) -> str | None:
    """The first column in which one of the first cells holds objects."""
    for name in cells.column_names:
        first = cells[name].drop_null().slice(0, _LOOKED_AT).to_pylist()
        if any(isinstance(_objects(cell), _Objects) for cell in first):
            return str(name)
    return None


def _objects(cell: str) -> _Objects | str:
    """The objects in a cell, or what is wrong with it."""
    try:
        told = json.loads(cell) if cell.startswith(("{", "[")) else None
    except (ValueError, RecursionError):
        told = None
    if isinstance(told, list) and told and all(isinstance(each, dict) for each in told):
        told = {key: [each.get(key) for each in told] for key in told[0]}
    told = told if isinstance(told, dict) else {}
    boxes, labels = (next((told[key] for key in keys if key in told), None) for keys in (_BOXES, _LABELS))
    crowds = told.get(_CROWD, [])
    if not isinstance(boxes, list) or not isinstance(labels, list | None) or not isinstance(crowds, list):
        return f"'{cell[:60]}' holds no boxes: left out"
    if labels is not None and len(labels) != len(boxes):
        return f"{len(boxes):,} boxes with {len(labels):,} labels: left out"
    return _Objects(boxes, labels, crowds)


def _add(things: Drawn, row: int, objects: _Objects, where: str) -> None:
    labels = [ONLY_LABEL] * len(objects.boxes) if objects.labels is None else objects.labels
    every = zip_longest(objects.boxes, labels, objects.crowds[: len(labels)])
    for number, (box, label, crowd) in enumerate(every, 1):
        text = str(label).strip() if isinstance(label, str | int) else ""
        things.add_sides(row, text, box, f"{where} box {number}", crowd=bool(crowd))

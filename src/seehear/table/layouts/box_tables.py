"""Tables with a row for each box, under any of the usual headings:

    image,label,x1,y1,x2,y2
    a.jpg,cat,10,20,110,90
    a.jpg,dog,50,40,80,70

The last two numbers may be width and height, the first two the centre. Numbers that are all between 0 and 1 are
relative to the size of the picture.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from seehear.amounts import format_count
from seehear.table.cell_values import parse_numbers
from seehear.table.column_roles import find_image_column
from seehear.table.directories import summarise_names
from seehear.table.layouts.box_cells import HEADING, LABELS, ONLY_LABEL, UNNAMED, BoxColumns, encode_boxes
from seehear.table.layouts.image_sizes import read_sizes_px
from seehear.table.layouts.raw_table import RawTable
from seehear.table.rows import RowProblem

_CORNERS = (  # left, top, right, bottom
    *(("x1", "y1", "x2", "y2"), ("xmin", "ymin", "xmax", "ymax"), ("x_min", "y_min", "x_max", "y_max")),
    *(("left", "top", "right", "bottom"), ("x0", "y0", "x1", "y1")),
)
_SIDES = (("x", "y", "w", "h"), ("x", "y", "width", "height"), ("left", "top", "width", "height"))
_CENTRES = (  # as in YOLO
    *(("x_center", "y_center", "width", "height"), ("x_centre", "y_centre", "width", "height")),
    *(("center_x", "center_y", "width", "height"), ("cx", "cy", "w", "h"), ("xc", "yc", "w", "h")),
    *(("x_center", "y_center", "w", "h"), ("cx", "cy", "width", "height"), ("xcenter", "ycenter", "width", "height")),
)
_RELATIVE_RANGE = -0.1, 1.1  # relative coordinates may exceed the picture a little


class _Headings(NamedTuple):
    """The headings of a table of boxes.

    has_size    whether the last two numbers are width and height, not a corner
    is_centred  whether the first two are the centre, not a corner
    """

    image: str
    label: str | None
    numbers: tuple[str, ...]
    has_size: bool
    is_centred: bool


def merge_box_rows(raw: RawTable) -> RawTable:
    """Merge the rows of each picture into one, if a table has a row for each box; other tables are unchanged."""
    headings = _headings(raw.cells)
    return raw if headings is None else _merge(raw, headings)


def _headings(cells: pa.Table) -> _Headings | None:
    words = {name.lower().replace(" ", "_"): name for name in reversed(cells.column_names)}
    known = (*_CORNERS, *_CENTRES, *_SIDES)
    four = next((each for each in known if all(word in words for word in each)), None)
    image = None if four is None else find_image_column(cells)
    if four is None or image is None:
        return None
    label = next((words[word] for word in LABELS if word in words and words[word] != image), None)
    return _Headings(image, label, tuple(words[word] for word in four), four not in _CORNERS, four in _CENTRES)


def _merge(raw: RawTable, headings: _Headings) -> RawTable:
    cells, rows = raw.cells, np.arange(len(raw.cells))
    files = np.zeros(len(rows), np.int64) if raw.file is None else _codes(raw.file)
    pictures = cells[headings.image].combine_chunks().dictionary_encode()
    has_picture = pc.is_valid(cells[headings.image]).to_numpy()
    keys = files * (len(pictures.dictionary) + 1) + pictures.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    _, first, picture = np.unique(keys[has_picture], return_index=True, return_inverse=True)
    order = np.argsort(first)  # pictures in the order in which the table names them
    picture, first = np.argsort(order)[picture], rows[has_picture][first[order]]
    pictured = raw.take(first)
    sizes = read_sizes_px(raw.root, pictured.paths(headings.image))
    boxes, filled, notes_on_units = _boxes(cells.filter(pa.array(has_picture)), picture, headings, sizes)
    where = rows[has_picture][filled]
    encoded = encode_boxes(boxes, sizes, lambda i: raw.where(int(where[i])))
    unnamed = [RowProblem(raw.where(int(row)), "it names no picture") for row in np.flatnonzero(~has_picture)]
    constant, varying = _split_columns(cells.filter(pa.array(has_picture)), picture, headings)
    notes = [
        f"each row is a box: {len(where):,} in {format_count(len(first), 'picture')}",
        *notes_on_units,
        *encoded.notes,
    ]
    notes += [UNNAMED] if headings.label is None else []
    if varying:
        notes.append(f"not used, because it differs between the boxes of a picture: {summarise_names(varying)}")
    return replace(
        pictured,
        cells=pictured.cells.select(constant).append_column(HEADING, encoded.cells),
        problems=(*raw.problems, *unnamed, *encoded.problems),
        notes=(*raw.notes, *notes),
    )


def _boxes(
    cells: pa.Table, picture: NDArray[np.int64], headings: _Headings, size_px: NDArray[np.float64]
) -> tuple[BoxColumns, NDArray[np.int64], list[str]]:
    """(boxes, indices of their rows, notes). A row without the four numbers is a picture, not a box."""
    empty = np.logical_and.reduce([pc.is_null(cells[name]).to_numpy() for name in headings.numbers])
    filled = np.flatnonzero(~empty)
    values = np.column_stack([parse_numbers(cells[name]) for name in headings.numbers])[filled]
    xyxy, notes_on_units = _in_pixels(values, size_px[picture[filled]])
    if headings.has_size:
        xyxy = np.where(xyxy[:, 2:].min(1, initial=0)[:, None] < 0, np.nan, xyxy)  # a side cannot be negative
        xyxy[:, :2] -= xyxy[:, 2:] / 2 if headings.is_centred else 0
        xyxy[:, 2:] += xyxy[:, :2]
    label = pa.repeat(pa.scalar(ONLY_LABEL, pa.large_string()), len(filled))
    if headings.label is not None:
        label = cells[headings.label].take(filled).combine_chunks()
    unmarked = np.zeros(len(filled), np.bool_)
    return BoxColumns(picture[filled], label, xyxy, unmarked, unmarked), filled, notes_on_units


def _in_pixels(values: NDArray[np.float64], size_px: NDArray[np.float64]) -> tuple[NDArray[np.float64], list[str]]:
    """(boxes (n, 4) in pixels, notes)."""
    known = values[np.isfinite(values)]
    lowest, highest = _RELATIVE_RANGE
    if not known.size or known.max() > highest or known.min() < lowest or not (known % 1).any():
        return values, []
    return values * np.tile(size_px, 2), ["boxes are relative to the width and height of the picture"]


def _split_columns(cells: pa.Table, picture: NDArray[np.int64], headings: _Headings) -> tuple[list[str], list[str]]:
    """(headings whose cells agree for all boxes of a picture, headings whose cells differ)."""
    own = {*headings.numbers, headings.label}
    others = [name for name in cells.column_names if name not in own]
    first = np.unique(picture, return_index=True)[1]
    codes = {name: _codes(cells[name]) for name in others}
    varying = [name for name in others if (codes[name] != codes[name][first][picture]).any()]
    return [name for name in others if name not in varying], varying


def _codes(cells: pa.ChunkedArray) -> NDArray[np.int64]:
    """(rows,) equal numbers for equal text, -1 for null."""
    indices = cells.combine_chunks().dictionary_encode().indices
    codes: NDArray[np.int64] = indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return codes

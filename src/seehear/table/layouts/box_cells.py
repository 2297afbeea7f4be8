"""Boxes become one cell for each picture: `[{"label":"RBC","xyxy":[77,335,184,435]}]`, `[]` for none.

Corners are in pixels from the upper left corner of the picture; the second is just outside the box. `"crowd":true`
marks a box around many objects that were not annotated one by one, `"difficult":true` one that need not be found.
Corrected and left-out boxes are reported.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from seehear.amounts import format_count
from seehear.table.layouts.raw_table import AnswerColumn
from seehear.table.media import is_valid_text
from seehear.table.rows import RowProblem

HEADING = "boxes"
LABELS = (  # headings and keys of an object's class, most likely first
    *("label", "class", "class_name", "classname", "category", "category_name", "label_name", "name", "type"),
    *("category_id", "class_id", "label_id"),
)
ONLY_LABEL = "object"
UNNAMED = f"every box is labelled {ONLY_LABEL!r}, because no column names its class"
ROUNDING_PX = 1.0  # a box may exceed its picture by this much through rounding
FARTHEST_PX = 1e9  # a corner further away is an error
_NO_BOX = (math.nan,) * 4
_HASH_FACTORS = np.random.default_rng(0).integers(1 << 62, size=6) | 1  # to hash rows of six numbers
_TEXT = pa.large_string()


@dataclass
class Annotations:
    """Annotated objects, one entry each in every list; `sources` say where each was read."""

    image_row: list[int] = field(default_factory=list)  # the row of its picture
    label: list[str] = field(default_factory=list)
    xyxy: list[Sequence[float]] = field(default_factory=list)
    # its outline, as `encode_outlines` takes it; None without one
    region: list[Any] = field(default_factory=list)
    crowd: list[bool] = field(default_factory=list)
    difficult: list[bool] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)

    def add(
        self,
        image_row: int,
        label: str,
        xyxy: Sequence[float],
        place: str,
        *,
        region: Any = None,
        crowd: bool = False,
        difficult: bool = False,
    ) -> None:
        self.image_row.append(image_row)
        self.label.append(label if is_valid_text(label) else label.encode("utf-8", "replace").decode())
        self.xyxy.append(xyxy)
        self.region.append(region)
        self.crowd.append(crowd)
        self.difficult.append(difficult)
        self.sources.append(place)

    @property
    def outlined(self) -> int:
        """How many have an outline."""
        return sum(map(bool, self.region))

    def to_columns(self) -> BoxColumns:
        return BoxColumns(
            image_row=np.array(self.image_row, np.int64),
            label=pa.array([label or None for label in self.label], _TEXT),
            xyxy=np.array(self.xyxy, np.float64).reshape(-1, 4),
            crowd=np.array(self.crowd, np.bool_),
            difficult=np.array(self.difficult, np.bool_),
        )


@dataclass(frozen=True)
class BoxColumns:
    """One entry for each box: image_row (n,); label (n,) text, null if empty; xyxy (n, 4) in pixels; two flags (n,)."""

    image_row: NDArray[np.int64]
    label: pa.Array
    xyxy: NDArray[np.float64]
    crowd: NDArray[np.bool_]
    difficult: NDArray[np.bool_]

    def take(self, chosen: NDArray[np.bool_]) -> BoxColumns:
        return BoxColumns(
            self.image_row[chosen],
            self.label.filter(pa.array(chosen)),
            self.xyxy[chosen],
            self.crowd[chosen],
            self.difficult[chosen],
        )


def encode_boxes(boxes: BoxColumns, size_px: NDArray[np.float64], describe_place: Callable[[int], str]) -> AnswerColumn:
    """A cell for each picture.

    size_px         (pictures, 2) width and height, nan where unknown
    describe_place  says where box i was read

    Swapped corners are corrected, boxes clipped at the edges of the picture, repeated boxes dropped; notes count them.
    Boxes without a label, four numbers or an area become problems.
    """
    low, high = np.minimum(boxes.xyxy[:, :2], boxes.xyxy[:, 2:]), np.maximum(boxes.xyxy[:, :2], boxes.xyxy[:, 2:])
    swapped = np.isfinite(boxes.xyxy).all(1) & (boxes.xyxy[:, :2] > boxes.xyxy[:, 2:]).any(1)
    edge = np.where(np.isfinite(size_px), size_px, np.inf)[boxes.image_row]  # (n, 2)
    inside = np.concatenate([np.clip(low, 0, edge), np.clip(high, 0, edge)], 1)
    excess = np.abs(inside - np.concatenate([low, high], 1)).max(1, initial=0)
    errors = _find_errors(boxes, np.concatenate([low, high], 1), inside)
    bad = np.logical_or.reduce([rows for rows, _ in errors.values()])
    problems = [_problem(i, errors, describe_place, size_px[boxes.image_row[i]]) for i in np.flatnonzero(bad).tolist()]
    inside = np.round(inside, 2) + 0.0  # turns -0.0 into 0.0
    repeated = _find_repeats(boxes, inside) & ~bad
    notes = [
        *_describe(swapped & ~bad, "with swapped corners, corrected", describe_place),
        *_describe((excess > ROUNDING_PX) & ~bad, "clipped at the edge of their picture", describe_place),
        *_describe(repeated, "drawn twice, counted once", describe_place),
    ]
    valid = BoxColumns(boxes.image_row, boxes.label, inside, boxes.crowd, boxes.difficult).take(~bad & ~repeated)
    return AnswerColumn(_write_cells(valid, len(size_px)), problems, notes)


def parse_xywh(value: Any) -> Sequence[float]:
    """(x1, y1, x2, y2) from x, y, width and height, as in COCO; nan unless these are four usable numbers."""
    x, y, width, height = parse_xyxy(value)
    return (x, y, x + width, y + height) if min(width, height) >= 0 else _NO_BOX


def parse_xyxy(value: Any) -> Sequence[float]:
    """The four corners as given; nan unless these are four usable numbers."""
    if not isinstance(value, list) or len(value) != 4:
        return _NO_BOX
    numbers = all(isinstance(each, int | float) and abs(each) < FARTHEST_PX for each in value)
    return value if numbers else _NO_BOX


def _find_errors(
    boxes: BoxColumns, corners: NDArray[np.float64], inside: NDArray[np.float64]
) -> dict[str, tuple[NDArray[np.bool_], str]]:
    """Errors by what is wrong: (boxes (n,), what to do about it)."""
    known = np.isfinite(corners).all(1)
    flat = known & ~(corners[:, 2:] > corners[:, :2]).all(1)
    outside = known & ~flat & ~(inside[:, 2:] > inside[:, :2]).all(1)
    return {
        "a box without a label": (pc.is_null(boxes.label).to_numpy(zero_copy_only=False), "give it a label"),
        "a box without four numbers": (~known, "correct or remove it"),
        "a box without an area": (flat, "correct or remove it"),
        "a box outside its picture": (outside, "correct or remove it"),
    }


def _problem(
    i: int,
    errors: dict[str, tuple[NDArray[np.bool_], str]],
    describe_place: Callable[[int], str],
    size_px: NDArray[np.float64],
) -> RowProblem:
    what, hint = next((what, hint) for what, (rows, hint) in errors.items() if rows[i])
    size = f" of {size_px[0]:g} x {size_px[1]:g} px" if "picture" in what else ""
    return RowProblem(describe_place(i), f"{what}{size}: left out", hint)


def _find_repeats(boxes: BoxColumns, xyxy: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(n,) whether the same box with the same label came before in its picture."""
    labels = boxes.label.dictionary_encode().indices.fill_null(-1).to_numpy(zero_copy_only=False)
    hundredths = np.nan_to_num(xyxy * 100).round().astype(np.int64)
    keys = np.column_stack([boxes.image_row, labels, hundredths])
    order = np.argsort(keys @ _HASH_FACTORS, kind="stable")  # equal boxes become neighbours, the first one first
    same = np.zeros(len(keys), np.bool_)
    same[order[1:]] = (keys[order[1:]] == keys[order[:-1]]).all(1)
    return same


def _describe(rows: NDArray[np.bool_], what: str, describe_place: Callable[[int], str]) -> list[str]:
    number = int(rows.sum())
    return [f"{format_count(number, 'box')} {what}; the first: {describe_place(int(rows.argmax()))}"] if number else []


def _write_cells(boxes: BoxColumns, pictures: int) -> pa.ChunkedArray:
    """(pictures,) JSON, assembled column by column: a million boxes take seconds."""
    order = np.argsort(boxes.image_row, kind="stable")
    labels = boxes.label.take(pa.array(order)).dictionary_encode()
    quoted = pa.array([json.dumps(label, ensure_ascii=False) for label in labels.dictionary.to_pylist()], _TEXT)
    corners = [pa.array(corner).cast(_TEXT) for corner in boxes.xyxy[order].T]
    marks = [
        pc.if_else(pa.array(mark[order]), pa.scalar(text, _TEXT), pa.scalar("", _TEXT))
        for mark, text in ((boxes.crowd, ',"crowd":true'), (boxes.difficult, ',"difficult":true'))
    ]
    nothing = pa.scalar("", _TEXT)
    xyxy = pc.binary_join_element_wise(*corners, pa.scalar(",", _TEXT))
    opened, between, closed = (pa.scalar(text, _TEXT) for text in ('{"label":', ',"xyxy":[', "]"))
    each = pc.binary_join_element_wise(
        *(opened, quoted.take(labels.indices), between, xyxy, closed, *marks, pa.scalar("}", _TEXT), nothing)
    )
    ends = np.cumsum(np.bincount(boxes.image_row, minlength=pictures))
    lists = pa.LargeListArray.from_arrays(pa.array(np.concatenate([[0], ends]), pa.int64()), each)
    joined = pc.binary_join(lists, pa.scalar(",", _TEXT))
    cells = pc.binary_join_element_wise(pa.scalar("[", _TEXT), joined, pa.scalar("]", _TEXT), nothing)
    return pa.chunked_array([cells])

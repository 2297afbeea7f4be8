"""Boxes as people drew them become one cell a picture: `[{"label":"RBC","xyxy":[77,335,184,435]}]`, `[]` for none.

Corners are in pixels of the picture from its upper left corner, the second just outside the box. `"crowd":true` marks
a box around many that were not drawn one by one, `"difficult":true` one that nobody need find. What had to be changed
or left out is told.
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
LABELS = (  # what the name of a thing is called, likeliest first
    *("label", "class", "class_name", "classname", "category", "category_name", "label_name", "name", "type"),
    *("category_id", "class_id", "label_id"),
)
ONLY_LABEL = "object"
UNNAMED = f"every box is labelled {ONLY_LABEL!r}, because no column names its class"
ROUNDING_PX = 1.0  # a box that reaches so far beyond its picture is only rounded
FARTHEST_PX = 1e9  # a corner further away is a mistake
_NOWHERE = (math.nan,) * 4
_MIXED = np.random.default_rng(0).integers(1 << 62, size=6) | 1  # by which six numbers become one, hardly ever alike
_TEXT = pa.large_string()


@dataclass
class Annotations:
    """Things as they are read, one entry each; `places` are where each was read."""

    picture: list[int] = field(default_factory=list)  # its row in the table
    label: list[str] = field(default_factory=list)
    xyxy: list[Sequence[float]] = field(default_factory=list)
    # its outline, as `outline_cells` takes it; None where there is none
    region: list[Any] = field(default_factory=list)
    crowd: list[bool] = field(default_factory=list)
    difficult: list[bool] = field(default_factory=list)
    places: list[str] = field(default_factory=list)

    def add(
        self,
        picture: int,
        label: str,
        xyxy: Sequence[float],
        place: str,
        *,
        region: Any = None,
        crowd: bool = False,
        hard: bool = False,
    ) -> None:
        self.picture.append(picture)
        self.label.append(label if is_valid_text(label) else label.encode("utf-8", "replace").decode())
        self.xyxy.append(xyxy)
        self.region.append(region)
        self.crowd.append(crowd)
        self.difficult.append(hard)
        self.places.append(place)

    @property
    def outlined(self) -> int:
        """How many have an outline."""
        return sum(map(bool, self.region))

    def columns(self) -> BoxColumns:
        return BoxColumns(
            picture=np.array(self.picture, np.int64),
            label=pa.array([label or None for label in self.label], _TEXT),
            xyxy=np.array(self.xyxy, np.float64).reshape(-1, 4),
            crowd=np.array(self.crowd, np.bool_),
            difficult=np.array(self.difficult, np.bool_),
        )


@dataclass(frozen=True)
class BoxColumns:
    """One entry per box: picture (n,) its row; label (n,) text, null where empty; xyxy (n, 4) px; two marks (n,)."""

    picture: NDArray[np.int64]
    label: pa.Array
    xyxy: NDArray[np.float64]
    crowd: NDArray[np.bool_]
    difficult: NDArray[np.bool_]

    def take(self, chosen: NDArray[np.bool_]) -> BoxColumns:
        return BoxColumns(
            self.picture[chosen],
            self.label.filter(pa.array(chosen)),
            self.xyxy[chosen],
            self.crowd[chosen],
            self.difficult[chosen],
        )


def encode_boxes(boxes: BoxColumns, size_px: NDArray[np.float64], named: Callable[[int], str]) -> AnswerColumn:
    """A cell for each picture. size_px (pictures, 2): width and height, nan where unknown; `named`: where a box stands.

    Swapped corners are put right, boxes cut off at the picture's edges, those drawn twice taken once: said with their
    number. Boxes without a label, corners or an area are problems.
    """
    low, high = np.minimum(boxes.xyxy[:, :2], boxes.xyxy[:, 2:]), np.maximum(boxes.xyxy[:, :2], boxes.xyxy[:, 2:])
    swapped = np.isfinite(boxes.xyxy).all(1) & (boxes.xyxy[:, :2] > boxes.xyxy[:, 2:]).any(1)
    edge = np.where(np.isfinite(size_px), size_px, np.inf)[boxes.picture]  # (n, 2)
    inside = np.concatenate([np.clip(low, 0, edge), np.clip(high, 0, edge)], 1)
    reach = np.abs(inside - np.concatenate([low, high], 1)).max(1, initial=0)
    faults = _faults(boxes, np.concatenate([low, high], 1), inside)
    bad = np.logical_or.reduce([rows for rows, _ in faults.values()])
    problems = [_problem(i, faults, named, size_px[boxes.picture[i]]) for i in np.flatnonzero(bad).tolist()]
    inside = np.round(inside, 2) + 0.0  # which makes 0.0 of -0.0
    again = _repeated(boxes, inside) & ~bad
    notes = [
        *_told(swapped & ~bad, "with swapped corners, corrected", named),
        *_told((reach > ROUNDING_PX) & ~bad, "clipped at the edge of their picture", named),
        *_told(again, "drawn twice, counted once", named),
    ]
    kept = BoxColumns(boxes.picture, boxes.label, inside, boxes.crowd, boxes.difficult).take(~bad & ~again)
    return AnswerColumn(_written(kept, len(size_px)), problems, notes)


def parse_xywh(told: Any) -> Sequence[float]:
    """The corners of x, y, width and height, as COCO has them; nan for what are not four such numbers."""
    x, y, width, height = parse_xyxy(told)
    return (x, y, x + width, y + height) if min(width, height) >= 0 else _NOWHERE


def parse_xyxy(told: Any) -> Sequence[float]:
    """nan for what are not four numbers."""
    if not isinstance(told, list) or len(told) != 4:
        return _NOWHERE
    numbers = all(isinstance(each, int | float) and abs(each) < FARTHEST_PX for each in told)
    return told if numbers else _NOWHERE


def _faults(
    boxes: BoxColumns, drawn: NDArray[np.float64], inside: NDArray[np.float64]
) -> dict[str, tuple[NDArray[np.bool_], str]]:
    """What is wrong with which boxes, and what to do about it."""
    known = np.isfinite(drawn).all(1)
    flat = known & ~(drawn[:, 2:] > drawn[:, :2]).all(1)
    gone = known & ~flat & ~(inside[:, 2:] > inside[:, :2]).all(1)
    return {
        "a box without a label": (pc.is_null(boxes.label).to_numpy(zero_copy_only=False), "give it a label"),
        "a box without four numbers": (~known, "correct or remove it"),
        "a box without an area": (flat, "correct or remove it"),
        "a box outside its picture": (gone, "correct or remove it"),
    }


def _problem(
    i: int,
    faults: dict[str, tuple[NDArray[np.bool_], str]],
    named: Callable[[int], str],
    size_px: NDArray[np.float64],
) -> RowProblem:
    what, hint = next((what, hint) for what, (rows, hint) in faults.items() if rows[i])
    size = f" of {size_px[0]:g} x {size_px[1]:g} px" if "picture" in what else ""
    return RowProblem(named(i), f"{what}{size}: left out", hint)


def _repeated(boxes: BoxColumns, xyxy: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(n,) whether the same box of the same label came before in its picture."""
    labels = boxes.label.dictionary_encode().indices.fill_null(-1).to_numpy(zero_copy_only=False)
    hundredths = np.nan_to_num(xyxy * 100).round().astype(np.int64)
    keys = np.column_stack([boxes.picture, labels, hundredths])
    order = np.argsort(keys @ _MIXED, kind="stable")  # puts equals together, the first before the others
    same = np.zeros(len(keys), np.bool_)
    same[order[1:]] = (keys[order[1:]] == keys[order[:-1]]).all(1)
    return same


def _told(rows: NDArray[np.bool_], what: str, named: Callable[[int], str]) -> list[str]:
    number = int(rows.sum())
    return [f"{format_count(number, 'box')} {what}; the first: {named(int(rows.argmax()))}"] if number else []


def _written(boxes: BoxColumns, pictures: int) -> pa.ChunkedArray:
    """(pictures,) JSON, put together column by column: a million boxes take seconds."""
    order = np.argsort(boxes.picture, kind="stable")
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
    ends = np.cumsum(np.bincount(boxes.picture, minlength=pictures))
    lists = pa.LargeListArray.from_arrays(pa.array(np.concatenate([[0], ends]), pa.int64()), each)
    joined = pc.binary_join(lists, pa.scalar(",", _TEXT))
    cells = pc.binary_join_element_wise(pa.scalar("[", _TEXT), joined, pa.scalar("]", _TEXT), nothing)
    return pa.chunked_array([cells])

"""Turn Label Studio annotations into rows: boxes, outlines, labels, transcripts, scores, segments of recordings."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from seehear.amounts import format_count
from seehear.errors import DataError
from seehear.media import medium_of
from seehear.table.layouts.annotation_files import parse_number, parse_size_px
from seehear.table.layouts.box_cells import ONLY_LABEL, Annotations
from seehear.table.layouts.image_sizes import reconcile_sizes
from seehear.table.layouts.outline_cells import make_lazy_answers
from seehear.table.layouts.raw_table import RawTable, make_text_table
from seehear.table.layouts.shapes import Shape, make_ellipse, make_polygon, make_rotated_rectangle
from seehear.table.rows import RowProblem

_SENSES = {"picture": "image", "recording": "audio", "video": "video"}
_ANSWERS = {"choices": "label", "labels": "label", "textarea": "text", "number": "score", "rating": "score"}
_SHAPES = ("rectangle", "polygon", "ellipse")
_PAINTED = ("brush", "bitmask")
_HINT = "export painted masks as COCO, or as PNG beside the pictures, or draw polygons instead"

Cells = dict[str, str | None]


@dataclass
class Tasks:
    """The rows so far. Answers are stored under (kind, control name) until all controls are known."""

    rows: list[Cells] = field(default_factory=list)
    answers: list[dict[tuple[str, str], list[str]]] = field(default_factory=list)
    part: list[str] = field(default_factory=list)
    size_px: list[tuple[float, float]] = field(default_factory=list)
    annotations: Annotations = field(default_factory=Annotations)
    problems: list[RowProblem] = field(default_factory=list)

    def add(self, file: str, part: str, metadata: Mapping[str, str], results: Sequence[Any], place: str) -> None:
        """Add a task as one row, or as a row for each annotated segment of its file.

        Raises DataError for painted masks: reading the rest without them would make them background.
        """
        cells: Cells = {_SENSES[medium_of(file)]: file, **metadata}
        shared: dict[tuple[str, str], list[str]] = {}
        segments: dict[tuple[float, float], dict[tuple[str, str], list[str]]] = {}
        row, size = len(self.rows), (math.nan, math.nan)
        labelled = {each.get("id") for each in results if isinstance(each, dict) and each.get("type") == "labels"}
        for position, each in enumerate(results, 1):
            result = each if isinstance(each, dict) else {}
            where, kind = f"{place} result {position}", str(result.get("type") or "").lower()
            value = result["value"] if isinstance(result.get("value"), dict) else {}
            if kind.removesuffix("labels") in _PAINTED or value.get("format") == "rle":
                raise DataError(f"a mask painted with the {kind.removesuffix('labels')}", where=where, hint=_HINT)
            if kind in _SHAPES and result.get("id") in labelled:
                continue  # listed a second time, with its labels
            if kind.removesuffix("labels") in _SHAPES or (kind == "labels" and "x" in value):
                size = parse_size_px(result.get("original_width"), result.get("original_height"))
                self._add_shape(row, kind, value, size, where)
            elif kind in _ANSWERS:
                start_s, end_s = parse_number(value.get("start")), parse_number(value.get("end"))
                target = shared if math.isnan(start_s + end_s) else segments.setdefault((start_s, end_s), {})
                words = _read_words(kind, value)
                target.setdefault((_ANSWERS[kind], str(result.get("from_name") or kind)), []).extend(words)
            elif kind not in ("relation", ""):
                self.problems.append(RowProblem(where, f"a result of the type {kind[:40]!r}: left out"))
        for (start_s, end_s), own in segments.items() or [((math.nan, math.nan), {})]:
            span = {} if math.isnan(start_s) else {"start": f"{start_s}", "end": f"{end_s}"}
            self.rows.append({**cells, **span})
            self.answers.append(shared | own)
            self.part.append(part)
            self.size_px.append(size)

    def to_raw_table(self, root: Path, notes: Sequence[str]) -> RawTable:
        columns = self._columns()
        files = [next(row[sense] or "" for sense in _SENSES.values() if sense in row) for row in self.rows]
        sizes = partial(reconcile_sizes, root, files, self.size_px)
        boxes, examples = format_count(len(self.annotations.label), "box"), format_count(len(self.rows), "example")
        has_shapes = bool(self.annotations.label) or not any(self.answers)
        return RawTable(
            root,
            make_text_table(columns),
            part=pa.chunked_array([pa.array(self.part, pa.large_string())]),
            problems=tuple(self.problems),
            notes=(*notes, f"Label Studio: {examples}" + (f", {boxes}" if self.annotations.label else "")),
            lazy_answers=make_lazy_answers(self.annotations, sizes, sorted(set(self.annotations.label)))
            if has_shapes
            else {},
        )

    def _columns(self) -> dict[str, list[str | None]]:
        """Name answers after their kind if only one control has it, else after the control."""
        controls = {control for shared in self.answers for control in shared}
        kinds = [kind for kind, _ in controls]
        columns: dict[str, list[str | None]] = {}
        for heading in dict.fromkeys(heading for row in self.rows for heading in row):
            columns[heading] = [row.get(heading) for row in self.rows]
        for control in sorted(controls):
            kind, name = control
            several = kind == "label" and any(len(shared.get(control, [])) > 1 for shared in self.answers)
            heading = kind if kinds.count(kind) == 1 else name
            columns[heading] = [_cell(shared.get(control), several) for shared in self.answers]
        return columns

    def _add_shape(self, row: int, kind: str, value: dict[str, Any], size: tuple[float, float], place: str) -> None:
        shape = _shape(kind, value, size)
        if isinstance(shape, str):
            self.problems.append(RowProblem(place, f"{shape}: left out"))
            return
        labels = value.get(kind, value.get("labels"))
        names = [str(label).strip() for label in labels] if isinstance(labels, list) else [ONLY_LABEL]
        for label in names or [""]:
            self.annotations.add(row, label, shape.xyxy, place, region=shape.region)


def _read_words(kind: str, value: dict[str, Any]) -> list[str]:
    key = {"textarea": "text"}.get(kind, kind)
    shared = value.get(key)
    words = [str(each).strip() for each in (shared if isinstance(shared, list) else [shared]) if each is not None]
    return [" ".join(words)] if kind == "textarea" and words else words


def _cell(words: list[str] | None, several: bool) -> str | None:
    if words is None:
        return None
    return json.dumps(words, ensure_ascii=False) if several else " ".join(words)


def _shape(kind: str, value: dict[str, Any], size: tuple[float, float]) -> Shape | str:
    """A shape in pixels, or what is wrong with it."""
    percent_x, percent_y = size[0] / 100, size[1] / 100

    def parse(*keys: str) -> list[float]:
        return [parse_number(value.get(key)) for key in keys]

    if math.isnan(percent_x + percent_y):
        return "a shape without the size of its picture"
    degrees = parse_number(value.get("rotation") or 0)
    if math.isnan(degrees):
        return "a shape whose rotation is not a number"
    if kind.startswith("polygon"):
        points = value.get("points")
        if not isinstance(points, list) or not all(isinstance(each, list) and len(each) == 2 for each in points):
            return "a polygon without points"
        return make_polygon(
            [parse_number(x) * percent_x for x, _ in points], [parse_number(y) * percent_y for _, y in points]
        )
    x, y = parse("x", "y")
    if kind.startswith("ellipse"):
        width, height = parse("radiusX", "radiusY")
        return make_ellipse((x * percent_x, y * percent_y), (width * percent_x, height * percent_y), degrees)
    width, height = parse("width", "height")
    corners = (x * percent_x, y * percent_y, (x + width) * percent_x, (y + height) * percent_y)
    if not min(width, height) >= 0:
        return "a rectangle without x, y, width and height"
    return make_rotated_rectangle(corners, corners[:2], degrees)  # rotates about its upper left corner

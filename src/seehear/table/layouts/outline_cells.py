"""Outlines become one cell for each picture:

    {"size":[480,640],"background":"ground","outlines":[{"label":"cat","polygons":[[12,40,210,40,99,131]]}]}

`size` is the height and width of the picture, `background` the class outside all outlines. A region is a list of
polygons with corners x, y, x, y, … in pixels, or `rle`, run lengths as in COCO. A region without a label is ignored
in training: a crowd, or the box of an object without an outline. Nothing is drawn here. Whatever is corrected or left
out is reported.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from seehear.amounts import format_count
from seehear.table.layouts.box_cells import FARTHEST_PX, ROUNDING_PX, Annotations, encode_boxes
from seehear.table.layouts.box_cells import HEADING as BOXES
from seehear.table.layouts.image_sizes import ImageSizes
from seehear.table.layouts.raw_table import AnswerColumn
from seehear.table.rows import RowProblem

HEADING = "mask"
CANNOT_DRAW = "its outlines cannot be drawn: the picture's size is unknown or differs from the one they were drawn on"
BACKGROUND = "background"  # unless the file has a class of this name
_FEWEST = 6  # numbers of a polygon: three corners
_CLIPPED = "clipped at the edge of their picture"
_PIECES = "with parts of fewer than three corners, left out"
_BOXED = "with a box but no outline: the pixels in it are ignored in training"
_CROWDS = "drawn as a crowd: its pixels are ignored in training"


@dataclass
class _Report:
    """Problems, and by what was changed: how many objects, and the first."""

    problems: list[RowProblem] = field(default_factory=list)
    changed: dict[str, tuple[int, str]] = field(default_factory=dict)

    def note(self, what: str, place: str) -> None:
        count, first = self.changed.get(what, (0, place))
        self.changed[what] = count + 1, first

    def notes(self) -> list[str]:
        return [f"{format_count(n, 'thing')} {what}; the first: {first}" for what, (n, first) in self.changed.items()]


def make_lazy_answers(
    annotations: Annotations, sizes: Callable[[], ImageSizes], classes: Iterable[str]
) -> dict[str, Callable[[], AnswerColumn]]:
    """The answers that annotations can give, by heading: boxes and, if there are outlines, masks.

    `sizes` is called only when an answer is built. `classes` are the names of all classes.
    """

    def boxes() -> AnswerColumn:
        size_px, _, notes = sizes()
        answers = encode_boxes(annotations.to_columns(), size_px, annotations.sources.__getitem__)
        return answers._replace(notes=[*notes, *answers.notes])

    def masks() -> AnswerColumn:
        """Only for pictures whose size matches the declared one: validation would refuse the mask of any other."""
        size_px, declared_px, _ = sizes()
        differs = (np.isfinite(size_px) & np.isfinite(declared_px) & (size_px != declared_px)).any(1)
        annotated_px = np.where(np.isnan(declared_px), size_px, declared_px)
        return encode_outlines(annotations, np.where(differs[:, None], np.nan, annotated_px), classes)

    return {BOXES: boxes, HEADING: masks} if annotations.outlined else {BOXES: boxes}


def encode_outlines(annotations: Annotations, size_px: NDArray[np.float64], classes: Iterable[str]) -> AnswerColumn:
    """A cell for each picture, null if its size is unknown. size_px (pictures, 2): width and height."""
    report = _Report()
    regions: list[list[dict[str, Any]]] = [[] for _ in size_px]
    for i, row in enumerate(annotations.image_row):
        known = np.isfinite(size_px[row]).all()
        if known and (region := _region(annotations, i, size_px[row], report)) is not None:
            regions[row].append(region)
    background = next((name for name in classes if name.strip("_ ").casefold() == BACKGROUND), BACKGROUND)
    cells = [_write_cell(size, background, own) for size, own in zip(size_px.tolist(), regions, strict=True)]
    notes = [f"pixels outside every outline are of the class {background!r}", *report.notes()]
    return AnswerColumn(pa.chunked_array([pa.array(cells, pa.large_string())]), report.problems, notes)


def _region(annotations: Annotations, i: int, size: NDArray[np.float64], report: _Report) -> dict[str, Any] | None:
    """The region of an object, None if it has none. Problems go to `report`."""
    place, label = annotations.sources[i], annotations.label[i]
    if not label:
        report.problems.append(RowProblem(place, "an outline without a label: left out", "give it a label"))
        return None
    region = _outline(annotations.region[i], size, place, report)
    if isinstance(region, dict):
        if annotations.crowd[i]:
            report.note(_CROWDS, place)
        return region if annotations.crowd[i] else {"label": label, **region}
    box = _box(annotations.xyxy[i])
    if region and not box:
        report.problems.append(RowProblem(place, f"{region}: left out", "correct or remove it"))
    elif region:
        report.problems.append(
            RowProblem(place, f"{region}: the pixels in its box are ignored in training", "correct or remove it")
        )
    elif box:
        report.note(_BOXED, place)
    else:
        report.problems.append(RowProblem(place, "neither an outline nor a box: left out", "correct or remove it"))
    return box


def _outline(outline: Any, size: NDArray[np.float64], place: str, report: _Report) -> dict[str, Any] | str:
    """A region without its label; or what is wrong with it, "" if there is no outline."""
    if not outline:
        return ""
    if isinstance(outline, dict):
        return _run_lengths(outline, size)
    if not isinstance(outline, list):
        return f"an outline that is neither polygons nor run lengths but {str(outline)[:40]!r}"
    polygons = [outline] if isinstance(outline[0], int | float) else outline  # a single polygon, not in a list
    valid = [corners for polygon in polygons if (corners := _corners(polygon)) is not None]
    if not valid:
        return "an outline with fewer than three corners" if any(polygons) else ""
    corners_drawn = np.concatenate(valid).reshape(-1, 2)
    inside = np.clip(corners_drawn, 0, size)
    if not (np.ptp(inside, axis=0) > 0).all():
        outside = (np.ptp(corners_drawn, axis=0) > 0).all()
        return (
            f"an outline outside its picture of {size[0]:g} x {size[1]:g} px"
            if outside
            else "an outline without an area"
        )
    if len(valid) < len(polygons):
        report.note(_PIECES, place)
    if np.abs(corners_drawn - inside).max() > ROUNDING_PX:
        report.note(_CLIPPED, place)
    return {"polygons": [corners.tolist() for corners in valid]}


def _run_lengths(outline: dict[str, Any], size: NDArray[np.float64]) -> dict[str, Any] | str:
    counts, own = outline.get("counts"), outline.get("size")
    if not isinstance(counts, str | list) or not isinstance(own, list) or len(own) != 2:
        return "run lengths without 'size' and 'counts'"
    if own != size[::-1].tolist():
        return f"run lengths of {own[1]} x {own[0]} px in a picture of {size[0]:g} x {size[1]:g} px"
    if isinstance(counts, list) and (not _are_lengths(counts) or sum(counts) != own[0] * own[1]):
        return f"run lengths that do not add up to {own[1]} x {own[0]} px"
    return {"rle": [int(count) for count in counts] if isinstance(counts, list) else counts}


def _are_lengths(counts: list[Any]) -> bool:
    return all(isinstance(count, int | float) and count >= 0 and float(count).is_integer() for count in counts)


def _corners(polygon: Any) -> NDArray[np.float64] | None:
    """(numbers,) x, y, x, y, …; None unless there are at least three corners."""
    if not isinstance(polygon, list) or len(polygon) < _FEWEST or len(polygon) % 2:
        return None
    try:
        corners = np.array(polygon)
    except ValueError:  # it contains lists
        return None
    numbers = corners.ndim == 1 and corners.dtype.kind in "if" and (np.abs(corners) < FARTHEST_PX).all()
    return corners if numbers else None


def _box(xyxy: Sequence[float]) -> dict[str, Any] | None:
    """A box as a region; None if it has no area."""
    x1, y1, x2, y2 = xyxy
    return {"polygons": [[x1, y1, x2, y1, x2, y2, x1, y2]]} if x1 < x2 and y1 < y2 else None


def _write_cell(size: Sequence[float], background: str, regions: list[dict[str, Any]]) -> str | None:
    width, height = size
    if not (width > 0 and height > 0):
        return None
    report = {"size": [int(height), int(width)], "background": background, "outlines": regions}
    return json.dumps(report, ensure_ascii=False, separators=(",", ":"))

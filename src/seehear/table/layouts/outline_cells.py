"""Outlines as people drew them become one cell a picture:

    {"size":[480,640],"background":"ground","outlines":[{"label":"cat","polygons":[[12,40,210,40,99,131]]}]}

`size` is the height and width of the picture, `background` the class of pixels in no outline. A region is polygons of
corners x, y, x, y, … in pixels from the upper left, or `rle`, the run lengths of COCO. The class of one without a label
is unknown: a crowd, as COCO-Stuff has them, or the box of a thing whose outline is not there. Nothing is drawn here.
What had to be changed or left out is told.
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
WITHOUT = "its outlines cannot be drawn: its size is not known, or not the one that they were drawn on"
REST = "background"  # where no class of the file is called so
_FEWEST = 6  # numbers of an outline: three corners
_CLIPPED = "clipped at the edge of their picture"
_PIECES = "with parts of fewer than three corners, left out"
_BOXED = "with a box but no outline: the pixels in it are ignored in training"
_CROWDS = "drawn as a crowd: its pixels are ignored in training"


@dataclass
class _Told:
    """What is said of things: by sentence how many there were, and the first."""

    problems: list[RowProblem] = field(default_factory=list)
    changed: dict[str, tuple[int, str]] = field(default_factory=dict)

    def note(self, what: str, place: str) -> None:
        count, first = self.changed.get(what, (0, place))
        self.changed[what] = count + 1, first

    def notes(self) -> list[str]:
        return [f"{format_count(n, 'thing')} {what}; the first: {first}" for what, (n, first) in self.changed.items()]


def make_lazy_answers(
    things: Annotations, sizes: Callable[[], ImageSizes], classes: Iterable[str]
) -> dict[str, Callable[[], AnswerColumn]]:
    """What things in pictures may answer, by heading: boxes and, where some are outlined, masks.

    `sizes` are asked for when an answer is made. `classes` are all that are named.
    """

    def boxes() -> AnswerColumn:
        size_px, _, notes = sizes()
        answers = encode_boxes(things.columns(), size_px, things.places.__getitem__)
        return answers._replace(notes=[*notes, *answers.notes])

    def masks() -> AnswerColumn:
        """Of pictures as large as was told, or of which nobody told: others would be drawn only to be left out."""
        size_px, told_px, _ = sizes()
        other = (np.isfinite(size_px) & np.isfinite(told_px) & (size_px != told_px)).any(1)
        drawn_px = np.where(np.isnan(told_px), size_px, told_px)
        return encode_outlines(things, np.where(other[:, None], np.nan, drawn_px), classes)

    return {BOXES: boxes, HEADING: masks} if things.outlined else {BOXES: boxes}


def encode_outlines(things: Annotations, size_px: NDArray[np.float64], classes: Iterable[str]) -> AnswerColumn:
    """A cell for each picture, null where its size is not known. size_px (pictures, 2): width and height."""
    told = _Told()
    regions: list[list[dict[str, Any]]] = [[] for _ in size_px]
    for i, row in enumerate(things.picture):
        known = np.isfinite(size_px[row]).all()
        if known and (region := _region(things, i, size_px[row], told)) is not None:
            regions[row].append(region)
    rest = next((name for name in classes if name.strip("_ ").casefold() == REST), REST)
    cells = [_written(size, rest, own) for size, own in zip(size_px.tolist(), regions, strict=True)]
    notes = [f"pixels outside every outline are of the class {rest!r}", *told.notes()]
    return AnswerColumn(pa.chunked_array([pa.array(cells, pa.large_string())]), told.problems, notes)


def _region(things: Annotations, i: int, size: NDArray[np.float64], told: _Told) -> dict[str, Any] | None:
    """The region of one thing, None where it has none; and what is to be said of it."""
    place, label = things.places[i], things.label[i]
    if not label:
        told.problems.append(RowProblem(place, "an outline without a label: left out", "give it a label"))
        return None
    region = _outline(things.region[i], size, place, told)
    if isinstance(region, dict):
        if things.crowd[i]:
            told.note(_CROWDS, place)
        return region if things.crowd[i] else {"label": label, **region}
    box = _box(things.xyxy[i])
    if region and not box:
        told.problems.append(RowProblem(place, f"{region}: left out", "correct or remove it"))
    elif region:
        told.problems.append(
            RowProblem(place, f"{region}: the pixels in its box are ignored in training", "correct or remove it")
        )
    elif box:
        told.note(_BOXED, place)
    else:
        told.problems.append(RowProblem(place, "neither an outline nor a box: left out", "correct or remove it"))
    return box


def _outline(given: Any, size: NDArray[np.float64], place: str, told: _Told) -> dict[str, Any] | str:
    """A region without its label; or what is wrong with it, "" where there is none."""
    if not given:
        return ""
    if isinstance(given, dict):
        return _run_lengths(given, size)
    if not isinstance(given, list):
        return f"an outline that is neither polygons nor run lengths but {str(given)[:40]!r}"
    pieces = [given] if isinstance(given[0], int | float) else given  # one polygon that is not in a list of such
    kept = [corners for piece in pieces if (corners := _corners(piece)) is not None]
    if not kept:
        return "an outline with fewer than three corners" if any(pieces) else ""
    every = np.concatenate(kept).reshape(-1, 2)
    inside = np.clip(every, 0, size)
    if not (np.ptp(inside, axis=0) > 0).all():
        outside = (np.ptp(every, axis=0) > 0).all()
        return (
            f"an outline outside its picture of {size[0]:g} x {size[1]:g} px"
            if outside
            else "an outline without an area"
        )
    if len(kept) < len(pieces):
        told.note(_PIECES, place)
    if np.abs(every - inside).max() > ROUNDING_PX:
        told.note(_CLIPPED, place)
    return {"polygons": [corners.tolist() for corners in kept]}


def _run_lengths(given: dict[str, Any], size: NDArray[np.float64]) -> dict[str, Any] | str:
    counts, own = given.get("counts"), given.get("size")
    if not isinstance(counts, str | list) or not isinstance(own, list) or len(own) != 2:
        return "run lengths without 'size' and 'counts'"
    if own != size[::-1].tolist():
        return f"run lengths of {own[1]} x {own[0]} px in a picture of {size[0]:g} x {size[1]:g} px"
    if isinstance(counts, list) and (not _are_lengths(counts) or sum(counts) != own[0] * own[1]):
        return f"run lengths that do not add up to {own[1]} x {own[0]} px"
    return {"rle": [int(count) for count in counts] if isinstance(counts, list) else counts}


def _are_lengths(counts: list[Any]) -> bool:
    return all(isinstance(count, int | float) and count >= 0 and float(count).is_integer() for count in counts)


def _corners(piece: Any) -> NDArray[np.float64] | None:
    """(numbers,) x, y, x, y, …; None for what are not so many."""
    if not isinstance(piece, list) or len(piece) < _FEWEST or len(piece) % 2:
        return None
    try:
        corners = np.array(piece)
    except ValueError:  # lists in it
        return None
    numbers = corners.ndim == 1 and corners.dtype.kind in "if" and (np.abs(corners) < FARTHEST_PX).all()
    return corners if numbers else None


def _box(xyxy: Sequence[float]) -> dict[str, Any] | None:
    """A box as a region; None for one without an area."""
    x1, y1, x2, y2 = xyxy
    return {"polygons": [[x1, y1, x2, y1, x2, y2, x1, y2]]} if x1 < x2 and y1 < y2 else None


def _written(size: Sequence[float], rest: str, regions: list[dict[str, Any]]) -> str | None:
    width, height = size
    if not (width > 0 and height > 0):
        return None
    told = {"size": [int(height), int(width)], "background": rest, "outlines": regions}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))

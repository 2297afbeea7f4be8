"""Boxes: what is where in a picture; what a column of boxes is, and the boxes of one picture."""

from __future__ import annotations

import difflib
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from seehear import amounts
from seehear.answers.boxes.box import Box, parse_boxes
from seehear.answers.boxes.exchange import to_coco, to_csv
from seehear.answers.boxes.matching import match_boxes
from seehear.answers.boxes.overlap import suppress
from seehear.answers.items import ItemCount, accepted_from
from seehear.answers.part import Part
from seehear.answers.platt_scaling import apply_platt
from seehear.errors import DataError, InputError
from seehear.geometry import Geometry, Warp

if TYPE_CHECKING:
    from PIL.Image import Image

Array = NDArray[Any]

FAINTEST = 0.01  # score below which nothing is there
CANDIDATES, MOST = 300, 100  # boxes of one picture, before and after those that mean the same are one
MOST_OVERLAP = 0.6  # of two boxes of a class
TOLD_FROM = 0.5  # confidence: likelier there than not
RIGHT_SHARE = 0.8  # of boxes found and drawn that must agree for a picture to count as right
UNBOUNDED_PX = 1 << 20
LONG = 1.5  # how much longer things are than the root of their area
EDGE_PX = 8.0  # prepared pixels from a tile's edge, within which a box may be of a thing that is cut
OBJECT, IGNORE = 1, 2  # what a target's box is; 0 is none

Side = Annotated[float, Field(ge=0, le=UNBOUNDED_PX)]


class BoxesSpec(BaseModel):
    """The classes, in the order of the head's scores, with how many boxes of each there were in so many pictures."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    classes: tuple[str, ...] = Field(min_length=1)
    counts: tuple[int, ...]
    pictures: int = Field(ge=0)
    most: int = Field(ge=0)  # in one picture
    sides_px: tuple[Side, Side, Side]  # square roots of areas: of the smallest twentieth, the median, the largest

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if len(set(self.classes)) != len(self.classes) or len(self.counts) != len(self.classes):
            raise ValueError(f"{len(self.classes)} classes, each once, need {len(self.classes)} counts")
        return self

    @cached_property
    def index(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.classes)}

    def __str__(self) -> str:
        shown = ", ".join(f"{c} ({n:,})" for c, n in zip(self.classes[:10], self.counts, strict=False))
        more = f" and {len(self.classes) - 10:,} more" if len(self.classes) > 10 else ""
        small, usual, large = self.sides_px
        sizes = f"sides of {small:.0f} to {large:.0f} px, mostly {usual:.0f}"
        return (
            f"boxes in {amounts.counted(self.pictures, 'picture')}: {shown}{more}; up to {self.most:,} in one, {sizes}"
        )


@dataclass(frozen=True)
class Boxes:
    """What is in a picture, the surest first. `faint` are those likelier not there than there: they are measured only.

    `confidence` is the probability that found and true boxes agree for the most part, as `right` has it. `classes`
    are all that there may be, each drawn in a colour of its own.
    """

    item: ClassVar[str] = "box"
    boxes: tuple[Box, ...]
    confidence: float = 1.0
    faint: tuple[Box, ...] = ()
    classes: tuple[str, ...] = field(default=(), repr=False, compare=False)

    @property
    def alternatives(self) -> tuple[()]:
        return ()

    @property
    def items(self) -> ItemCount:
        return ItemCount(self.item, sum(box.accepted for box in self.boxes), len(self.boxes))

    def refused(self) -> Boxes:
        """The same, but no box is accepted."""
        return replace(self, boxes=tuple(replace(box, accepted=False) for box in self.boxes))

    def moved(self, warp: Warp) -> Boxes:
        """In another place; where the warp is not of pictures, or mirrors, corners stay corners."""
        if len(warp.scale) != 2:
            return self
        return replace(self, boxes=_moved(self.boxes, warp), faint=_moved(self.faint, warp))

    def to_json(self) -> dict[str, Any]:
        return {"boxes": [box.to_json() for box in self.boxes]}

    def files(self) -> dict[str, bytes]:
        """A table for people, and COCO's list of results, but for the picture's number, which only its owner knows."""
        return {"csv": to_csv(self.boxes).encode(), "json": json.dumps(to_coco(self.boxes)).encode()}

    def draw_on(self, picture: Image) -> Image:
        """A copy of a picture, a small one enlarged, with the boxes, their classes and confidences.

        Those not accepted are in thin lines.
        """
        from seehear.answers.boxes.overlay import draw_on

        return draw_on(picture, self.boxes, self.classes or sorted({box.label for box in self.boxes}))

    def marked(self) -> str:
        """How many of each class, and how many of them should not be believed."""
        every = Counter(box.label for box in self.boxes)
        unsure = Counter(box.label for box in self.boxes if not box.accepted)
        return counted({label: (n, unsure[label]) for label, n in every.items()})

    def __str__(self) -> str:
        return counted({label: (n, 0) for label, n in Counter(box.label for box in self.boxes).items()})


class Found(NamedTuple):
    """What a head says of one picture, the surest first: xyxy (n, 4) prepared px, score (n,) 0 to 1, label (n,)."""

    xyxy: Array
    score: Array
    label: Array


def plan(cells: Iterable[str], column: str, auxiliary: Sequence[str] | None = None) -> BoxesSpec:
    """The classes in order of their names, and how large their boxes are. Raises DataError where none is drawn."""
    where = f"column '{column}'"
    counts: Counter[str] = Counter()
    sides, pictures, most = [], 0, 0
    for cell in cells:
        try:
            boxes = parse_boxes(cell)
        except InputError as error:
            raise DataError(error.what, where=where, allowed=error.allowed) from None
        for box in boxes:
            counts[box.label] += not box.crowd  # a class of crowds alone is one too
        sides += [math.sqrt((x2 - x1) * (y2 - y1)) for x1, y1, x2, y2 in (box.xyxy for box in boxes)]
        pictures, most = pictures + 1, max(most, len(boxes))
    if not counts.total():
        hint = "draw a box around each thing to be found"
        raise DataError(f"no box in {amounts.counted(pictures, 'picture')}", where=where, hint=hint)
    classes = sorted(counts)
    small, usual, large = np.minimum(np.percentile(sides, [5, 50, 95]), UNBOUNDED_PX).tolist()
    return BoxesSpec(
        classes=tuple(classes),
        counts=tuple(counts[label] for label in classes),
        pictures=pictures,
        most=most,
        sides_px=(round(small, 1), round(usual, 1), round(large, 1)),
    )


def fits(cells: Sequence[str], heading: str) -> bool:
    """Lists of boxes, not all of them empty."""
    try:
        drawn = [len(parse_boxes(cell)) for cell in cells]
    except InputError:
        return False
    return any(drawn)


def read(cell: str, spec: BoxesSpec) -> Boxes:
    boxes = parse_boxes(cell)
    for box in boxes:
        if box.label not in spec.index:
            near = difflib.get_close_matches(box.label.casefold(), [c.casefold() for c in spec.classes], n=1)
            meant = [c for c in spec.classes if c.casefold() in near]
            raise InputError(
                f"'{box.label}' is not one of the {len(spec.classes):,} classes",
                allowed=", ".join(spec.classes[:10]) + (", …" if len(spec.classes) > 10 else ""),
                hint=f"did you mean '{meant[0]}'?" if meant else "",
            )
    return Boxes(tuple(boxes), classes=spec.classes)


def stratum(cell: str) -> str:
    """A picture holds many classes: there is nothing to balance."""
    return ""


def items_in(cell: str) -> float:
    """Boxes, of those that must be found."""
    return float(sum(not (box.crowd or box.difficult) for box in parse_boxes(cell)))


def target(answer: Boxes, spec: BoxesSpec, geometry: Geometry | None) -> dict[str, Array]:
    """corners (M, 4) float32 in prepared pixels, class (M,) int64, kind (M,) int64: OBJECT, or NEED_NOT be found; and
    size (2,) float32, width and height of the picture, within which boxes are."""
    height, width = (UNBOUNDED_PX, UNBOUNDED_PX) if geometry is None else geometry.preprocessed.shape
    boxes = answer.boxes if geometry is None else answer.moved(geometry.warp).boxes
    return {
        "corners": np.array([box.xyxy for box in boxes], np.float32).reshape(-1, 4),
        "class": np.array([spec.index[box.label] for box in boxes], np.int64),
        "kind": np.array([IGNORE if box.crowd or box.difficult else OBJECT for box in boxes], np.int64),
        "size": np.array([width, height], np.float32),
    }


def raw_shapes(spec: BoxesSpec) -> dict[str, tuple[int | str, ...]]:
    """Of each cell: corners in prepared pixels, logits of the classes, and where it lies: middle x, y, and pitch."""
    return {"corners": ("N", 4), "logits": ("N", len(spec.classes)), "cells": ("N", 3)}


def to_answer(
    raw: Mapping[str, Array], spec: BoxesSpec, calibration: Mapping[str, float], geometry: Geometry | None
) -> Boxes:
    """raw: corners (N, 4), logits (N, C). In the original's pixels, and nowhere beyond its edges."""
    return select(n_best(raw, spec, calibration), spec, calibration, geometry)


def n_best(raw: Mapping[str, Array], spec: BoxesSpec, calibration: Mapping[str, float]) -> Found:
    return found(raw)


def select(seen: Found, spec: BoxesSpec, calibration: Mapping[str, float], geometry: Geometry | None) -> Boxes:
    answer = told(seen, spec, calibration)
    if geometry is None:
        return answer
    return _within(answer.moved(geometry.warp.inverse()), geometry.original.shape)


def largest_object_px(spec: BoxesSpec) -> float:
    """Of all but the largest things."""
    return LONG * spec.sides_px[2]


def merge_tiles(parts: Iterable[Part], spec: BoxesSpec, calibration: Mapping[str, float]) -> Boxes:
    """What one tile cuts is left to the neighbour that sees more of it; what several see whole is told once."""
    seen, whole = list[Found](), tuple[int, ...]()
    for part in parts:
        seen.append(_uncut(part))
        whole = part.tile.whole
    every = Found(*(np.concatenate(arrays) for arrays in zip(*seen, strict=True)))
    stay = suppress(every.xyxy, every.score, every.label, MOST_OVERLAP)
    return _within(told(Found(*(array[stay] for array in every)), spec, calibration), whole)


def _uncut(part: Part) -> Found:
    """What a head found on a tile, in the whole's pixels, but for what is at an inner edge and reaches no further in
    than the neighbour there sees too."""
    seen = found(part.raw)
    corners = part.warp.back(seen.xyxy.reshape(-1, 2, 2))  # (n, low and high, x and y)
    near = EDGE_PX / np.array(part.geometry.warp.scale)
    start, end, before, after = (
        np.array(each[::-1]) for each in (part.tile.start, part.tile.end, part.tile.before, part.tile.after)
    )
    low, high = corners[:, 0], corners[:, 1]
    cut = (low - start < near) & (high - start <= before - near) | (end - high < near) & (end - low <= after - near)
    stay = ~cut.any(1)
    return Found(corners.reshape(-1, 4)[stay], seen.score[stay], seen.label[stay])


def found(raw: Mapping[str, Array]) -> Found:
    """The best candidates of a head, those that mean the same thing once."""
    scores = 1 / (1 + np.exp(-np.clip(raw["logits"].astype(np.float64), -50, 50)))  # (N, C)
    flat = scores.ravel()
    best = np.argsort(-flat, kind="stable")[:CANDIDATES]
    best = best[flat[best] > FAINTEST]
    cells, labels = np.divmod(best, scores.shape[1])
    xyxy = raw["corners"][cells].astype(np.float64)
    stay = suppress(xyxy, flat[best], labels, MOST_OVERLAP)[:MOST]
    return Found(xyxy[stay], flat[best][stay], labels[stay])


def told(seen: Found, spec: BoxesSpec, calibration: Mapping[str, float]) -> Boxes:
    """The answer: which candidates are told, which accepted, and how likely the whole is right."""
    sure = [apply_platt(score, calibration, "box") for score in seen.score.tolist()]
    limit = max(accepted_from(calibration), TOLD_FROM)
    boxes = [
        Box(spec.classes[label], tuple(corners), confidence, confidence >= limit)
        for corners, label, confidence in zip(seen.xyxy.tolist(), seen.label.tolist(), sure, strict=True)
    ]
    number = sum(confidence >= TOLD_FROM for confidence in sure)
    confidence = apply_platt(expected_share(np.array(sure)), calibration, "picture")
    return Boxes(tuple(boxes[:number]), confidence, tuple(boxes[number:]), spec.classes)


def expected_share(sure: Array) -> float:
    """What `agreement` of the told boxes may be expected, by the confidence of all candidates (n,), falling.

    Expected hits over the mean of boxes told and things expected there; where none is told, the odds that none is.
    """
    hits, things = sure[sure >= TOLD_FROM], sure.sum()
    if not hits.size:
        return float(np.prod(1 - sure))
    return float(min(1.0, 2 * hits.sum() / (hits.size + things)))


def states(answers: Sequence[Box], truths: Sequence[Box], label: str, overlaps: Array) -> Array:
    """(n, overlaps) what became of each answer of one class, in their order; the truths are of that class."""
    mine = corners_of([box for box in answers if box.label == label])
    crowd = np.array([box.crowd for box in truths], np.bool_)
    difficult = np.array([box.difficult for box in truths], np.bool_)
    return match_boxes(mine, corners_of(truths), crowd, difficult, overlaps)


def corners_of(boxes: Sequence[Box]) -> Array:
    return np.array([box.xyxy for box in boxes], np.float64).reshape(-1, 4)


def _moved(boxes: Sequence[Box], warp: Warp) -> tuple[Box, ...]:
    corners = warp.forward(corners_of(boxes).reshape(-1, 2, 2))
    ordered = np.sort(corners, axis=1).reshape(-1, 4).tolist()
    return tuple(replace(box, xyxy=tuple(xyxy)) for box, xyxy in zip(boxes, ordered, strict=True))


def _within(answer: Boxes, shape: tuple[int, ...]) -> Boxes:
    """Its boxes cut off at the edges of a picture (H, W), without those that lie beyond."""
    height, width = shape
    boxes, faint = (
        tuple(box for each in boxes if (box := _clipped(each, width, height)) is not None)
        for boxes in (answer.boxes, answer.faint)
    )
    return replace(answer, boxes=boxes, faint=faint)


def _clipped(box: Box, width: int, height: int) -> Box | None:
    x1, y1, x2, y2 = np.clip(box.xyxy, 0, [width, height, width, height]).tolist()
    return replace(box, xyxy=(x1, y1, x2, y2)) if x2 > x1 and y2 > y1 else None


def counted(numbers: Mapping[str, tuple[int, int]]) -> str:
    """How many of each class, and how many of them are unsure."""
    parts = (f"{n:,} {label}" + (f" ({unsure:,} unsure)" if unsure else "") for label, (n, unsure) in numbers.items())
    return ", ".join(parts) or "nothing"

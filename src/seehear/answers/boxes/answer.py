"""Object detection: the spec of a column of boxes, and the boxes of one picture."""

from __future__ import annotations

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
from seehear.answers.class_names import make_unknown_class_error
from seehear.answers.items import ItemCount, accepted_from
from seehear.answers.kind import TileOutput
from seehear.answers.platt_scaling import apply_platt
from seehear.errors import DataError, InputError
from seehear.geometry import Geometry, Warp

if TYPE_CHECKING:
    from PIL.Image import Image

Array = NDArray[Any]

MIN_SCORE = 0.01  # of a detection
MAX_CANDIDATES, MAX_DETECTIONS = 300, 100  # per picture, before and after non-maximum suppression
NMS_IOU = 0.6
MIN_CONFIDENCE = 0.5  # of a reported box: more likely there than not
MIN_F1 = 0.8  # of the boxes of a picture, for its answer to count as right
UNBOUNDED_PX = 1 << 20
ASPECT = 1.5  # longer side over the square root of the area
EDGE_PX = 8.0  # preprocessed pixels from the edge of a tile, within which a box may be of an object that is cut off
OBJECT, IGNORE = 1, 2  # kinds of boxes in a target; 0 is padding

Side = Annotated[float, Field(ge=0, le=UNBOUNDED_PX)]


class BoxesSpec(BaseModel):
    """The classes in the order of the head's scores, and the number and size of the boxes in the training data."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    classes: tuple[str, ...] = Field(min_length=1)
    counts: tuple[int, ...]  # boxes of each class
    pictures: int = Field(ge=0)
    max_boxes: int = Field(ge=0)  # in one picture
    sides_px: tuple[Side, Side, Side]  # square roots of areas: 5th percentile, median, 95th percentile

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(set(self.classes)) != len(self.classes) or len(self.counts) != len(self.classes):
            raise ValueError(f"{len(self.classes)} classes need a name of their own and a count each")
        return self

    @cached_property
    def index(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.classes)}

    def __str__(self) -> str:
        shown = ", ".join(f"{c} ({n:,})" for c, n in zip(self.classes[:10], self.counts, strict=False))
        more = f" and {len(self.classes) - 10:,} more" if len(self.classes) > 10 else ""
        small, median, large = self.sides_px
        pictures = amounts.format_count(self.pictures, "picture")
        sizes = f"sides of {small:.0f} to {large:.0f} px, median {median:.0f}"
        return f"boxes in {pictures}: {shown}{more}; up to {self.max_boxes:,} per picture, {sizes}"


@dataclass(frozen=True)
class Boxes:
    """The objects in a picture, most confident first.

    confidence      probability that the answer is right: that the F1 score of its boxes is at least MIN_F1
    low_confidence  boxes below MIN_CONFIDENCE, used for metrics and tracking only
    classes         of the spec; each has a colour of its own
    """

    item: ClassVar[str] = "box"
    boxes: tuple[Box, ...]
    confidence: float = 1.0
    low_confidence: tuple[Box, ...] = ()
    classes: tuple[str, ...] = field(default=(), repr=False, compare=False)

    @property
    def alternatives(self) -> tuple[()]:
        return ()

    @property
    def items(self) -> ItemCount:
        return ItemCount(self.item, sum(box.accepted for box in self.boxes), len(self.boxes))

    def reject_items(self) -> Boxes:
        """The same, with no box accepted."""
        return replace(self, boxes=tuple(replace(box, accepted=False) for box in self.boxes))

    def transform(self, warp: Warp) -> Boxes:
        """Warp all boxes. A warp that is not of pictures changes nothing."""
        if len(warp.scale) != 2:
            return self
        boxes, low_confidence = (_warp_boxes(each, warp) for each in (self.boxes, self.low_confidence))
        return replace(self, boxes=boxes, low_confidence=low_confidence)

    def to_json(self) -> dict[str, Any]:
        return {"boxes": [box.to_json() for box in self.boxes]}

    def to_cell(self) -> str:
        """The boxes as the table has them: without confidences, and with all digits."""
        return json.dumps([box.to_truth() for box in self.boxes], ensure_ascii=False)

    def files(self) -> dict[str, bytes]:
        """A table, and COCO results without `image_id`, which only the caller knows."""
        return {"csv": to_csv(self.boxes).encode(), "json": json.dumps(to_coco(self.boxes)).encode()}

    def draw_on(self, picture: Image, classes: Sequence[str] = ()) -> Image:
        """A copy of a picture with boxes, classes and confidences. Small pictures are enlarged.

        Boxes that are not accepted have thin lines.
        """
        from seehear.answers.boxes.overlay import draw_on

        known = self.classes or sorted({box.label for box in self.boxes})
        return draw_on(picture, self.boxes, list(dict.fromkeys([*classes, *known])))

    def to_marked_text(self) -> str:
        """The number of boxes of each class, and how many of them are not accepted."""
        every = Counter(box.label for box in self.boxes)
        unsure = Counter(box.label for box in self.boxes if not box.accepted)
        return format_counts({label: (n, unsure[label]) for label, n in every.items()})

    def __str__(self) -> str:
        return format_counts({label: (n, 0) for label, n in Counter(box.label for box in self.boxes).items()})


class Detections(NamedTuple):
    """The raw detections of one picture, best first: xyxy (n, 4) preprocessed px, score (n,) 0 to 1, label (n,)."""

    xyxy: Array
    score: Array
    label: Array


def plan(cells: Iterable[str], column: str, auxiliary: Sequence[str] | None = None) -> BoxesSpec:
    """Read the classes, in alphabetical order, and the sizes of boxes. Raises DataError if there is no box."""
    where = f"column '{column}'"
    counts: Counter[str] = Counter()
    sides, pictures, max_boxes = [], 0, 0
    for cell in cells:
        try:
            boxes = parse_boxes(cell)
        except InputError as error:
            raise DataError(error.what, where=where, allowed=error.allowed) from None
        for box in boxes:
            counts[box.label] += not box.crowd  # a class that has only crowds is a class, with a count of 0
        sides += [math.sqrt((x2 - x1) * (y2 - y1)) for x1, y1, x2, y2 in (box.xyxy for box in boxes)]
        pictures, max_boxes = pictures + 1, max(max_boxes, len(boxes))
    if not counts.total():
        hint = "draw a box around each object to be found"
        raise DataError(f"no box in {amounts.format_count(pictures, 'picture')}", where=where, hint=hint)
    classes = sorted(counts)
    small, median, large = np.minimum(np.percentile(sides, [5, 50, 95]), UNBOUNDED_PX).tolist()
    return BoxesSpec(
        classes=tuple(classes),
        counts=tuple(counts[label] for label in classes),
        pictures=pictures,
        max_boxes=max_boxes,
        sides_px=(round(small, 1), round(median, 1), round(large, 1)),
    )


def fits(cells: Sequence[str], heading: str) -> bool:
    """Whether all cells are lists of boxes, and not all of them empty."""
    try:
        numbers = [len(parse_boxes(cell)) for cell in cells]
    except InputError:
        return False
    return any(numbers)


def check_cell(cell: str) -> None:
    parse_boxes(cell)


def read(cell: str, spec: BoxesSpec) -> Boxes:
    boxes = parse_boxes(cell)
    for box in boxes:
        if box.label not in spec.index:
            raise make_unknown_class_error(box.label, spec.classes)
    return Boxes(tuple(boxes), classes=spec.classes)


def stratum(cell: str) -> str:
    """None: a picture may have several classes."""
    return ""


def count_items(cell: str) -> float:
    """Boxes that count, without crowds and difficult ones."""
    return float(sum(not (box.crowd or box.difficult) for box in parse_boxes(cell)))


def target(answer: Boxes, spec: BoxesSpec, geometry: Geometry | None) -> dict[str, Array]:
    """corners (M, 4) float32 in preprocessed px, class (M,) int64, kind (M,) int64: OBJECT or IGNORE, and size (2,)
    float32: width and height of the preprocessed picture."""
    height, width = (UNBOUNDED_PX, UNBOUNDED_PX) if geometry is None else geometry.preprocessed.shape
    boxes = answer.boxes if geometry is None else answer.transform(geometry.warp).boxes
    return {
        "corners": np.array([box.xyxy for box in boxes], np.float32).reshape(-1, 4),
        "class": np.array([spec.index[box.label] for box in boxes], np.int64),
        "kind": np.array([IGNORE if box.crowd or box.difficult else OBJECT for box in boxes], np.int64),
        "size": np.array([width, height], np.float32),
    }


def read_numbers(written: Any) -> dict[str, float]:
    """How many boxes there are."""
    boxes = written.get("boxes") if isinstance(written, Mapping) else None
    return {"number of boxes": float(len(boxes))} if isinstance(boxes, list) else {}


def raw_shapes(spec: BoxesSpec) -> dict[str, tuple[int | str, ...]]:
    """Per cell: corners in preprocessed px, class logits, and its position: centre x, y and pitch."""
    return {"corners": ("N", 4), "logits": ("N", len(spec.classes)), "cells": ("N", 3)}


def to_answer(
    raw: Mapping[str, Array], spec: BoxesSpec, calibration: Mapping[str, float], geometry: Geometry | None
) -> Boxes:
    """raw: corners (N, 4), logits (N, C). Boxes are in original pixels, clipped to the picture."""
    return select(n_best(raw, spec, calibration), spec, calibration, geometry)


def n_best(raw: Mapping[str, Array], spec: BoxesSpec, calibration: Mapping[str, float]) -> Detections:
    return detect(raw)


def select(
    detections: Detections, spec: BoxesSpec, calibration: Mapping[str, float], geometry: Geometry | None
) -> Boxes:
    answer = to_boxes(detections, spec, calibration)
    if geometry is None:
        return answer
    return _clip_boxes(answer.transform(geometry.warp.inverse()), geometry.original.shape)


def largest_object_px(spec: BoxesSpec) -> float:
    """The longer side of all but the largest objects."""
    return ASPECT * spec.sides_px[2]


def merge_tiles(outputs: Iterable[TileOutput], spec: BoxesSpec, calibration: Mapping[str, float]) -> Boxes:
    """Boxes cut by a tile are left to the neighbour that sees more of them; duplicates are suppressed."""
    detections, whole = list[Detections](), tuple[int, ...]()
    for output in outputs:
        detections.append(_drop_cut_boxes(output))
        whole = output.tile.full_shape
    every = Detections(*(np.concatenate(arrays) for arrays in zip(*detections, strict=True)))
    kept = suppress(every.xyxy, every.score, every.label, NMS_IOU)
    return _clip_boxes(to_boxes(Detections(*(array[kept] for array in every)), spec, calibration), whole)


def _drop_cut_boxes(output: TileOutput) -> Detections:
    """The detections of a tile in pixels of the whole, without boxes at an inner edge that lie in the overlap with the
    neighbour there."""
    detections = detect(output.raw)
    corners = output.warp.back(detections.xyxy.reshape(-1, 2, 2))  # (n, low and high, x and y)
    margin = EDGE_PX / np.array(output.geometry.warp.scale)
    start, end, before, after = (
        np.array(each[::-1]) for each in (output.tile.start, output.tile.end, output.tile.before, output.tile.after)
    )
    low, high = corners[:, 0], corners[:, 1]
    cut_low = (low - start < margin) & (high - start <= before - margin)
    cut_high = (end - high < margin) & (end - low <= after - margin)
    kept = ~(cut_low | cut_high).any(1)
    return Detections(corners.reshape(-1, 4)[kept], detections.score[kept], detections.label[kept])


def detect(raw: Mapping[str, Array]) -> Detections:
    """The best boxes of a head's arrays, after non-maximum suppression."""
    scores = 1 / (1 + np.exp(-np.clip(raw["logits"].astype(np.float64), -50, 50)))  # (N, C)
    flat = scores.ravel()
    best = np.argsort(-flat, kind="stable")[:MAX_CANDIDATES]
    best = best[flat[best] > MIN_SCORE]
    cells, labels = np.divmod(best, scores.shape[1])
    xyxy = raw["corners"][cells].astype(np.float64)
    kept = suppress(xyxy, flat[best], labels, NMS_IOU)[:MAX_DETECTIONS]
    return Detections(xyxy[kept], flat[best][kept], labels[kept])


def to_boxes(detections: Detections, spec: BoxesSpec, calibration: Mapping[str, float]) -> Boxes:
    """Calibrate confidences, and decide which boxes are reported and which accepted."""
    confidences = [apply_platt(score, calibration, "box") for score in detections.score.tolist()]
    threshold = max(accepted_from(calibration), MIN_CONFIDENCE)
    corners, labels = detections.xyxy.tolist(), detections.label.tolist()
    boxes = [
        Box(spec.classes[label], tuple(xyxy), confidence, confidence >= threshold)
        for xyxy, label, confidence in zip(corners, labels, confidences, strict=True)
    ]
    reported = sum(confidence >= MIN_CONFIDENCE for confidence in confidences)
    confidence = apply_platt(expected_f1(np.array(confidences)), calibration, "picture")
    return Boxes(tuple(boxes[:reported]), confidence, tuple(boxes[reported:]), spec.classes)


def expected_f1(confidences: Array) -> float:
    """An estimate of `f1_scores` of the reported boxes, from the confidences (n,) of all detections.

    Twice the expected true positives over the boxes reported plus the objects expected. Without reported boxes, the
    probability that there is no object.
    """
    reported, objects = confidences[confidences >= MIN_CONFIDENCE], confidences.sum()
    if not reported.size:
        return float(np.prod(1 - confidences))
    return float(min(1.0, 2 * reported.sum() / (reported.size + objects)))


def match_class(boxes: Sequence[Box], truths: Sequence[Box], label: str, thresholds: Array) -> Array:
    """The state (n, thresholds) of each box of one class, in their order. All truths must be of that class."""
    corners = to_corners([box for box in boxes if box.label == label])
    crowd = np.array([box.crowd for box in truths], np.bool_)
    difficult = np.array([box.difficult for box in truths], np.bool_)
    return match_boxes(corners, to_corners(truths), crowd, difficult, thresholds)


def to_corners(boxes: Sequence[Box]) -> Array:
    return np.array([box.xyxy for box in boxes], np.float64).reshape(-1, 4)


def format_counts(counts: Mapping[str, tuple[int, int]]) -> str:
    """counts: for each class, all boxes and those not accepted."""
    parts = (f"{n:,} {label}" + (f" ({unsure:,} unsure)" if unsure else "") for label, (n, unsure) in counts.items())
    return ", ".join(parts) or "nothing"


def _warp_boxes(boxes: Sequence[Box], warp: Warp) -> tuple[Box, ...]:
    corners = warp.forward(to_corners(boxes).reshape(-1, 2, 2))
    corners.sort(1)  # a mirrored box stays from low to high
    return tuple(
        replace(box, xyxy=tuple(xyxy)) for box, xyxy in zip(boxes, corners.reshape(-1, 4).tolist(), strict=True)
    )


def _clip_boxes(answer: Boxes, shape: tuple[int, ...]) -> Boxes:
    """Clip at the edges of a picture (H, W), and drop boxes that are wholly outside."""
    height, width = shape
    boxes, low_confidence = (
        tuple(clipped for box in each if (clipped := _clip_box(box, width, height)) is not None)
        for each in (answer.boxes, answer.low_confidence)
    )
    return replace(answer, boxes=boxes, low_confidence=low_confidence)


def _clip_box(box: Box, width: int, height: int) -> Box | None:
    x1, y1, x2, y2 = np.clip(box.xyxy, 0, [width, height, width, height]).tolist()
    return replace(box, xyxy=(x1, y1, x2, y2)) if x2 > x1 and y2 > y1 else None

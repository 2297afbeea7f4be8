"""What readers of annotation formats collect: pictures, and the objects annotated in them."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pyarrow as pa

from seehear.amounts import format_count
from seehear.table.layouts.box_cells import Annotations
from seehear.table.layouts.image_sizes import reconcile_sizes
from seehear.table.layouts.outline_cells import CANNOT_DRAW, make_lazy_answers
from seehear.table.layouts.raw_table import RawTable, make_text_table
from seehear.table.layouts.shapes import Shape
from seehear.table.rows import RowProblem


@dataclass
class AnnotatedImages:
    """The columns so far, and what could not become an example.

    size_px  width and height as the annotations give them, nan if they do not
    labels   labels of whole pictures, by row
    """

    image: list[str] = field(default_factory=list)
    part: list[str] = field(default_factory=list)
    size_px: list[tuple[float, float]] = field(default_factory=list)
    annotations: Annotations = field(default_factory=Annotations)
    labels: dict[int, list[str]] = field(default_factory=dict)
    problems: list[RowProblem] = field(default_factory=list)
    _row_of: dict[str, int] = field(default_factory=dict)

    def add_image(self, image: str, part: str = "", size_px: tuple[float, float] = (math.nan, math.nan)) -> int:
        """The row of a picture; the same row if the picture occurs again."""
        row = self._row_of.setdefault(image, len(self.image))
        if row == len(self.image):
            self.image.append(image)
            self.part.append(part)
            self.size_px.append(size_px)
        return row

    def add_shape(self, row: int, label: str, shape: Shape | str, place: str) -> None:
        """Add an object to a picture. A text instead of a shape says what is wrong. `place`: where it was read."""
        if isinstance(shape, str):
            self.problems.append(RowProblem(place, f"{shape}: left out"))
        else:
            self.annotations.add(row, label, shape.xyxy, place, region=shape.region)

    def to_raw_table(self, root: Path, layout: str, notes: Sequence[str] = ()) -> RawTable:
        """Labels if whole pictures are labelled; boxes and masks if anything is annotated or nothing is labelled."""
        columns: dict[str, list[str | None]] = {"image": [*self.image]}
        if self.labels:
            several = any(len(labels) > 1 for labels in self.labels.values())
            columns["label"] = [_label(self.labels.get(row, []), several) for row in range(len(self.image))]
        sizes = partial(reconcile_sizes, root, self.image, self.size_px)
        has_shapes = bool(self.annotations.label) or not self.labels
        return RawTable(
            root,
            make_text_table(columns),
            part=pa.chunked_array([pa.array(self.part, pa.large_string())]),
            problems=tuple(self.problems),
            notes=(*notes, self._describe(layout), *self._describe_empty()),
            missing_answer=CANNOT_DRAW if has_shapes else "no label",
            lazy_answers=make_lazy_answers(self.annotations, sizes, sorted(set(self.annotations.label)))
            if has_shapes
            else {},
        )

    def _describe(self, layout: str) -> str:
        boxes, pictures = format_count(len(self.annotations.label), "box"), format_count(len(self.image), "picture")
        outlined = f", {self.annotations.outlined:,} with an outline," if self.annotations.outlined else ""
        tagged = (
            f"; {format_count(len(self.labels), 'picture')} with a label of the whole picture" if self.labels else ""
        )
        return f"{layout}: {boxes}{outlined} in {pictures}{tagged}"

    def _describe_empty(self) -> list[str]:
        empty = len(self.image) - len({*self.annotations.image_row, *self.labels})
        return [f"{format_count(empty, 'picture')} without annotations: read as containing no objects"] if empty else []


def _label(labels: Sequence[str], several: bool) -> str | None:
    return json.dumps(labels, ensure_ascii=False) if several else next(iter(labels), None)

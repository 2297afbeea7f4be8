"""What readers of annotations gather: pictures, and the things that people drew on them."""

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
from seehear.table.layouts.outline_cells import WITHOUT, make_lazy_answers
from seehear.table.layouts.raw_table import RawTable, make_text_table
from seehear.table.layouts.shapes import Shape
from seehear.table.rows import RowProblem


@dataclass
class AnnotatedImages:
    """Columns as they grow, and what could not be an example.

    size_px  width and height as the annotations tell them, nan where they do not
    tags     by row, the labels that are of a whole picture
    """

    image: list[str] = field(default_factory=list)
    part: list[str] = field(default_factory=list)
    size_px: list[tuple[float, float]] = field(default_factory=list)
    things: Annotations = field(default_factory=Annotations)
    tags: dict[int, list[str]] = field(default_factory=dict)
    problems: list[RowProblem] = field(default_factory=list)
    _rows: dict[str, int] = field(default_factory=dict)

    def add(self, image: str, part: str = "", size_px: tuple[float, float] = (math.nan, math.nan)) -> int:
        """The row of a picture; the same row if the picture occurs again."""
        row = self._rows.setdefault(image, len(self.image))
        if row == len(self.image):
            self.image.append(image)
            self.part.append(part)
            self.size_px.append(size_px)
        return row

    def draw(self, row: int, label: str, shape: Shape | str, place: str) -> None:
        """A thing in a picture; `place` is where it was read. A text in place of a shape says what is wrong with it."""
        if isinstance(shape, str):
            self.problems.append(RowProblem(place, f"{shape}: left out"))
        else:
            self.things.add(row, label, shape.xyxy, place, region=shape.region)

    def found(self, root: Path, layout: str, notes: Sequence[str] = ()) -> RawTable:
        """The table: labels if whole pictures have tags; boxes and masks if anything is drawn or nothing has tags."""
        columns: dict[str, list[str | None]] = {"image": [*self.image]}
        if self.tags:
            several = any(len(tags) > 1 for tags in self.tags.values())
            columns["label"] = [_label(self.tags.get(row, []), several) for row in range(len(self.image))]
        sizes = partial(reconcile_sizes, root, self.image, self.size_px)
        drawn = bool(self.things.label) or not self.tags
        return RawTable(
            root,
            make_text_table(columns),
            part=pa.chunked_array([pa.array(self.part, pa.large_string())]),
            problems=tuple(self.problems),
            notes=(*notes, self._sentence(layout), *self._empty()),
            missing_answer=WITHOUT if drawn else "no label",
            lazy_answers=make_lazy_answers(self.things, sizes, sorted(set(self.things.label))) if drawn else {},
        )

    def _sentence(self, layout: str) -> str:
        boxes, pictures = format_count(len(self.things.label), "box"), format_count(len(self.image), "picture")
        outlined = f", {self.things.outlined:,} with an outline," if self.things.outlined else ""
        tagged = f"; {format_count(len(self.tags), 'picture')} with a label of the whole picture" if self.tags else ""
        return f"{layout}: {boxes}{outlined} in {pictures}{tagged}"

    def _empty(self) -> list[str]:
        empty = len(self.image) - len({*self.things.picture, *self.tags})
        return [f"{format_count(empty, 'picture')} without annotations: read as containing no objects"] if empty else []


def _label(tags: Sequence[str], several: bool) -> str | None:
    return json.dumps(tags, ensure_ascii=False) if several else next(iter(tags), None)

"""What was drawn on a picture, as a form sends it: JSON from the script, or one row of fields for each region."""

from __future__ import annotations

import json
import re
from itertools import zip_longest
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from seehear.answers.regions import Drawing, DrawnRegions, Region
from seehear.errors import UsageError
from seehear.serve.pages.fields import Fields
from seehear.serve.refusals import describe_problems

SIDES = ("left", "top", "right", "bottom")


class _SentRegion(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    label: str | None
    corners: tuple[float, ...]
    marks: dict[str, bool] = Field(default_factory=dict)


class _SentDrawing(BaseModel):
    model_config = ConfigDict(extra="forbid")

    regions: list[_SentRegion]
    background: str | None = None


def read_drawing(fields: Fields, kind: DrawnRegions[Any]) -> Drawing:
    """Form fields: drawing (JSON); or else rows of class, marks, and left, top, right, bottom or corners, with the
    numbers of rows to leave out in `remove`; and background. Rows without numbers are skipped.

    Raises UsageError for an invalid drawing, or one without regions.
    """
    drawing = _from_json(fields.last("drawing")) if fields.last("drawing") else _from_rows(fields, kind)
    if fields.last("nothing"):
        return Drawing(background=drawing.background)
    if not drawing.regions:
        raise UsageError(f"no {kind.noun} is drawn", hint="draw one, or press “Nothing in it”")
    return drawing


def _from_json(text: str) -> Drawing:
    try:
        sent = _SentDrawing.model_validate_json(text)
    except ValidationError as error:
        raise UsageError(f"the drawing: {describe_problems(error.errors()[:3])}") from None
    return Drawing(tuple(Region(each.label, each.corners, marks=each.marks) for each in sent.regions), sent.background)


def _from_rows(fields: Fields, kind: DrawnRegions[Any]) -> Drawing:
    numbers = zip_longest(*map(fields.all, SIDES)) if kind.has_two_corners else zip(fields.all("corners"), strict=True)
    rows = zip_longest(fields.all("class"), fields.all("marks"), numbers)
    removed = set(fields.all("remove"))
    regions = []
    for number, (label, marks, given) in enumerate(rows):
        texts = [text or "" for text in given or ()]
        if str(number) in removed or not any(text.strip() for text in texts):
            continue
        regions.append(Region(_read_label(label, number), _read_corners(texts, kind, number), marks=_read_marks(marks)))
    return Drawing(tuple(regions), fields.last("background") or None)


def _read_label(label: str | None, row: int) -> str:
    if not (label or "").strip():
        raise UsageError(f"row {row + 1} has no kind", hint="say what it is")
    return (label or "").strip()


def _read_corners(texts: list[str], kind: DrawnRegions[Any], row: int) -> tuple[float, ...]:
    words = [word for text in texts for word in re.split(r"[\s,;]+", text) if word]
    try:
        corners = tuple(map(float, words))
    except ValueError:
        corners = ()
    if len(corners) % 2 or len(corners) < (4 if kind.has_two_corners else 6):
        allowed = ", ".join(SIDES) if kind.has_two_corners else "at least three corners, such as 12,40 210,40 99,131"
        raise UsageError(f"row {row + 1} has {' '.join(words)[:60]!r}", allowed=allowed)
    return corners


def _read_marks(text: str | None) -> dict[str, bool]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        found = {}
    return {name: value is True for name, value in found.items()} if isinstance(found, dict) else {}

"""One box, and how a cell of a table writes those of a picture: `[{"label": "cat", "xyxy": [12, 40, 210, 131]}]`."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

from seehear.errors import InputError
from seehear.strict_json import from_json

FORM = '[{"label": "cat", "xyxy": [12, 40, 210, 131]}]'


@dataclass(frozen=True)
class Box:
    """A thing: corners x1, y1, x2, y2 in pixels from the upper left. A truth may be a crowd, or need not be found.

    In a film, `track` is the number of the thing in all pictures that show it; None where it was seen once only.
    """

    label: str
    xyxy: tuple[float, float, float, float]
    confidence: float = 1.0
    accepted: bool = True
    crowd: bool = False
    difficult: bool = False
    track: int | None = None

    def to_json(self) -> dict[str, Any]:
        corners = [round(corner, 2) for corner in self.xyxy]
        told = {"label": self.label, "xyxy": corners, "confidence": round(self.confidence, 4)}
        marks = {mark: True for mark in ("crowd", "difficult") if getattr(self, mark)}
        track = {} if self.track is None else {"track": self.track}
        return {**told, "accepted": self.accepted, **track, **marks}


def parsed(cell: str) -> list[Box]:
    """Raises InputError for what is no list of boxes."""
    try:
        told = from_json(cell)
    except ValueError:
        told = None
    if not isinstance(told, list):
        raise InputError(f"'{cell[:60]}' is no list of boxes", allowed=FORM)
    return [_box(each) for each in told]


def _box(told: Any) -> Box:
    corners = told.get("xyxy") if isinstance(told, dict) else None
    whole = isinstance(corners, list) and len(corners) == 4 and all(isinstance(n, int | float) for n in corners)
    if not isinstance(told, dict) or not isinstance(told.get("label"), str) or not whole:
        raise InputError(f"'{json.dumps(told, ensure_ascii=False)[:60]}' is no box", allowed=FORM)
    x1, y1, x2, y2 = map(float, corners or ())
    if not (x1 < x2 and y1 < y2 and all(map(math.isfinite, (x1, y1, x2, y2)))):
        raise InputError(f"a box from ({x1:g}, {y1:g}) to ({x2:g}, {y2:g}) has no area", allowed=FORM)
    return Box(
        told["label"], (x1, y1, x2, y2), crowd=told.get("crowd") is True, difficult=told.get("difficult") is True
    )

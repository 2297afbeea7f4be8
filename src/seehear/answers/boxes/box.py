"""One box, and the boxes of a picture as a table cell holds them: `[{"label": "cat", "xyxy": [12, 40, 210, 131]}]`."""

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
    """An object: x1, y1, x2, y2 in pixels from the upper left. A truth may be a crowd, or too difficult to count.

    `track` numbers the object in all frames of a video; None if it was seen only once.
    """

    label: str
    xyxy: tuple[float, float, float, float]
    confidence: float = 1.0
    accepted: bool = True
    crowd: bool = False
    difficult: bool = False
    track: int | None = None

    def to_truth(self) -> dict[str, Any]:
        """What `parse_boxes` reads."""
        return {"label": self.label, "xyxy": list(self.xyxy), **self.marks}

    def to_json(self) -> dict[str, Any]:
        corners = [round(corner, 2) for corner in self.xyxy]
        track = {} if self.track is None else {"track": self.track}
        confidence = {"confidence": round(self.confidence, 4), "accepted": self.accepted}
        return {"label": self.label, "xyxy": corners, **confidence, **track, **self.marks}

    @property
    def marks(self) -> dict[str, bool]:
        return {mark: True for mark in ("crowd", "difficult") if getattr(self, mark)}


def parse_boxes(cell: str) -> list[Box]:
    """Raises InputError for a cell that is not a list of boxes."""
    try:
        boxes = from_json(cell)
    except ValueError:
        boxes = None
    if not isinstance(boxes, list):
        raise InputError(f"'{cell[:60]}' is not a list of boxes", allowed=FORM)
    return [_parse_box(each) for each in boxes]


def _parse_box(box: Any) -> Box:
    corners = box.get("xyxy") if isinstance(box, dict) else None
    has_corners = isinstance(corners, list) and len(corners) == 4 and all(isinstance(n, int | float) for n in corners)
    if not isinstance(box, dict) or not isinstance(box.get("label"), str) or not has_corners:
        raise InputError(f"'{json.dumps(box, ensure_ascii=False)[:60]}' is not a box", allowed=FORM)
    x1, y1, x2, y2 = map(float, corners or ())
    if not (x1 < x2 and y1 < y2 and all(map(math.isfinite, (x1, y1, x2, y2)))):
        raise InputError(f"a box from ({x1:g}, {y1:g}) to ({x2:g}, {y2:g}) has no area", allowed=FORM)
    return Box(box["label"], (x1, y1, x2, y2), crowd=box.get("crowd") is True, difficult=box.get("difficult") is True)

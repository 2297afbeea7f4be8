"""The mean area of each class over a video."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from seehear.answers.mask.answer import Mask, format_percent


class AreaTracker:
    """Averages the areas of a video's masks, frame by frame."""

    columns = ("class", "px", "share", "confidence", "accepted_px")

    def __init__(self) -> None:
        self._shares: Counter[str] = Counter()
        self._masks = 0

    def track(self, answers: Iterable[tuple[float, Mask | None]]) -> Iterator[Mask | None]:
        for _, answer in answers:
            if answer is not None:
                self._masks += 1
                self._shares.update({name: px / math.prod(answer.shape) for name, px in answer.areas.items()})
            yield answer

    def rows(self, answer: Mask) -> Iterator[tuple[Any, ...]]:
        return (tuple(area.values()) for area in answer.to_json()["mask"])

    def to_json(self) -> dict[str, Any]:
        return {name: round(share / self._masks, 4) for name, share in self._shares.most_common()}

    def __str__(self) -> str:
        return ", ".join(f"{name} {format_percent(share)}" for name, share in self.to_json().items()) or "nothing"

"""The pixels that may be of a class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.answers.mask.answer import Mask, format_percent, known_pixels
from seehear.answers.mask.levels import LEVELS
from seehear.answers.mask.spec import MaskSpec
from seehear.answers.prediction_sets import EVERY_CLASS, Needed

Array = NDArray[Any]


@dataclass(frozen=True)
class MaskSet:
    """For each class, the pixels that may be of it: those of the mask, and those of other classes that are unsure.

    unsure_below    for each class of the spec, the level of confidence below which a pixel may be of it
    """

    mask: Mask = field(repr=False)
    unsure_below: tuple[int, ...]

    @property
    def size(self) -> float:
        """The mean number of possible classes of a pixel."""
        pixels = self.mask.shape[0] * self.mask.shape[1]
        return sum(self._areas.values()) / max(pixels, 1)

    def possible(self, name: str) -> Array:
        """(H, W) bool: which pixels may be of a class."""
        index = self.mask.spec.classes.index(name)
        possible: Array = (self.mask.pixels == index) | (self.mask.levels < self.unsure_below[index])
        return possible

    def to_json(self) -> dict[str, Any]:
        """Pixels of each class in the mask, and how many may be of it."""
        inside = self.mask.areas
        areas = [{"class": name, "px": inside.get(name, 0), "possible_px": px} for name, px in self._areas.items()]
        return {"mask": [area for area in areas if area["possible_px"]]}

    def __str__(self) -> str:
        total = self.mask.shape[0] * self.mask.shape[1]
        parts = [f"{name} at most {format_percent(px / total)}" for name, px in self._areas.items() if px]
        return ", ".join(parts) or "no known class"

    @property
    def _areas(self) -> dict[str, int]:
        """Possible pixels of each class."""
        by_class = np.bincount(
            self.mask.pixels.ravel().astype(np.int64) * LEVELS + self.mask.levels.ravel(), minlength=256 * LEVELS
        ).reshape(256, LEVELS)
        below = np.r_[0, by_class.sum(0).cumsum()]  # pixels of any class below each level
        return {
            name: int(below[level] + by_class[index, level:].sum())
            for index, (name, level) in enumerate(zip(self.mask.spec.classes, self.unsure_below, strict=True))
        }


def needed(answers: Sequence[Mask], truths: Sequence[Mask], spec: MaskSpec) -> Needed:
    """A slot for each class and level: its true pixels at that level that the mask gives to another class; and one for
    each class of those that it gives to the right one, which its set always contains."""
    classes = len(spec.classes)
    number = np.zeros((len(answers), classes, LEVELS + 1), np.int64)
    for row, (answer, truth) in enumerate(zip(answers, truths, strict=True)):
        predicted, true, levels = known_pixels(answer, truth)
        slot = np.where(predicted == true, 0, 1 + levels.astype(np.int64))
        counts = np.bincount(true.astype(np.int64) * (LEVELS + 1) + slot, minlength=number[row].size)
        number[row] = counts.reshape(classes, LEVELS + 1)
    threshold = np.broadcast_to(np.arange(LEVELS + 1, dtype=np.float64), number.shape)
    stratum = np.broadcast_to(np.arange(classes)[:, None], number.shape)
    return Needed(*(each.reshape(len(answers), classes * (LEVELS + 1)) for each in (threshold, number, stratum)))


def build(answer: Mask, spec: MaskSpec, thresholds: Mapping[str, float]) -> MaskSet:
    """`thresholds` by class, or one for all of them."""
    limits = [thresholds.get(name, thresholds.get(EVERY_CLASS, 0.0)) for name in spec.classes]
    return MaskSet(answer, tuple(int(limit) for limit in limits))

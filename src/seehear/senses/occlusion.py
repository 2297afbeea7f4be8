"""Hiding parts of an input, to see how the answer changes: what a sense offers for that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[Any]
Span = tuple[float, float]


@dataclass(frozen=True)
class Place:
    """A part of an original input.

    words   for people: "the top left, x 0 to 80 px, y 10 to 90 px"
    spans   from where to where on each axis, by its name with the unit: x_px, y_px, time_s, frequency_hz
    """

    words: str
    spans: Mapping[str, Span]

    def to_json(self) -> dict[str, list[float]]:
        return {axis: [round(end, 2) for end in span] for axis, span in self.spans.items()}


class Occlusion(Protocol):
    """One preprocessed input, of which parts can be hidden. Parts are cells of a grid: `shape` (rows, columns)."""

    @property
    def shape(self) -> tuple[int, int]: ...

    def hide(self, hidden: Array) -> Array:
        """The preprocessed input without some of its parts. hidden (rows, columns): how much of each cell, 0 to 1."""

    def locate(self, rows: slice, columns: slice) -> Place:
        """Where a block of cells is in the original input."""

    def project(self, heat: Array, drawn: tuple[int, int]) -> Array:
        """heat (rows, columns), on any grid over the whole preprocessed input -> (H, W) float32: the same on the
        `drawn` picture (H, W) of the original, see `Sense.draw`; 0 where the picture shows none of the input."""


def enlarge(values: Array, height: int, width: int) -> NDArray[np.float32]:
    """(rows, columns) -> (height, width), bilinear."""
    small = Image.fromarray(np.ascontiguousarray(values, np.float32))
    return np.asarray(small.resize((width, height), Image.Resampling.BILINEAR))

"""Cut large pictures into overlapping tiles of the training size."""

from __future__ import annotations

import math
from itertools import pairwise, product
from typing import TYPE_CHECKING, NamedTuple

from seehear.geometry import Grid, Tile

if TYPE_CHECKING:
    from seehear.senses.sight.plan import SightSpec

LARGER_UNTILED = 1.25  # pictures up to this factor of the training size are not tiled
LEAST_SHARED, MOST_SHARED = 1 / 4, 1 / 2  # overlap with the next tile, as a share of the tile's side


class AxisTile(NamedTuple):
    """One axis of a tile; lengths in pixels."""

    start: int
    length: int
    before: int
    after: int


def cut_tiles(grid: Grid, spec: SightSpec, largest_object_px: float) -> list[Tile]:
    """The tiles of a picture, row by row; a single one if it has about the training size.

    Neighbours overlap by at least a quarter of a side, or by `largest_object_px` if that is more, up to a half, so that
    an object up to that size lies fully in one tile.
    """
    if all(n <= LARGER_UNTILED * side for n, side in zip(grid.shape, spec.training_shape, strict=True)):
        return [Tile.all_of(grid)]
    rows, columns = (
        split_axis(n, side, _overlap_px(side, largest_object_px))
        for n, side in zip(grid.shape, spec.training_shape, strict=True)
    )
    return [
        Tile(
            start=(row.start, column.start),
            shape=(row.length, column.length),
            full_shape=grid.shape,
            before=(row.before, column.before),
            after=(row.after, column.after),
        )
        for row, column in product(rows, columns)
    ]


def split_axis(whole: int, length: int, shared: int) -> list[AxisTile]:
    """The fewest evenly spaced tiles of `length` that cover an axis with at least `shared` overlap."""
    if whole <= length:
        return [AxisTile(0, whole, 0, 0)]
    steps = math.ceil((whole - length) / (length - shared))
    starts = [round(step * (whole - length) / steps) for step in range(steps + 1)]
    before = [0, *(start + length - following for start, following in pairwise(starts))]
    return [AxisTile(*each) for each in zip(starts, [length] * len(starts), before, [*before[1:], 0], strict=True)]


def _overlap_px(side: int, largest_object_px: float) -> int:
    return math.floor(min(MOST_SHARED * side, max(LEAST_SHARED * side, math.ceil(largest_object_px))))

"""Pictures larger than those that were learned from, cut into tiles that are as large as those and overlap."""

from __future__ import annotations

import math
from itertools import pairwise, product
from typing import TYPE_CHECKING, NamedTuple

from seehear.geometry import Grid, Tile

if TYPE_CHECKING:
    from seehear.senses.sight.plan import SightSpec

LARGER_UNTILED = 1.25  # pictures of sides up to this times the usual ones are as those that were learned from
LEAST_SHARED, MOST_SHARED = 1 / 4, 1 / 2  # of a tile's side, with the next one


class AxisTile(NamedTuple):
    """One axis of a tile; lengths in pixels."""

    start: int
    length: int
    before: int
    after: int


def cut_tiles(grid: Grid, spec: SightSpec, largest_object_px: float) -> list[Tile]:
    """The tiles of a picture, row by row; a single one where it is about as large as those that were learned from.

    Neighbours share at least a quarter of their sides, or `largest_object_px` if more, up to a half: a thing that
    is no larger is whole in one of them.
    """
    if all(n <= LARGER_UNTILED * side for n, side in zip(grid.shape, spec.training_shape, strict=True)):
        return [Tile.all_of(grid)]
    rows, columns = (
        split_axis(n, side, _shared(side, largest_object_px))
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
    """The fewest that cover an axis, of this length, evenly apart, neighbours sharing at least so much."""
    if whole <= length:
        return [AxisTile(0, whole, 0, 0)]
    steps = math.ceil((whole - length) / (length - shared))
    starts = [round(step * (whole - length) / steps) for step in range(steps + 1)]
    before = [0, *(start + length - following for start, following in pairwise(starts))]
    return [AxisTile(*each) for each in zip(starts, [length] * len(starts), before, [*before[1:], 0], strict=True)]


def _shared(side: int, largest_object_px: float) -> int:
    return math.floor(min(MOST_SHARED * side, max(LEAST_SHARED * side, math.ceil(largest_object_px))))

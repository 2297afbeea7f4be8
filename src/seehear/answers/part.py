"""What a head says of one tile of a picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from numpy.typing import NDArray

from seehear.geometry import Geometry, Tile, Warp


class Part(NamedTuple):
    """The head's arrays, without a batch axis, which tile it was, and how that was prepared."""

    raw: Mapping[str, NDArray[Any]]
    tile: Tile
    geometry: Geometry

    @property
    def warp(self) -> Warp:
        """From the coordinates (x, y) of the whole to the tile's prepared ones."""
        left_top = self.tile.start[::-1]
        return Warp((1.0,) * len(left_top), tuple(-float(px) for px in left_top)).then(self.geometry.warp)

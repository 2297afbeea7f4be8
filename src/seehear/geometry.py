"""Where things are: grids of cells, and the way between original and prepared coordinates.

One alphabet names the axes of every array in this project:
B batch, N cells, D channels, T time, H W pixels, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Grid:
    """What one cell covers: `Grid((14, 14), 16.0, "px")` or `Grid((150,), 0.02, "s")`."""

    shape: tuple[int, ...]
    pitch: float
    unit: str

    @property
    def duration_s(self) -> float:
        """From its first cell's beginning to its last one's end; 0 where it is not of time."""
        return self.shape[0] * self.pitch if self.unit == "s" else 0.0


@dataclass(frozen=True)
class Cells:
    """What encoders give, fusion mixes and heads read: one vector per patch of picture or slice of time.

    x (B, N, D) and valid_mask (B, N), False where padded, are torch tensors; this module does not import torch.
    `finer` holds the same example on finer grids, finest first, for heads that ask for them.
    """

    x: Any
    valid_mask: Any
    grid: Grid
    finer: tuple[Cells, ...] = ()


@dataclass(frozen=True)
class TimeStretch:
    """How the examples of a batch are played while learning: `speed` times as fast, after `lead_s` seconds of nothing.

    Both are (B,) torch tensors. Every sense whose cells are slices of time follows the same, so that what is seen and
    what is heard of an example stay together.
    """

    speed: Any
    lead_s: Any


@dataclass(frozen=True)
class Warp:
    """prepared = scale * original + offset, one number per axis: (x, y) in pixels or (t,) in seconds.

    A stretch, letterbox, crop, flip (negative scale) or resampling is one such map, and so is any chain of
    them: `first.then(second)`.
    """

    scale: tuple[float, ...]
    offset: tuple[float, ...]

    @classmethod
    def identity(cls, axes: int) -> Warp:
        return cls((1.0,) * axes, (0.0,) * axes)

    def forward(self, points: NDArray[Any]) -> NDArray[Any]:
        """points (..., axes) in original coordinates -> the same points in prepared coordinates."""
        moved: NDArray[Any] = np.asarray(points) * np.asarray(self.scale) + np.asarray(self.offset)
        return moved

    def back(self, points: NDArray[Any]) -> NDArray[Any]:
        """points (..., axes) in prepared coordinates -> the same points in original coordinates."""
        original: NDArray[Any] = (np.asarray(points) - np.asarray(self.offset)) / np.asarray(self.scale)
        return original

    def then(self, after: Warp) -> Warp:
        scale = tuple(a * b for a, b in zip(self.scale, after.scale, strict=True))
        offset = tuple(o * b + p for o, b, p in zip(self.offset, after.scale, after.offset, strict=True))
        return Warp(scale, offset)

    def inverse(self) -> Warp:
        """The map from prepared to original coordinates."""
        return Warp(
            tuple(1 / a for a in self.scale), tuple(-o / a for a, o in zip(self.scale, self.offset, strict=True))
        )


@dataclass(frozen=True)
class Geometry:
    """Where an original lies in what was prepared of it: the map, and the samples that both are made of.

    Those of a picture are `Grid((H, W), 1.0, "px")`, of a sound `Grid((T,), 1 / rate, "s")`.
    """

    warp: Warp
    original: Grid
    preprocessed: Grid


@dataclass(frozen=True)
class Tile:
    """A piece of a signal that is larger than those that were learned from: samples, a number for each axis.

    `before` and `after` are those that it shares with the neighbours on either side, 0 at the edges of the whole.
    """

    start: tuple[int, ...]
    shape: tuple[int, ...]
    full_shape: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]

    @classmethod
    def all_of(cls, grid: Grid) -> Tile:
        """The one that is the whole."""
        none = (0,) * len(grid.shape)
        return cls(none, grid.shape, grid.shape, none, none)

    @property
    def end(self) -> tuple[int, ...]:
        return tuple(start + length for start, length in zip(self.start, self.shape, strict=True))

    @property
    def slices(self) -> tuple[slice, ...]:
        """Where it lies in the whole."""
        return tuple(map(slice, self.start, self.end))

    @property
    def core(self) -> tuple[slice, ...]:
        """What of the whole is nearer to its middle than to any other's: each sample is one tile's own."""
        return tuple(
            slice(start + before // 2, end - (after - after // 2))
            for start, end, before, after in zip(self.start, self.end, self.before, self.after, strict=True)
        )


@dataclass(frozen=True)
class Warps:
    """A Warp for each example of a batch: scale and offset are torch tensors (B, axes)."""

    scale: Any
    offset: Any

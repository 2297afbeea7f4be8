"""Coordinates: grids of cells, and the map between original and preprocessed coordinates.

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
        """Length in seconds; 0 for a grid of pixels."""
        return self.shape[0] * self.pitch if self.unit == "s" else 0.0


@dataclass(frozen=True)
class Cells:
    """The output of encoders and input of fusion and heads: one feature vector per image patch or time slice.

    x (B, N, D) and valid_mask (B, N), False where padded, are torch tensors; this module does not import torch.
    `finer` holds the same example on finer grids, finest first, for heads that need them.
    """

    x: Any
    valid_mask: Any
    grid: Grid
    finer: tuple[Cells, ...] = ()

    def mean(self) -> Any:
        """(B, D): the mean of each channel over the valid cells; 0 if none is."""
        valid = self.valid_mask[:, :, None].to(self.x.dtype)
        return (self.x * valid).sum(1) / valid.sum(1).clamp_min(1)


@dataclass(frozen=True)
class TimeStretch:
    """Time-stretch augmentation of a batch: `speed` times as fast, after `lead_s` seconds of padding.

    Both are (B,) torch tensors. All senses with time cells use the same stretch, so that the lips and the sound of an
    example stay in sync.
    """

    speed: Any
    lead_s: Any


@dataclass(frozen=True)
class Warp:
    """preprocessed = scale * original + offset, one number per axis: (x, y) in pixels or (t,) in seconds.

    A stretch, letterbox, crop, flip (negative scale) or resampling is one such map, and so is any chain of
    them: `first.then(second)`.
    """

    scale: tuple[float, ...]
    offset: tuple[float, ...]

    @classmethod
    def identity(cls, axes: int) -> Warp:
        return cls((1.0,) * axes, (0.0,) * axes)

    def forward(self, points: NDArray[Any]) -> NDArray[Any]:
        """points (..., axes) in original coordinates -> preprocessed coordinates."""
        moved: NDArray[Any] = np.asarray(points) * np.asarray(self.scale) + np.asarray(self.offset)
        return moved

    def back(self, points: NDArray[Any]) -> NDArray[Any]:
        """points (..., axes) in preprocessed coordinates -> original coordinates."""
        original: NDArray[Any] = (np.asarray(points) - np.asarray(self.offset)) / np.asarray(self.scale)
        return original

    def then(self, after: Warp) -> Warp:
        scale = tuple(a * b for a, b in zip(self.scale, after.scale, strict=True))
        offset = tuple(o * b + p for o, b, p in zip(self.offset, after.scale, after.offset, strict=True))
        return Warp(scale, offset)

    def inverse(self) -> Warp:
        """The map from preprocessed to original coordinates."""
        return Warp(
            tuple(1 / a for a in self.scale), tuple(-o / a for a, o in zip(self.scale, self.offset, strict=True))
        )


@dataclass(frozen=True)
class Geometry:
    """How an original maps to its preprocessed version: the warp, and the sample grids of both.

    A picture has `Grid((H, W), 1.0, "px")`, a sound `Grid((T,), 1 / rate, "s")`.
    """

    warp: Warp
    original: Grid
    preprocessed: Grid


@dataclass(frozen=True)
class Tile:
    """A part of a signal larger than the training examples. All fields are in samples, one number per axis.

    `before` and `after` are the overlaps with the neighbouring tiles, 0 at the edges of the signal.
    """

    start: tuple[int, ...]
    shape: tuple[int, ...]
    full_shape: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]

    @classmethod
    def all_of(cls, grid: Grid) -> Tile:
        """One tile that covers the whole grid."""
        none = (0,) * len(grid.shape)
        return cls(none, grid.shape, grid.shape, none, none)

    @property
    def end(self) -> tuple[int, ...]:
        return tuple(start + length for start, length in zip(self.start, self.shape, strict=True))

    @property
    def slices(self) -> tuple[slice, ...]:
        """Slices that cut the tile from the whole signal."""
        return tuple(map(slice, self.start, self.end))

    @property
    def core(self) -> tuple[slice, ...]:
        """Slices of the samples that belong to this tile alone: half of each overlap. Cores partition the signal."""
        return tuple(
            slice(start + before // 2, end - (after - after // 2))
            for start, end, before, after in zip(self.start, self.end, self.before, self.after, strict=True)
        )


@dataclass(frozen=True)
class Warps:
    """One Warp per example of a batch: scale and offset are torch tensors (B, axes)."""

    scale: Any
    offset: Any

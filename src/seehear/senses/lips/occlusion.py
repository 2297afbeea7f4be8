"""Hides moments of a clip: their pictures become the mean picture, so that the mouth does not move."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.geometry import Geometry
from seehear.senses.lips.drawing import place_frames
from seehear.senses.lips.plan import RATE_HZ
from seehear.senses.occlusion import Place

Array = NDArray[Any]
Clip = NDArray[np.uint8]

CELLS = 24  # at most


class ClipOcclusion:
    """clip (T, H, W) uint8, preprocessed. Its grid has one row: all of the mouth."""

    def __init__(self, clip: Clip, geometry: Geometry) -> None:
        self._geometry = geometry
        self._clip = clip.astype(np.float32)
        self._change = self._clip.mean(0) - self._clip
        self.shape = 1, min(CELLS, len(clip))

    def hide(self, hidden: Array) -> Clip:
        share = hidden[0][self._cell_of(np.arange(len(self._clip)) / RATE_HZ)][:, None, None]
        clip: Clip = np.rint(self._clip + share * self._change).astype(np.uint8)
        return clip

    def locate(self, rows: slice, columns: slice) -> Place:
        ends = np.array([columns.start, columns.stop]) * len(self._clip) / RATE_HZ / self.shape[1]
        start, end = np.clip(self._geometry.warp.back(ends[:, None])[:, 0], 0, self._geometry.original.duration_s)
        return Place(f"{start:.2f} to {end:.2f} s", {"time_s": (float(start), float(end))})

    def project(self, heat: Array, drawn: tuple[int, int]) -> Array:
        frames = self._geometry.original.shape[0]
        seconds = self._geometry.warp.forward(np.arange(frames)[:, None] / RATE_HZ)[:, 0]
        return place_frames(heat[0][self._cell_of(seconds)], drawn)

    def _cell_of(self, seconds: Array) -> Array:
        """Which cell each moment of the preprocessed clip is in."""
        cells: Array = (seconds * RATE_HZ * self.shape[1] / len(self._clip)).astype(np.int64)
        return np.clip(cells, 0, self.shape[1] - 1)

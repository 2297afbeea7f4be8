"""Hides parts of a picture behind its own blur, which has no outlines and no details but also no foreign colours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from seehear.geometry import Geometry
from seehear.senses.occlusion import Place, enlarge

Array = NDArray[Any]
Pixels = NDArray[np.uint8]

CELLS = 32  # along the longer side, at most
BLUR = 0.1  # standard deviation of the blur, as a share of the longer side
LARGE = 0.6  # of the picture: a larger part is no particular place
DOWN, ACROSS = ("top", "", "bottom"), ("left", "", "right")


class PictureOcclusion:
    """pixels (H, W, C) uint8, preprocessed."""

    def __init__(self, pixels: Pixels, geometry: Geometry) -> None:
        height, width, channels = pixels.shape
        pitch_px = max(height, width) / min(CELLS, max(height, width))
        self._geometry = geometry
        self._pixels = pixels.astype(np.float32)
        picture = Image.fromarray(pixels if channels == 3 else pixels[:, :, 0])
        blurred = picture.filter(ImageFilter.GaussianBlur(BLUR * max(height, width)))
        self._change = np.asarray(blurred, np.float32).reshape(pixels.shape) - self._pixels
        self.shape = max(1, round(height / pitch_px)), max(1, round(width / pitch_px))

    def hide(self, hidden: Array) -> Pixels:
        height, width, _ = self._pixels.shape
        share = enlarge(hidden, height, width)[:, :, None]
        return np.rint(self._pixels + share * self._change).astype(np.uint8)

    def locate(self, rows: slice, columns: slice) -> Place:
        height, width = self._geometry.original.shape
        corners = np.array([[columns.start, rows.start], [columns.stop, rows.stop]], np.float64)
        ends = self._geometry.warp.back(corners * self._pitch_px)
        (left, top), (right, bottom) = np.clip(ends, 0, (width, height)).tolist()
        spans = {"x_px": (left, right), "y_px": (top, bottom)}
        where = _name_part((left + right) / 2 / width, (top + bottom) / 2 / height)
        if (right - left) * (bottom - top) > LARGE * width * height:
            where = "most of the picture"
        return Place(f"{where} (x {left:.0f} to {right:.0f} px, y {top:.0f} to {bottom:.0f} px)", spans)

    def project(self, heat: Array, drawn: tuple[int, int]) -> Array:
        (height, width, _), (rows, columns) = self._pixels.shape, heat.shape
        cells_per_px = np.array([columns / width, rows / height])
        (a, b), (c, d) = (cells_per_px * each for each in (self._geometry.warp.scale, self._geometry.warp.offset))
        cells = Image.fromarray(np.ascontiguousarray(heat, np.float32))
        affine = (a, 0.0, c, 0.0, b, d)
        across_down = drawn[1], drawn[0]
        return np.asarray(cells.transform(across_down, Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR))

    @property
    def _pitch_px(self) -> Array:
        """Preprocessed pixels per cell, across and down."""
        (height, width, _), (rows, columns) = self._pixels.shape, self.shape
        return np.array([width / columns, height / rows])


def _name_part(across: float, down: float) -> str:
    """Name the ninth of the picture with a point, given its place across and down as shares of the sides."""
    names = [DOWN[min(2, int(3 * down))], ACROSS[min(2, int(3 * across))]]
    return f"the {' '.join(filter(None, names)) or 'centre'}"

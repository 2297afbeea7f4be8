"""Bring pictures of any size to the size the encoder expects, and batch them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seehear.geometry import Warp

if TYPE_CHECKING:
    from seehear.senses.sight.plan import SightSpec

Pixels = NDArray[np.uint8]

MOST_STRETCH = 1.05  # aspect ratios that differ less are stretched, which harms less than a border


def preprocess(pixels: Pixels, spec: SightSpec) -> tuple[Pixels, Warp]:
    """(H, W, C) -> (spec.height, spec.width, spec.channels), and the Warp of its pixel coordinates.

    Stretched if the aspect ratio nearly fits, otherwise letterboxed on the mean colour of its border. A picture that
    already fits is returned unchanged.
    """
    pixels = _convert_channels(pixels, min(spec.channels, pixels.shape[2]))
    height, width = _fit_size(pixels.shape[0], pixels.shape[1], spec)
    warp = Warp((width / pixels.shape[1], height / pixels.shape[0]), (0.0, 0.0))
    pixels, inset = _letterbox(_resize(pixels, height, width), spec)
    return _convert_channels(pixels, spec.channels), warp.then(Warp((1.0, 1.0), inset))


def _fit_size(height: int, width: int, spec: SightSpec) -> tuple[int, int]:
    across, down = spec.width / width, spec.height / height
    if max(across, down) < MOST_STRETCH * min(across, down):
        return spec.height, spec.width
    scale = min(across, down)
    return max(1, round(height * scale)), max(1, round(width * scale))


def _resize(pixels: Pixels, height: int, width: int) -> Pixels:
    """Bicubic with antialiasing; large reductions first average blocks of pixels (`reducing_gap`)."""
    if pixels.shape[:2] == (height, width):
        return pixels
    picture = Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[:, :, 0])
    resized = np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3.0))
    return resized.reshape(height, width, -1)


def _letterbox(pixels: Pixels, spec: SightSpec) -> tuple[Pixels, tuple[float, float]]:
    height, width, channels = pixels.shape
    if (height, width) == (spec.height, spec.width):
        return pixels, (0.0, 0.0)
    top, left = (spec.height - height) // 2, (spec.width - width) // 2
    framed = np.empty((spec.height, spec.width, channels), np.uint8)
    framed[:] = np.rint(_border_pixels(pixels).mean(axis=0))
    framed[top : top + height, left : left + width] = pixels
    return framed, (float(left), float(top))


def _border_pixels(pixels: Pixels) -> Pixels:
    """(H, W, C) -> the pixels of its four edges (N, C)."""
    return np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])


def _convert_channels(pixels: Pixels, channels: int) -> Pixels:
    if pixels.shape[2] == channels:
        return pixels
    if channels == 3:
        return np.repeat(pixels, 3, axis=2)
    return np.asarray(Image.fromarray(pixels).convert("L"))[:, :, None]


def collate(preprocessed: Sequence[Pixels | None], spec: SightSpec) -> dict[str, NDArray[Any]]:
    """-> image (B, H, W, C) uint8; a missing picture is black."""
    images = np.zeros((len(preprocessed), spec.height, spec.width, spec.channels), np.uint8)
    for row, pixels in zip(images, preprocessed, strict=True):
        if pixels is not None:
            row[:] = pixels
    return {"image": images}

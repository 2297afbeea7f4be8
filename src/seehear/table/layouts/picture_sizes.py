"""The size of many pictures, from their headers alone."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_ORIENTATION_TAG, _ON_THEIR_SIDE = 0x0112, range(5, 9)  # EXIF 2.32, table 5


def sizes_px(root: Path, files: Sequence[str]) -> NDArray[np.float64]:
    """(files, 2) width and height as a person sees them, upright; nan for what can not be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd metadata; whether the picture is of use is for the senses to say
        sizes = [_size_px(root / file) for file in files]
    return np.array(sizes, np.float64).reshape(-1, 2)


def _size_px(file: Path) -> tuple[float, float]:
    try:
        with Image.open(file) as picture:
            width, height = picture.size
            turned = "exif" in picture.info and picture.getexif().get(_ORIENTATION_TAG) in _ON_THEIR_SIDE
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # Pillow's words for what is no picture
        return np.nan, np.nan
    return (height, width) if turned else (width, height)

"""A mask laid over the picture that it divides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SHARE = 0.5  # of a class's colour


def drawn_on(picture: Image.Image, classes: NDArray[Any], colors: Sequence[str]) -> Image.Image:
    """A copy in RGB. classes (H, W): the place of each pixel's colour, #rrggbb; those beyond the last stay plain."""
    palette = np.zeros((256, 4), np.uint8)
    palette[: len(colors), :3] = [tuple(bytes.fromhex(color[1:])) for color in colors]
    palette[: len(colors), 3] = round(255 * SHARE)
    laid = Image.fromarray(palette[classes])
    drawn = picture.convert("RGB")
    drawn.paste(laid, mask=laid.getchannel("A"))
    return drawn

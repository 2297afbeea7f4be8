"""A mask laid over its picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seehear.answers.figure import FAINT
from seehear.answers.overlay import Captions, enlarge

OPACITY = 0.5
STRIPE_PX = 6  # period of the stripes where pixels are not accepted; a third is coloured


def draw_on(
    picture: Image.Image,
    classes: NDArray[Any],
    colors: Sequence[str],
    legend: Mapping[str, str],
    accepted: NDArray[Any],
) -> Image.Image:
    """An RGB copy of a picture with coloured pixels and a legend (name -> #rrggbb).

    classes (H, W) uint8: index of each pixel's colour; pixels beyond the last stay plain. accepted (H, W) bool: other
    pixels are striped.
    """
    palette = np.zeros((256, 4), np.uint8)
    palette[: len(colors), :3] = [tuple(bytes.fromhex(color[1:])) for color in colors]
    palette[: len(colors), 3] = round(255 * OPACITY)
    down, across = (np.arange(side, dtype=np.uint32).astype(np.uint8) % STRIPE_PX for side in classes.shape)
    visible = accepted | ((down[:, None] + across) % STRIPE_PX < STRIPE_PX // 3)
    layer = Image.fromarray(palette[classes] * visible[..., None])
    image = picture.convert("RGB")
    image.paste(layer, mask=layer.getchannel("A"))
    image = enlarge(image)
    _write_legend(legend, Captions(image))
    return image


def _write_legend(legend: Mapping[str, str], captions: Captions) -> None:
    """Write the legend from the upper left corner downwards, as far as there is room."""
    lines, room = list(legend.items()), max(1, captions.picture_height_px // captions.line_px)
    if len(lines) > room:
        lines = [*lines[: room - 1], (f"and {len(lines) - room + 1} more", FAINT)]
    for place, (name, color) in enumerate(lines):
        captions.write((0, place * captions.line_px), name, color)

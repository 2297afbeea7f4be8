"""A mask laid over the picture that it divides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seehear.answers.figure import FAINT
from seehear.answers.overlay import Tags, enlarged

SHARE = 0.5  # of a class's colour
STRIPE_PX = 6  # of which a third is in colour, where pixels are not accepted


def drawn_on(
    picture: Image.Image, classes: NDArray[Any], colors: Sequence[str], key: Mapping[str, str], accepted: NDArray[Any]
) -> Image.Image:
    """A copy in RGB, with a key: the colours of some names.

    classes (H, W): the place of each pixel's colour, #rrggbb; those beyond the last stay plain. accepted (H, W) bool:
    where not, colours are striped.
    """
    palette = np.zeros((256, 4), np.uint8)
    palette[: len(colors), :3] = [tuple(bytes.fromhex(color[1:])) for color in colors]
    palette[: len(colors), 3] = round(255 * SHARE)
    down, across = (np.arange(side, dtype=np.uint32).astype(np.uint8) % STRIPE_PX for side in classes.shape)
    shown = accepted | ((down[:, None] + across) % STRIPE_PX < STRIPE_PX // 3)
    laid = Image.fromarray(palette[classes] * shown[..., None])
    drawn = picture.convert("RGB")
    drawn.paste(laid, mask=laid.getchannel("A"))
    drawn = enlarged(drawn)
    _write(key, Tags(drawn))
    return drawn


def _write(key: Mapping[str, str], tags: Tags) -> None:
    """From the upper left corner downwards, as far as there is room."""
    lines, most = list(key.items()), max(1, tags.height_px // tags.line_px)
    if len(lines) > most:
        lines = [*lines[: most - 1], (f"and {len(lines) - most + 1} more", FAINT)]
    for place, (name, color) in enumerate(lines):
        tags.write((0, place * tags.line_px), name, color)

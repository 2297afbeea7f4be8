"""Noisy pictures of two colours, which are easy to learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = {"blue": (40, 40, 200), "red": (200, 40, 40)}
SIDE_PX, NOISE = 16, 40


def write_colours(folder: Path, each: int) -> Path:
    """A folder for each class, with this many pictures."""
    random = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        (folder / name).mkdir(parents=True)
        for number in range(each):
            pixels = np.clip(colour + random.normal(0, NOISE, (SIDE_PX, SIDE_PX, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder

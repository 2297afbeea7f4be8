"""A picture and a sound that are neither simple nor random."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image

from seehear.senses import SENSES
from seehear.senses.hearing.plan import RATE_HZ


def picture(height: int, width: int, mode: str = "RGB") -> np.ndarray:
    """What sight reads from a smooth picture with some edges and grain, saved in this mode."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j] if min(height, width) > 1 else np.zeros((2, height, width))
    base = np.stack([0.5 + 0.3 * np.sin(9 * x + 3 * y + i) + 0.2 * (x > y) for i in range(3)], 2)
    grain = np.random.default_rng(1).normal(0, 0.05, base.shape)
    file = BytesIO()
    Image.fromarray(np.uint8(255 * np.clip(base + grain, 0, 1))).convert(mode).save(file, "PNG")
    return SENSES["image"].read(file.getvalue())


def sound(seconds: float) -> np.ndarray:
    time_s = np.arange(max(1, int(seconds * RATE_HZ))) / RATE_HZ
    tones = sum(np.sin(2 * np.pi * hz * time_s) * np.exp(-3 * time_s) for hz in (150, 440, 1200, 3100, 6000))
    grain = np.random.default_rng(1).normal(0, 0.01, len(time_s))
    return np.asarray(0.15 * tones * (1 + np.sin(2 * np.pi * 4 * time_s)) / 2 + grain, np.float32)


USUAL = {"image": picture(48, 64), "audio": sound(1.0), "lips": np.moveaxis(picture(96, 96), 2, 0)}

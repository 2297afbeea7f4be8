"""How a picture was taken, in three numbers: brightness, contrast and sharpness."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from seehear.senses.statistic import Statistic

Pixels = NDArray[np.uint8]

STATISTICS = {
    "brightness": Statistic("darker", "brighter", least=8.0),  # the mean, 0 to 255
    "contrast": Statistic("of less contrast", "of more contrast", least=5.0),  # the standard deviation, 0 to 128
    "sharpness": Statistic("more blurred", "sharper or grainier", least=0.04),  # of detail, as a share of the contrast
}
FAINTEST = 2.0  # levels of contrast, below which detail is rounding


def compute_statistics(preprocessed: Pixels) -> dict[str, float]:
    """pixels: (H, W, C) uint8, as the encoder gets it. Only green is used, which contributes most to brightness."""
    green = preprocessed[:, :, preprocessed.shape[2] // 2].astype(np.float32)
    middle = green[1:-1, 1:-1]
    detail = 4 * middle - green[:-2, 1:-1] - green[2:, 1:-1] - green[1:-1, :-2] - green[1:-1, 2:]
    brightness, contrast = _mean_and_spread(green)
    sharpness = _mean_and_spread(detail)[1] / (contrast + FAINTEST) if detail.size else 0.0
    return {"brightness": brightness, "contrast": contrast, "sharpness": sharpness}


def _mean_and_spread(values: NDArray[np.float32]) -> tuple[float, float]:
    """In two passes of one multiplication each: every input that is asked about is measured."""
    flat = values.ravel()
    mean = float(flat.mean())
    return mean, math.sqrt(max(0.0, float(np.dot(flat, flat)) / flat.size - mean * mean))

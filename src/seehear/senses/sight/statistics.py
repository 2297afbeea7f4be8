"""Input statistics of pictures: brightness, contrast and sharpness."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from seehear.senses.statistic import Statistic

Pixels = NDArray[np.uint8]

STATISTICS = {
    "brightness": Statistic("darker", "brighter", least=8.0),  # the mean, 0 to 255
    "contrast": Statistic("of less contrast", "of more contrast", least=5.0),  # the standard deviation, 0 to 128
    "sharpness": Statistic("more blurred", "sharper or grainier", least=0.04),  # of fine detail, relative to contrast
}
FAINTEST = 2.0  # contrast in levels, below which detail is rounding noise


def compute_statistics(preprocessed: Pixels) -> dict[str, float]:
    """preprocessed: (H, W, C) uint8. Only green is used, which contributes most to brightness."""
    green = preprocessed[:, :, preprocessed.shape[2] // 2].astype(np.float32)
    middle = green[1:-1, 1:-1]
    detail = 4 * middle - green[:-2, 1:-1] - green[2:, 1:-1] - green[1:-1, :-2] - green[1:-1, 2:]
    brightness, contrast = _mean_and_spread(green)
    sharpness = _mean_and_spread(detail)[1] / (contrast + FAINTEST) if detail.size else 0.0
    return {"brightness": brightness, "contrast": contrast, "sharpness": sharpness}


def _mean_and_spread(values: NDArray[np.float32]) -> tuple[float, float]:
    """Mean and standard deviation in two fast passes, since they run on every input."""
    flat = values.ravel()
    mean = float(flat.mean())
    return mean, math.sqrt(max(0.0, float(np.dot(flat, flat)) / flat.size - mean * mean))

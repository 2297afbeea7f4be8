"""How a picture was taken, in three numbers: how bright, of how much contrast, how sharp."""

from __future__ import annotations

from typing import Any

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


def statistics(prepared: Pixels) -> dict[str, float]:
    """(H, W, C) uint8, as the encoder gets it."""
    grey = prepared.mean(2, dtype=np.float32)
    detail: NDArray[Any] = 4 * grey[1:-1, 1:-1] - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]
    contrast = float(grey.std())
    sharpness = float(detail.std()) / (contrast + FAINTEST) if detail.size else 0.0
    return {"brightness": float(grey.mean()), "contrast": contrast, "sharpness": sharpness}

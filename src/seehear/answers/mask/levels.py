"""How sure each pixel is, in one byte: the log odds of its class in steps, fine where pixels are surest."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
LOWEST, HIGHEST, STEP = -4.0, 12.0, 0.125  # of log odds
LEVELS = round((HIGHEST - LOWEST) / STEP) + 1
CONFIDENCES: Array = 1 / (1 + np.exp(-np.linspace(LOWEST, HIGHEST, LEVELS)))  # of each level
_EDGES = CONFIDENCES[1:].astype(np.float32)  # a level reaches from its own confidence to the next one's


def levels_of(confidence: Array) -> Array:
    """Confidences of any shape, 0 to 1 -> uint8: the highest level not above each, or else the lowest level."""
    return np.searchsorted(_EDGES, confidence, side="right").astype(np.uint8)


def level_from(confidence: float) -> int:
    """The lowest level of at least this confidence; LEVELS if there is none."""
    return int(np.searchsorted(CONFIDENCES, confidence, side="left"))

"""Confidence of each pixel in one byte: quantised log odds, finer where confidence is high."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
MIN_LOG_ODDS, MAX_LOG_ODDS, STEP = -4.0, 12.0, 0.125
LEVELS = round((MAX_LOG_ODDS - MIN_LOG_ODDS) / STEP) + 1
CONFIDENCES: Array = 1 / (1 + np.exp(-np.linspace(MIN_LOG_ODDS, MAX_LOG_ODDS, LEVELS)))  # the lower end of each level
_EDGES = CONFIDENCES[1:].astype(np.float32)


def to_levels(confidence: Array) -> Array:
    """Confidences of any shape, 0 to 1 -> uint8: the highest level not above each, or else level 0."""
    return np.searchsorted(_EDGES, confidence, side="right").astype(np.uint8)


def min_level(confidence: float) -> int:
    """The lowest level with at least this confidence; LEVELS if there is none."""
    return int(np.searchsorted(CONFIDENCES, confidence, side="left"))

"""Several channels become one: their mean, or half the difference of two if one is the other inverted.

A plug that is wired the wrong way, or a balanced line taken for stereo, gives a second channel that is the negative of
the first; their mean is silence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

OPPOSED = -0.9  # a correlation below which two channels cancel: what both share is a twentieth of their energy or less


@dataclass
class Correlation:
    """The correlation of two channels, over all blocks so far."""

    own: float = 0.0  # energy of the first
    other: float = 0.0
    shared: float = 0.0

    def add(self, block: Samples) -> None:
        """block: (frames, 2)."""
        first, second = block[:, 0].astype(np.float64), block[:, 1].astype(np.float64)
        self.own += float(first @ first)
        self.other += float(second @ second)
        self.shared += float(first @ second)

    @property
    def opposed(self) -> bool:
        """Whether one channel is the other inverted, at any loudness. False if one is silent."""
        return self.shared < OPPOSED * math.sqrt(self.own * self.other)


def mean(block: Samples) -> Samples:
    """(frames, channels) -> (frames,)"""
    return np.ascontiguousarray(block[:, 0] if block.shape[1] == 1 else block.mean(axis=1), np.float32)


def difference(block: Samples) -> Samples:
    """The mean of the first channel and the inverted second; (frames, 2) -> (frames,)"""
    return np.ascontiguousarray((block[:, 0] - block[:, 1]) / 2, np.float32)

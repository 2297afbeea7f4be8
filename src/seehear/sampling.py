"""Samples of rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def take_evenly(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Up to this many of the rows, evenly spaced."""
    chosen: NDArray[np.int64] = rows[np.linspace(0, len(rows) - 1, min(len(rows), most)).round().astype(int)]
    return chosen

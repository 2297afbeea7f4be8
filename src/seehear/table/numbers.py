"""Numbers in columns of text."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"


def parse_numbers(cells: pa.ChunkedArray) -> NDArray[np.float64]:
    """(rows,) the number in each cell; nan where it holds none."""
    try:
        found = pc.cast(cells, pa.float64())
    except pa.ArrowInvalid:  # not all of them are
        written = pc.if_else(pc.match_substring_regex(cells, _NUMBER), cells, pa.scalar(None, pa.large_string()))
        found = pc.cast(written, pa.float64())
    values: NDArray[np.float64] = pc.fill_null(found, np.nan).to_numpy()
    return np.where(np.isfinite(values), values, np.nan)

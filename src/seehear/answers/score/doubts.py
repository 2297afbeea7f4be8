"""Numbers far from all others: misplaced decimal points, and codes such as 999 for "unknown"."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from seehear.answers.doubt import Doubt
from seehear.answers.score.answer import parse_number
from seehear.errors import InputError
from seehear.geometry import Grid

FAR = 8.0  # interquartile ranges from the nearer quartile; a normal distribution reaches 3 in a million numbers
FEWEST = 20  # numbers that have quartiles worth the name


def find_doubts(cells: Sequence[str], grids: Sequence[Sequence[Grid]]) -> Iterator[Doubt]:
    """cells: of each row. The extents of its inputs do not matter."""
    values = np.array([_parse(cell) for cell in cells])
    known = values[np.isfinite(values)]
    if len(known) < FEWEST:
        return
    low, high = np.quantile(known, (0.25, 0.75))
    reach = FAR * (high - low)
    if not reach:
        return
    for row in np.flatnonzero((values < low - reach) | (values > high + reach)).tolist():
        yield Doubt(row, "far-off", f"{values[row]:g}, where half of the numbers are from {low:g} to {high:g}")


def _parse(cell: str) -> float:
    """nan for a cell that is not a number: it is reported as unusable."""
    try:
        return parse_number(cell)
    except InputError:
        return math.nan

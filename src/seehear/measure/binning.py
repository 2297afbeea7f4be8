"""Groups the rows of a metadata column: by value, or by range for a column of many different numbers."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.table.groups import is_group

Array = NDArray[Any]
MAX_NUMBERS = 6  # columns with more different numbers are binned
QUARTILES = (0.25, 0.5, 0.75)  # edges of the bins before rounding
WORDS_PER = 20  # a column is numeric if at most one of this many different cells is not a number


def group_rows(column: str, cells: Sequence[str]) -> dict[str, Array]:
    """The rows of each group by its name. Empty cells are in no group, nor are words in a numeric column."""
    values = [" ".join(cell.split()) for cell in cells]
    different = set(filter(None, values))
    numbers = [] if is_group(column) else [n for n in map(_to_number, different) if math.isfinite(n)]
    if len(numbers) > MAX_NUMBERS and (len(different) - len(numbers)) * WORDS_PER <= len(different):
        values = _bin([_to_number(value) for value in values])
    rows = defaultdict(list)
    for row, value in enumerate(values):
        rows[value].append(row)
    return {value: np.array(own) for value, own in rows.items() if value}


def _to_number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return math.nan


def _bin(numbers: Sequence[float]) -> list[str]:
    """The name of each number's bin, such as "30 to under 50"; "" if it is not finite."""
    edges = _edges(np.array([number for number in numbers if math.isfinite(number)]))
    inner = [f"{low:g} to under {high:g}" for low, high in pairwise(edges)]
    names = [f"under {edges[0]:g}", *inner, f"{edges[-1]:g} and over"]
    bins = np.searchsorted(edges, np.asarray(numbers), side="right")
    return [names[i] if math.isfinite(number) else "" for number, i in zip(numbers, bins, strict=True)]


def _edges(numbers: Array) -> list[float]:
    """Up to three round numbers near the quartiles."""
    quartiles = np.quantile(numbers, QUARTILES)
    spread = float(quartiles[-1] - quartiles[0])
    step = _round_down(spread / 3) if spread else 0
    rounded = np.round(quartiles / step) * step if step else quartiles[:1]
    return sorted({float(f"{edge:.6g}") for edge in rounded})


def _round_down(positive: float) -> float:
    """The largest of 1, 2 and 5 times a power of ten that is not larger."""
    power = 10.0 ** math.floor(math.log10(positive))
    return max(m * power for m in (1, 2, 5) if m * power <= positive * (1 + 1e-9))

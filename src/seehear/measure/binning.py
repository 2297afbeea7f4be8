"""Which examples of a metadata column belong together: those of one value, or of one band of numbers."""

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
MOST_NUMBERS = 6  # different ones; more than these are cut into bands
QUARTERS = (0.25, 0.5, 0.75)  # between four bands, before they are rounded
STRANGE = 20  # a column is one of numbers if at most one cell in so many is none


def group_rows(column: str, cells: Sequence[str]) -> dict[str, Array]:
    """The places of the examples of each group. An empty cell belongs to none; nor does a word among numbers."""
    values = [" ".join(cell.split()) for cell in cells]
    different = set(filter(None, values))
    numbers = [] if is_group(column) else [n for n in map(_number, different) if math.isfinite(n)]
    if len(numbers) > MOST_NUMBERS and (len(different) - len(numbers)) * STRANGE <= len(different):
        values = _banded([_number(value) for value in values])
    places = defaultdict(list)
    for place, value in enumerate(values):
        places[value].append(place)
    return {value: np.array(where) for value, where in places.items() if value}


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return math.nan


def _banded(numbers: Sequence[float]) -> list[str]:
    """The band that each number lies in, such as "30 to under 50"; "" for what is no number."""
    edges = _edges(np.array([number for number in numbers if math.isfinite(number)]))
    inner = [f"{low:g} to under {high:g}" for low, high in pairwise(edges)]
    names = [f"under {edges[0]:g}", *inner, f"{edges[-1]:g} and over"]
    bands = np.searchsorted(edges, np.asarray(numbers), side="right")
    return [names[band] if math.isfinite(number) else "" for number, band in zip(numbers, bands, strict=True)]


def _edges(numbers: Array) -> list[float]:
    """Up to three round numbers near the quartiles."""
    quartiles = np.quantile(numbers, QUARTERS)
    reach = float(quartiles[-1] - quartiles[0])
    step = _round(reach / 3) if reach else 0
    rounded = np.round(quartiles / step) * step if step else quartiles[:1]
    return sorted({float(f"{edge:.6g}") for edge in rounded})


def _round(positive: float) -> float:
    """The largest of 1, 2 and 5 times a power of ten that is no larger."""
    power = 10.0 ** math.floor(math.log10(positive))
    return max(m * power for m in (1, 2, 5) if m * power <= positive * (1 + 1e-9))

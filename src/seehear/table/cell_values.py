"""Values that cells of text hold: numbers, and where in its recording an example starts and ends."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from seehear.media import SpanColumns

_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"


def parse_numbers(cells: pa.ChunkedArray) -> NDArray[np.float64]:
    """(rows,) the number in each cell; nan where there is none."""
    try:
        parsed = pc.cast(cells, pa.float64())
    except pa.ArrowInvalid:  # not all cells are numbers
        numeric = pc.if_else(pc.match_substring_regex(cells, _NUMBER), cells, pa.scalar(None, pa.large_string()))
        parsed = pc.cast(numeric, pa.float64())
    values: NDArray[np.float64] = pc.fill_null(parsed, np.nan).to_numpy()
    return np.where(np.isfinite(values), values, np.nan)


def parse_spans(cells: pa.Table, columns: SpanColumns) -> NDArray[np.float64]:
    """(rows, 2) start and end in seconds; nan where a cell holds no number, both nan where the row is a whole file."""
    start, end = parse_numbers(cells[columns.start]), parse_numbers(cells[columns.end])
    if columns.lasts:
        end = start + end
    return np.where(has_span(cells, columns)[:, None], np.stack([start, end], axis=1), np.nan)


def has_span(cells: pa.Table, columns: SpanColumns) -> NDArray[np.bool_]:
    """(rows,) whether a row is a segment of its file. A duration without a start is the length of a whole file."""
    given = pc.is_valid(cells[columns.start])
    if not columns.lasts:
        given = pc.or_(given, pc.is_valid(cells[columns.end]))
    rows: NDArray[np.bool_] = given.to_numpy()
    return rows

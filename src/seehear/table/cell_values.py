"""Where in its file each example starts and ends, for tables that cut recordings."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from seehear.media import SpanColumns
from seehear.table.numbers import parse_numbers


def parse_spans(cells: pa.Table, columns: SpanColumns) -> NDArray[np.float64]:
    """(rows, 2) start and end in seconds; nan where a cell holds no number, and both where the file is whole."""
    start, end = parse_numbers(cells[columns.start]), parse_numbers(cells[columns.end])
    if columns.lasts:
        end = start + end
    return np.where(has_span(cells, columns)[:, None], np.stack([start, end], axis=1), np.nan)


def has_span(cells: pa.Table, columns: SpanColumns) -> NDArray[np.bool_]:
    """(rows,) whether a row says that it is a stretch. A duration without a start is that of the whole file."""
    told = pc.is_valid(cells[columns.start])
    if not columns.lasts:
        told = pc.or_(told, pc.is_valid(cells[columns.end]))
    rows: NDArray[np.bool_] = told.to_numpy()
    return rows

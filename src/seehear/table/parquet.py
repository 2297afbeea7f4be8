"""Parquet files in pieces whose size is known before they are made.

A few bytes may stand for gigabytes: one text for a million rows, packed pages, rows of nothing. What the file itself
says is checked first; texts are then read as numbers into a list of different ones, and measured before they are
written out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from seehear.errors import DataError

MOST_BYTES = 1 << 29  # of all cells as text
_CELL_BYTES = 8  # that a cell takes at least
_NOT_AS_DICTIONARY = ("DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY")  # the first: each text may repeat that before it


def read_batches(path: Path, name: str, most_rows: int) -> Iterator[dict[str, pa.Array]]:
    """The columns of a parquet file by heading, of at most so many rows at once.

    Raises DataError before anything is read of a file that says it is too large, and as soon as all so far is.
    """
    told = pq.read_metadata(path)
    chunks = [told.row_group(i).column(j) for i in range(told.num_row_groups) for j in range(told.num_columns)]
    cells = sum(chunk.num_values for chunk in chunks)
    _check(max(cells * _CELL_BYTES, sum(chunk.total_uncompressed_size for chunk in chunks)), name)
    delta = {chunk.path_in_schema: chunk for chunk in chunks if set(_NOT_AS_DICTIONARY) & set(chunk.encodings)}
    texts = {chunk.path_in_schema for chunk in chunks if chunk.physical_type == "BYTE_ARRAY"} - delta.keys()
    # a text that grows from row to row is never longer than all that is stored
    rows = min((MOST_BYTES // max(1, chunk.total_uncompressed_size) for chunk in delta.values()), default=most_rows)
    unfolded = 0
    with pq.ParquetFile(path, read_dictionary=sorted(texts)) as file:
        for batch in file.iter_batches(batch_size=max(1, min(rows, most_rows))):
            unfolded += sum(map(_bytes, batch.columns))
            _check(unfolded, name)
            yield {
                heading: cells.dictionary_decode() if pa.types.is_dictionary(cells.type) else cells
                for heading, cells in zip(batch.schema.names, batch.columns, strict=True)
            }


def _bytes(cells: pa.Array) -> int:
    """The approximate size of cells as text, in bytes, nested ones included."""
    if pa.types.is_dictionary(cells.type):
        lengths = pc.binary_length(cells.dictionary).take(cells.indices)
        return int(pc.sum(lengths).as_py() or 0) + _CELL_BYTES * len(cells)
    if pa.types.is_struct(cells.type):
        return sum(_bytes(each) for each in cells.flatten())
    if pa.types.is_list(cells.type) or pa.types.is_large_list(cells.type) or pa.types.is_fixed_size_list(cells.type):
        return _bytes(cells.flatten()) + _CELL_BYTES * len(cells)
    return max(int(cells.nbytes), _CELL_BYTES * len(cells))


def _check(unfolded: int, name: str) -> None:
    if unfolded > MOST_BYTES:
        raise DataError(
            f"it unfolds to {unfolded >> 20:,} MiB or more",
            where=name,
            allowed=f"up to {MOST_BYTES >> 20:,} MiB",
            hint="keep only the columns and rows that are needed, and split it by part",
        )

"""Read parquet files in batches whose size is checked before they are expanded.

A few bytes may stand for gigabytes: one text for a million rows, compressed pages, rows of nothing. The sizes that the
file declares are checked first. Texts are then read as dictionaries and measured before they are written out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from seehear.errors import DataError

MOST_BYTES = 1 << 29  # of all cells as text
_CELL_BYTES = 8  # at least, for each cell
_NOT_AS_DICTIONARY = (
    "DELTA_BYTE_ARRAY",
    "DELTA_LENGTH_BYTE_ARRAY",
)  # the first: each text may repeat the one before it


def read_batches(path: Path, name: str, most_rows: int) -> Iterator[dict[str, pa.Array]]:
    """The columns of a parquet file by heading, at most `most_rows` rows at a time.

    Raises DataError if the file declares too large a size, or as soon as what was read exceeds it.
    """
    metadata = pq.read_metadata(path)
    chunks = [
        metadata.row_group(i).column(j) for i in range(metadata.num_row_groups) for j in range(metadata.num_columns)
    ]
    cells = sum(chunk.num_values for chunk in chunks)
    _check_size(max(cells * _CELL_BYTES, sum(chunk.total_uncompressed_size for chunk in chunks)), name)
    delta = {chunk.path_in_schema: chunk for chunk in chunks if set(_NOT_AS_DICTIONARY) & set(chunk.encodings)}
    texts = {chunk.path_in_schema for chunk in chunks if chunk.physical_type == "BYTE_ARRAY"} - delta.keys()
    # A text that grows from row to row is never longer than everything stored.
    rows = min((MOST_BYTES // max(1, chunk.total_uncompressed_size) for chunk in delta.values()), default=most_rows)
    expanded_bytes = 0
    with pq.ParquetFile(path, read_dictionary=sorted(texts)) as file:
        for batch in file.iter_batches(batch_size=max(1, min(rows, most_rows))):
            expanded_bytes += sum(map(_text_bytes, batch.columns))
            _check_size(expanded_bytes, name)
            yield {
                heading: cells.dictionary_decode() if pa.types.is_dictionary(cells.type) else cells
                for heading, cells in zip(batch.schema.names, batch.columns, strict=True)
            }


def _text_bytes(cells: pa.Array) -> int:
    """The approximate size of cells as text, in bytes, including nested ones."""
    if pa.types.is_dictionary(cells.type):
        lengths = pc.binary_length(cells.dictionary).take(cells.indices)
        return int(pc.sum(lengths).as_py() or 0) + _CELL_BYTES * len(cells)
    if pa.types.is_struct(cells.type):
        return sum(_text_bytes(each) for each in cells.flatten())
    if pa.types.is_list(cells.type) or pa.types.is_large_list(cells.type) or pa.types.is_fixed_size_list(cells.type):
        return _text_bytes(cells.flatten()) + _CELL_BYTES * len(cells)
    return max(int(cells.nbytes), _CELL_BYTES * len(cells))


def _check_size(expanded_bytes: int, name: str) -> None:
    if expanded_bytes > MOST_BYTES:
        raise DataError(
            f"it expands to {expanded_bytes >> 20:,} MiB or more",
            where=name,
            allowed=f"up to {MOST_BYTES >> 20:,} MiB",
            hint="keep only the columns and rows that are needed, and split it by part",
        )

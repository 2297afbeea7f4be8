"""The layouts people keep examples in: one module per family, and the one tuple that lists their readers in order.

A reader looks at a place (a file or a folder) and gives what it found there, or None where it is not its layout.
Adding a layout is one module with such a function and one entry in READERS.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from seehear.errors import DataError
from seehear.table.layouts.class_folders import class_folders
from seehear.table.layouts.found import Found
from seehear.table.layouts.table_files import table_file, tables_in_folder

# The explicit before the implied: a table in a folder says more than the folder's shape.
READERS: tuple[Callable[[Path], Found | None], ...] = (table_file, tables_in_folder, class_folders)


def read_layout(place: Path) -> Found:
    """What is at a place, by the first reader that knows its layout. Raises DataError if none does."""
    for reader in READERS:
        if (found := reader(place)) is not None:
            return found
    raise DataError(
        "no layout that can be read",
        allowed="a folder of class folders, or a csv, tsv, jsonl or parquet table that names pictures or recordings",
        hint="make examples.csv with the headings image,label (or audio,label) beside the files",
    )


__all__ = ["READERS", "Found", "read_layout"]

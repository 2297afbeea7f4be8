"""The table of examples: one row for each, read from the usual dataset layouts, and split without leakage."""

from seehear.table.column_roles import KindLike
from seehear.table.duplicates import describe_part_overlap, find_overlap, find_rows_with_shared_files, find_shared_rows
from seehear.table.loader import open_table
from seehear.table.rows import Row, RowProblem, Table
from seehear.table.split import Split, group_rows, split

__all__ = [
    "KindLike",
    "Row",
    "RowProblem",
    "Split",
    "Table",
    "describe_part_overlap",
    "find_overlap",
    "find_rows_with_shared_files",
    "find_shared_rows",
    "group_rows",
    "open_table",
    "split",
]

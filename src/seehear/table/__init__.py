"""The table of examples: one row each, read from the layouts people have, and split without leaking."""

from seehear.table.copies import said_of_parts, shared
from seehear.table.opening import open_table
from seehear.table.roles import KindLike
from seehear.table.rows import Row, RowProblem, Table
from seehear.table.split import Split, grouped, split

__all__ = [
    "KindLike",
    "Row",
    "RowProblem",
    "Split",
    "Table",
    "grouped",
    "open_table",
    "said_of_parts",
    "shared",
    "split",
]

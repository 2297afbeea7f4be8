"""Columns that a user names for training."""

from __future__ import annotations

from seehear.errors import UsageError
from seehear.table import Table


def require_column(table: Table, name: str | None) -> str:
    """The name of a metadata column with at least two groups; "" for None. Raises UsageError for any other."""
    if name is None:
        return ""
    if name not in table.metadata:
        raise UsageError(
            f"no column '{name}' of groups",
            where=str(table.root),
            allowed=", ".join(table.metadata) or "a table with another column than inputs and answers",
        )
    if len(set(filter(None, table.metadata_column(name)))) < 2:
        raise UsageError(f"the column '{name}' has a single group", where=str(table.root), allowed="two or more groups")
    return name

"""What is odd about a truth in a table, as its kind of answer judges it."""

from __future__ import annotations

from typing import NamedTuple


class Doubt(NamedTuple):
    """One truth that may be wrong.

    row        its index in the column
    name       an adjective for the truth: outside, repeated, empty
    reason     why, in a few words
    corrected  the cell that is meant, if that is clear
    """

    row: int
    name: str
    reason: str
    corrected: str | None = None

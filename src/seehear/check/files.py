"""Finds files that cannot be read, and rows that cannot be used."""

from __future__ import annotations

from collections.abc import Iterator

from seehear.amounts import format_count
from seehear.check.examined import ExaminedTable
from seehear.check.finding import REMOVE, Concern, Finding


def find_unreadable(examined: ExaminedTable) -> Iterator[Finding]:
    """Find rows that the table left out, and inputs that cannot be decoded or are cut short."""
    yield from (Finding("how the table was read", "note", note) for note in examined.table.notes)
    left_out = tuple(Concern(each.where, each.what) for each in examined.table.problems)
    if left_out:
        yield Finding(
            "unusable rows",
            "problem",
            f"{format_count(len(left_out), 'row')} cannot be used: {left_out[0].where}: {left_out[0].reason}",
            left_out,
            {"rows": len(left_out)},
        )
    for each in examined.senses.values():
        damaged = tuple(
            Concern(examined.keys[row], each.errors[place].what, row, correction=REMOVE)
            for row, place in enumerate(each.inputs)
            if place in each.errors
        )
        if damaged:
            noun = format_count(len(each.errors), each.sense.noun)
            yield Finding(
                f"unreadable {each.sense.noun}",
                "problem",
                f"{noun} cannot be read: {damaged[0].where}: {damaged[0].reason}",
                damaged,
                {"files": len(each.errors), "rows": len(damaged)},
            )

"""Finds answers that cannot be used, and answers that look wrong, by the rules of their kind."""

from __future__ import annotations

from collections.abc import Iterator

from seehear.amounts import format_count
from seehear.answers import AnyKind
from seehear.answers.doubt import Doubt
from seehear.check.examined import ExaminedTable
from seehear.check.finding import REMOVE, Concern, Correction, Finding
from seehear.errors import InputError


def find_doubtful_answers(examined: ExaminedTable) -> Iterator[Finding]:
    if examined.kind is None:
        return
    yield from _find_unusable(examined, examined.kind)
    grids = [examined.grids_of(row) for row in range(len(examined.table))]
    by_name: dict[str, list[Doubt]] = {}
    for doubt in examined.kind.find_doubts(examined.answers, grids):
        by_name.setdefault(doubt.name, []).append(doubt)
    for name, doubts in by_name.items():
        concerns = tuple(
            Concern(
                examined.keys[doubt.row],
                doubt.reason,
                doubt.row,
                correction=None if doubt.corrected is None else Correction(doubt.corrected),
            )
            for doubt in doubts
        )
        yield Finding(
            f"{name} {examined.kind.name}",
            "warning",
            f"{format_count(len(doubts), 'row')} with {name} {examined.kind.name}: {concerns[0].where} has "
            f"{concerns[0].reason}",
            concerns,
            {"rows": len(doubts)},
        )


def _find_unusable(examined: ExaminedTable, kind: AnyKind) -> Iterator[Finding]:
    """Find cells that are not answers of this kind. Cells that name files are not checked: the files exist."""
    if examined.table.in_files:
        return
    errors: dict[str, str] = {}
    for cell in set(examined.answers):
        try:
            kind.check_cell(cell)
        except InputError as error:
            errors[cell] = error.what
    concerns = tuple(
        Concern(examined.keys[row], errors[cell], row, correction=REMOVE)
        for row, cell in enumerate(examined.answers)
        if cell in errors
    )
    if concerns:
        yield Finding(
            "unusable answers",
            "problem",
            f"{format_count(len(concerns), 'row')} cannot be trained on: {concerns[0].where}: {concerns[0].reason}",
            concerns,
            {"rows": len(concerns)},
        )

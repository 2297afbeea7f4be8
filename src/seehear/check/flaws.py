"""Finds inputs that are empty, dark, blurred, clipped, tiny or otherwise poor, by the rules of their sense."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from seehear.amounts import conjugate, format_count
from seehear.check.examined import ExaminedSense, ExaminedTable
from seehear.check.finding import REMOVE, Concern, Finding
from seehear.senses.examination import Flaw


def find_flaws(examined: ExaminedTable) -> Iterator[Finding]:
    for each in examined.senses.values():
        if each.sense.examiner is not None and each.measures:
            for flaw in each.sense.examiner.flaws:
                yield from _find_flaw(examined, each, flaw)


def _find_flaw(examined: ExaminedTable, each: ExaminedSense, flaw: Flaw) -> Iterator[Finding]:
    with np.errstate(invalid="ignore"):  # inputs that could not be read have no measures
        found = flaw.find(each.measures)
    rows = each.rows_of(found).tolist()
    if not rows:
        return
    concerns = tuple(
        Concern(examined.keys[row], _describe(each, flaw, row), row, correction=REMOVE if flaw.empty else None)
        for row in rows
    )
    count = int(found.sum())
    yield Finding(
        f"{flaw.name} {each.sense.noun}",
        "problem" if flaw.empty else "warning",
        f"{format_count(count, each.sense.noun)} {conjugate('is', count)} {flaw.name}: {concerns[0].where} "
        f"({concerns[0].reason})",
        concerns,
        {"inputs": count, "rows": len(rows)},
    )


def _describe(each: ExaminedSense, flaw: Flaw, row: int) -> str:
    examination = each.examination_of(row)
    return flaw.reason.format(**examination.measures) if examination else flaw.name

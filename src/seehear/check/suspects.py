"""Reports answers in the data that are probably wrong, according to models that were not trained on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from seehear.amounts import format_count
from seehear.answers import AnyKind
from seehear.answers.suspect import Suspect
from seehear.check.finding import Concern, Correction, Finding
from seehear.table import Table


def report_suspects(
    table: Table, rows: Sequence[int], kind: AnyKind, spec: Any, answers: Sequence[Any], truths: Sequence[Any]
) -> Iterator[Finding]:
    """Make a finding for each kind of error, the most likely ones first.

    rows   the rows of the table that were predicted
    """
    by_name: dict[str, list[Suspect]] = {}
    for suspect in kind.find_suspects(answers, truths, spec):
        by_name.setdefault(suspect.name, []).append(suspect)
    for name, suspects in by_name.items():
        probabilities = [each.probability for each in suspects if each.probability is not None]
        suspects.sort(key=lambda each: -(each.probability or 0.0))
        expected = sum(probabilities)
        estimate = f", probably {expected:,.0f} of them wrong" if probabilities else ""
        concerns = tuple(_to_concern(table, int(rows[each.row]), each) for each in suspects)
        yield Finding(
            f"suspected {name}",
            "warning",
            f"{format_count(len(suspects), 'row')} with a suspected {name}{estimate}: "
            f"{concerns[0].where} {concerns[0].reason}",
            concerns,
            {"rows": len(suspects), **({"expected_wrong": round(expected, 1)} if probabilities else {})},
        )


def _to_concern(table: Table, row: int, suspect: Suspect) -> Concern:
    correction = None if suspect.suggestion is None else Correction(suspect.suggestion)
    return Concern(table[row].key, suspect.reason, row, correction=correction)

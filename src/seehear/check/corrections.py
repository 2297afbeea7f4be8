"""Writes a corrected table beside the original, which does not change."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from seehear.amounts import format_count
from seehear.check.finding import Concern, Correction
from seehear.check.report import CheckReport
from seehear.files import write_atomically
from seehear.media import find_span, medium_of, path_of
from seehear.table import Row, Table

REASON, PART = "reason", "part"
COLUMNS = {"picture": "image", "recording": "audio", "video": "video"}  # by medium
SPAN = ("start_s", "end_s")


class Corrected(NamedTuple):
    """What was written: a table of the rows that were kept, and one of those that were removed."""

    table: Path
    removed: Path
    rows_kept: int
    rows_changed: int
    rows_removed: int

    def __str__(self) -> str:
        kept = f"{format_count(self.rows_kept, 'row')} ({self.rows_changed:,} with another answer) in {self.table}"
        return f"{kept}; {format_count(self.rows_removed, 'row')} removed, in {self.removed}"


def write_corrected(table: Table, report: CheckReport, path: Path) -> Corrected:
    """Write the table with the corrections of a report, each row with the reason for its correction.

    Rows that are removed are written, with their reasons, to a second table, whose name ends in -removed. If several
    findings correct one row, removal wins over a changed answer, and the most serious finding gives the reason.
    Files are named relative to the new tables.
    """
    corrections = _choose_corrections(report)
    kept, removed, changed = [], [], 0
    for index, row in enumerate(table):
        chosen = corrections.get(index)
        correction, reason = (None, "") if chosen is None else chosen
        if correction is not None and correction.answer is None:
            removed.append(_to_cells(table, row, row.answer, reason, path.parent))
        else:
            answer = row.answer if correction is None else correction.answer
            changed += answer != row.answer
            kept.append(_to_cells(table, row, answer, reason, path.parent))
    beside = path.with_name(f"{path.stem}-removed{path.suffix}")
    write_atomically(path, _to_csv(kept))
    write_atomically(beside, _to_csv(removed))
    return Corrected(path, beside, len(kept), changed, len(removed))


def _choose_corrections(report: CheckReport) -> dict[int, tuple[Correction, str]]:
    """The correction of each row that has one, and its reason."""
    chosen: dict[int, tuple[Correction, str]] = {}
    for finding in report.findings:
        for concern in finding.concerns:
            if concern.row is not None and concern.correction is not None and _precedes(concern, chosen):
                chosen[concern.row] = (concern.correction, f"{finding.kind}: {concern.reason}")
    return chosen


def _precedes(concern: Concern, chosen: Mapping[int, tuple[Correction, str]]) -> bool:
    before = chosen.get(concern.row if concern.row is not None else -1)
    removes = concern.correction is not None and concern.correction.answer is None
    return before is None or (removes and before[0].answer is not None)


def _to_cells(table: Table, row: Row, answer: str | None, reason: str, folder: Path) -> dict[str, str]:
    def locate(file: str | Path) -> str:
        return Path(os.path.relpath(Path(file).absolute(), folder.absolute())).as_posix()

    files = {COLUMNS[medium_of(path_of(each).name) or "picture"]: locate(path_of(each)) for each in row.inputs.values()}
    span_s = find_span(row.inputs.values())
    span = {} if span_s is None else dict(zip(SPAN, map(repr, span_s), strict=True))
    heading = table.answer_column or table.kind or ""
    truth = {} if answer is None else {heading: locate(answer) if table.in_files else answer}
    part = {PART: row.part} if row.part else {}
    metadata = {name: cell for name, cell in row.metadata.items() if name != REASON}
    return {**files, **span, **truth, **metadata, **part, REASON: reason}


def _to_csv(rows: Sequence[Mapping[str, str]]) -> bytes:
    headings = dict.fromkeys(heading for row in rows for heading in row if heading != REASON)
    text = StringIO(newline="")
    writer = csv.DictWriter(text, [*headings, REASON])  # not CsvWriter, which changes some cells
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", "surrogateescape")

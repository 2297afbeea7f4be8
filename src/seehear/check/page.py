"""Writes the findings as one HTML page that needs no other file, with thumbnails and sounds of the rows concerned."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from seehear.check.finding import Concern, Finding
from seehear.check.report import CheckReport
from seehear.errors import InputError
from seehear.files import write_atomically
from seehear.results.report.embedding import render
from seehear.senses import SENSES
from seehear.table import Table

SHOWN = 12  # concerns of each finding
BESIDE = 3  # rows that one concern is shown with


class Shown(NamedTuple):
    """A row: its name, its answer, and its inputs as (tag, data URI)."""

    name: str
    answer: str
    inputs: Sequence[tuple[str, str]]


class ShownConcern(NamedTuple):
    concern: Concern
    rows: Sequence[Shown]  # its own first, then those it is compared with


def write_page(folder: Path, table: Table, report: CheckReport) -> Path:
    """Write index.html into a folder, which is created if it does not exist; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    shown = [(finding, _show_concerns(table, finding)) for finding in report.findings]
    page = folder / "index.html"
    text = render("check.html", report=report, findings=shown)
    write_atomically(page, text.encode("utf-8", "replace"))
    return page


def _show_concerns(table: Table, finding: Finding) -> list[ShownConcern]:
    shown = []
    for concern in finding.concerns[:SHOWN]:
        rows = () if concern.row is None else (concern.row, *concern.beside[:BESIDE])
        shown.append(ShownConcern(concern, [_show_row(table, row) for row in rows]))
    return shown


def _show_row(table: Table, index: int) -> Shown:
    row = table[index]
    inputs = []
    for sense, source in row.inputs.items():
        examiner = SENSES[sense].examiner
        try:
            presented = examiner.present(source) if examiner is not None else None
        except InputError:  # which is what the finding says
            presented = None
        if presented is not None:
            uri = f"data:{presented.mime};base64,{base64.b64encode(presented.content).decode()}"
            inputs.append((presented.mime.partition("/")[0], uri))
    answer = "" if row.answer is None or table.in_files else row.answer
    return Shown(row.key, answer if len(answer) <= 60 else f"{answer[:59]}…", inputs)

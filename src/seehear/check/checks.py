"""Checks a dataset: examines every input once, then runs every check."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from seehear.check.answers import find_doubtful_answers
from seehear.check.classes import count_classes
from seehear.check.corrections import write_corrected
from seehear.check.deep import UNSUSPECTED, look_deeper
from seehear.check.duplicates import find_duplicates
from seehear.check.examined import ExaminedTable, examine_table
from seehear.check.files import find_unreadable
from seehear.check.finding import Finding
from seehear.check.flaws import find_flaws
from seehear.check.personal import find_personal_data
from seehear.check.report import CheckReport
from seehear.check.shortcuts import find_shortcuts
from seehear.datasets import Location, open_labelled
from seehear.errors import UsageError
from seehear.events import Listener, Notice, ignore_events
from seehear.files import check_writable, write_atomically
from seehear.folders import temporary_folder
from seehear.table import Table

Check = Callable[[ExaminedTable], Iterable[Finding]]

CHECKS: tuple[Check, ...] = (
    find_unreadable,
    find_duplicates,
    find_shortcuts,
    find_doubtful_answers,
    find_flaws,
    count_classes,
    find_personal_data,
)
NEVER_LOOKED_FOR = (
    UNSUSPECTED,
    "whether the examples are like the inputs that the model will get",
    "faces, voices, names and other personal data in what is shown or said",
    "whether you may use the data: consent, licences, copyright",
)


def check(  # noqa: PLR0913 - one argument for each option
    data: Location,
    *,
    answer: str | None = None,
    senses: Sequence[str] | None = None,
    deep: bool = False,
    minutes: float | None = None,
    report: str | Path | None = None,
    sheet: str | Path | None = None,
    fix: str | Path | None = None,
    listen: Listener = ignore_events,
) -> CheckReport:
    """Find what is wrong with a folder or table of examples.

    deep     also train models on some of the examples and predict the others, to find answers that are probably
             wrong and to estimate how much more examples would help. Can take as long as training
    minutes  time for training in a deep check; chosen from the data by default
    report   a folder for a page with all findings, with pictures and sounds
    sheet    where to write a data sheet (Markdown), with blanks for what only people can know
    fix      where to write a corrected table (csv), with the reason in each row that differs; rows that are removed
             go to a second table beside it. The original is never changed

    Inputs that cannot be read are findings. Raises DataError if no row can be used, and UsageError for `fix` with an
    archive, because its files are deleted after the check.
    """
    for written in (fix, sheet):
        if written is not None:
            check_writable(Path(written))
    with temporary_folder() as workspace:
        table = open_labelled(data, answer, senses, workspace / "unpacked")
        if fix is not None and table.root.is_relative_to(workspace):
            raise UsageError("an archive cannot be corrected", where=str(data), hint="unpack it, and check the folder")
        checked = check_table(table, listen)
        if deep:
            checked = look_deeper(table, checked, minutes, workspace, listen)
        if report is not None:
            from seehear.check.page import write_page  # which needs Jinja

            write_page(Path(report), table, checked)
        if sheet is not None:
            _write_sheet(Path(sheet), str(data), table, checked)
        if fix is not None:
            listen(Notice(str(write_corrected(table, checked, Path(fix)))))
        return checked


def _write_sheet(path: Path, data: str, table: Table, checked: CheckReport) -> None:
    from seehear.check.data_sheet import render_data_sheet
    from seehear.learn.provenance import hash_data

    write_atomically(path, render_data_sheet(Path(data).name, table, checked, hash_data([table])).encode())


def check_table(table: Table, listen: Listener = ignore_events, *, keys: Sequence[str] | None = None) -> CheckReport:
    """Find everything that can be found without training. Inputs that cannot be read are findings, not errors.

    keys    what people call each row; by default what the table does
    """
    return run_checks(examine_table(table, table.senses, listen, keys))


def run_checks(examined: ExaminedTable) -> CheckReport:
    """Run all checks."""
    findings = [finding for check in CHECKS for finding in check(examined)]
    return CheckReport.of(len(examined.table), findings, [*NEVER_LOOKED_FOR, *_list_blind_spots(examined)])


def _list_blind_spots(examined: ExaminedTable) -> list[str]:
    """What cannot be checked in the answers and senses of this table."""
    answers = ["the contents of the answer files"] if examined.table.in_files else []
    return answers + [
        sentence
        for each in examined.senses.values()
        for sentence in (
            each.sense.examiner.not_looked_for
            if each.sense.examiner
            else [f"duplicates and quality of what `{each.sense.name}` reads; only whether it can be read was checked"]
        )
    ]

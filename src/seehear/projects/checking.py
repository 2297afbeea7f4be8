"""Checks the examples of a project before training, and corrects what can be corrected as one change.

The parts are those that training will use: what is undecided counts as learned from, unless nothing was held out yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seehear.amounts import format_count
from seehear.errors import DataError, UsageError
from seehear.events import Listener, ignore_events
from seehear.folders import temporary_folder
from seehear.projects import editing
from seehear.projects.columns import find_answer_column
from seehear.projects.examples import Query
from seehear.projects.history import find_last_of_examples
from seehear.projects.training_data import ID, TRAIN, open_table, write_table

if TYPE_CHECKING:
    from seehear.check import CheckReport, Concern, Finding
    from seehear.projects.project import Project


@dataclass(frozen=True)
class ProjectCheck:
    """What a check found in the examples of a project that have an answer.

    as_of     the newest change of the examples when it began
    examples  the id of the example in each row that the concerns of the report name
    answers   that the examples had, by id
    """

    as_of: int
    report: CheckReport
    examples: Sequence[int]
    answers: Mapping[int, str]

    def example_of(self, concern: Concern) -> int | None:
        """The id of the example that a concern is about; None for a row that cannot be used."""
        return None if concern.row is None else self.examples[concern.row]

    def to_json(self) -> dict[str, Any]:
        found = self.report.to_json()
        for finding, shown in zip(self.report.findings, found["findings"], strict=True):
            for concern, each in zip(finding.concerns, shown["concerns"], strict=True):
                each["example"] = self.example_of(concern)
        return found


def check_examples(project: Project, listen: Listener = ignore_events) -> ProjectCheck:
    """See `Project.check`."""
    from seehear.check import check_table

    as_of = read_state(project)
    column = project.answer_column()
    chosen = project.examples(Query(answered=True), limit=None)
    if column is None or not chosen:
        raise DataError("there is nothing to check yet", where=project.slug, hint="add examples with answers")
    undecided = TRAIN if any(each.part for each in chosen) else ""
    parts = {each.id: each.part or undecided for each in chosen}
    names = {each.id: each.name for each in chosen}
    with temporary_folder() as folder:
        write_table(project, chosen, parts, folder / "examples.csv")
        table = open_table(project, folder / "examples.csv", folder / "unpacked")
        ids = [int(number) for number in table.metadata_column(ID)]
        report = check_table(table, listen, keys=[names[number] for number in ids])
    return ProjectCheck(as_of, report, ids, {each.id: each.answers[column.heading] for each in chosen})


def read_state(project: Project) -> int:
    """The newest change of an example: a check is out of date when there is a newer one."""
    with project.database.reading() as connection:
        return find_last_of_examples(connection)


def list_corrections(checked: ProjectCheck, finding: Finding) -> Mapping[int, str | None]:
    """By example: the answer that it should have, None if it should be removed."""
    return {
        checked.examples[each.row]: each.correction.answer
        for each in finding.concerns
        if each.row is not None and each.correction is not None
    }


def correct(project: Project, checked: ProjectCheck, finding: Finding) -> int | None:
    """See `Project.correct`."""
    wanted = list_corrections(checked, finding)
    if not wanted:
        raise UsageError(f"nothing of {finding.kind!r} can be corrected here", hint="look at the examples one by one")
    removed = sum(answer is None for answer in wanted.values())
    changed = len(wanted) - removed
    done = [f"gave another answer to {format_count(changed, 'example')}"] if changed else []
    done += [f"removed {format_count(removed, 'example')}"] if removed else []
    with project.database.writing() as connection:
        column = editing.require_column(find_answer_column(connection))
        what = f"{' and '.join(done)} ({finding.kind})"
        given = {number: (checked.answers[number], answer) for number, answer in wanted.items()}
        return editing.correct(connection, project.who, column, what, given)

"""Imports data in any layout that training reads: first what was understood, then all of it or nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seehear.amounts import format_count
from seehear.errors import DataError, InputError, UsageError
from seehear.events import Advanced, Finished, Listener, Skipped, Started
from seehear.folders import temporary_folder
from seehear.media import find_span, path_of
from seehear.problems import RowProblem
from seehear.projects.arrivals import READING, Arriving, stage_examples
from seehear.projects.columns import ANSWER, SENSES, AnswerColumn, find_answer_column, read_setting
from seehear.projects.content_store import Staging, StoredFile
from seehear.projects.editing import check_cell, check_classes
from seehear.projects.examples import Added, NewExample
from seehear.projects.fields import Edit

if TYPE_CHECKING:
    from seehear.projects.project import Project
    from seehear.table import Row, Table

GROUP = "group"  # setting: the heading of the groups
_SHOWN = 6  # names of examples


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was understood of some data, before any of it is added to the project.

    column    what it answers; None without answers
    senses    the senses that its examples have
    classes   examples by class, most first; {} for kinds of answer without classes
    parts     examples by part
    group     the column that says which examples belong together; "" for none
    names     the first examples
    notes     what was inferred, in sentences
    problems  rows and files that would be left out
    """

    column: AnswerColumn | None
    senses: Sequence[str]
    examples: int
    classes: Mapping[str, int]
    parts: Mapping[str, int]
    group: str
    names: Sequence[str]
    notes: Sequence[str]
    problems: Sequence[RowProblem]

    def to_json(self) -> dict[str, Any]:
        return {
            "answer": None if self.column is None else {"heading": self.column.heading, "kind": self.column.kind_name},
            "senses": list(self.senses),
            "examples": self.examples,
            "classes": dict(self.classes),
            "parts": dict(self.parts),
            "group": self.group,
            "names": list(self.names),
            "notes": list(self.notes),
            "problems": [problem.to_json() for problem in self.problems],
        }


def inspect(
    project: Project, data: str | Path, *, answer: str | None = None, senses: Sequence[str] | None = None
) -> Inspection:
    """See `Project.inspect`."""
    with _open(project, data, answer, senses) as table:
        column = _column_of(table)
        counted = Counter(map(column.stratum, table.answers())) if column else Counter[str]()
        return Inspection(
            column=column,
            senses=table.senses,
            examples=len(table),
            classes={name: count for name, count in counted.most_common() if name},
            parts={part: len(table.part(part)) for part in table.parts},
            group=_group_heading(table),
            names=[table[i].key for i in range(min(_SHOWN, len(table)))],
            notes=table.notes,
            problems=table.problems,
        )


def import_data(
    project: Project,
    data: str | Path,
    *,
    answer: str | None = None,
    senses: Sequence[str] | None = None,
    listen: Listener,
) -> Added:
    """See `Project.import_data`."""
    with _open(project, data, answer, senses) as table, project.store.staging() as staging:
        listen(Skipped(table.problems))
        found, group = _column_of(table), _group_heading(table)
        column = project.answer_column() or found
        new, problems = _stage(project, table, column, group, staging, listen)
        listen(Skipped(problems))
        if not new:
            return Added([], (), (*table.problems, *problems))
        staging.flush()
        wanted = {
            ANSWER: column and column.to_setting(),
            SENSES: json.dumps(list(table.senses)),
            GROUP: json.dumps(group) if group else None,
        }
        with project.database.writing() as connection:
            if (meanwhile := find_answer_column(connection)) not in (None, column):
                raise UsageError(f"the project's answers are now {meanwhile.heading!r}", hint="try again")
            unset = [name for name, value in wanted.items() if value and read_setting(connection, name) is None]
            edits = [Edit("setting", None, name, None, wanted[name]) for name in unset]
            added = project.add_within(connection, staging, new, f"from {Path(data).name}", edits)
        listen(Skipped(added.problems))
        return Added(added.ids, added.known, (*table.problems, *problems, *added.problems))


@contextmanager
def _open(project: Project, data: str | Path, answer: str | None, senses: Sequence[str] | None) -> Iterator[Table]:
    """The data as a table, with the answers that the project is about, or with none.

    Raises DataError if nothing can be used, UsageError if its answers are of another kind.
    """
    try:
        import seehear.table  # noqa: F401 - whether it can be
    except ImportError:
        hint = "pip install 'seehear[train]', or add single pictures and recordings"
        raise UsageError("reading folders and tables needs the training installation", hint=hint) from None
    column = project.answer_column()
    chosen = senses or project.setting(SENSES)
    with temporary_folder() as workspace:
        table = _open_as(data, answer, column, chosen, workspace / "unpacked")
        if column is not None and table.kind not in (None, column.kind_name):
            what = f"its answers are of the kind {table.kind!r}, those of the project {column.kind_name!r}"
            raise UsageError(what, where=str(data), hint="make another project for it: seehear project new NAME")
        yield table


def _open_as(
    data: str | Path,
    answer: str | None,
    column: AnswerColumn | None,
    senses: Sequence[str] | None,
    workspace: Path,
) -> Table:
    """The table with the answer that is wanted, or as it would be inferred; with the project's, if it has that too."""
    from seehear.datasets import open_labelled

    if column is None or answer is not None:
        return open_labelled(data, answer, senses, workspace)
    try:
        table = open_labelled(data, None, senses, workspace)
    except DataError:  # perhaps it has several columns that could be the answer
        return open_labelled(data, column.kind_name, senses, workspace)
    if table.kind in (None, column.kind_name):
        return table
    with suppress(DataError, UsageError):
        other = open_labelled(data, column.kind_name, senses, workspace)
        if other.answer_column != table.answer_column:
            return other
    return table


def _column_of(table: Table) -> AnswerColumn | None:
    return None if table.kind is None else AnswerColumn(table.answer_column or table.kind, table.kind)


def _group_heading(table: Table) -> str:
    """The first column that says which examples belong together; "" for none."""
    from seehear.table.groups import RECORDING, is_group

    return next((name for name in table.metadata if is_group(name) and name != RECORDING), "")


def _stage(
    project: Project, table: Table, column: AnswerColumn | None, group: str, staging: Staging, listen: Listener
) -> tuple[list[NewExample], list[RowProblem]]:
    """(the examples of a table, with their files staged; problems of those that cannot be read)."""
    listen(Started(READING, len(table), "examples"))
    new: list[NewExample] = []
    problems: list[RowProblem] = []
    rows = zip(table, _stand_alone(table), strict=True)
    arriving = (Arriving((row, cell), row.key, row.inputs) for row, cell in rows)
    for done, ((row, cell), files, error) in enumerate(stage_examples(project.place.folder, staging, arriving), 1):
        if error is not None:
            problems.append(RowProblem.of(error, row.key))
        elif isinstance(cell, InputError):
            problems.append(RowProblem.of(cell, row.key))
        else:
            new.append(_to_example(row, cell, files, column, group))
        listen(Advanced(READING, done))
    listen(Finished(READING, format_count(len(new), "example")))
    return new, problems


def _stand_alone(table: Table) -> Iterator[str | InputError | None]:
    """The answer of each row as a cell that names no file, or why it cannot be read."""
    column = _column_of(table)
    if column is None or not table.in_files:
        yield from (_check_cell(row.answer, column) for row in table)
        return
    kind = column.kind
    spec = kind.plan(table.answers(), column.heading)
    for cell in table.answers():
        try:
            yield _check_cell(kind.read(cell, spec).to_cell(), column)
        except InputError as error:
            yield error


def _check_cell(cell: str | None, column: AnswerColumn | None) -> str | InputError | None:
    """A cell as a person could type it, or why not: the name of a folder or a region need not be one for a class."""
    if cell is None or column is None:
        return None
    try:
        trimmed = check_cell(cell)
        check_classes(column, trimmed)
    except (InputError, UsageError) as error:
        return InputError(error.what, allowed=error.allowed, hint=error.hint)
    return trimmed


def _to_example(
    row: Row, cell: str | None, files: Mapping[str, StoredFile], column: AnswerColumn | None, group: str
) -> NewExample:
    from seehear.table.groups import RECORDING

    answers = {} if column is None or cell is None else {column.heading: cell}
    if column is not None and row.auxiliary:
        answers[column.kind.auxiliary_columns[0]] = row.auxiliary
    return NewExample(
        name=path_of(next(iter(row.inputs.values()))).name,
        inputs=files,
        span_s=find_span(row.inputs.values()),
        answers=answers,
        part=row.part,
        group=row.metadata.get(group, ""),
        metadata={name: text for name, text in row.metadata.items() if text and name not in (group, RECORDING)},
    )

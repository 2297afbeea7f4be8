"""Adds files that are one example each, all with the same answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy.engine import Connection

from seehear.amounts import format_count
from seehear.errors import InputError
from seehear.events import Advanced, Finished, Listener, Started
from seehear.media import medium_of, medium_of_file
from seehear.problems import RowProblem
from seehear.projects import history
from seehear.projects.adding import find_sense
from seehear.projects.arrivals import READING, Arriving, stage_examples
from seehear.projects.columns import find_answer_column, read_senses
from seehear.projects.content_store import Staging, StoredFile
from seehear.projects.editing import check_new_answers, check_part
from seehear.projects.examples import Added, NewExample

if TYPE_CHECKING:
    from seehear.projects.project import Project


class Common(NamedTuple):
    """What all examples have in common: their answer, if one is given, their group and their part."""

    answer: str | None
    group: str
    part: str


class _Given(NamedTuple):
    """A file: its name as an example and in messages, its medium, and where it is."""

    name: str
    shown: str
    medium: str
    source: Path | StoredFile


def add_files(project: Project, files: Iterable[str | Path], common: Common, listen: Listener) -> Added:
    """See `Project.add`."""
    given = [_Given(path.name, str(path), medium_of_file(path), path) for path in map(Path, files)]
    with project.store.staging() as staging:
        return _add(project, staging, given, [], common, listen)


def add_uploads(
    project: Project, uploads: Iterable[tuple[str, Iterable[bytes]]], common: Common, listen: Listener
) -> Added:
    """See `Project.add_uploads`."""
    given: list[_Given] = []
    problems: list[RowProblem] = []
    with project.store.staging() as staging:
        for name, blocks in uploads:
            try:
                given.append(_Given(name, name, medium_of(name), staging.write(blocks, name)))
            except InputError as error:
                problems.append(RowProblem.of(error, name))
        return _add(project, staging, given, problems, common, listen)


def _add(
    project: Project,
    staging: Staging,
    given: Sequence[_Given],
    problems: Sequence[RowProblem],
    common: Common,
    listen: Listener,
) -> Added:
    """`problems` are those of files that are left out already."""
    with project.database.reading() as connection:
        _read_cells(connection, common)  # reports a wrong answer before files are read
        senses = read_senses(connection)
    left_out = list(problems)
    arriving: list[Arriving[str]] = []
    for each in given:
        if sense := find_sense(each.medium, senses):
            arriving.append(Arriving(each.name, each.shown, {sense: each.source}))
        else:
            left_out.append(RowProblem(each.shown, "is neither a picture nor a recording that is read here"))
    new: list[NewExample] = []
    listen(Started(READING, len(arriving), "files"))
    for done, (name, files, error) in enumerate(stage_examples(project.place.folder, staging, arriving), 1):
        if error is None:
            new.append(NewExample(name, files, group=common.group, part=common.part))
        else:
            left_out.append(RowProblem.of(error, name))
        listen(Advanced(READING, done))
    listen(Finished(READING, format_count(len(new), "file")))
    if not new:
        return Added([], (), left_out)
    staging.flush()
    with project.database.writing() as connection:
        cells = _read_cells(connection, common)
        detail = "" if common.answer is None else f"to {history.shorten(common.answer)}"
        added = project.add_within(connection, staging, [replace(each, answers=cells) for each in new], detail)
    return Added(added.ids, added.known, (*left_out, *added.problems))


def _read_cells(connection: Connection, common: Common) -> dict[str, str]:
    """The common answer by its heading. Raises UsageError for an answer or a part that cannot be."""
    check_part(common.part)
    return check_new_answers(find_answer_column(connection), common.answer)

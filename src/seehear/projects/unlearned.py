"""The examples of a project that versions did not learn from, as a table: to measure them on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from seehear.errors import DataError
from seehear.folders import temporary_folder
from seehear.projects.examples import Query, read_examples
from seehear.projects.fields import chunks
from seehear.projects.schema import inputs, version_examples
from seehear.projects.training_data import TRAIN, open_table, write_table

if TYPE_CHECKING:
    from seehear.projects.project import Project
    from seehear.table import Table


@dataclass(frozen=True)
class Unlearned:
    """
    table   its metadata column `example` has the id of each
    names   of the examples, by id
    gone    how many were held out, but removed since
    """

    table: Table
    names: Mapping[int, str]
    gone: int


@contextmanager
def open_unlearned(project: Project, numbers: Sequence[int]) -> Iterator[Unlearned]:
    """All examples with an answer that none of these versions learned from. Raises DataError if there are none."""
    with project.database.reading() as connection:
        ids = _drop_learned(connection, list(project.find(Query(answered=True))), numbers)
        examples = read_examples(connection, ids)
        gone = _count_gone(connection, ids, numbers)
    if not examples:
        named = [f"version {number}" for number in numbers]
        what = f"there is no example that neither {' nor '.join(named)} learned from"
        if len(named) == 1:
            what = f"there is no example that {named[0]} did not learn from"
        raise DataError(what, where=project.slug, hint="add examples, and train again: some are held out")
    with temporary_folder() as folder:
        write_table(project, examples, dict.fromkeys(ids, ""), folder / "examples.csv")
        table = open_table(project, folder / "examples.csv", folder / "unpacked")
        yield Unlearned(table, dict(zip(ids, (each.name for each in examples), strict=True)), gone)


def _drop_learned(connection: Connection, ids: Sequence[int], numbers: Sequence[int]) -> list[int]:
    """Drop the examples that share a file with an example on which one of the versions was trained."""
    learned = (
        sa.select(inputs.c.sha256)
        .join(version_examples, version_examples.c.example_id == inputs.c.example_id)
        .where(version_examples.c.number.in_(numbers), version_examples.c.part == TRAIN)
    )
    seen: set[int] = set()
    for some in chunks(ids):
        where = inputs.c.example_id.in_(some), inputs.c.sha256.in_(learned)
        seen |= set(connection.execute(sa.select(inputs.c.example_id).where(*where)).scalars())
    return [number for number in ids if number not in seen]


def _count_gone(connection: Connection, ids: Sequence[int], numbers: Sequence[int]) -> int:
    """How many examples that were held out for one of the versions are not compared on: they were removed since."""
    where = version_examples.c.number.in_(numbers), version_examples.c.part != TRAIN
    held_out = set(connection.execute(sa.select(version_examples.c.example_id).where(*where)).scalars())
    return len(held_out - set(ids))

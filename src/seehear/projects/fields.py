"""The fields that a change can set: how each is read from the database and written to it, as text or None.

field     of                key              value
present   an example        ""               "yes" while it belongs to the project
part      an example        ""               train, val, test, or "" while undecided
group     an example        ""               the patient, speaker or place; "" for none
answer    an example        column heading   the cell
class     the project       name             its position
setting   the project       name             JSON
review    a kept answer     its id           waiting, accepted, corrected, none, skipped or dismissed
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from seehear.projects.columns import find_answer_column
from seehear.projects.schema import LONGEST_CLASS, answers, changes, classes, examples, predictions, settings

PRESENT = "yes"
_CHUNK = 500  # values in one statement: databases have limits from about 1,000

Key = tuple[int | None, str]
Values = Mapping[Key, str | None]


class Edit(NamedTuple):
    """One field of an example, or of the project if `example_id` is None: its value before and after."""

    field: str
    example_id: int | None
    key: str
    before: str | None
    after: str | None


class Field(NamedTuple):
    """read   (connection, edits) -> the values now by (example_id, key), of at least these; what has none is left out
    write  (connection, change_id, edits) sets each to its `after`
    """

    read: Callable[[Connection, Sequence[Edit]], Values]
    write: Callable[[Connection, int, Sequence[Edit]], None]


def chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Few enough values at a time for one statement."""
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]


def _of_examples(name: str, show: Callable[[Any], str | None], store: Callable[[str | None], Any]) -> Field:
    """A column of the table of examples."""

    def read(connection: Connection, edits: Sequence[Edit]) -> Values:
        values: dict[Key, str | None] = {}
        for some in chunks([edit.example_id for edit in edits]):
            found = connection.execute(sa.select(examples.c.id, examples.c[name]).where(examples.c.id.in_(some)))
            values |= {(number, ""): show(value) for number, value in found}
        return values

    def write(connection: Connection, _change_id: int, edits: Sequence[Edit]) -> None:
        update = examples.update().where(examples.c.id == sa.bindparam("at")).values({name: sa.bindparam("value")})
        connection.execute(update, [{"at": edit.example_id, "value": store(edit.after)} for edit in edits])

    return Field(read, write)


def _read_answers(connection: Connection, edits: Sequence[Edit]) -> Values:
    values: dict[Key, str | None] = {}
    columns = answers.c.example_id, answers.c.heading, answers.c.cell
    for some in chunks([edit.example_id for edit in edits]):
        found = connection.execute(sa.select(*columns).where(answers.c.example_id.in_(some)))
        values |= {(number, heading): cell for number, heading, cell in found}
    return values


def _write_answers(connection: Connection, change_id: int, edits: Sequence[Edit]) -> None:
    gone = [{"at": edit.example_id, "under": edit.key} for edit in edits if edit.before is not None]
    if gone:
        here = answers.c.example_id == sa.bindparam("at"), answers.c.heading == sa.bindparam("under")
        connection.execute(answers.delete().where(*here), gone)
    insert_answers(connection, change_id, edits)


def insert_answers(connection: Connection, change_id: int, edits: Sequence[Edit]) -> None:
    """Write answers where there are none."""
    column = find_answer_column(connection)
    rows = [
        {
            "example_id": edit.example_id,
            "heading": edit.key,
            "cell": edit.after,
            "stratum": column.stratum(edit.after)[:LONGEST_CLASS] if column and edit.key == column.heading else "",
            "change_id": change_id,
        }
        for edit in edits
        if edit.after is not None
    ]
    if rows:
        connection.execute(answers.insert(), rows)


def _of_project(table: sa.Table, store: Callable[[str], Any]) -> Field:
    """A table of the project, with a name and a value in each row."""
    name, value = table.columns

    def read(connection: Connection, edits: Sequence[Edit]) -> Values:
        found = connection.execute(sa.select(name, value).where(name.in_([edit.key for edit in edits])))
        return {(None, key): str(cell) for key, cell in found}

    def write(connection: Connection, _change_id: int, edits: Sequence[Edit]) -> None:
        for edit in edits:
            connection.execute(table.delete().where(name == edit.key))
            if edit.after is not None:
                connection.execute(table.insert().values({name: edit.key, value: store(edit.after)}))

    return Field(read, write)


def _read_reviews(connection: Connection, edits: Sequence[Edit]) -> Values:
    values: dict[Key, str | None] = {}
    for some in chunks([int(edit.key) for edit in edits]):
        found = connection.execute(sa.select(predictions.c.id, predictions.c.state).where(predictions.c.id.in_(some)))
        values |= {(None, str(number)): state for number, state in found}
    return values


def _write_reviews(connection: Connection, change_id: int, edits: Sequence[Edit]) -> None:
    made = sa.select(changes.c.who, changes.c.at_s).where(changes.c.id == change_id)
    who, at_s = connection.execute(made).one()
    update = predictions.update().where(predictions.c.id == sa.bindparam("at"))
    values = update.values(state=sa.bindparam("after"), reviewed_by=who, reviewed_at_s=at_s)
    connection.execute(values, [{"at": int(edit.key), "after": edit.after} for edit in edits])


FIELDS: Mapping[str, Field] = {
    "present": _of_examples("removed", lambda gone: None if gone else PRESENT, lambda value: value is None),
    "part": _of_examples("part", str, str),
    "group": _of_examples("group_name", str, str),
    "answer": Field(_read_answers, _write_answers),
    "class": _of_project(classes, int),
    "setting": _of_project(settings, str),
    "review": Field(_read_reviews, _write_reviews),
}

"""Adding examples whose files are staged: files, classes, examples and their answers, as one change; and deleting
files that are not used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from seehear.amounts import format_count
from seehear.projects.columns import find_answer_column
from seehear.projects.content_store import ContentStore, Staging
from seehear.projects.database import Database
from seehear.projects.editing import check_classes, check_text
from seehear.projects.examples import Added, NewExample, add_examples, edit_new_classes, save_files
from seehear.projects.history import describe_change, discard_if_empty, make_edits
from seehear.projects.schema import files, inputs, prediction_inputs
from seehear.senses import SENSES


def add_staged(
    connection: Connection,
    store: ContentStore,
    staging: Staging,
    new: Sequence[NewExample],
    begun: tuple[int, int],
    detail: str,
) -> Added:
    """Move staged files into the project and add examples of them.

    begun   the change, and the number of edits that it has already
    detail  ends the sentence for the history
    """
    change, done = begun
    known = save_files(connection, (file for each in new for file in each.inputs.values()))
    store.publish(staging, known.values())
    column = find_answer_column(connection)
    cells = [each.answers[column.heading] for each in new if column and column.heading in each.answers]
    names = dict.fromkeys(name for cell in cells if column for name in check_classes(column, cell))
    done = make_edits(connection, change, edit_new_classes(connection, names), done)
    stored = [
        replace(
            each,
            name=check_text(each.name),
            group=check_text(each.group),
            inputs={sense: known[file.sha256] for sense, file in each.inputs.items()},
        )
        for each in new
    ]
    added = add_examples(connection, change, stored, done)
    count = (
        format_count(len(added.ids), "example") if added.ids else f"again {format_count(len(added.known), 'example')}"
    )
    describe_change(connection, change, f"added {count} {detail}".strip())
    discard_if_empty(connection, change)
    return added


def delete_unused_files(database: Database, store: ContentStore) -> int:
    """Delete the files that no example and no kept answer has; returns how many.

    The rows go first, in their own transaction: after a crash there may be a file without a row, never the opposite.
    """
    used = sa.union(sa.select(inputs.c.sha256), sa.select(prediction_inputs.c.sha256))
    with database.writing() as connection:
        connection.execute(files.delete().where(files.c.sha256.not_in(used)))
    with database.writing() as connection:
        return store.delete_others(set(connection.execute(sa.select(files.c.sha256)).scalars()))


def find_sense(medium: str, wanted: Sequence[str]) -> str | None:
    """The sense for a file of a medium: the first of the project's, or of all, that reads it; None if none does."""
    return next((name for name in wanted or SENSES if medium in SENSES[name].media), None)

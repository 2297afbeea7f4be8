"""Everything that people change goes through here: a change is a list of edits, and undoing it is a change too.

An edit sets one field from one value to another. It is refused if the field no longer has the value that the person
saw, so that nobody overwrites what somebody else did in the meantime.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from seehear.amounts import format_count
from seehear.errors import ConflictError, UsageError
from seehear.projects.columns import ANSWER
from seehear.projects.fields import FIELDS, Edit
from seehear.projects.schema import answers, changes, edits

MUCH = 50  # examples or answers: a person is asked before more are removed
LONGEST_SHOWN, _LONGEST_IN_CONFLICT = 40, 60  # characters of a value in a sentence


@dataclass(frozen=True, slots=True)
class Change:
    """One step of the history.

    what      a sentence without a subject, such as "put 3 examples into 'knot'"
    examples  how many examples it touched
    undoes    the id of the change that it undoes
    undone    whether it has been undone
    """

    id: int
    at: datetime
    who: str
    what: str
    examples: int
    undoes: int | None
    undone: bool

    def to_json(self) -> dict[str, object]:
        return {
            "id": self.id,
            "at": self.at.isoformat(),
            "who": self.who,
            "what": self.what,
            "examples": self.examples,
            "undoes": self.undoes,
            "undone": self.undone,
        }


def begin_change(connection: Connection, who: str, what: str, undoes: int | None = None) -> int:
    """The id of a new change; `make_edits` says what it does."""
    row = {"at_s": time.time(), "who": who, "what": what, "undoes": undoes}
    return int(connection.execute(changes.insert().values(row).returning(changes.c.id)).scalar_one())


def describe_change(connection: Connection, change_id: int, what: str) -> None:
    """Say what a change did, once that is known."""
    connection.execute(changes.update().where(changes.c.id == change_id).values(what=what))


def make_edits(connection: Connection, change_id: int, wanted: Iterable[Edit], first: int = 0) -> int:
    """Check that every field has its value `before`, set it to `after`, and record what is different.

    Each field may occur once. `first` is the number of edits that the change has already; returns how many it has then.
    Raises ConflictError, naming who changed it, if a field has another value.
    """
    wanted = list(wanted)
    for name in dict.fromkeys(edit.field for edit in wanted):
        own = [edit for edit in wanted if edit.field == name]
        _check_unchanged(connection, own)
        if effective := [edit for edit in own if edit.before != edit.after]:
            FIELDS[name].write(connection, change_id, effective)
            record_edits(connection, change_id, effective, first)
            first += len(effective)
    return first


def discard_if_empty(connection: Connection, change_id: int) -> int | None:
    """The id of a change, or None after deleting one without edits: nothing was different."""
    some = sa.exists().where(edits.c.change_id == change_id)
    deleted = connection.execute(changes.delete().where(changes.c.id == change_id, ~some)).rowcount
    return None if deleted else change_id


def record_edits(connection: Connection, change_id: int, made: Sequence[Edit], first: int = 0) -> None:
    """Record edits that were made already, as those of new examples."""
    rows = [{"change_id": change_id, "position": i, **edit._asdict()} for i, edit in enumerate(made, first)]
    if rows:
        connection.execute(edits.insert(), rows)


def undo(connection: Connection, who: str, change_id: int) -> int:
    """Undo one change; returns the id of the change that does so, which can be undone too.

    Raises UsageError if there is no such change or it is undone already, ConflictError if what it set was set again.
    """
    row = connection.execute(sa.select(changes).where(changes.c.id == change_id)).one_or_none()
    if row is None:
        raise UsageError(f"there is no change {change_id}", hint="seehear project log lists them")
    if row.undone_by is not None:
        raise UsageError(f"change {change_id} is undone already")
    what = f"undid: {row.what}" if row.undoes is None else f"did again: {_undone_sentence(connection, row.undoes)}"
    new = begin_change(connection, who, what, undoes=change_id)
    stored = connection.execute(
        sa.select(edits).where(edits.c.change_id == change_id).order_by(edits.c.position.desc())
    )
    backwards = [Edit(each.field, each.example_id, each.key, each.after, each.before) for each in stored]
    make_edits(connection, new, backwards)
    connection.execute(changes.update().where(changes.c.id == change_id).values(undone_by=new))
    if row.undoes is not None:  # what it took back holds again
        connection.execute(changes.update().where(changes.c.id == row.undoes).values(undone_by=None))
    return new


def describe_loss(connection: Connection, change_id: int) -> str:
    """What undoing a change removes, if that is a lot: "312 examples"; "" if it is not.

    Much is the kind of answer, without which no example can have one, and MUCH examples or answers.
    """
    set_now = edits.c.change_id == change_id, edits.c.before.is_(None), edits.c.after.is_not(None)
    number = sa.func.count().label("number")
    rows = connection.execute(sa.select(edits.c.field, number).where(*set_now).group_by(edits.c.field))
    counted = {row.field: row.number for row in rows}
    kind = sa.select(sa.func.count()).select_from(edits).where(*set_now, edits.c.field == "setting")
    lost = []
    if connection.execute(kind.where(edits.c.key == ANSWER)).scalar_one():
        answered = connection.execute(sa.select(sa.func.count()).select_from(answers)).scalar_one()
        lost.append(f"the kind of answer, on which {format_count(answered, 'answer')} depend")
    if (added := counted.get("present", 0)) >= MUCH:
        lost.append(format_count(added, "example"))
    elif (labelled := counted.get("answer", 0)) >= MUCH:
        lost.append(format_count(labelled, "answer"))
    return " and ".join(lost)


def shorten(text: str, most: int = LONGEST_SHOWN) -> str:
    """A value in quotes for a sentence."""
    return repr(text) if len(text) <= most else f"{text[:most]!r}…"


def find_last(connection: Connection, who: str) -> int:
    """The last change of a person that can be undone. Raises UsageError if there is none."""
    mine = changes.c.who == who, changes.c.undone_by.is_(None), changes.c.undoes.is_(None)
    found: int | None = connection.execute(
        sa.select(changes.c.id).where(*mine).order_by(changes.c.id.desc()).limit(1)
    ).scalar()
    if found is None:
        raise UsageError(f"{who!r} has no change to undo", hint="seehear project log lists what others did")
    return found


def list_changes(
    connection: Connection, *, example_id: int | None = None, before: int | None = None, limit: int
) -> list[Change]:
    """The history, newest first: of one example or of all, up to a change id."""
    query = sa.select(changes).order_by(changes.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(changes.c.id < before)
    if example_id is not None:
        query = query.where(
            changes.c.id.in_(sa.select(edits.c.change_id).where(edits.c.example_id == example_id).distinct())
        )
    rows = connection.execute(query).all()
    touched = sa.func.count(edits.c.example_id.distinct()).label("touched")
    counted = connection.execute(
        sa.select(edits.c.change_id, touched)
        .where(edits.c.change_id.in_([row.id for row in rows]))
        .group_by(edits.c.change_id)
    )
    counts: dict[int, int] = {row.change_id: row.touched for row in counted}
    return [_to_change(row, counts.get(row.id, 0)) for row in rows]


def find_last_of_examples(connection: Connection) -> int:
    """The id of the newest change that set something of an example; 0 while there is none."""
    select = sa.select(edits.c.change_id).where(edits.c.example_id.is_not(None))
    found: int | None = connection.execute(select.order_by(edits.c.change_id.desc()).limit(1)).scalar()
    return found or 0


def read_edits(connection: Connection, change_id: int, *, example_id: int | None = None, limit: int) -> list[Edit]:
    """What a change set, in its order."""
    query = sa.select(edits).where(edits.c.change_id == change_id).order_by(edits.c.position).limit(limit)
    if example_id is not None:
        query = query.where(edits.c.example_id == example_id)
    rows = connection.execute(query)
    return [Edit(row.field, row.example_id, row.key, row.before, row.after) for row in rows]


def _check_unchanged(connection: Connection, wanted: Sequence[Edit]) -> None:
    """Raises ConflictError for the first edit whose field does not have the value that it should have."""
    now = FIELDS[wanted[0].field].read(connection, wanted)
    for edit in wanted:
        current = now.get((edit.example_id, edit.key))
        if current != edit.before:
            raise _conflict(connection, edit, current)


def _conflict(connection: Connection, edit: Edit, current: str | None) -> ConflictError:
    last = connection.execute(
        sa.select(changes)
        .join(edits, edits.c.change_id == changes.c.id)
        .where(edits.c.field == edit.field, edits.c.key == edit.key, edits.c.example_id == edit.example_id)
        .order_by(changes.c.id.desc())
        .limit(1)
    ).one_or_none()
    by = "" if last is None else f": {last.who} {last.what}, {_at(last.at_s):%Y-%m-%d %H:%M} UTC"
    where = f"example {edit.example_id}" if edit.example_id is not None else ""
    return ConflictError(
        f"it was changed in the meantime{by}; it is {_shown(current)} now, not {_shown(edit.before)}",
        where=where,
        hint="look at it as it is now, and decide again",
    )


def _undone_sentence(connection: Connection, undoes: int) -> str:
    row = connection.execute(sa.select(changes).where(changes.c.id == undoes)).one()
    return str(row.what)


def _to_change(row: Row[Any], touched: int) -> Change:
    return Change(row.id, _at(row.at_s), row.who, row.what, touched, row.undoes, row.undone_by is not None)


def _at(at_s: float) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)


def _shown(value: str | None) -> str:
    if value is None:
        return "not there"
    return shorten(value, _LONGEST_IN_CONFLICT)

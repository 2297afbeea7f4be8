"""What people change about examples, classes and settings: each function is one change of the history."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sqlalchemy.engine import Connection

from seehear.amounts import format_count
from seehear.errors import InputError, UsageError
from seehear.projects.columns import AnswerColumn, read_setting
from seehear.projects.examples import Query, edit_new_classes, list_classes, list_ids
from seehear.projects.fields import FIELDS, PRESENT, Edit
from seehear.projects.history import LONGEST_SHOWN, begin_change, discard_if_empty, make_edits, shorten
from seehear.projects.schema import LONGEST_CLASS

PARTS = ("train", "val", "test", "")
MOST_CELL_LETTERS = 4_000_000
_BLANK = "\u2800\u3164\u115f\u1160\uffa0"  # letters and symbols that look like a space
Expected = Mapping[int, str | None]


def label(
    connection: Connection, who: str, column: AnswerColumn, ids: Sequence[int], answer: str | None, expected: Expected
) -> int | None:
    """Set the answer of examples; None takes it away. See `Project.label`."""
    cell = None if answer is None else check_answer(column, answer)
    stratum = "" if cell is None else column.stratum(cell)
    names = [] if cell is None else check_classes(column, cell)
    count = format_count(len(set(ids)), "example")
    if cell is None:
        what = f"took the answer from {count}"
    else:
        what = f"put {count} into {shorten(stratum)}" if stratum else f"answered {count}"
    change = begin_change(connection, who, what)
    done = make_edits(connection, change, edit_new_classes(connection, names))
    return _set(connection, change, ("answer", column.heading), ids, cell, expected, done)


def correct(
    connection: Connection,
    who: str,
    column: AnswerColumn,
    what: str,
    changed: Mapping[int, tuple[str, str | None]],
) -> int | None:
    """Give examples other answers or remove them, as one change. See `checking.correct`.

    changed   by example: the answer that it has, and the one that it gets; None to remove it
    """
    cells = [check_answer(column, after) for _, after in changed.values() if after is not None]
    names = {name: None for cell in cells for name in check_classes(column, cell)}
    edits = [
        Edit("present", number, "", PRESENT, None)
        if after is None
        else Edit("answer", number, column.heading, before, after)
        for number, (before, after) in changed.items()
    ]
    change = begin_change(connection, who, what)
    make_edits(connection, change, [*edit_new_classes(connection, list(names)), *edits])
    return discard_if_empty(connection, change)


def set_presence(connection: Connection, who: str, ids: Sequence[int], *, present: bool) -> int | None:
    change = begin_change(connection, who, f"{'restored' if present else 'removed'} {_count(ids)}")
    return _set(connection, change, ("present", ""), ids, PRESENT if present else None)


def set_part(connection: Connection, who: str, ids: Sequence[int], part: str) -> int | None:
    check_part(part)
    change = begin_change(connection, who, f"put {_count(ids)} into the part {part!r}")
    return _set(connection, change, ("part", ""), ids, part)


def set_group(connection: Connection, who: str, ids: Sequence[int], group: str) -> int | None:
    change = begin_change(connection, who, f"gave {_count(ids)} the group {shorten(check_text(group))}")
    return _set(connection, change, ("group", ""), ids, group)


def add_class(connection: Connection, who: str, name: str) -> int | None:
    """Raises UsageError for a name that is taken or cannot be a class."""
    new = edit_new_classes(connection, [check_class(check_cell(name))])
    if not new:
        raise UsageError(f"{name!r} is there already")
    change = begin_change(connection, who, f"created {shorten(name)}")
    make_edits(connection, change, new)
    return change


def rename_class(connection: Connection, who: str, column: AnswerColumn, name: str, new: str) -> int | None:
    """See `Project.rename_class`. Examples that were removed are renamed too."""
    new = check_class(check_cell(new))
    known = list_classes(connection)
    if name == new:
        return None
    if name not in known:
        raise UsageError(f"there is no class {name!r}", allowed=", ".join(known[:20]))
    join = new in known
    verb, to = ("joined", "with") if join else ("renamed", "to")
    change = begin_change(connection, who, f"{verb} {shorten(name)} {to} {shorten(new)}")
    position = FIELDS["class"].read(connection, [Edit("class", None, name, None, None)])[None, name]
    edits = [Edit("class", None, name, position, None)]
    edits += [] if join else [Edit("class", None, new, None, position)]
    done = make_edits(connection, change, edits)
    make_edits(connection, change, _rename_in_answers(connection, column, name, new), done)
    return change


def _rename_in_answers(connection: Connection, column: AnswerColumn, name: str, new: str) -> list[Edit]:
    regions = column.kind.regions
    query = Query(stratum=name) if regions is None else Query(answered=True)
    ids = [
        number
        for removed in (False, True)
        for number in list_ids(connection, column.heading, query._replace(removed=removed), None)
    ]
    heading = column.heading
    cells = FIELDS["answer"].read(connection, [Edit("answer", number, heading, None, None) for number in ids])
    return [
        Edit("answer", number, heading, cell, new if regions is None else regions.rename(cell, name, new))
        for number in ids
        if (cell := cells[number, heading]) and name in column.classes(cell)
    ]


def set_setting(connection: Connection, who: str, name: str, value: Any) -> int | None:
    shown = "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return set_settings(connection, who, {name: value}, f"set {name} to {shorten(shown)}")


def set_settings(connection: Connection, who: str, values: Mapping[str, Any], what: str) -> int | None:
    """Change several settings as one change. `what`: its sentence in the history."""
    stored = {name: None if value is None else json.dumps(value, ensure_ascii=False) for name, value in values.items()}
    change = begin_change(connection, who, what)
    edits = [Edit("setting", None, name, read_setting(connection, name), after) for name, after in stored.items()]
    make_edits(connection, change, edits)
    return discard_if_empty(connection, change)


def require_column(column: AnswerColumn | None) -> AnswerColumn:
    """Raises UsageError while the project has no kind of answer."""
    if column is None:
        hint = "choose a kind of answer: seehear project new NAME --answer KIND, or add a table with answers"
        raise UsageError("the project has no answer column yet", hint=hint)
    return column


def check_answer(column: AnswerColumn, answer: str) -> str:
    """The cell of an answer. Raises UsageError for one that is not of the project's kind."""
    cell = check_cell(answer)
    try:
        column.kind.check_cell(cell)
    except InputError as error:
        raise UsageError(error.what, where=error.where, allowed=error.allowed, hint=error.hint) from None
    return cell


def check_new_answers(column: AnswerColumn | None, answer: str | None) -> dict[str, str]:
    """The answer of a new example under its heading; {} if it has none. Raises UsageError as `check_answer` does, and
    for an answer while the project has no kind of answer."""
    if answer is None:
        return {}
    known = require_column(column)
    return {known.heading: check_answer(known, answer)}


def check_cell(cell: str) -> str:
    """A cell as the table would read it: trimmed, not empty. Raises UsageError for anything else."""
    cell = cell.strip()
    if not cell:
        raise UsageError("an empty answer", hint="take the answer away instead")
    if len(cell) > MOST_CELL_LETTERS:
        raise UsageError(f"an answer of {len(cell):,} characters", allowed=f"{MOST_CELL_LETTERS:,}")
    check_text(cell)
    return cell


def check_text(text: str) -> str:
    """Raises UsageError for what no database can store: a NUL, or half of a surrogate pair."""
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise UsageError(f"not valid text: {text[:LONGEST_SHOWN]!r}")
    return text


def check_class(name: str) -> str:
    """Raises UsageError for a name that is too long for a class, or that nobody could see; "" is no class."""
    if name and not any(map(_is_visible, name)):
        raise UsageError(f"a name that cannot be seen: {name!a}", hint="give it a name")
    if len(name) > LONGEST_CLASS:
        raise UsageError(f"a name with {len(name):,} characters: {shorten(name)}", allowed=f"{LONGEST_CLASS}")
    return name


def check_classes(column: AnswerColumn, cell: str) -> list[str]:
    """All classes in a cell. Raises UsageError as `check_class` does."""
    return [check_class(name) for name in column.classes(cell)]


def _is_visible(letter: str) -> bool:
    return letter not in _BLANK and unicodedata.category(letter)[0] not in "CMZ"  # control, combining, spaces


def check_part(part: str) -> str:
    if part not in PARTS:
        raise UsageError(f"no part {part!r}", allowed='train, val, test, or "" for undecided')
    return part


def _count(ids: Sequence[int]) -> str:
    return format_count(len(set(ids)), "example")


def _set(
    connection: Connection,
    change: int,
    place: tuple[str, str],
    ids: Sequence[int],
    value: str | None,
    expected: Expected = MappingProxyType({}),
    done: int = 0,
) -> int | None:
    """Set what is at the place (field, key) of examples to a value.

    Returns the change, or None if nothing was different. Raises UsageError for an example that does not exist.
    """
    field, key = place
    distinct = list(dict.fromkeys(ids))
    there = FIELDS["present"].read(connection, [Edit("present", number, "", None, None) for number in distinct])
    if unknown := [number for number in distinct if (number, "") not in there]:
        raise UsageError(f"there is no example {unknown[0]}")
    now = FIELDS[field].read(connection, [Edit(field, number, key, None, None) for number in distinct])
    seen = {number: expected.get(number, now.get((number, key))) for number in distinct}
    make_edits(connection, change, [Edit(field, number, key, seen[number], value) for number in distinct], done)
    return discard_if_empty(connection, change)

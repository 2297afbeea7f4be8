"""The examples of a project: adding them, and reading them a page at a time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from seehear.media import format_span
from seehear.problems import RowProblem
from seehear.projects.columns import AnswerColumn
from seehear.projects.content_store import StoredFile
from seehear.projects.fields import PRESENT, Edit, chunks, insert_answers
from seehear.projects.history import make_edits, record_edits
from seehear.projects.schema import answers, changes, classes, examples, files, inputs

Span = tuple[float, float]  # start and end in a recording or video, in seconds


@dataclass(frozen=True, slots=True)
class Example:
    """One example as it is now.

    inputs    the file of each sense, by the name of the sense
    span_s    the part of the recording or video that it is; None for all of it
    answers   what people said about it: the cell under each heading
    part      train, val, test, or "" while undecided
    group     the patient, speaker or place whose examples stay on one side of a split; "" for none
    metadata  other columns of the table that it came from
    """

    id: int
    name: str
    inputs: Mapping[str, StoredFile]
    span_s: Span | None
    answers: Mapping[str, str]
    part: str
    group: str
    metadata: Mapping[str, str]
    added_at: datetime
    added_by: str
    removed: bool

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "files": {sense: file.place for sense, file in self.inputs.items()},
            "span_s": self.span_s,
            "answers": dict(self.answers),
            "part": self.part,
            "group": self.group,
            "metadata": dict(self.metadata),
            "added_at": self.added_at.isoformat(),
            "added_by": self.added_by,
            "removed": self.removed,
        }


@dataclass(frozen=True, slots=True)
class NewExample:
    """An example to add; the fields are those of `Example`."""

    name: str
    inputs: Mapping[str, StoredFile]
    span_s: Span | None = None
    answers: Mapping[str, str] = field(default_factory=dict)
    part: str = ""
    group: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Equal for the same inputs, under whatever names."""
        files = sorted((sense, file.sha256) for sense, file in self.inputs.items())
        return hashlib.sha256(json.dumps([files, self.span_s]).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Added:
    """What became of examples that were added.

    ids       the new examples, in their order
    known     the examples that were there already
    problems  those that were left out: the same inputs with another answer
    """

    ids: Sequence[int]
    known: Sequence[int] = ()
    problems: Sequence[RowProblem] = ()

    def to_json(self) -> dict[str, Any]:
        return {"added": list(self.ids), "known": list(self.known), "problems": [p.to_json() for p in self.problems]}


class Query(NamedTuple):
    """Which examples to list, in the order of their ids.

    stratum     only those with this class
    answered    only those with (True) or without (False) an answer; None for both
    part        only those of this part; "" for the undecided
    search      only those whose name or answer contains this
    removed     those that were removed, instead of those that are there
    after       only those with a larger id: the last one of the page before
    """

    stratum: str | None = None
    answered: bool | None = None
    part: str | None = None
    search: str | None = None
    removed: bool = False
    after: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """How many examples a project has.

    classes   by class, in their fixed order, also those without examples; {} where classes are of regions
    parts     by part; "" for the undecided
    """

    examples: int
    answered: int
    classes: Mapping[str, int]
    parts: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        return {
            "examples": self.examples,
            "answered": self.answered,
            "classes": dict(self.classes),
            "parts": dict(self.parts),
        }


class _Known(NamedTuple):
    id: int
    removed: bool
    answers: Mapping[str, str]


def add_examples(connection: Connection, change_id: int, new: Sequence[NewExample], position: int) -> Added:
    """Add examples, whose files are in the table of files. Those that are there already get their answer if they have
    none, and are restored if they were removed. An answer that is there is not replaced.

    position  the number of edits that the change has already
    """
    ids: list[int] = []
    known: list[int] = []
    problems: list[RowProblem] = []
    for some in chunks(new):
        distinct: dict[str, NewExample] = {}
        for each in some:
            first = distinct.setdefault(each.digest, each)
            if first is not each and (problem := _differ(each, first.answers, f"as {first.name!r}")):
                problems.append(problem)
        there = _find_known(connection, list(distinct))
        fresh = [each for digest, each in distinct.items() if digest not in there]
        added, edits = _insert(connection, change_id, fresh)
        record_edits(connection, change_id, edits, position)
        position += len(edits)
        ids += added
        wanted: list[Edit] = []
        for digest, example in there.items():
            each = distinct[digest]
            known.append(example.id)
            if not example.removed and (problem := _differ(each, example.answers, f"as example {example.id}")):
                problems.append(problem)
                continue
            wanted += [Edit("present", example.id, "", None, PRESENT)] if example.removed else []
            wanted += [
                Edit("answer", example.id, heading, example.answers.get(heading), cell)
                for heading, cell in each.answers.items()
            ]
        position = make_edits(connection, change_id, wanted, position)
    return Added(ids, known, problems)


def save_files(connection: Connection, found: Iterable[StoredFile]) -> dict[str, StoredFile]:
    """Enter files that are new into the table; returns all by their SHA-256, as the project has them."""
    by_hash = {file.sha256: file for file in found}
    for some in chunks(list(by_hash)):
        rows = connection.execute(sa.select(files).where(files.c.sha256.in_(some))).all()
        there = {row.sha256: StoredFile(*row) for row in rows}
        missing = [by_hash[sha256] for sha256 in some if sha256 not in there]
        if missing:
            fields = "sha256", "suffix", "size_bytes", "medium"
            connection.execute(files.insert(), [{name: getattr(file, name) for name in fields} for file in missing])
        by_hash |= there
    return by_hash


def read_examples(connection: Connection, ids: Sequence[int]) -> list[Example]:
    """Examples by their ids, in this order; what is not there is left out."""
    found: dict[int, Example] = {}
    for some in chunks(ids):
        senses = read_inputs(connection, inputs.c.example_id, some)
        cells = _read_answers(connection, some)
        rows = connection.execute(
            sa.select(examples, changes.c.at_s, changes.c.who)
            .join_from(examples, changes, examples.c.change_id == changes.c.id)
            .where(examples.c.id.in_(some))
        )
        found |= {row.id: _to_example(row, senses.get(row.id, {}), cells.get(row.id, {})) for row in rows}
    return [found[number] for number in ids if number in found]


def read_inputs(connection: Connection, owner: sa.Column[int], ids: Sequence[int]) -> dict[int, dict[str, StoredFile]]:
    """The file of each sense, by the id of what it belongs to: `owner` is that column of a table of inputs."""
    found: dict[int, dict[str, StoredFile]] = {}
    select = sa.select(owner, owner.table.c.sense, *files.c).join_from(owner.table, files).where(owner.in_(ids))
    for number, sense, *file in connection.execute(select):
        found.setdefault(number, {})[sense] = StoredFile(*file)
    return found


def list_ids(connection: Connection, heading: str | None, query: Query, limit: int | None) -> list[int]:
    """The ids of the examples that a query finds, ascending. `heading`: the column of the answers."""
    select = sa.select(examples.c.id).where(examples.c.id > query.after, examples.c.removed.is_(query.removed))
    mine = sa.and_(answers.c.example_id == examples.c.id, answers.c.heading == (heading or ""))
    if query.stratum is not None:
        select = select.join(answers, mine).where(answers.c.stratum == query.stratum)
    elif query.answered is not None:
        has = sa.exists().where(mine)
        select = select.where(has if query.answered else ~has)
    if query.part is not None:
        select = select.where(examples.c.part == query.part)
    if query.search:
        said = sa.exists().where(mine, answers.c.cell.icontains(query.search, autoescape=True))
        select = select.where(sa.or_(examples.c.name.icontains(query.search, autoescape=True), said))
    return list(connection.execute(select.order_by(examples.c.id).limit(limit)).scalars())


def count_examples(connection: Connection, column: AnswerColumn | None) -> Counts:
    present = examples.c.removed.is_(False)
    number = sa.func.count().label("number")
    parts = connection.execute(sa.select(examples.c.part, number).where(present).group_by(examples.c.part)).all()
    by_class = connection.execute(
        sa.select(answers.c.stratum, number)
        .join(examples, examples.c.id == answers.c.example_id)
        .where(present, answers.c.heading == (column.heading if column else ""))
        .group_by(answers.c.stratum)
    ).all()
    counted: dict[str, int] = {row.stratum: row.number for row in by_class}
    names = [] if column and column.kind.regions else list_classes(connection)
    return Counts(
        examples=sum(row.number for row in parts),
        answered=sum(counted.values()),
        classes=dict.fromkeys(names, 0) | {name: counted[name] for name in sorted(counted) if name},
        parts={row.part: row.number for row in parts},
    )


def list_classes(connection: Connection) -> list[str]:
    """The classes in their fixed order, also those without examples."""
    return list(connection.execute(sa.select(classes.c.name).order_by(classes.c.position)).scalars())


def edit_new_classes(connection: Connection, names: Iterable[str]) -> list[Edit]:
    """The edits that append those of the classes that are not there yet."""
    there = list_classes(connection)
    last = connection.execute(sa.select(sa.func.max(classes.c.position))).scalar() or 0
    new = [name for name in dict.fromkeys(names) if name and name not in there]
    return [Edit("class", None, name, None, str(position)) for position, name in enumerate(new, last + 1)]


def _differ(new: NewExample, known: Mapping[str, str], where: str) -> RowProblem | None:
    """The problem if inputs that are known already come with another answer."""
    for heading, cell in new.answers.items():
        if heading in known and known[heading] != cell:
            what = f"is already here {where}, with the {heading} {known[heading][:60]!r}, not {cell[:60]!r}"
            return RowProblem(_shown(new), what, "change its answer there if it is wrong")
    return None


def _shown(example: NewExample) -> str:
    return example.name if example.span_s is None else f"{example.name} {format_span(*example.span_s)}"


def _find_known(connection: Connection, digests: Sequence[str]) -> dict[str, _Known]:
    rows = connection.execute(
        sa.select(examples.c.digest, examples.c.id, examples.c.removed).where(examples.c.digest.in_(digests))
    ).all()
    cells = _read_answers(connection, [number for _, number, _ in rows])
    return {digest: _Known(number, removed, cells.get(number, {})) for digest, number, removed in rows}


def _read_answers(connection: Connection, ids: Sequence[int]) -> dict[int, dict[str, str]]:
    cells: dict[int, dict[str, str]] = {}
    columns = answers.c.example_id, answers.c.heading, answers.c.cell
    for number, heading, cell in connection.execute(sa.select(*columns).where(answers.c.example_id.in_(ids))):
        cells.setdefault(number, {})[heading] = cell
    return cells


def _insert(connection: Connection, change_id: int, new: Sequence[NewExample]) -> tuple[list[int], list[Edit]]:
    """(the ids of new examples, the edits that this made)."""
    if not new:
        return [], []
    rows = [
        {
            "digest": each.digest,
            "name": each.name,
            "start_s": each.span_s and each.span_s[0],
            "end_s": each.span_s and each.span_s[1],
            "part": each.part,
            "group_name": each.group,
            "metadata": json.dumps(dict(each.metadata), ensure_ascii=False),
            "change_id": change_id,
        }
        for each in new
    ]
    returning = examples.insert().returning(examples.c.id, sort_by_parameter_order=True)
    ids = list(connection.execute(returning, rows).scalars())
    links = [
        {"example_id": number, "sense": sense, "sha256": file.sha256}
        for number, each in zip(ids, new, strict=True)
        for sense, file in each.inputs.items()
    ]
    connection.execute(inputs.insert(), links)
    cells = [
        Edit("answer", number, heading, None, cell)
        for number, each in zip(ids, new, strict=True)
        for heading, cell in each.answers.items()
    ]
    insert_answers(connection, change_id, cells)
    return ids, [*(Edit("present", number, "", None, PRESENT) for number in ids), *cells]


def _to_example(row: Any, senses: Mapping[str, StoredFile], cells: Mapping[str, str]) -> Example:
    return Example(
        id=row.id,
        name=row.name,
        inputs=senses,
        span_s=None if row.start_s is None else (row.start_s, row.end_s),
        answers=cells,
        part=row.part,
        group=row.group_name,
        metadata=json.loads(row.metadata),
        added_at=datetime.fromtimestamp(row.at_s, UTC),
        added_by=row.who,
        removed=row.removed,
    )

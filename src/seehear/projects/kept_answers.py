"""Answers that are kept for review, with the files that they are about. Nothing is kept unless a setting says so."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from seehear.errors import UsageError
from seehear.media import Excerpt, find_span, path_of
from seehear.projects.columns import read_setting
from seehear.projects.content_store import Staging, StoredFile
from seehear.projects.examples import Span, read_inputs, save_files
from seehear.projects.fields import chunks
from seehear.projects.review_order import usefulness
from seehear.projects.schema import prediction_inputs, predictions
from seehear.senses import SENSES

if TYPE_CHECKING:
    from seehear.answers import Answer
    from seehear.projects.project import Project
    from seehear.runtime.prediction import Prediction

KEEP_DAYS, KEEP_WHAT = "keep", "keep_what"  # settings
NOTHING, UNSURE, EVERYTHING = "nothing", "unsure", "everything"
USUAL_DAYS, MOST_DAYS = 30, 3650
WAITING, ACCEPTED, CORRECTED, NONE = "waiting", "accepted", "corrected", "none"
SKIPPED, DISMISSED = "skipped", "dismissed"
UNREVIEWED = WAITING, SKIPPED, DISMISSED  # that nothing was learned from
DAY_S = 86_400.0


class Keeping(NamedTuple):
    """Which answers are kept, and for how many days.

    what   nothing, unsure (the answers that are not accepted as a whole) or everything
    """

    what: str
    days: float

    def wants(self, prediction: Prediction) -> bool:
        """Whether an answer is to be kept."""
        if prediction.answer is None or self.what == NOTHING:
            return False
        return self.what == EVERYTHING or not prediction.whole_accepted

    def __str__(self) -> str:
        if self.what == NOTHING:
            return "nothing is kept"
        which = "answers" if self.what == EVERYTHING else "unsure answers"
        return f"{which} are kept for {self.days:g} {'day' if self.days == 1 else 'days'}"


class NamedBytes(NamedTuple):
    """A file in memory, under the name that it came with."""

    name: str
    content: bytes


class NamedFile(NamedTuple):
    """A file on the disk, under the name that it came with, which may be another one."""

    name: str
    path: Path


Source = Path | Excerpt | NamedBytes | NamedFile


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer that is kept.

    version      that gave it; None for a model that is not a version of the project
    source       where it was asked: api, page, ...
    answer       what `predict --json` prints
    cell         the answer as a cell of a table
    other        what another version answers, as (its number, its cell), if that differs
    state        waiting, accepted, corrected, none, skipped or dismissed
    blind        whether it was reviewed without seeing the answer
    example      the example that it became
    """

    id: int
    version: int | None
    at: datetime
    source: str
    name: str
    inputs: Mapping[str, StoredFile]
    span_s: Span | None
    answer: Mapping[str, Any]
    cell: str
    confidence: float
    accepted: bool
    unfamiliar: bool
    other: tuple[int, str] | None
    usefulness: float
    state: str
    blind: bool
    example: int | None

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "version": self.version,
            "at": self.at.isoformat(),
            "source": self.source,
            "name": self.name,
            "files": {sense: file.place for sense, file in self.inputs.items()},
            "span_s": self.span_s,
            "answer": dict(self.answer),
            "cell": self.cell,
            "other": None if self.other is None else {"version": self.other[0], "cell": self.other[1]},
            "usefulness": round(self.usefulness, 3),
            "unfamiliar": self.unfamiliar,
            "state": self.state,
            "blind": self.blind,
            "example": self.example,
        }


def read_keeping(connection: Connection) -> Keeping:
    """What a project keeps: nothing, unless somebody said otherwise."""
    days, what = read_setting(connection, KEEP_DAYS), read_setting(connection, KEEP_WHAT)
    if days is None:
        return Keeping(NOTHING, USUAL_DAYS)
    return Keeping(EVERYTHING if what is None else json.loads(what), json.loads(days))


def check_keeping(keeping: Keeping) -> Keeping:
    """Raises UsageError for what cannot be kept, or not for so long."""
    if keeping.what not in (NOTHING, UNSURE, EVERYTHING):
        raise UsageError(f"keep {keeping.what!r}", allowed=f"{NOTHING}, {UNSURE} or {EVERYTHING}")
    if not 0 < keeping.days <= MOST_DAYS:
        raise UsageError(f"answers kept for {keeping.days:g} days", allowed=f"more than 0, at most {MOST_DAYS}")
    return keeping


def record(
    project: Project, prediction: Prediction, read: Mapping[str, Source], *, version: int | None, source: str
) -> int | None:
    """See `Review.record`."""
    with project.database.reading() as connection:
        keeping = read_keeping(connection)
    if prediction.answer is None or not read or not keeping.wants(prediction):
        return None
    row = _to_row(prediction, prediction.answer, read) | {"number": version, "source": source}
    with project.store.staging() as staging:
        staged = {sense: _stage(staging, sense, each) for sense, each in read.items()}
        staging.flush()
        with project.database.writing() as connection:
            if known := _find_same(connection, row, staged):
                return known
            files = save_files(connection, staged.values())
            project.store.publish(staging, files.values())
            insert = predictions.insert().values(row).returning(predictions.c.id)
            number = int(connection.execute(insert).scalar_one())
            links = [{"prediction_id": number, "sense": sense, "sha256": file.sha256} for sense, file in staged.items()]
            connection.execute(prediction_inputs.insert(), links)
    return number


def delete_unreviewed(project: Project, *, expired: bool) -> int:
    """See `Review.delete_kept`."""
    with project.database.writing() as connection:
        where: list[sa.ColumnElement[bool]] = [predictions.c.state.in_(UNREVIEWED)]
        if expired:
            where += [predictions.c.at_s < time.time() - DAY_S * read_keeping(connection).days]
        deleted = connection.execute(predictions.delete().where(*where)).rowcount
    if deleted:
        project.delete_unused_files()
    return deleted


def count_states(connection: Connection, *states: str) -> int:
    """How many kept answers are in one of these states."""
    select = sa.select(sa.func.count()).select_from(predictions).where(predictions.c.state.in_(states))
    return int(connection.execute(select).scalar_one())


def read_kept(connection: Connection, ids: Sequence[int]) -> list[KeptAnswer]:
    """Kept answers by their ids, in this order; what is not there is left out."""
    found: dict[int, KeptAnswer] = {}
    for some in chunks(ids):
        senses = read_inputs(connection, prediction_inputs.c.prediction_id, some)
        for row in connection.execute(sa.select(predictions).where(predictions.c.id.in_(some))):
            found[row.id] = _to_kept(row, senses.get(row.id, {}))
    return [found[number] for number in ids if number in found]


def _to_kept(row: Any, senses: Mapping[str, StoredFile]) -> KeptAnswer:
    return KeptAnswer(
        id=row.id,
        version=row.number,
        at=datetime.fromtimestamp(row.at_s, UTC),
        source=row.source,
        name=row.name,
        inputs=senses,
        span_s=None if row.start_s is None else (row.start_s, row.end_s),
        answer=json.loads(row.answer),
        cell=row.cell,
        confidence=row.confidence,
        accepted=row.accepted,
        unfamiliar=bool(row.unfamiliarity),
        other=None if row.other_number is None else (row.other_number, row.other_cell),
        usefulness=row.usefulness or 0.0,
        state=row.state,
        blind=row.blind,
        example=row.example_id,
    )


def _to_row(prediction: Prediction, answer: Answer, read: Mapping[str, Source]) -> dict[str, Any]:
    start_s, end_s = find_span(read.values()) or (None, None)
    return {
        "at_s": time.time(),
        "name": Path(prediction.input).name,
        "start_s": start_s,
        "end_s": end_s,
        "answer": json.dumps(prediction.to_json(), ensure_ascii=False),
        "cell": answer.to_cell(),
        "confidence": prediction.confidence,
        "accepted": prediction.accepted,
        "unfamiliarity": float(prediction.unfamiliar),
        "usefulness": usefulness(prediction.confidence, unfamiliar=prediction.unfamiliar, disagreement=False),
        "state": WAITING,
    }


def _stage(staging: Staging, sense: str, source: Source) -> StoredFile:
    if isinstance(source, NamedBytes):
        file = staging.write([source.content], source.name)
    elif isinstance(source, NamedFile):
        file = staging.add(source.path, source.name)
    else:
        file = staging.add(path_of(source))
    return file if file.medium else replace(file, medium=SENSES[sense].media[0])  # programs send files without names


def _find_same(connection: Connection, row: Mapping[str, Any], staged: Mapping[str, StoredFile]) -> int | None:
    """The kept answer of the same version about the same files: a camera that does not move would fill the review."""
    wanted = {(sense, file.sha256) for sense, file in staged.items()}
    for number in _with_file(connection, row, next(iter(staged.values())).sha256):
        senses = read_inputs(connection, prediction_inputs.c.prediction_id, [number])[number]
        if {(sense, file.sha256) for sense, file in senses.items()} == wanted:
            return number
    return None


def _with_file(connection: Connection, row: Mapping[str, Any], sha256: str) -> Iterable[int]:
    """The answers of a version, about a span or a whole file, that have a file among theirs."""
    mine = [predictions.c[name].is_not_distinct_from(row[name]) for name in ("number", "start_s", "end_s")]
    select = sa.select(predictions.c.id).join(prediction_inputs, prediction_inputs.c.prediction_id == predictions.c.id)
    return list(connection.execute(select.where(prediction_inputs.c.sha256 == sha256, *mine)).scalars())

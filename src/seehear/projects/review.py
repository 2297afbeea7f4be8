"""Answers that are kept for review: those who use a model correct it, and their corrections become examples.

Nothing is kept unless the setting `keep` says for how many days. Reviews are in the history, and can be undone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from seehear.amounts import format_count
from seehear.errors import UsageError
from seehear.events import Advanced, Finished, Listener, Started, ignore_events
from seehear.measure.comparison import NOT_DISTINGUISHABLE
from seehear.media import Excerpt, Input
from seehear.projects.columns import find_answer_column
from seehear.projects.content_store import StoredFile
from seehear.projects.editing import check_cell, check_class, require_column
from seehear.projects.examples import NewExample, Span, add_examples, edit_new_classes, read_inputs, save_files
from seehear.projects.fields import Edit, chunks
from seehear.projects.history import begin_change, make_edits, shorten
from seehear.projects.review_order import order_diverse, usefulness
from seehear.projects.schema import prediction_inputs, predictions
from seehear.projects.training_data import TRAIN

if TYPE_CHECKING:
    from seehear.projects.project import Project
    from seehear.runtime.prediction import Prediction

KEEP = "keep"  # a setting: for how many days answers are kept; not at all without it
WAITING, ACCEPTED, CORRECTED, NONE, SKIPPED = "waiting", "accepted", "corrected", "none", "skipped"
NONE_OF_THESE = "none_of_these"  # metadata of an example that belongs to no class
MOST_ORDERED = 2000  # of the most useful answers, among which the order is diverse
TASK, PROGRESS_EVERY = "looking at kept answers", 8
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer that is kept.

    version   that gave it; None for a model that is not a version of the project
    source    where it was asked: api, page, ...
    answer    what `predict --json` prints
    cell      the answer as a cell of a table
    state     waiting, accepted, corrected, none or skipped
    example   the example that it became
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
    usefulness: float
    state: str
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
            "usefulness": round(self.usefulness, 3),
            "unfamiliar": self.unfamiliar,
            "state": self.state,
            "example": self.example,
        }


@dataclass(frozen=True, slots=True)
class ReviewHelp:
    """What `reviewed` answers brought, together with the other examples that were new in the same training.

    difference, interval   of the metric, on examples that neither version learned from
    verdict                of the comparison
    expected               difference that the answers that wait may bring at the same rate; None if the one that was
                           measured may be chance
    """

    reviewed: int
    metric: str
    difference: float
    interval: Sequence[float | None]
    verdict: str
    expected: float | None


class Review:
    """The kept answers of a project, as `project.review`."""

    def __init__(self, project: Project) -> None:
        self._project = project

    # Keeping

    def keep(self, days: float | None) -> int | None:
        """Keep answers for this many days from now on; None to keep no more. Returns the id of the change."""
        if days is not None and not 0 < days <= 3650:
            raise UsageError(f"answers kept for {days:g} days", allowed="more than 0, at most 3650")
        return self._project.set_setting(KEEP, days)

    def record(
        self, prediction: Prediction, read: Mapping[str, Input], *, version: int | None, source: str
    ) -> int | None:
        """Keep one answer with the files, by sense, that it is about. Returns its id.

        None if nothing is to be kept, or there is no answer. Raises InputError if a file cannot be read.
        """
        if self._project.setting(KEEP) is None or prediction.answer is None or not read:
            return None
        spans = {(each.start_s, each.end_s) for each in read.values() if isinstance(each, Excerpt)}
        start_s, end_s = next(iter(spans), (None, None))
        useful = usefulness(prediction.confidence, unfamiliar=prediction.unfamiliar, disagreement=False)
        row = {
            "number": version,
            "at_s": time.time(),
            "source": source,
            "name": Path(prediction.input).name,
            "start_s": start_s,
            "end_s": end_s,
            "answer": json.dumps(prediction.to_json(), ensure_ascii=False),
            "cell": prediction.answer.to_cell(),
            "confidence": prediction.confidence,
            "accepted": prediction.accepted,
            "unfamiliarity": float(prediction.unfamiliar),
            "usefulness": useful,
            "state": WAITING,
        }
        with self._project.store.staging() as staging:
            staged = {
                sense: staging.add(each.path if isinstance(each, Excerpt) else each) for sense, each in read.items()
            }
            with self._project.database.writing() as connection:
                known = save_files(connection, staged.values())
                self._project.store.publish(staging, known.values())
                number = int(
                    connection.execute(predictions.insert().values(row).returning(predictions.c.id)).scalar_one()
                )
                links = [
                    {"prediction_id": number, "sense": sense, "sha256": file.sha256} for sense, file in staged.items()
                ]
                connection.execute(prediction_inputs.insert(), links)
        return number

    def delete_kept(self, *, expired: bool = False) -> int:
        """Delete the kept answers that nobody reviewed, and their files: all, or those older than the retention.

        Returns how many.
        """
        where: list[sa.ColumnElement[bool]] = [predictions.c.state.in_((WAITING, SKIPPED))]
        if expired:
            days = self._project.setting(KEEP)
            where += [predictions.c.at_s < time.time() - DAY_S * (days or 0)]
        with self._project.database.writing() as connection:
            deleted = connection.execute(predictions.delete().where(*where)).rowcount
        if deleted:
            self._project.delete_unused_files()
        return deleted

    # The queue

    def count_waiting(self) -> int:
        with self._project.database.reading() as connection:
            select = sa.select(sa.func.count()).select_from(predictions).where(predictions.c.state == WAITING)
            return int(connection.execute(select).scalar_one())

    def queue(self, limit: int = 200) -> Sequence[KeptAnswer]:
        """The most useful answers to review: unsure, unlike the training data, or different from another version's.

        Each differs from those before it as much as possible, where `examine` has compared them.
        """
        with self._project.database.reading() as connection:
            select = (
                sa.select(predictions.c.id, predictions.c.usefulness, predictions.c.number, predictions.c.embedding)
                .where(predictions.c.state == WAITING)
                .order_by(predictions.c.usefulness.desc(), predictions.c.id)
                .limit(MOST_ORDERED)
            )
            rows = connection.execute(select).all()
            versions = {row.number for row in rows}
            vectors = [None if row.embedding is None else np.frombuffer(row.embedding, np.float32) for row in rows]
            if len(versions) > 1:  # whose embeddings cannot be compared
                newest = max((row.number for row in rows if row.embedding is not None), default=None)
                vectors = [vector if row.number == newest else None for row, vector in zip(rows, vectors, strict=True)]
            order = order_diverse([row.usefulness for row in rows], vectors, limit)
            return _read(connection, [rows[place].id for place in order])

    def help(self) -> ReviewHelp | None:
        """What the last reviewed answers brought, and what those that wait may bring; None if it cannot be told yet."""
        for version in self._project.versions.list():
            compared = version.figures.get("compared")
            if compared and compared["reviewed"]:
                return _estimate_help(version.figures["metric"], compared, self.count_waiting())
        return None

    def get(self, number: int) -> KeptAnswer:
        """Raises UsageError if there is no such kept answer."""
        with self._project.database.reading() as connection:
            found = _read(connection, [number])
        if not found:
            raise UsageError(f"there is no kept answer {number}", where=self._project.slug)
        return found[0]

    def examine(self, *, limit: int = MOST_ORDERED, listen: Listener = ignore_events) -> int:
        """Embed the answers that wait, and ask another version about them, where this was not done yet.

        The order of the queue improves by it. Takes about as long as answering them twice; returns how many.
        """
        with self._project.database.reading() as connection:
            where = predictions.c.state == WAITING, predictions.c.embedding.is_(None), predictions.c.number.is_not(None)
            select = sa.select(predictions.c.id).where(*where).order_by(predictions.c.usefulness.desc()).limit(limit)
            waiting = _read(connection, list(connection.execute(select).scalars()))
        done = 0
        listen(Started(TASK, len(waiting), "answers"))
        for version in dict.fromkeys(each.version for each in waiting):
            mine = [each for each in waiting if each.version == version]
            for number, vector, cell in self._ask_versions(version or 0, mine):
                self._save_examined(number, vector, cell)
                done += 1
                if done % PROGRESS_EVERY == 0:
                    listen(Advanced(TASK, done))
        listen(Finished(TASK, format_count(done, "answer")))
        return done

    def _ask_versions(self, version: int, kept: Sequence[KeptAnswer]) -> Any:
        """Yields (kept answer, its embedding by the version that answered, the cell by the newest other version)."""
        from seehear.runtime.bundle import read_bundle
        from seehear.runtime.predictor import Predictor

        versions = self._project.versions
        examples = [self._project.sources(each) for each in kept]
        vectors = Predictor(read_bundle(versions.check_file(version))).embed(examples)
        others = [each.number for each in versions.list() if each.number != version]
        cells: Any = (None for _ in kept)
        if others:
            other = Predictor(read_bundle(versions.check_file(others[0]))).predict(examples)
            cells = (None if each.answer is None else each.answer.to_cell() for each in other)
        for each, embedding, cell in zip(kept, vectors, cells, strict=False):
            yield each, embedding.vector, cell

    def _save_examined(self, kept: KeptAnswer, vector: Any, cell: str | None) -> None:
        differs = cell is not None and cell != kept.cell
        values: dict[str, Any] = {
            "embedding": b"" if vector is None else np.asarray(vector, np.float32).tobytes(),
            "usefulness": usefulness(kept.confidence, unfamiliar=kept.unfamiliar, disagreement=differs),
        }
        with self._project.database.writing() as connection:
            connection.execute(predictions.update().where(predictions.c.id == kept.id).values(**values))

    # Reviewing

    def accept(self, number: int) -> int:
        """The answer is right: it becomes an example to learn from. Returns the id of the change."""
        return self._decide(number, ACCEPTED, self.get(number).cell)

    def correct(self, number: int, cell: str) -> int:
        """The right answer is another one. Returns the id of the change."""
        cell = check_cell(cell)
        return self._decide(number, ACCEPTED if cell == self.get(number).cell else CORRECTED, cell)

    def none_of_these(self, number: int) -> int:
        """It is none of the classes: it becomes an example without an answer. Returns the id of the change."""
        return self._decide(number, NONE, None)

    def skip(self, number: int) -> int:
        """Leave it undecided, and take it out of the queue. Returns the id of the change."""
        kept = self.get(number)
        with self._project.database.writing() as connection:
            change = begin_change(connection, self._project.who, f"skipped the answer to {shorten(kept.name)}")
            make_edits(connection, change, [Edit("review", None, str(number), WAITING, SKIPPED)])
            return change

    def _decide(self, number: int, state: str, cell: str | None) -> int:
        """Make an example of a kept answer, with a cell if it has one.

        Raises ConflictError if somebody has reviewed it, UsageError if its file is an example with another answer.
        """
        kept = self.get(number)
        said = {ACCEPTED: "accepted", CORRECTED: "corrected", NONE: "said none of these of"}[state]
        with self._project.database.writing() as connection:
            change = begin_change(connection, self._project.who, f"{said} the answer to {shorten(kept.name)}")
            done = make_edits(connection, change, [Edit("review", None, str(number), WAITING, state)])
            column = require_column(find_answer_column(connection))
            stratum = "" if cell is None else check_class(column.stratum(cell))
            done = make_edits(connection, change, edit_new_classes(connection, [stratum]), done)
            example = NewExample(
                kept.name,
                kept.inputs,
                kept.span_s,
                {} if cell is None else {column.heading: cell},
                part=TRAIN,
                metadata={NONE_OF_THESE: "yes"} if cell is None else {},
            )
            added = add_examples(connection, change, [example], done)
            if added.problems:
                problem = added.problems[0]
                raise UsageError(problem.what, where=problem.where, hint=problem.hint)
            (became,) = (*added.ids, *added.known)
            connection.execute(predictions.update().where(predictions.c.id == number).values(example_id=became))
            return change


def _estimate_help(metric: str, compared: Mapping[str, Any], waiting: int) -> ReviewHelp:
    reviewed, difference = compared["reviewed"], compared["difference"]
    measurable = compared["verdict"] != NOT_DISTINGUISHABLE and waiting > 0
    expected = difference * min(waiting, reviewed) / reviewed if measurable else None  # more answers help less and less
    return ReviewHelp(reviewed, metric, difference, compared["interval"], compared["verdict"], expected)


def _read(connection: Connection, ids: Sequence[int]) -> list[KeptAnswer]:
    """Kept answers by their ids, in this order."""
    found: dict[int, KeptAnswer] = {}
    for some in chunks(ids):
        senses = read_inputs(connection, prediction_inputs.c.prediction_id, some)
        for row in connection.execute(sa.select(predictions).where(predictions.c.id.in_(some))):
            found[row.id] = KeptAnswer(
                id=row.id,
                version=row.number,
                at=datetime.fromtimestamp(row.at_s, UTC),
                source=row.source,
                name=row.name,
                inputs=senses.get(row.id, {}),
                span_s=None if row.start_s is None else (row.start_s, row.end_s),
                answer=json.loads(row.answer),
                cell=row.cell,
                confidence=row.confidence,
                accepted=row.accepted,
                unfamiliar=bool(row.unfamiliarity),
                usefulness=row.usefulness or 0.0,
                state=row.state,
                example=row.example_id,
            )
    return [found[number] for number in ids if number in found]

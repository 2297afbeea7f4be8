"""Answers that are kept for review: those who use a model correct it, and their corrections become examples.

Nothing is kept unless the setting `keep` says for how many days. Reviews are in the history, and can be undone.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from seehear.errors import UsageError
from seehear.events import Listener, ignore_events
from seehear.projects import review_examination
from seehear.projects.columns import find_answer_column
from seehear.projects.editing import check_answer, check_classes, require_column, set_settings
from seehear.projects.examples import NewExample, add_examples, edit_new_classes
from seehear.projects.fields import Edit
from seehear.projects.history import begin_change, make_edits, shorten
from seehear.projects.kept_answers import (
    ACCEPTED,
    CORRECTED,
    DISMISSED,
    EVERYTHING,
    KEEP_DAYS,
    KEEP_WHAT,
    NONE,
    NOTHING,
    SKIPPED,
    UNREVIEWED,
    WAITING,
    Keeping,
    KeptAnswer,
    Source,
    check_keeping,
    count_states,
    delete_unreviewed,
    read_keeping,
    read_kept,
    record,
)
from seehear.projects.review_figures import (
    Agreement,
    Progress,
    ReviewHelp,
    estimate_help,
    read_agreement,
    read_progress,
)
from seehear.projects.review_log import log_review
from seehear.projects.review_order import Vector, order_diverse
from seehear.projects.schema import changes, predictions
from seehear.projects.training_data import TRAIN

if TYPE_CHECKING:
    from seehear.projects.project import Project
    from seehear.runtime.prediction import Prediction

NONE_OF_THESE = "none_of_these"  # metadata of an example that belongs to no class
MOST_ORDERED = 2000  # of the most useful answers, among which the order is diverse
MOST_REMEMBERED = 20  # of the last reviews, from which the next ones differ
_DONE = predictions.c.reviewed_at_s.is_not(None), predictions.c.state != WAITING  # an undo sets the time, too
BLIND_EVERY = 10  # one in this many is reviewed without seeing the answer
_SAID = {
    ACCEPTED: "accepted the answer to",
    CORRECTED: "corrected the answer to",
    NONE: "chose none of these for",
    SKIPPED: "skipped the answer to",
    DISMISSED: "dismissed the answer to",
}


class Reviewed(NamedTuple):
    """An answer that somebody reviewed, and the change that did it."""

    kept: KeptAnswer
    change: int


class Review:
    """The kept answers of a project, as `project.review`."""

    def __init__(self, project: Project) -> None:
        self._project = project

    # Keeping

    def keep(self, days: float | None, what: str = EVERYTHING) -> int | None:
        """Keep answers for this many days from now on; None to keep no more, and those that are there as long as
        before. Returns the id of the change.

        what   everything, or unsure: the answers that are not accepted as a whole
        """
        project = self._project
        with project.database.writing() as connection:
            before = read_keeping(connection)
            if days is None and before.what == NOTHING:
                return None
            keeping = Keeping(NOTHING, before.days) if days is None else check_keeping(Keeping(what, days))
            values = {KEEP_WHAT: keeping.what, KEEP_DAYS: keeping.days}
            return set_settings(connection, project.who, values, f"decided that {keeping}")

    def keeping(self) -> Keeping:
        """What is kept, and for how long."""
        with self._project.database.reading() as connection:
            return read_keeping(connection)

    def record(
        self, prediction: Prediction, read: Mapping[str, Source], *, version: int | None, source: str
    ) -> int | None:
        """Keep one answer with the files, by sense, that it is about. Returns its id, or that of the same version's
        answer about the same files, which is kept once.

        None if it is not to be kept, or there is no answer. Raises InputError if a file cannot be read.
        """
        return record(self._project, prediction, read, version=version, source=source)

    def delete_kept(self, *, expired: bool = False) -> int:
        """Delete the kept answers that nothing was learned from, and their files: all, or those older than the
        retention. Returns how many.
        """
        return delete_unreviewed(self._project, expired=expired)

    def count_kept(self) -> int:
        """How many answers `delete_kept` would delete."""
        with self._project.database.reading() as connection:
            return count_states(connection, *UNREVIEWED)

    # The queue

    def count_waiting(self) -> int:
        with self._project.database.reading() as connection:
            return count_states(connection, WAITING)

    def count_skipped(self) -> int:
        with self._project.database.reading() as connection:
            return count_states(connection, SKIPPED)

    def queue(self, limit: int = 200) -> Sequence[KeptAnswer]:
        """The most useful answers to review: unsure, unlike the training data, or different from another version's.

        Each differs from those before it as much as possible, and from the last ones that were reviewed, where
        `examine` has compared them.
        """
        with self._project.database.reading() as connection:
            select = (
                sa.select(predictions.c.id, predictions.c.usefulness, predictions.c.number, predictions.c.embedding)
                .where(predictions.c.state == WAITING)
                .order_by(predictions.c.usefulness.desc(), predictions.c.id)
                .limit(MOST_ORDERED)
            )
            rows = connection.execute(select).all()
            newest = max((row.number for row in rows if row.embedding), default=None)
            vectors = [_read_vector(row, newest) for row in rows]
            before = [_read_vector(row, newest) for row in self._last_reviewed(connection)]
            useful = [row.usefulness for row in rows]
            order = order_diverse(useful, vectors, limit, [vector for vector in before if vector is not None])
            return read_kept(connection, [rows[place].id for place in order])

    def examine(self, *, limit: int = MOST_ORDERED, listen: Listener = ignore_events) -> int:
        """Embed the answers that wait, and ask another version about them, where this was not done yet.

        The order of the queue improves by it. Takes about as long as answering them twice; returns how many.
        """
        return review_examination.examine(self._project, limit, listen)

    def get(self, number: int) -> KeptAnswer:
        """Raises UsageError if there is no such kept answer."""
        with self._project.database.reading() as connection:
            found = read_kept(connection, [number])
        if not found:
            raise UsageError(f"there is no kept answer {number}", where=self._project.slug)
        return found[0]

    def recent(self, limit: int = 3) -> Sequence[Reviewed]:
        """What this person reviewed, skipped or dismissed last, newest first, with the change to undo."""
        mine = predictions.c.reviewed_by == self._project.who
        select = sa.select(predictions.c.id, predictions.c.reviewed_at_s).where(*_DONE, mine)
        with self._project.database.reading() as connection:
            rows = connection.execute(select.order_by(predictions.c.reviewed_at_s.desc()).limit(limit)).all()
            found = []
            for kept, row in zip(read_kept(connection, [row.id for row in rows]), rows, strict=True):
                by = changes.c.at_s == row.reviewed_at_s, changes.c.who == self._project.who
                change = connection.execute(sa.select(changes.c.id).where(*by).order_by(changes.c.id.desc()).limit(1))
                found.append(Reviewed(kept, int(change.scalar_one())))
        return found

    # Figures

    def help(self) -> ReviewHelp | None:
        """What the last reviewed answers brought, and what those that wait may bring; None if it is not known yet."""
        for version in self._project.versions.list():
            compared = version.figures.get("compared")
            if compared and compared["reviewed"]:
                return estimate_help(version.figures["metric"], compared, self.count_waiting())
        return None

    def progress(self) -> Progress:
        """How far the review is since the last training."""
        with self._project.database.reading() as connection:
            return read_progress(connection)

    def agreement(self, *, blind: bool) -> Agreement:
        """How often the answers were right: those that were reviewed blind, or the others."""
        with self._project.database.reading() as connection:
            return read_agreement(connection, blind=blind)

    # Reviewing

    def accept(self, number: int) -> int:
        """The answer is right: it becomes an example to learn from. Returns the id of the change."""
        return self._decide(number, ACCEPTED, self.get(number).cell)

    def correct(self, number: int, cell: str, *, blind: bool = False) -> int:
        """The right answer is this one. Returns the id of the change.

        blind   whether the person did not see the answer
        """
        cell = cell.strip()
        return self._decide(number, ACCEPTED if cell == self.get(number).cell else CORRECTED, cell, blind=blind)

    def none_of_these(self, number: int, *, blind: bool = False) -> int:
        """It is none of the classes: it becomes an example without an answer. Returns the id of the change."""
        return self._decide(number, NONE, None, blind=blind)

    def open_for_correction(self, number: int) -> int:
        """Make an example of it without an answer, for a person to give one. Returns the id of the example."""
        self._decide(number, CORRECTED, None)
        return self.get(number).example or 0

    def skip(self, number: int) -> int:
        """Leave it undecided, and take it out of the queue. Returns the id of the change."""
        return self._put_away(number, SKIPPED)

    def dismiss(self, number: int) -> int:
        """Never show it again. Returns the id of the change."""
        return self._put_away(number, DISMISSED)

    def show_skipped(self) -> int | None:
        """Let everything that was skipped wait again. Returns the id of the change; None if there is nothing."""
        with self._project.database.writing() as connection:
            skipped = sa.select(predictions.c.id).where(predictions.c.state == SKIPPED)
            wanted = [
                Edit("review", None, str(number), SKIPPED, WAITING) for number in connection.execute(skipped).scalars()
            ]
            if not wanted:
                return None
            change = begin_change(connection, self._project.who, "put what was skipped back into the review")
            make_edits(connection, change, wanted)
            return change

    def _last_reviewed(self, connection: Connection) -> Sequence[Any]:
        """The last answers that anybody reviewed, with their embeddings, newest first."""
        select = sa.select(predictions.c.number, predictions.c.embedding).where(*_DONE)
        return connection.execute(select.order_by(predictions.c.reviewed_at_s.desc()).limit(MOST_REMEMBERED)).all()

    def _put_away(self, number: int, state: str) -> int:
        kept = self.get(number)
        with self._project.database.writing() as connection:
            change = begin_change(connection, self._project.who, f"{_SAID[state]} {shorten(kept.name)}")
            make_edits(connection, change, [Edit("review", None, str(number), WAITING, state)])
            log_review(self._project, kept, state, None, change=change, blind=False)
            return change

    def _decide(self, number: int, state: str, cell: str | None, *, blind: bool = False) -> int:
        """Make an example of a kept answer, with a cell if it has one.

        Raises ConflictError if somebody has reviewed it, UsageError if its file is an example with another answer.
        """
        kept = self.get(number)
        with self._project.database.writing() as connection:
            change = begin_change(connection, self._project.who, f"{_SAID[state]} {shorten(kept.name)}")
            done = make_edits(connection, change, [Edit("review", None, str(number), WAITING, state)])
            column = require_column(find_answer_column(connection))
            cell = None if cell is None else check_answer(column, cell)
            names = [] if cell is None else check_classes(column, cell)
            done = make_edits(connection, change, edit_new_classes(connection, names), done)
            example = NewExample(
                kept.name,
                kept.inputs,
                kept.span_s,
                {} if cell is None else {column.heading: cell},
                part=TRAIN,
                metadata={NONE_OF_THESE: "yes"} if state == NONE else {},
            )
            added = add_examples(connection, change, [example], done)
            if added.problems:
                problem = added.problems[0]
                raise UsageError(problem.what, where=problem.where, hint=problem.hint)
            (became,) = (*added.ids, *added.known)
            values = {"example_id": became, "blind": blind}
            connection.execute(predictions.update().where(predictions.c.id == number).values(values))
            log_review(self._project, kept, state, cell, change=change, blind=blind)
            return change


def _read_vector(row: Any, version: int | None) -> Vector | None:
    """The embedding of a kept answer, if this version made it: those of different versions cannot be compared."""
    return np.frombuffer(row.embedding, np.float32) if row.embedding and row.number == version else None


def is_blind(number: int) -> bool:
    """Whether the page asks about a kept answer without showing it: one in BLIND_EVERY, whatever was answered."""
    return zlib.crc32(str(number).encode()) % BLIND_EVERY == 0

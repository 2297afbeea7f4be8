"""The versions of a project: trained models with their cards and figures, and which of them answers."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from seehear.amounts import format_count
from seehear.errors import BundleError, DataError, UsageError, WorseError
from seehear.events import Listener, ignore_events
from seehear.files import MODEL_SUFFIX
from seehear.projects.columns import read_setting
from seehear.projects.fields import Edit
from seehear.projects.history import begin_change, describe_change, make_edits, undo
from seehear.projects.schema import changes, edits, examples, predictions, version_examples, versions
from seehear.projects.training_data import TRAIN
from seehear.projects.unlearned import open_unlearned

if TYPE_CHECKING:
    from seehear.api import Recogniser
    from seehear.measure.comparison import PairedComparison
    from seehear.projects.project import Project
    from seehear.projects.version_reports import VersionReport
    from seehear.recipe import Recipe
    from seehear.runtime.bundle import Bundle

PROGRAM = "seehear"  # in the history, what nobody did by hand
RESTORE = "restore it from a backup, or promote another version"
PROMOTE_ANYWAY = "to promote it anyway, give --yes (in Python, although_worse=True)"
SERVED = "served"  # a setting: the number of the version that answers
# What is known of every version; None if it was not measured, as of a model file from elsewhere.
FIGURES = (
    *("n", "metric", "higher_is_better", "value", "interval"),
    *("wrong", "coverage", "accepted_error", "wrong_at_most"),
)


@dataclass(frozen=True, slots=True)
class Version:
    """A trained model.

    path      its model file
    sha256    of that file
    figures   on held-out examples: n, metric (the headline's name), value, interval, coverage, accepted_error, wrong,
              wrong_at_most; and `compared`, with the version that answered when this one was trained: with, verdict,
              n, difference, interval, and how many reviewed answers only this one learned from (reviewed)
    card      for people, in Markdown
    served    whether it was promoted to answer; it does if there is no `problem`
    learned   how many examples it learned from; `held_out` were kept apart
    """

    number: int
    job: int | None
    made_at: datetime
    made_by: str
    path: Path
    sha256: str
    figures: Mapping[str, Any]
    card: str
    notes: str
    served: bool
    learned: int
    held_out: int

    @property
    def problem(self) -> str:
        """Why it cannot answer: its file is gone; "" if it is there. Damage is seen when it is loaded."""
        return "" if self.path.is_file() else f"its file {self.path} is gone: {RESTORE}"

    def to_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "job": self.job,
            "made_at": self.made_at.isoformat(),
            "made_by": self.made_by,
            "file": str(self.path),
            "sha256": self.sha256,
            "figures": dict(self.figures),
            "notes": self.notes,
            "served": self.served,
            "problem": self.problem,
            "learned": self.learned,
            "held_out": self.held_out,
        }


class RolledBack(NamedTuple):
    """The id of the change, and the version that answers since."""

    change: int
    version: Version


class Versions:
    """The versions of a project, as `project.versions`."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def list(self) -> Sequence[Version]:
        """All versions, newest first."""
        return self._read()

    def get(self, number: int) -> Version:
        """Raises UsageError if there is no such version."""
        found = self._read(versions.c.number == number)
        if not found:
            raise self._missing(number)
        return found[0]

    def add(self, bundle: Bundle) -> int:
        """Add a model that was not trained here. Returns its number."""
        from seehear.runtime.bundle import write_bundle

        path = self._project.place.models / f"{secrets.token_hex(8)}{MODEL_SUFFIX}"
        write_bundle(path, bundle)
        with self._project.database.writing() as connection:
            return publish_version(connection, self._project.who, None, path, bundle.recipe, bundle.card, {})

    def served(self) -> Version | None:
        """The version that answers; None while there is none, or if its file is gone."""
        number = self.served_number()
        found = None if number is None else self.get(number)
        return None if found is None or found.problem else found

    def served_number(self) -> int | None:
        """The number of the version that was promoted, which is quicker to read than all about it."""
        number: int | None = self._project.setting(SERVED)
        return number

    def learned_from(self, number: int) -> Sequence[int]:
        """The ids of the examples that a version learned from, but for those that were removed since."""
        select = (
            sa.select(version_examples.c.example_id)
            .join(examples, examples.c.id == version_examples.c.example_id)
            .where(version_examples.c.number == number, version_examples.c.part == TRAIN, examples.c.removed.is_(False))
            .order_by(version_examples.c.example_id)
        )
        with self._project.database.reading() as connection:
            return connection.execute(select).scalars().all()

    def load(self, number: int) -> Recogniser:
        """The model of a version. Raises BundleError for a file that is not the one that was trained."""
        from seehear import api

        return api.load(self.check_file(number))

    def check_file(self, number: int) -> Path:
        """The model file of a version. Raises BundleError if it is not the one that was trained."""
        version = self.get(number)
        try:
            content = version.path.read_bytes()
        except OSError as error:
            raise BundleError(f"cannot be read: {error.strerror}", where=str(version.path), hint=RESTORE) from None
        if hashlib.sha256(content).hexdigest() != version.sha256:
            raise BundleError("was changed since it was trained", where=str(version.path), hint=RESTORE)
        return version.path

    def promote(self, number: int, *, although_worse: bool = False) -> int | None:
        """Let a version answer from now on. Returns the id of the change; None if it answers already.

        It is compared with the version that answers, unless it was already. Raises WorseError if it is shown to be
        worse, and BundleError if its file is damaged: the version that answered goes on doing so.
        """
        self.check_file(number)
        if not although_worse:
            self._refuse_worse(number)
        with self._project.database.writing() as connection:
            before = read_setting(connection, SERVED)
            if before == str(number):
                return None
            change = begin_change(connection, self._project.who, f"promoted version {number}")
            make_edits(connection, change, [Edit("setting", None, SERVED, before, str(number))])
            return change

    def roll_back(self) -> RolledBack:
        """Undo the last promotion, so that the version before it answers again. Repeat it to go back further.

        Raises UsageError if no version answered before.
        """
        with self._project.database.writing() as connection:
            last = _find_promotion(connection)
            if last is None or last.before is None:
                raise UsageError("no version answered before this one", where=self._project.slug)
            change = undo(connection, self._project.who, last.change_id)
            describe_change(connection, change, f"rolled back from version {last.after} to version {last.before}")
        return RolledBack(change, self.get(int(last.before)))

    def compare(
        self, first: int, second: int, *, tolerate: float | None = None, listen: Listener = ignore_events
    ) -> PairedComparison:
        """Compare two versions on all examples of the project that neither learned from. `tolerate` as in `compare`.

        Raises UsageError if their answers differ in kind, DataError if there is no such example.
        """
        from seehear.paired_evaluation import check_comparable, compare_on_table
        from seehear.runtime.bundle import read_bundle
        from seehear.runtime.predictor import Predictor

        names = f"version {first}", f"version {second}"
        one, other = (Predictor(read_bundle(self.check_file(number))) for number in (first, second))
        models = one, other
        check_comparable(models, names)
        with open_unlearned(self._project, (first, second)) as unlearned:
            found = compare_on_table(models, names, unlearned.table, None, listen, tolerate)
            keys = [unlearned.names[int(number)] for number in unlearned.table.metadata_column("example")]
            gone = unlearned.gone
        flips = tuple(flip._replace(key=keys[flip.row]) for flip in found.flips)
        held_out = format_count(gone, "held-out example")
        left_out = [f"Left out: {held_out} of a version that the project has no longer."] if gone else []
        return replace(found, flips=flips, left_out=(*found.left_out, *left_out))

    def measure(self, number: int, *, stress: bool = False, listen: Listener = ignore_events) -> VersionReport:
        """Measure how good a version is on all examples of the project that it did not learn from. The report is kept
        beside its file, until it is measured again.

        stress  also under corruptions and without each sense, which takes about a hundred times as long

        Raises DataError if there is no such example, BundleError if the model file is damaged.
        """
        from seehear.projects.version_reports import measure_version

        return measure_version(self._project, number, stress=stress, listen=listen)

    def measured(self, number: int) -> VersionReport | None:
        """The report of a version that was measured last; None while there is none."""
        from seehear.projects.version_reports import read_report

        return read_report(self._project, number)

    def record_comparison(self, before: int, number: int) -> None:
        """Compare a new version with one before it, and keep the result in `figures["compared"]`.

        It says how many reviewed answers the new one has learned from that the other has not.
        """
        found = self.compare(before, number)
        compared = {
            "with": before,
            "verdict": found.verdict,
            "n": found.n,
            "difference": found.difference.value,
            "interval": found.to_json()["interval"],
        }
        with self._project.database.writing() as connection:
            compared["reviewed"] = _count_reviewed(connection, before, number)
            figures = dict(self._figures(connection, number)) | {"compared": compared}
            where = versions.c.number == number
            connection.execute(versions.update().where(where).values(figures=json.dumps(figures)))

    def _refuse_worse(self, number: int) -> None:
        """Raises WorseError for a version that is shown to be worse than the one that answers."""
        from seehear.measure.comparison import WORSE

        served = self.served()
        if served is None or served.number == number:
            return
        compared = self.get(number).figures.get("compared", {})
        if compared.get("with") != served.number:
            try:
                verdict = self.compare(served.number, number).verdict
            except (BundleError, DataError, UsageError):  # they cannot be compared, so it is not shown to be worse
                return
        else:
            verdict = compared["verdict"]
        if verdict == WORSE:
            raise WorseError(
                f"version {number} is worse than version {served.number}, which answers",
                where=self._project.slug,
                hint=f"look at the comparison of {served.number} with {number}; {PROMOTE_ANYWAY}",
            )

    def _figures(self, connection: Connection, number: int) -> Mapping[str, Any]:
        stored = connection.execute(sa.select(versions.c.figures).where(versions.c.number == number)).scalar_one()
        figures: Mapping[str, Any] = json.loads(stored)
        return figures

    def _read(self, *conditions: sa.ColumnElement[bool]) -> Sequence[Version]:
        part, number = version_examples.c.part, version_examples.c.number
        learned = sa.func.sum(sa.case((part == TRAIN, 1), else_=0)).label("learned")
        counted = sa.select(number, learned, sa.func.count().label("every")).group_by(number).subquery()
        select = (
            sa.select(versions, counted.c.learned, counted.c.every)
            .select_from(versions.outerjoin(counted, counted.c.number == versions.c.number))
            .where(*conditions)
            .order_by(versions.c.number.desc())
        )
        with self._project.database.reading() as connection:
            served = read_setting(connection, SERVED)
            rows = connection.execute(select).all()
        return [self._to_version(row, served == str(row.number)) for row in rows]

    def _to_version(self, row: Any, served: bool) -> Version:
        return Version(
            number=row.number,
            job=row.job_id,
            made_at=datetime.fromtimestamp(row.made_at_s, UTC),
            made_by=row.made_by,
            path=self._project.place.models / row.file,
            sha256=row.sha256,
            figures=dict.fromkeys(FIGURES) | json.loads(row.figures),
            card=row.card,
            notes=row.notes,
            served=served,
            learned=row.learned or 0,
            held_out=(row.every or 0) - (row.learned or 0),
        )

    def _missing(self, number: int) -> UsageError:
        known = ", ".join(str(each.number) for each in self.list()[:20])
        return UsageError(f"there is no version {number}", where=self._project.slug, allowed=known)


def publish_version(
    connection: Connection, who: str, job: int | None, model: Path, recipe: Recipe, card: str, parts: Mapping[int, str]
) -> int:
    """Make a version of a model file, which is in its place; the first one answers at once. Returns its number.

    job     that trained it; None for a model from elsewhere
    parts   the part of each example, by id, when it was trained
    """
    number = (connection.execute(sa.select(sa.func.max(versions.c.number))).scalar() or 0) + 1
    row = {
        "number": number,
        "job_id": job,
        "made_at_s": time.time(),
        "made_by": who,
        "file": model.name,
        "sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
        "figures": json.dumps(summarise(recipe)),
        "card": card,
        "notes": "",
    }
    connection.execute(versions.insert().values(row))
    rows = [{"number": number, "example_id": example, "part": part} for example, part in parts.items()]
    if rows:
        connection.execute(version_examples.insert(), rows)
    if read_setting(connection, SERVED) is None:
        change = begin_change(connection, PROGRAM, f"promoted version {number}, as there is no other")
        make_edits(connection, change, [Edit("setting", None, SERVED, None, str(number))])
    return number


def summarise(recipe: Recipe) -> dict[str, Any]:
    """The figures of a version, from what was measured on held-out examples with all of its senses."""
    from seehear.answers import ANSWERS

    if not recipe.results:
        return {}
    headline = ANSWERS[recipe.kind].headline(recipe.answer)
    result = max(recipe.results.items(), key=lambda item: item[0].count("+"))[1]
    metrics, intervals = result["metrics"], result["intervals"]
    return {
        "n": result["n"],
        "metric": headline.metric,
        "higher_is_better": headline.higher_is_better,
        "value": metrics[headline.metric],
        "interval": intervals.get(headline.metric),
        **{name: metrics[name] for name in ("wrong", "coverage", "accepted_error")},
        "wrong_at_most": result.get("wrong_at_most"),
    }


def _find_promotion(connection: Connection) -> Any:
    """The last change that promoted a version and was not undone; None if there is none."""
    return connection.execute(
        sa.select(edits.c.change_id, edits.c.before, edits.c.after)
        .join(changes, changes.c.id == edits.c.change_id)
        .where(edits.c.field == "setting", edits.c.key == SERVED)
        .where(changes.c.undone_by.is_(None), changes.c.undoes.is_(None))
        .order_by(edits.c.change_id.desc())
        .limit(1)
    ).one_or_none()


def _count_reviewed(connection: Connection, before: int, number: int) -> int:
    """How many reviewed answers a version learned from that another one had not learned from."""
    example, learned = version_examples.c.example_id, version_examples.c.part == TRAIN
    old = sa.select(example).where(version_examples.c.number == before, learned)
    reviewed = sa.select(predictions.c.example_id).where(predictions.c.example_id.is_not(None))
    where = version_examples.c.number == number, learned, example.in_(reviewed), example.not_in(old)
    return int(connection.execute(sa.select(sa.func.count()).select_from(version_examples).where(*where)).scalar_one())

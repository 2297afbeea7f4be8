"""Training jobs: each training is a separate process, which goes on when the program that requested it has ended.

The job's row has its options and its progress; its lock says whether its process is alive. Whoever opens the project
restarts jobs whose process is gone: they resume.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from seehear.errors import UsageError
from seehear.events import Listener, ignore_events
from seehear.files import ON_WINDOWS
from seehear.folders import delete
from seehear.projects.job_locks import INHERITS, holding, is_held
from seehear.projects.job_progress import Record, read_progress
from seehear.projects.schema import jobs, versions
from seehear.projects.training_data import TrainingPlan, plan_training, read_options

if TYPE_CHECKING:
    from seehear.projects.project import Project

WAITING, RUNNING, DONE, FAILED, CANCELLED = "waiting", "running", "done", "failed", "cancelled"
OPTIONS = (  # keywords of `seehear.train`
    *("minutes", "steps", "seed", "wrong_at_most", "start", "device"),
    *("coverage", "each_class", "each_group", "fair", "robust"),
)
AT_ONCE = "trainings_at_once"  # a setting: how many jobs of all projects of a home may run together
MOST_WAITING = 20
LOOK_S = 0.1  # somebody may just be looking whether the lock is held
WATCH_S = 0.2
PROCESS = "seehear.projects.job_process"  # the module that the process of a job runs
Row = Mapping[str, Any]
_children: dict[Path, subprocess.Popen[bytes]] = {}  # by lock: a new process takes a while until it holds its lock


@dataclass(frozen=True, slots=True)
class Job:
    """A training that was requested.

    state     waiting, running, done, failed or cancelled
    options   the keywords of `seehear.train`
    progress  the newest figures: task, done, total, unit, note, such as the loss, and seconds_left of the task;
              and `quality`, what was measured last: metric, value, higher_is_better, examples
    error     why it failed, as the command line would say it
    version   the number of the version that it made
    alive     whether its process lives; if not, a running job is restarted when somebody opens the project
    """

    id: int
    state: str
    options: Mapping[str, Any]
    asked_at: datetime
    asked_by: str
    started_at: datetime | None
    finished_at: datetime | None
    heartbeat_at: datetime | None
    progress: Mapping[str, Any]
    error: str
    version: int | None
    alive: bool

    @property
    def finished(self) -> bool:
        return self.state in (DONE, FAILED, CANCELLED) and not self.alive

    def to_json(self) -> dict[str, Any]:
        times = {name: getattr(self, name) for name in ("asked_at", "started_at", "finished_at", "heartbeat_at")}
        return {
            "id": self.id,
            "state": self.state,
            "options": dict(self.options),
            "asked_by": self.asked_by,
            **{name: at and at.isoformat() for name, at in times.items()},
            "progress": dict(self.progress),
            "error": self.error,
            "version": self.version,
            "alive": self.alive,
        }


class JobPlace:
    """The files of a job below `models/`.

    model     what it makes
    run       the run directory of the training, from which it resumes
    folder    the examples that it learns from, its progress and its lock
    """

    def __init__(self, models: Path, number: int) -> None:
        self.model = models / f"job-{number}.seehear"
        self.run = models / f"{self.model.name}.run"
        self.folder = models / f"job-{number}"
        self.table = self.folder / "examples.csv"
        self.progress = self.folder / "progress.jsonl"
        self.messages = self.folder / "messages.txt"
        self.lock = self.folder / "lock"


class Jobs:
    """The training jobs of a project, as `project.jobs`."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def start(self, **options: Any) -> Job:
        """Request a training, which begins when it is its turn. The options are keywords of `seehear.train`.

        Raises UsageError for other options, and if too many jobs are waiting.
        """
        return self._request(options, lambda _connection, _row: None)

    def start_once(self, **options: Any) -> Job:
        """Like `start`, but returns this person's unfinished job with the same options: a form can be sent twice."""
        return self._request(options, _find_same)

    def _request(self, options: Mapping[str, Any], find_known: Callable[[Connection, Row], int | None]) -> Job:
        given = {name: value for name, value in options.items() if value is not None}
        if unknown := given.keys() - {*OPTIONS}:
            raise UsageError(f"no option {min(unknown)!r} for a training", allowed=", ".join(OPTIONS))
        read_options(given)
        with self._project.database.writing() as connection:
            row = {
                "state": WAITING,
                "options": json.dumps(given, sort_keys=True),
                "asked_at_s": time.time(),
                "asked_by": self._project.who,
                "progress": "{}",
            }
            number = find_known(connection, row) or _insert(connection, row)
        self.restart()
        return self.get(number)

    def plan(self, *, listen: Listener = ignore_events, **options: Any) -> TrainingPlan:
        """What `start` would do with these options, which are keywords of `seehear.plan`. Takes some seconds."""
        return plan_training(self._project, options, listen)

    def list(self, limit: int = 50) -> Sequence[Job]:
        """The newest first."""
        with self._project.database.reading() as connection:
            rows = connection.execute(_select().order_by(jobs.c.id.desc()).limit(limit)).all()
        return [self._to_job(row) for row in rows]

    def get(self, number: int) -> Job:
        """Raises UsageError if there is no such job."""
        with self._project.database.reading() as connection:
            row = connection.execute(_select().where(jobs.c.id == number)).one_or_none()
        if row is None:
            raise UsageError(f"there is no job {number}", where=self._project.slug)
        return self._to_job(row)

    def unfinished(self) -> Sequence[Job]:
        """The jobs that run or wait, in the order of their turns."""
        with self._project.database.reading() as connection:
            select = _select().where(jobs.c.state.in_((WAITING, RUNNING))).order_by(jobs.c.id)
            rows = connection.execute(select).all()
        return [self._to_job(row) for row in rows]

    def restart(self) -> Sequence[int]:
        """Start a process for every job that should have one: new jobs, and those whose process is gone.

        A shared database may have jobs of other machines; they are left alone. Returns the ids.
        """
        for lock, child in list(_children.items()):
            if child.poll() is not None:
                _children.pop(lock, None)  # another thread may have been quicker
        unfinished = self.unfinished()
        with self._project.database.reading() as connection:
            select = sa.select(jobs.c.id, jobs.c.host).where(jobs.c.id.in_([job.id for job in unfinished]))
            hosts = {row.id: row.host for row in connection.execute(select)}
        started = []
        for job in unfinished:
            place = self.place(job.id)
            free = not job.alive and place.lock not in _children and hosts[job.id] in (None, platform.node())
            if free and (process := _start(self._project.place.folder, place)):
                _children[place.lock] = process
                started.append(job.id)
        return started

    def cancel(self, number: int) -> Job:
        """Stop a job, or take it out of the queue. What it has learned is kept: `resume` goes on."""
        with self._project.database.writing() as connection:
            changed = connection.execute(
                jobs.update()
                .where(jobs.c.id == number, jobs.c.state.in_((WAITING, RUNNING)))
                .values(state=CANCELLED, finished_at_s=time.time())
            ).rowcount
            row = connection.execute(sa.select(jobs.c.host, jobs.c.process).where(jobs.c.id == number)).one_or_none()
        job = self.get(number)
        if not changed:
            raise UsageError(f"job {number} is {job.state}", allowed="a job that is waiting or running")
        if row is not None and row.process and row.host == platform.node() and job.alive:
            _terminate(row.process)
        return job

    def resume(self, number: int) -> Job:
        """Resume a job that was cancelled or failed."""
        with self._project.database.writing() as connection:
            changed = connection.execute(
                jobs.update()
                .where(jobs.c.id == number, jobs.c.state.in_((CANCELLED, FAILED)))
                .values(state=WAITING, finished_at_s=None, error=None, progress="{}")
            ).rowcount
        if not changed:
            raise UsageError(f"job {number} is {self.get(number).state}", allowed="a job that was cancelled or failed")
        self.restart()
        return self.get(number)

    def discard(self, number: int) -> None:
        """Delete what a job that was cancelled or has failed has learned; its row stays."""
        job = self.get(number)
        if not job.finished or job.version is not None:
            raise UsageError(f"job {number} is {job.state}", allowed="a job that was cancelled or failed")
        place = self.place(number)
        for path in (place.run, place.folder, place.model):
            delete(path)

    def watch(self, number: int, position: int = 0) -> Iterator[tuple[Record, int]]:
        """The progress of a job as it is written, each record with the position to go on from, until the job is done.

        The last record has the event `state`, and in `job` what `Job.to_json` gives. Jobs whose process is gone are
        restarted.
        """
        place = self.place(number)
        while True:
            job = self.get(number)
            for record, after in read_progress(place.progress, position):
                position = after
                yield record, position
            if job.finished:
                yield {"at_s": time.time(), "event": "state", "job": job.to_json()}, position
                return
            if not job.alive and job.state in (WAITING, RUNNING):
                self.restart()
            time.sleep(WATCH_S)

    def wait(self, number: int) -> Job:
        """Return when a job is done, failed or cancelled."""
        for _ in self.watch(number):
            pass
        return self.get(number)

    def place(self, number: int) -> JobPlace:
        return JobPlace(self._project.place.models, number)

    def _to_job(self, row: Any) -> Job:
        return Job(
            id=row.id,
            state=row.state,
            options=json.loads(row.options),
            asked_at=datetime.fromtimestamp(row.asked_at_s, UTC),
            asked_by=row.asked_by,
            started_at=_at(row.started_at_s),
            finished_at=_at(row.finished_at_s),
            heartbeat_at=_at(row.heartbeat_at_s),
            progress=json.loads(row.progress),
            error=row.error or "",
            version=row.version,
            alive=is_held(self.place(row.id).lock),
        )


def _insert(connection: Connection, row: Row) -> int:
    """The id of a new job. Raises UsageError if too many are waiting."""
    waiting = sa.select(sa.func.count()).select_from(jobs).where(jobs.c.state == WAITING)
    if connection.execute(waiting).scalar_one() >= MOST_WAITING:
        raise UsageError(f"{MOST_WAITING} trainings are waiting", hint="cancel some, or wait until they are done")
    return int(connection.execute(jobs.insert().values(row).returning(jobs.c.id)).scalar_one())


def _find_same(connection: Connection, row: Row) -> int | None:
    """The job of the same person with the same options that is not finished."""
    same = (jobs.c[name] == row[name] for name in ("options", "asked_by"))
    found: int | None = connection.execute(
        sa.select(jobs.c.id).where(*same, jobs.c.state.in_((WAITING, RUNNING))).order_by(jobs.c.id.desc()).limit(1)
    ).scalar()
    return found


def update_job(connection: Connection, number: int, **values: Any) -> None:
    connection.execute(jobs.update().where(jobs.c.id == number).values(**values))


def _select() -> sa.Select[Any]:
    made = versions.c.number.label("version")
    return sa.select(jobs, made).select_from(jobs.outerjoin(versions, versions.c.job_id == jobs.c.id))


def _start(project: Path, place: JobPlace) -> subprocess.Popen[bytes] | None:
    """The process of a job; None if it has one already."""
    place.folder.mkdir(exist_ok=True)
    with holding(place.lock, LOOK_S) as lock:
        return None if lock is None else _spawn(project, place, lock)


def _spawn(project: Path, place: JobPlace, lock: int) -> subprocess.Popen[bytes]:
    """A process that does not end with this one, or with its terminal. It inherits the lock."""
    command = [sys.executable, "-m", PROCESS, str(project.resolve()), place.folder.name[4:]]
    detached: dict[str, Any] = {"start_new_session": True}
    if ON_WINDOWS:
        detached = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS}  # type: ignore[attr-defined]
    if INHERITS:
        command.append(str(lock))
        detached["pass_fds"] = (lock,)
    with place.messages.open("ab") as messages:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=messages, stderr=messages, **detached)


def _terminate(process: int) -> None:
    with suppress(ProcessLookupError):  # it has just ended
        os.kill(process, signal.SIGTERM)


def _at(at_s: float | None) -> datetime | None:
    return None if at_s is None else datetime.fromtimestamp(at_s, UTC)

"""The process of one training job: `python -m seehear.projects.job_process PROJECT-FOLDER JOB [LOCK]`.

It waits for its turn, trains, and makes a version of the model. If it is killed, another one goes on where it was: the
examples are written down before the first step, the training keeps checkpoints, and a model file that is complete is
not trained again. LOCK is the descriptor of the job's lock, if it was inherited.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from seehear import interrupts
from seehear.errors import SeehearError, TrainingError, describe_error
from seehear.events import Event
from seehear.folders import claim_folder, remove_folder
from seehear.projects.fields import Edit
from seehear.projects.history import begin_change, discard_if_empty, make_edits
from seehear.projects.job_locks import holding, inherited
from seehear.projects.job_progress import ProgressWriter, Record
from seehear.projects.jobs import AT_ONCE, DONE, FAILED, RUNNING, WAITING, Job, JobPlace, update_job
from seehear.projects.project import Project
from seehear.projects.training_data import choose_parts, read_parts, read_training_examples, table_options, write_table
from seehear.projects.versions import PROGRAM, publish_version
from seehear.run_files import MANIFEST, last_saved_ns

TURN_S = 0.5  # between two checks of whose turn it is
MOST_DEATHS = 5  # of processes in a row that made no progress


def main() -> None:
    folder, number, *lock = sys.argv[1:]
    interrupts.install_handlers()
    with suppress(KeyboardInterrupt), Project.open(Path(folder)) as project:
        run_job(project, int(number), *map(int, lock))
        project.jobs.restart()  # those whose process was killed


def run_job(project: Project, number: int, lock: int | None = None) -> None:
    """Run a job to its end, unless it has a process already or is not to be run."""
    place = project.jobs.place(number)
    place.folder.mkdir(exist_ok=True)
    with holding(place.lock) if lock is None else inherited(lock) as held:
        if held is None:
            return
        with _turn(project, number) as job:
            if job is not None:
                _run(project.as_person(job.asked_by), job, place)


@contextmanager
def _turn(project: Project, number: int) -> Iterator[Job | None]:
    """Wait until no older job of the project is before this one, and another training of the home has ended.

    Gives None if the job was cancelled meanwhile.
    """
    while True:
        mine = project.jobs.get(number)
        if mine.state not in (WAITING, RUNNING):
            yield None
            return
        slots = int(project.setting(AT_ONCE, 1))
        ahead = [each for each in project.jobs.unfinished() if each.id < number and each.alive]
        if len(ahead) < slots:
            with ExitStack() as stack:
                for slot in range(slots):
                    lock = project.place.folder.parent / f".training-{slot}.lock"
                    if stack.enter_context(holding(lock, 0.0)) is not None:
                        yield mine
                        return
        time.sleep(TURN_S)


def _run(project: Project, job: Job, place: JobPlace) -> None:
    writer = ProgressWriter(place.progress, lambda figures: _save(project, job.id, figures))
    try:
        _begin(project, job, place, writer)
        version = _train(project, job, place, writer)
        writer.write({"event": "version", "version": version})
    except KeyboardInterrupt:
        writer.write({"event": "interrupted"})  # cancelled, or the machine shuts down: then it will be restarted
    except Exception as error:
        if not isinstance(error, SeehearError | OSError):
            sys.excepthook(type(error), error, error.__traceback__)
        writer.write({"event": "failed", "error": describe_error(error)})
        with project.database.writing() as connection:
            values = {"state": FAILED, "error": describe_error(error), "finished_at_s": time.time()}
            update_job(connection, job.id, **values)
    finally:
        writer.close()


def _begin(project: Project, job: Job, place: JobPlace, writer: ProgressWriter) -> None:
    """Mark the job as running. Raises TrainingError if its processes end again and again without coming further."""
    reached = last_saved_ns(place.run)
    before = job.progress
    deaths = before.get("deaths", -1) + 1 if before.get("reached", 0) == reached else 0
    writer.newest |= {**before, "reached": reached, "deaths": deaths}
    with project.database.writing() as connection:
        values: dict[str, Any] = {"state": RUNNING, "host": platform.node(), "process": os.getpid()}
        values |= {"heartbeat_at_s": time.time(), "progress": json.dumps(writer.newest)}
        update_job(connection, job.id, **values, **({} if job.started_at else {"started_at_s": time.time()}))
    writer.write({"event": "running", "process": os.getpid()})
    if deaths > MOST_DEATHS:
        hint = "close other programs, or train on smaller files"
        raise TrainingError(f"its process was killed {deaths} times, perhaps because it ran out of memory", hint=hint)


def _save(project: Project, number: int, figures: Record) -> None:
    with suppress(SeehearError), project.database.writing() as connection:  # somebody else may be writing for long
        update_job(connection, number, heartbeat_at_s=time.time(), progress=json.dumps(figures, ensure_ascii=False))


def _train(project: Project, job: Job, place: JobPlace, writer: ProgressWriter) -> int:
    from seehear import api
    from seehear.runtime.bundle import read_bundle

    if not place.table.exists():
        _write_examples(project, job, place)
    if place.model.exists():  # complete: the process before this one was killed after it
        _remove_run(place)
    else:
        options = dict(job.options)
        resume = (place.run / MANIFEST).exists()
        if resume:  # the run knows them
            options = {name: value for name, value in options.items() if name == "device"}

        def listen(event: Event) -> None:
            writer(event)
            interrupts.raise_pending()

        api.train(place.table, place.model, **options, **table_options(project), resume=resume, listen=listen)
    bundle, served = read_bundle(place.model), project.versions.served()
    with project.database.writing() as connection:
        parts = read_parts(place.table)
        version = publish_version(connection, project.who, job.id, place.model, bundle.recipe, bundle.card, parts)
        update_job(connection, job.id, state=DONE, error=None, finished_at_s=time.time())
    if served is not None:
        with suppress(SeehearError):  # it may answer with something else
            project.versions.record_comparison(served.number, version)
    return version


def _write_examples(project: Project, job: Job, place: JobPlace) -> None:
    """Write down what the job learns from, and hold out examples whose part is undecided."""
    parts = choose_parts(project, job.options)
    chosen = read_training_examples(project)
    before = {each.id: each.part for each in chosen}
    with project.database.writing() as connection:
        change = begin_change(
            connection, PROGRAM, f"held out some of {len(parts):,} examples, to measure how good it is"
        )
        make_edits(
            connection, change, [Edit("part", number, "", before[number], part) for number, part in parts.items()]
        )
        discard_if_empty(connection, change)
    unfinished = place.table.with_suffix(".part")
    write_table(project, chosen, parts, unfinished)
    unfinished.replace(place.table)


def _remove_run(place: JobPlace) -> None:
    if place.run.exists():
        with claim_folder(place.run):
            remove_folder(place.run)


if __name__ == "__main__":
    main()

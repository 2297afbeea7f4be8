"""Training jobs as processes: they outlive those who asked, stop when told to, and go on after kill -9."""

from __future__ import annotations

import csv
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from learning import PARITY, digits_table
from made_projects import make_project
from seehear.projects import Project

pytestmark = pytest.mark.slow
AWAIT_S = 600.0  # a busy machine takes long to import torch


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """24 handwritten digits, odd or even."""
    table = digits_table(tmp_path / "data", PARITY, ("image",))
    with make_project(tmp_path / "home") as made, table.open() as file:
        rows = list(csv.DictReader(file))
        for parity in ("odd", "even"):
            made.add([table.parent / row["image"] for row in rows if row["label"] == parity], parity)
        yield made


def await_event(project: Project, job: int, event: str, task: str | None = None) -> int:
    """Wait until a job's progress has an event, of this task if given -> the job's process."""
    until_s, process = time.monotonic() + AWAIT_S, 0
    for record, _ in project.jobs.watch(job):
        process = record.get("process", process)
        if record["event"] == event and task in (None, record.get("task")):
            return process
        assert time.monotonic() < until_s and record["event"] not in ("failed", "state"), record
    raise AssertionError(f"no {event!r}")


def test_a_job_that_is_killed_again_and_again_makes_one_version(project: Project) -> None:
    job = project.jobs.start(steps=60).id
    for event, pause_s in (("running", 0.0), ("started", 0.3), ("advanced", 0.1)):
        os.kill(await_event(project, job, event), signal.SIGKILL)
        time.sleep(pause_s)
    done = project.jobs.wait(job)
    assert (done.state, done.version, done.error) == ("done", 1, "")
    (version,) = project.versions.list()
    assert version.served and version.learned + version.held_out == 24
    assert project.versions.load(1).recipe.training.steps == 60
    assert sorted(path.name for path in project.place.models.iterdir()) == ["job-1", "job-1.seehear"]


def test_a_job_that_is_cancelled_keeps_what_it_learned_and_the_next_one_begins(project: Project) -> None:
    long = project.jobs.start(minutes=30).id
    short = project.jobs.start(steps=5).id
    await_event(project, long, "advanced", "training")
    assert project.jobs.get(short).state == "waiting"
    project.jobs.cancel(long)
    assert project.jobs.wait(long).state == "cancelled"
    assert project.jobs.place(long).run.exists()
    assert project.jobs.wait(short).version == 1
    project.jobs.discard(long)
    assert not project.jobs.place(long).run.exists()

"""Trainings that take no time: the model is handmade, everything around it is real."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tiny
from seehear import api
from seehear.events import Advanced, Measured, Started
from seehear.projects import Project, jobs
from seehear.projects.job_process import run_job
from seehear.runtime.bundle import Bundle, write_bundle

RESULT = {
    "n": 4,
    "metrics": {"accuracy": 0.75, "wrong": 0.25, "coverage": 0.5, "accepted_error": None},
    "intervals": {"accuracy": [0.3, 0.95]},
}


def hold_jobs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give jobs no process. Returns the names of those that would have got one, in a list that grows."""
    started: list[str] = []

    class Process:
        def __init__(self, _project: Path, place: jobs.JobPlace, _lock: int) -> None:
            started.append(place.folder.name)

        def poll(self) -> int:
            return 0

    monkeypatch.setattr(jobs, "_spawn", Process)
    return started


def dark_or_bright() -> Bundle:
    return tiny.bundle(results={"image": RESULT})


def pretend_training(
    monkeypatch: pytest.MonkeyPatch, *, threads: bool = False, bundle: Callable[[], Bundle] = dark_or_bright
) -> None:
    """Replace `api.train` by a handmade model; by default one that tells dark from bright.

    threads   run each job in a thread, as a process would; without, jobs wait for `run_job`
    """

    class Process:
        def __init__(self, project: Path, place: jobs.JobPlace, _lock: int) -> None:
            self._thread = threading.Thread(target=_run, args=(project, int(place.folder.name[4:])))
            if threads:
                self._thread.start()

        def poll(self) -> int | None:
            return None if self._thread.is_alive() else 0

    def train(data: Path, out: Path, *, listen: Any, **_options: Any) -> None:
        listen(Started("training", 4, "steps"))
        listen(Advanced("training", 2, "loss 0.5"))
        listen(Measured("training", 2, "accuracy", 0.5, True, 4))
        listen(Measured("training", 4, "accuracy", 0.75, True, 4))
        write_bundle(out, bundle())

    monkeypatch.setattr(jobs, "_spawn", Process)
    monkeypatch.setattr(api, "train", train)


def _run(project: Path, number: int) -> None:
    with Project.open(project) as opened:
        run_job(opened, number)

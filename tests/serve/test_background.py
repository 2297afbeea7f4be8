"""Work in the background of pages: one job for each key, errors in words, and an end when the server ends."""

from __future__ import annotations

import threading

from seehear.errors import DataError
from seehear.events import Advanced, Listener, Started
from seehear.serve.pages import background
from seehear.serve.pages.background import BackgroundJobs

PATIENCE_S = 20


def test_a_job_says_how_far_it_is_and_what_came_of_it() -> None:
    jobs, seen, goes_on = BackgroundJobs[str](), threading.Event(), threading.Event()

    def work(listen: Listener) -> str:
        listen(Started("x", 10, "examples"))
        listen(Advanced("x", 4))
        seen.set()
        goes_on.wait(PATIENCE_S)
        return "done"

    job = jobs.start("a", work)
    assert seen.wait(PATIENCE_S)
    assert (job.done, job.total, job.finished, job.result) == (4, 10, False, None)
    assert jobs.start("a", work) is job
    goes_on.set()
    assert job.wait(PATIENCE_S) and job.result == "done"
    assert jobs.find("a") is job
    jobs.forget("a")
    assert jobs.find("a") is None


def test_one_job_of_a_kind_runs_at_a_time() -> None:
    jobs, goes_on, running = BackgroundJobs[None](), threading.Event(), list[str]()

    def work_as(name: str) -> None:
        running.append(name)
        goes_on.wait(PATIENCE_S)

    first = jobs.start("a", lambda _: work_as("a"))
    second = jobs.start("b", lambda _: work_as("b"))
    assert not second.wait(0.05) and len(running) == 1
    goes_on.set()
    assert first.wait(PATIENCE_S) and second.wait(PATIENCE_S) and sorted(running) == ["a", "b"]


def test_what_fails_says_why() -> None:
    jobs = BackgroundJobs[None]()

    def fail(error: Exception) -> None:
        raise error

    known = jobs.start("known", lambda _: fail(DataError("nothing is there")))
    unknown = jobs.start("unknown", lambda _: fail(ValueError("what")))
    assert known.wait(PATIENCE_S) and known.error == "nothing is there." and known.result is None
    assert unknown.wait(PATIENCE_S) and unknown.error == "ValueError: what"


def test_jobs_stop_when_the_server_ends() -> None:
    jobs, began = BackgroundJobs[None](), threading.Event()

    def work(listen: Listener) -> None:
        while True:
            listen(Advanced("x", 1))
            began.set()

    job = jobs.start("a", work)
    assert began.wait(PATIENCE_S)
    jobs.close()
    assert job.wait(PATIENCE_S) and job.error == ""


def test_only_the_newest_results_are_kept() -> None:
    jobs = BackgroundJobs[int]()
    for number in range(background.KEPT + 5):
        assert jobs.start(number, lambda _: 1).wait(PATIENCE_S)
    assert jobs.find(0) is None and jobs.find(background.KEPT + 4) is not None

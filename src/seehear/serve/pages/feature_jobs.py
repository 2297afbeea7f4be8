"""Computes the features of many examples in threads of the server, so that pages can show the progress."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock, Thread

from seehear.errors import SeehearError
from seehear.events import Advanced, Event, Started
from seehear.problems import RowProblem
from seehear.projects.similar import SimilaritySearch


class _StoppedError(Exception):
    """The server ends."""


@dataclass(eq=False)
class FeatureJob:
    """What is being computed. `error` says why it stopped; "" if it did not."""

    total: int
    done: int = 0
    finished: bool = False
    problems: Sequence[RowProblem] = ()
    error: str = ""
    stopping: bool = field(default=False, repr=False)

    def listen(self, event: Event) -> None:
        if self.stopping:
            raise _StoppedError
        if isinstance(event, Started) and event.total is not None:
            self.total = round(event.total)
        elif isinstance(event, Advanced):
            self.done = round(event.done)


class FeatureJobs:
    """One job for each place that is searched. What it has computed is kept, also if it is stopped."""

    def __init__(self) -> None:
        self._jobs: dict[str, FeatureJob] = {}
        self._threads: list[Thread] = []
        self._lock = Lock()

    def find(self, search: SimilaritySearch) -> FeatureJob | None:
        """The job of this search: it runs, has done all that can be done, or has failed. None if it must be started."""
        with self._lock:
            job = self._jobs.get(search.key)
        if job is not None and job.finished and not job.error and search.count_missing() > len(job.problems):
            return None
        return job

    def forget(self, search: SimilaritySearch) -> None:
        """So that a job that stopped with an error is started again."""
        with self._lock:
            self._jobs.pop(search.key, None)

    def start(self, search: SimilaritySearch) -> FeatureJob:
        with self._lock:
            running = self._jobs.get(search.key)
            if running is not None and not running.finished:
                return running
            job = self._jobs[search.key] = FeatureJob(search.count_missing())
            thread = Thread(target=_run, args=(job, search), name="seehear-features", daemon=True)
            self._threads = [each for each in self._threads if each.is_alive()] + [thread]
        thread.start()
        return job

    def close(self) -> None:
        """Stop after what is being computed now."""
        with self._lock:
            for job in self._jobs.values():
                job.stopping = True
        for thread in self._threads:
            thread.join(timeout=5)


def _run(job: FeatureJob, search: SimilaritySearch) -> None:
    try:
        job.problems = search.compute(job.listen)
    except _StoppedError:
        pass
    except SeehearError as error:
        job.error = str(error)
    except Exception as error:  # shown on the page; the server goes on
        job.error = f"{type(error).__name__}: {error}"
    finally:
        job.finished = True

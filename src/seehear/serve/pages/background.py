"""Work that takes too long for a page, in threads of the server, so that pages can show how far it is."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Event as Signal
from threading import Lock, Semaphore, Thread
from typing import Generic, TypeVar

from seehear.errors import SeehearError
from seehear.events import Advanced, Event, Listener, Started

KEPT = 100  # jobs that are done, of one kind of work
Result = TypeVar("Result")


class _StoppedError(Exception):
    """The server ends."""


@dataclass(eq=False)
class BackgroundJob(Generic[Result]):
    """What is being done, `done` of `total`. `error` says why it stopped; "" if it did not.

    total   0 while it is unknown
    result  None until it is done
    """

    total: int = 0
    done: int = 0
    result: Result | None = None
    error: str = ""
    stopping: bool = field(default=False, repr=False)
    _ended: Signal = field(default_factory=Signal, repr=False)

    @property
    def finished(self) -> bool:
        return self._ended.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Whether it is finished by then."""
        return self._ended.wait(timeout_s)

    def listen(self, event: Event) -> None:
        if self.stopping:
            raise _StoppedError
        if isinstance(event, Started):
            self.total, self.done = round(event.total or 0), 0
        elif isinstance(event, Advanced):
            self.done = round(event.done)

    def run(self, work: Callable[[Listener], Result]) -> None:
        try:
            self.result = work(self.listen)
        except _StoppedError:
            pass
        except SeehearError as error:
            self.error = str(error)
        except Exception as error:  # shown on the page; the server goes on
            self.error = f"{type(error).__name__}: {error}"
        finally:
            self._ended.set()


class BackgroundJobs(Generic[Result]):
    """One kind of work: at most one job for each key, and `at_once` jobs that run. The newest results are kept."""

    def __init__(self, at_once: int = 1) -> None:
        self._jobs: dict[Hashable, BackgroundJob[Result]] = {}
        self._threads: list[Thread] = []
        self._lock, self._turns = Lock(), Semaphore(at_once)

    def find(self, key: Hashable) -> BackgroundJob[Result] | None:
        """The job of this key: it waits, runs or is finished."""
        with self._lock:
            return self._jobs.get(key)

    def forget(self, key: Hashable) -> None:
        """So that a finished job is started again."""
        with self._lock:
            self._jobs.pop(key, None)

    def start(self, key: Hashable, work: Callable[[Listener], Result], total: int = 0) -> BackgroundJob[Result]:
        """The job of this key, which is started unless it waits or runs."""
        with self._lock:
            running = self._jobs.get(key)
            if running is not None and not running.finished:
                return running
            self._jobs.pop(key, None)  # so that the new one is among the newest
            job = self._jobs[key] = BackgroundJob[Result](total)
            ended = [each for each, known in self._jobs.items() if known.finished]
            for each in ended[: max(0, len(ended) - KEPT)]:
                del self._jobs[each]
            thread = Thread(target=self._run, args=(job, work), name="seehear-background", daemon=True)
            self._threads = [each for each in self._threads if each.is_alive()] + [thread]
        thread.start()
        return job

    def close(self) -> None:
        """Stop after what is being done now."""
        with self._lock:
            for job in self._jobs.values():
                job.stopping = True
        for thread in self._threads:
            thread.join(timeout=5)

    def _run(self, job: BackgroundJob[Result], work: Callable[[Listener], Result]) -> None:
        with self._turns:
            job.run(work)

"""Answers requests in a few threads, one at a time in each, first come, first served.

What waits is bounded. Long recordings and tiled pictures have a thread of their own, so that a picture never waits for
an hour of speech.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from threading import Condition, Event, Thread
from typing import Any

from seehear.answers import ANSWERS
from seehear.runtime.onnx_session import threads
from seehear.runtime.options import PredictOptions
from seehear.runtime.prediction import Prediction
from seehear.runtime.speech_windows import needs_windows
from seehear.serve.models import ServedModel

LONG_BYTES = 4 << 20  # a file from this size on is answered where it keeps nobody waiting
LONG_WAITING = 8  # requests for the thread of long ones
SMOOTHING = 0.1  # weight of the newest request in the mean time that an answer takes


class BusyError(Exception):
    """Too many requests wait. `retry_after_s` is when there should be room again, in whole seconds."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("too many requests are waiting")
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class Answered:
    """What was asked and answered, for those who listen: metrics, and a project that keeps answers.

    waited_s   in the queue
    took_s     to answer
    """

    model: ServedModel
    example: Any
    prediction: Prediction
    waited_s: float
    took_s: float


@dataclass(eq=False)
class _Job:
    """`tell` gets each answer as it comes, and says whether somebody still waits for more."""

    model: ServedModel
    example: Any
    options: PredictOptions
    tell: Callable[[Prediction], bool] | None = None
    answer: Future[Prediction] = field(default_factory=Future)
    since_s: float = field(default_factory=time.perf_counter)


class Place:
    """A place in the queue for a request that has arrived. Used only in the server's thread.

    Without it, all requests that arrive at once would pass the check for the last free place, and all but one be
    refused after their files were read.
    """

    def __init__(self, answerer: Answerer) -> None:
        self._answerer = answerer
        self._taken = self._left = False

    def take(self) -> None:
        if not self._taken and not self._left:
            self._taken = True
            self._answerer.reserved += 1

    def leave(self) -> None:
        """Give the place up, when the job is in the queue or there will be none."""
        if self._taken and not self._left:
            self._answerer.reserved -= 1
        self._left = True


PLACE: ContextVar[Place | None] = ContextVar("PLACE", default=None)  # of the request that is handled


class Answerer:
    """Answers examples with served models. Its threads end with `close`.

    listeners   called with every Answered, in the thread that answered it; they must be quick
    reserved    places in the queue that requests have before their jobs are there
    """

    def __init__(self, waiting: int, workers: int | None = None) -> None:
        self.reserved = 0
        self.listeners: list[Callable[[Answered], None]] = []
        self._quick = _Lane("quick", workers or threads(), waiting, self._tell)
        self._long = _Lane("long", 1, LONG_WAITING, self._tell)

    async def answer(
        self, model: ServedModel, example: Any, options: PredictOptions | None = None, *, size: int = 0
    ) -> Prediction:
        """One prediction, as `Recogniser.predict`.

        size    of the file in bytes
        Raises UsageError for the options, and BusyError if too many requests wait.
        """
        return await asyncio.wrap_future(self._put(_Job(model, example, options or PredictOptions()), size))

    async def answer_patiently(
        self, model: ServedModel, example: Any, options: PredictOptions | None = None, *, size: int = 0
    ) -> Prediction:
        """As `answer`, but waits while too many requests wait: for one of many questions of the same person."""
        while True:
            try:
                return await self.answer(model, example, options, size=size)
            except BusyError as busy:
                await asyncio.sleep(busy.retry_after_s)

    async def answer_progressively(
        self, model: ServedModel, example: Any, options: PredictOptions | None = None, *, size: int = 0
    ) -> AsyncGenerator[Prediction, None]:
        """The answers as `Recogniser.predict_progressively` gives them. A caller that stops iterating ends the work.

        Raises UsageError, BusyError, as `answer`.
        """
        loop, told, gone = asyncio.get_running_loop(), asyncio.Queue[Prediction | None](), Event()

        def tell(prediction: Prediction | None) -> bool:
            with suppress(RuntimeError):  # the server has stopped
                loop.call_soon_threadsafe(told.put_nowait, prediction)
            return not gone.is_set()

        answer = self._put(_Job(model, example, options or PredictOptions(), tell), size)
        answer.add_done_callback(lambda _: tell(None))
        try:
            while (prediction := await told.get()) is not None:
                yield prediction
            answer.result()  # raises what the thread raised
        finally:
            gone.set()
            answer.cancel()

    def _put(self, job: _Job, size: int) -> Future[Prediction]:
        if (place := PLACE.get()) is not None:
            place.leave()
        lane = self._long if is_long(job.model, job.options, size) else self._quick
        return lane.put(job)

    def check_room(self) -> None:
        """Raises BusyError if a request for a quick answer would be refused now."""
        self._quick.check_room(self.reserved)

    @property
    def waiting(self) -> Mapping[str, int]:
        """How many requests wait, by the name of the lane."""
        return {lane.name: lane.waiting for lane in (self._quick, self._long)}

    def close(self) -> None:
        """End the threads, after what they are answering now. Requests that wait are cancelled."""
        for lane in (self._quick, self._long):
            lane.close()

    def _tell(self, answered: Answered) -> None:
        for listener in self.listeners:
            listener(answered)


def is_long(model: ServedModel, options: PredictOptions, size: int) -> bool:
    """Whether an answer may take many seconds: it is put together from windows or tiles, or its file is large."""
    recipe = model.recogniser.recipe
    return options.tiles or size > LONG_BYTES or needs_windows(ANSWERS[recipe.kind], recipe.answer)


class _Lane:
    """Threads that take jobs from one queue."""

    def __init__(self, name: str, workers: int, most: int, tell: Callable[[Answered], None]) -> None:
        self.name = name
        self._most, self._tell, self._workers = most, tell, workers
        self._jobs: deque[_Job] = deque()
        self._changed = Condition()
        self._closed = False
        self._mean_s = 0.0
        self._threads = [Thread(target=self._work, name=f"seehear-{name}-{i}", daemon=True) for i in range(workers)]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        return len(self._jobs)

    def check_room(self, reserved: int = 0) -> None:
        if len(self._jobs) + reserved >= self._most:
            raise BusyError(max(1, round(self._mean_s * self._most / self._workers)))

    def put(self, job: _Job) -> Future[Prediction]:
        self.check_room()
        with self._changed:
            self._jobs.append(job)
            self._changed.notify()
        return job.answer

    def close(self) -> None:
        with self._changed:
            self._closed = True
            for job in self._jobs:
                job.answer.cancel()
            self._jobs.clear()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(timeout=5)

    def _work(self) -> None:
        while (job := self._take()) is not None:
            began_s = time.perf_counter()
            outcome = _answer(job)
            took_s = time.perf_counter() - began_s
            self._mean_s += SMOOTHING * (took_s - self._mean_s)
            if isinstance(outcome, BaseException):
                job.answer.set_exception(outcome)
            else:
                # Listeners come first, so an answer is counted before the caller gets it.
                self._tell(Answered(job.model, job.example, outcome, began_s - job.since_s, took_s))
                job.answer.set_result(outcome)

    def _take(self) -> _Job | None:
        """The job that has waited longest; None at the end."""
        with self._changed:
            while True:
                while not self._jobs and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return None
                job = self._jobs.popleft()
                # A caller who has gone away has cancelled: nobody waits for that answer.
                if job.answer.set_running_or_notify_cancel():
                    return job


def _answer(job: _Job) -> Prediction | BaseException:
    """The prediction, or what was raised."""
    try:
        if job.tell is not None:
            return _answer_progressively(job, job.tell)
        answer: Prediction = job.model.recogniser.predict(job.example, **vars(job.options))
        return answer
    except Exception as error:  # not even a fault of ours may end the thread
        return error


def _answer_progressively(job: _Job, tell: Callable[[Prediction], bool]) -> Prediction:
    """The last answer, or the first after which nobody waits for more."""
    answers = job.model.recogniser.predict_progressively(job.example, **vars(job.options))
    prediction = next(answers)
    while tell(prediction) and (following := next(answers, None)) is not None:
        prediction = following
    return prediction

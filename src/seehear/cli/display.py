"""Shows events on stderr: progress bars on a terminal, otherwise a line now and then, and a line per finished task."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Protocol

from seehear import interrupts
from seehear.amounts import format_count, format_duration
from seehear.escaping import escape_unprintable
from seehear.events import Advanced, Event, Finished, Measured, Notice, Skipped, SkippedItem, Started

INTERVAL_S = 10.0  # between two lines of a task without a bar
MAX_LISTED = 20  # problems; the rest is only counted


class ProgressView(Protocol):
    def update(self, event: Event) -> None: ...
    def close(self) -> None: ...


class Display:
    """A listener, used as a context manager; `left_out` counts the problems shown."""

    left_out = 0

    def __init__(self) -> None:
        self._start_s: dict[str, float] = {}

    def __enter__(self) -> Display:
        self._view: ProgressView = Bars() if sys.stderr.isatty() else Lines()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._view.close()

    def __call__(self, event: Event) -> None:
        self._view.update(event)
        match event:
            case Skipped(problems):
                self.show_problems(problems)
            case Started(task):
                self._start_s[task] = time.monotonic()
            case Advanced():
                interrupts.raise_pending()
            case Finished(task, done):
                self.say(f"{task}: {done} in {format_duration(time.monotonic() - self._start_s.pop(task))}")
            case _:
                pass

    def say(self, text: str) -> None:
        self._view.update(Notice(text))

    def show_problems(self, problems: Sequence[SkippedItem]) -> None:
        """List what was left out and why."""
        self.left_out += len(problems)
        if problems:
            self.say(f"Left out {len(problems):,}:")
        for problem in problems[:MAX_LISTED]:
            self.say("  " + ". ".join(filter(None, (f"{problem.where}: {problem.what}", problem.hint))))
        if len(problems) > MAX_LISTED:
            self.say(f"  and {len(problems) - MAX_LISTED:,} more")


class Lines:
    """For logs and pipes: messages as they come, and progress every few seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started: dict[str, Started] = {}
        self._shown_s: dict[str, float] = {}
        self._measured = ""

    def update(self, event: Event) -> None:
        match event:
            case Notice(text):
                _to_stderr(escape_unprintable(text))
            case Started(task):
                self._started[task], self._shown_s[task] = event, self._clock()
            case Measured():
                self._measured = describe_quality(event)
            case Advanced(task, done, note) if self._clock() - self._shown_s[task] >= INTERVAL_S:
                self._shown_s[task] = self._clock()
                words = f"{task}: {_amount(self._started[task], done)}", note, self._measured
                _to_stderr(", ".join(filter(None, words)))
            case Finished():
                self._measured = ""
            case _:
                pass

    def close(self) -> None:
        pass


class Bars:
    """For a terminal: a bar for each task with the time left and its note; it disappears when the task ends."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._console = Console(stderr=True, highlight=False)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[amount]}", markup=False),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[note]} {task.fields[measured]}", markup=False),
            console=self._console,
            transient=True,
            redirect_stdout=False,  # otherwise results would go to stderr
        )
        self._tasks: dict[str, tuple[Started, Any]] = {}

    def update(self, event: Event) -> None:
        match event:
            case Notice(text):
                self._console.print(escape_unprintable(text), markup=False, soft_wrap=True)
            case Started(task, total, _):
                self._progress.start()
                bar = self._progress.add_task(task, total=total, amount="", note="", measured="")
                self._tasks[task] = (event, bar)
            case Advanced(task, done, note):
                started, bar = self._tasks[task]
                self._progress.update(bar, completed=done, amount=_amount(started, done), note=note)
            case Measured(task):
                self._progress.update(self._tasks[task][1], measured=describe_quality(event))
            case Finished(task):
                self._progress.remove_task(self._tasks.pop(task)[1])
                if not self._tasks:
                    self._progress.stop()

    def close(self) -> None:
        self._progress.stop()


def _amount(started: Started, done: float) -> str:
    total = "" if started.total is None else f" of {started.total:,.0f}"
    return f"{done:,.0f}{total} {started.unit}"


def describe_quality(measured: Measured) -> str:
    return f"{measured.metric} {measured.value:.3g} on {format_count(measured.examples, 'held-out example')}"


def _to_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)

"""Events drawn on stderr: bars on a terminal, otherwise a plain line every few seconds; and a line for what is done."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Protocol

from seehear.amounts import duration
from seehear.cli import interrupts
from seehear.escaping import printable
from seehear.events import Advanced, Event, Finished, LeftOut, Problem, Said, Started

EVERY_S = 10.0  # how often a task speaks where there are no bars
NAMED = 20  # how many problems are told one by one before the rest is counted


class Painter(Protocol):
    def hear(self, event: Event) -> None: ...
    def close(self) -> None: ...


class Display:
    """A listener for the length of a `with`; `left_out` counts the problems that it told."""

    left_out = 0

    def __init__(self) -> None:
        self._began_s: dict[str, float] = {}

    def __enter__(self) -> Display:
        self._painter: Painter = Bars() if sys.stderr.isatty() else Lines()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._painter.close()

    def __call__(self, event: Event) -> None:
        self._painter.hear(event)
        match event:
            case LeftOut(problems):
                self.problems(problems)
            case Started(task):
                self._began_s[task] = time.monotonic()
            case Advanced():
                interrupts.raise_pending()
            case Finished(task, done):
                self.say(f"{task}: {done} in {duration(time.monotonic() - self._began_s.pop(task))}")
            case _:
                pass

    def say(self, text: str) -> None:
        self._painter.hear(Said(text))

    def problems(self, problems: Sequence[Problem]) -> None:
        """Name what was left out and why."""
        self.left_out += len(problems)
        if problems:
            self.say(f"Left out {len(problems):,}:")
        for problem in problems[:NAMED]:
            self.say("  " + ". ".join(filter(None, (f"{problem.where}: {problem.what}", problem.hint))))
        if len(problems) > NAMED:
            self.say(f"  and {len(problems) - NAMED:,} more")


class Lines:
    """For logs and pipes: sentences as they come, and long tasks now and then."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started: dict[str, Started] = {}
        self._spoke_s: dict[str, float] = {}

    def hear(self, event: Event) -> None:
        match event:
            case Said(text):
                _to_stderr(printable(text))
            case Started(task):
                self._started[task], self._spoke_s[task] = event, self._clock()
            case Advanced(task, done, note) if self._clock() - self._spoke_s[task] >= EVERY_S:
                self._spoke_s[task] = self._clock()
                _to_stderr(", ".join(filter(None, (f"{task}: {_amount(self._started[task], done)}", note))))
            case _:
                pass

    def close(self) -> None:
        pass


class Bars:
    """For a terminal: a bar for each task with the time left and what it knows by now, gone when the task is over."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._console = Console(stderr=True, highlight=False)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[amount]}", markup=False),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[note]}", markup=False),
            console=self._console,
            transient=True,
            redirect_stdout=False,  # it would send results to stderr
        )
        self._tasks: dict[str, tuple[Started, Any]] = {}

    def hear(self, event: Event) -> None:
        match event:
            case Said(text):
                self._console.print(printable(text), markup=False, soft_wrap=True)
            case Started(task, total, _):
                self._progress.start()
                bar = self._progress.add_task(task, total=total, amount="", note="")
                self._tasks[task] = (event, bar)
            case Advanced(task, done, note):
                started, bar = self._tasks[task]
                self._progress.update(bar, completed=done, amount=_amount(started, done), note=note)
            case Finished(task):
                self._progress.remove_task(self._tasks.pop(task)[1])
                if not self._tasks:
                    self._progress.stop()

    def close(self) -> None:
        self._progress.stop()


def _amount(started: Started, done: float) -> str:
    total = "" if started.total is None else f" of {started.total:,.0f}"
    return f"{done:,.0f}{total} {started.unit}"


def _to_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)

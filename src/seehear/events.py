"""Progress events of long tasks, for a command line, a notebook or a log.

A listener is any function of one event. Tasks have names and may overlap.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol


class SkippedItem(Protocol):
    """A row or file that cannot be used: which one, why, and what to do about it."""

    @property
    def where(self) -> str: ...
    @property
    def what(self) -> str: ...
    @property
    def hint(self) -> str: ...


@dataclass(frozen=True)
class Notice:
    """A sentence for a person to read."""

    text: str


@dataclass(frozen=True)
class Started:
    """A task begins. `total` is its length in `unit` ("s", "examples"), or None if unknown."""

    task: str
    total: float | None
    unit: str


@dataclass(frozen=True)
class Advanced:
    """A task has done `done` of its total; `note` is a current value such as the loss."""

    task: str
    done: float
    note: str = ""


@dataclass(frozen=True)
class Measured:
    """How good a network is when its training has done `done`: a metric on this many examples that it has not seen."""

    task: str
    done: float
    metric: str
    value: float
    higher_is_better: bool
    examples: int


@dataclass(frozen=True)
class Finished:
    """A task ends; `done` is what it did, such as "62 examples"."""

    task: str
    done: str


@dataclass(frozen=True)
class Skipped:
    """Rows and files that cannot be used."""

    problems: Sequence[SkippedItem]


Event = Notice | Started | Advanced | Measured | Finished | Skipped
Listener = Callable[[Event], None]


def ignore_events(_event: Event) -> None:
    """The default listener."""

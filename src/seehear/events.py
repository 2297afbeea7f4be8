"""What a long task says while it works, for whoever listens: a command line, a notebook, a log.

A listener is any function of one event. Tasks are named, and may overlap.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol


class SkippedItem(Protocol):
    """What a row or file that can not be used says of itself: which, why, and what to do about it."""

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
    """A task begins. `total` counts in `unit` ("s", "examples"); None where nobody knows how long it takes."""

    task: str
    total: float | None
    unit: str


@dataclass(frozen=True)
class Advanced:
    """A task has come as far as `done` of its total; `note` is what it knows by now, such as its loss."""

    task: str
    done: float
    note: str = ""


@dataclass(frozen=True)
class Finished:
    """A task ends; `done` is what it did, such as "62 examples"."""

    task: str
    done: str


@dataclass(frozen=True)
class Skipped:
    """Rows and files that can not be used."""

    problems: Sequence[SkippedItem]


Event = Notice | Started | Advanced | Finished | Skipped
Listener = Callable[[Event], None]


def ignore_events(_event: Event) -> None:
    """The listener of those who want to hear nothing."""

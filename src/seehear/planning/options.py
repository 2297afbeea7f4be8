"""The settings that a user gives for training."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from seehear.errors import UsageError
from seehear.recipe import SEEDS, Promise
from seehear.runtime.options import check_coverage, check_wrong_at_most

LONGEST_MIN = 60 * 24 * 30
MOST_TRIES = 1000


@dataclass(frozen=True)
class TrainOptions:
    """The settings given by the user. None leaves a setting to the plan, or to the recipe it starts from.

    Raises UsageError for values out of range.
    """

    minutes: float | None = None
    steps: int | None = None
    seed: int | None = None
    wrong_at_most: float | None = None
    start: str | None = None  # pretrained encoders: auto, none, or their names
    fair: str | None = None  # a column of the metadata whose groups weigh the same
    promise: Promise | None = None  # the coverage of prediction sets that the model is to give
    robust: bool | None = None  # whether inputs are distorted as other devices and surroundings would
    text: Iterable[str] | None = None  # more lines for the language model of transcripts
    tries: int | None = None  # recipes to try; None for one

    def __post_init__(self) -> None:
        if self.minutes is not None and not 0 < self.minutes < LONGEST_MIN:
            raise UsageError(f"--minutes {self.minutes:g}", allowed="more than 0, at most a month")
        if self.steps is not None and self.steps < 1:
            raise UsageError(f"--steps {self.steps}", allowed="1 or more")
        if self.seed is not None and not 0 <= self.seed < SEEDS:
            raise UsageError(f"--seed {self.seed}", allowed=f"0 to {SEEDS - 1}")
        if self.tries is not None and not 2 <= self.tries <= MOST_TRIES:
            raise UsageError(f"--tries {self.tries}", allowed=f"2 to {MOST_TRIES}")
        check_wrong_at_most(self.wrong_at_most)


def make_options(
    *,
    coverage: float | None = None,
    each_class: bool = False,
    each_group: str | None = None,
    robust: bool = False,
    **given: Any,
) -> TrainOptions:
    """From keywords of `seehear.train`; `given` are fields of TrainOptions. Raises UsageError."""
    promise = to_promise(coverage, each_class=each_class, each_group=each_group)
    return TrainOptions(promise=promise, robust=robust or None, **given)


def to_promise(coverage: float | None, *, each_class: bool, each_group: str | None) -> Promise | None:
    """None without a coverage. Raises UsageError like `check_coverage`."""
    check_coverage(coverage, each_class=each_class, each_group=each_group)
    if coverage is None:
        return None
    return Promise(coverage=coverage, each_class=each_class, each_group=each_group or "")

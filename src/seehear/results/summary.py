"""Summaries of many predictions, and of an evaluation in one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from seehear.amounts import pluralise

if TYPE_CHECKING:
    from seehear.recipe import Recipe
    from seehear.runtime.prediction import Prediction


class PredictionSummary:
    """Counts predictions as they come: answered, "I don't know", unreadable, and accepted boxes, words or pixels."""

    def __init__(self, recipe: Recipe) -> None:
        from seehear.runtime.distribution_shift import ShiftDetector  # which loads every answer and sense

        self.inputs = self.accepted = self.unreadable = self.failed = 0
        self._items: Counter[str] = Counter()  # by their noun, such as "box"
        self._accepted_items: Counter[str] = Counter()
        self._hints: Counter[str] = Counter()
        self._shift = ShiftDetector(recipe)

    def add(self, prediction: Prediction) -> None:
        self.inputs += 1
        self.accepted += prediction.accepted
        self.unreadable += prediction.answer is None
        self.failed += bool(prediction.error)
        if (items := prediction.items) is not None:
            self._items[items.noun] += items.of
            self._accepted_items[items.noun] += items.accepted
        self._hints.update(filter(None, [prediction.hint]))
        self._shift.count(prediction)

    @property
    def unsure(self) -> int:
        """Inputs that could be read but got the answer "I don't know"."""
        return self.inputs - self.accepted - self.unreadable

    def advice(self) -> Iterator[str]:
        """Sentences: how to get better answers, and how the inputs differ from the training data."""
        for hint, times in self._hints.items():
            yield f"For {times:,} of these: {hint}"
        for sentence in self._shift.describe():
            yield f"Unlike the training data: {sentence}"

    def __str__(self) -> str:
        counts = f'{self.inputs:,} inputs: {self.accepted:,} answered, {self.unsure:,} "I don\'t know"'
        if self.unreadable:
            counts += f", {self.unreadable:,} could not be read"
        for noun, number in self._items.items():
            counts += f"; {self._accepted_items[noun]:,} of {number:,} {pluralise(noun)} accepted"
        return counts


def summarise_metrics(metrics: Mapping[str, float | None], item: str) -> str:
    """The shares that every evaluation has, in one line; None stands for an unknown share.

    `item` is what is accepted one by one within an answer, such as a box; "" if an answer is accepted as a whole.
    """
    wrong, accepted, accepted_wrong = (metrics[name] for name in ("wrong", "coverage", "accepted_error"))
    things = pluralise(item) if item else "answers"
    if not accepted:
        return f"{_percent(wrong)} wrong; accepts none of the {things}"
    accepts = f"accepts {_percent(accepted)} of the {things}, {_percent(accepted_wrong)} of them wrong"
    return f"{_percent(wrong)} wrong; {accepts}"


def _percent(share: float | None) -> str:
    from seehear.measure.formatting import UNKNOWN, format_percent

    return UNKNOWN if share is None else format_percent(share)

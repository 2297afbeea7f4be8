"""Items are what is accepted one by one: the boxes, words or pixels of an answer, or the whole answer."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
ACCEPT_THRESHOLD = "accepted_from"  # key in a calibration: the lowest confidence of an accepted item
NEVER = 1.01  # above every confidence: nothing is accepted


class ItemCount(NamedTuple):
    """How many of the items of one answer are accepted. `noun` names them: box, word, pixel."""

    noun: str
    accepted: int
    of: int


class Items(NamedTuple):
    """Items of n examples in up to K slots each; one row per example, so that rows can be resampled. Arrays are (n, K).

    confidence  of the items in each slot
    number      how many items a slot holds; 0 if it is empty
    wrong       how many of them are wrong
    accepted    bool, whether they are accepted
    """

    confidence: Array
    number: Array
    wrong: Array
    accepted: Array

    @classmethod
    def from_answers(cls, confidence: Array, right: Array) -> Self:
        """One item per example, the whole answer; none is accepted."""
        number = np.ones((len(confidence), 1), np.int64)
        return cls(
            confidence[:, None], number, (~right[:, None]).astype(np.int64), np.zeros((len(confidence), 1), bool)
        )

    def with_accepted(self, accepted: Array) -> Items:
        """The same items; `accepted` is (n,) or (n, K) bool."""
        each = accepted if accepted.ndim == 2 else accepted[:, None]
        return self._replace(accepted=np.broadcast_to(each, self.number.shape))

    def take(self, rows: Array) -> Items:
        return Items(*(array[rows] for array in self))

    def counts(self) -> tuple[Array, Array]:
        """The number of items of each example (n,), and how many of them are accepted (n,)."""
        return self.number.sum(1), (self.number * self.accepted).sum(1)

    def mistakes(self) -> Array:
        """(n,): how many of the accepted items of each example are wrong."""
        mistakes: Array = (self.wrong * self.accepted).sum(1)
        return mistakes


def accepted_from(calibration: Any) -> float:
    """The lowest confidence of an accepted item; NEVER without a calibration."""
    return float(calibration.get(ACCEPT_THRESHOLD, NEVER))

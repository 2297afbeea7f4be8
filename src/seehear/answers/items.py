"""Items, which are accepted one by one: whole answers, or the boxes, words or pixels in them."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
ACCEPTED_FROM = "accepted_from"  # in a calibration: the confidence from which on an item is accepted
NEVER = 1.01  # above every confidence: nothing is accepted


class ItemCount(NamedTuple):
    """How many items of one answer are accepted, of how many; `noun` says what they are: box, word, pixel."""

    noun: str
    accepted: int
    of: int


class Items(NamedTuple):
    """Items of n examples, one row per example, so that rows may be drawn again; all arrays are (n, K).

    confidence  of the items in each place
    number      how many items each place stands for; 0 for an empty place
    wrong       how many of these are wrong
    accepted    bool, whether they are accepted
    """

    confidence: Array
    number: Array
    wrong: Array
    accepted: Array

    @classmethod
    def of_wholes(cls, confidence: Array, right: Array) -> Self:
        """One item per example, the whole answer; none is accepted yet."""
        number = np.ones((len(confidence), 1), np.int64)
        return cls(
            confidence[:, None], number, (~right[:, None]).astype(np.int64), np.zeros((len(confidence), 1), bool)
        )

    def accepting(self, accepted: Array) -> Items:
        """`accepted` is (n,) or (n, K) bool."""
        each = accepted if accepted.ndim == 2 else accepted[:, None]
        return self._replace(accepted=np.broadcast_to(each, self.number.shape))

    def take(self, rows: Array) -> Items:
        return Items(*(array[rows] for array in self))

    def each(self) -> tuple[Array, Array]:
        """(n,) how many items each example has, and how many of them are accepted."""
        return self.number.sum(1), (self.number * self.accepted).sum(1)

    def mistakes(self) -> Array:
        """(n,) how many of the accepted items of each example are wrong."""
        mistakes: Array = (self.wrong * self.accepted).sum(1)
        return mistakes


def accepted_from(calibration: Any) -> float:
    """The confidence from which on an item is accepted: never reached where it was not measured."""
    return float(calibration.get(ACCEPTED_FROM, NEVER))

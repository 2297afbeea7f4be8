"""One result for every kind of answer: what was said, how sure, and whether to believe it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from seehear.amounts import pluralise
from seehear.answers import Answer, ItemCount


@dataclass(frozen=True)
class Prediction:
    """The answer to one input.

    accepted is False where nothing of the answer should be trusted, and `reason` says why. Where it is made of boxes,
    words or pixels, each says for itself whether it is accepted, `items` says how many are, and `accepted` is true as
    soon as one is; `whole_accepted` says that the answer is accepted as a whole, with nothing missing. Of other answers
    both say the same. `used` names the senses that it rests on. `error` says what could not be read: all of the input,
    and then there is no answer, or one of its senses, and then the answer rests on the others. `hint` says how a better
    answer may be had, where there is a way. `duration_s` is how many seconds the input goes on, 0 for a picture.
    `measured` has, by sense, the statistics of how the input was taken, where the recipe knows what is usual.
    `time_s` is where in a film the answer belongs, in seconds from its beginning; None for all of an input.
    """

    input: str
    answer: Answer | None
    confidence: float
    accepted: bool
    alternatives: tuple[tuple[Any, float], ...] = ()
    reason: str = ""
    used: tuple[str, ...] = ()
    error: str = ""
    duration_s: float = 0.0
    hint: str = ""
    measured: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    time_s: float | None = None
    whole_accepted: bool = False

    @classmethod
    def failed(cls, source: str, error: str) -> Prediction:
        """No answer; `error` names the source and says why."""
        return cls(source, None, 0.0, False, reason="it could not be answered", error=error)

    @property
    def items(self) -> ItemCount | None:
        """How many boxes, words or pixels of the answer are accepted; None where it is accepted as a whole only."""
        counted: ItemCount | None = getattr(self.answer, "items", None)
        return counted

    @property
    def where(self) -> str:
        """What lines call it: its input, and for a picture of a film its time."""
        return self.input if self.time_s is None else f"{self.input} at {self.time_s:.2f} s"

    def to_json(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "input": self.input,
            **({} if self.time_s is None else {"time_s": round(self.time_s, 3)}),
            "answer": None if self.answer is None else self.answer.to_json(),
            "confidence": self.confidence,
            "accepted": self.accepted,
            **self._items_to_json(),
            "alternatives": [{"answer": _plain(other), "confidence": sure} for other, sure in self.alternatives],
            "reason": self.reason,
            "used": list(self.used),
        }
        return told | {name: said for name in ("error", "hint") if (said := getattr(self, name))}

    def _items_to_json(self) -> dict[str, Any]:
        if self.items is None:
            return {}
        counts = {"what": self.items.noun, "accepted": self.items.accepted, "of": self.items.of}
        return {"items": counts, "whole_accepted": self.whole_accepted}

    def __str__(self) -> str:
        if self.answer is None:
            return self.error
        sure = f"{self.answer.marked()} ({self._sureness()})"
        return f"{self.where}: " + (sure if self.accepted else f"I don't know; perhaps {sure}: {self.reason}")

    def _sureness(self) -> str:
        """How sure all of it is, or, where only some of it is accepted, how much."""
        if self.items is None or not self.accepted or self.whole_accepted:
            return f"{share(self.confidence)} sure"
        return f"{self.items.accepted:,} of {self.items.of:,} {pluralise(self.items.noun)} accepted"


def share(part: float, rounded: Callable[[float], int] = math.floor) -> str:
    """A part of one as people write it: "61 %", and "0.5 %" where a whole number would hide it; never certain.

    What is had is rounded down and what is needed up (math.ceil), so that what falls short of it reads so, too.
    """
    digits = 0 if 0.01 <= part <= 0.99 else 1
    percent = rounded(round(part * 10 ** (2 + digits), 6)) / 10**digits  # 28.999999999999996 is 29
    if percent in (0, 100):
        return "over 99.9 %" if percent else "under 0.1 %"
    return f"{percent:.{digits}f} %"


def wish(wrong_at_most: float) -> str:
    """A share that somebody chose, as they chose it."""
    return f"{100 * wrong_at_most:.3g} %"


def _plain(answer: Any) -> Any:
    return answer.to_json() if hasattr(answer, "to_json") else answer

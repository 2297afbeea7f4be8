"""One word of a text, with its times and confidence."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple


class DecodedWord(NamedTuple):
    """A word of a hypothesis, from cell `start` up to but not including `end`."""

    text: str
    start: int
    end: int
    confidence: float  # geometric mean of the probabilities of its tokens


@dataclass(frozen=True)
class Word:
    """start_s and end_s are seconds in the recording; nan where they are not known, as in a truth."""

    text: str
    start_s: float = math.nan
    end_s: float = math.nan
    confidence: float = 1.0
    accepted: bool = True

    @property
    def timed(self) -> bool:
        return math.isfinite(self.start_s) and math.isfinite(self.end_s)

    def to_json(self) -> dict[str, Any]:
        times = {"start_s": round(self.start_s, 3), "end_s": round(self.end_s, 3)} if self.timed else {}
        return {"text": self.text, **times, "confidence": round(self.confidence, 4), "accepted": self.accepted}


def mark_words(words: Iterable[Word]) -> str:
    """The words in one line; those not accepted in brackets, as typists mark unclear words: take [two?] daily."""
    runs = ((accepted, " ".join(word.text for word in run)) for accepted, run in groupby(words, lambda w: w.accepted))
    return " ".join(run if accepted else f"[{run}?]" for accepted, run in runs)

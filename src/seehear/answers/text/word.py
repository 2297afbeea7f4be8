"""One word of a text: when it was said, and whether to believe it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any


@dataclass(frozen=True)
class Word:
    """One word, from start_s to end_s of the recording; nan where a truth does not say."""

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


def marked(words: Iterable[Word]) -> str:
    """The words in a line, those that are not accepted as a typist marks what was hard to hear: take [two?] daily."""
    runs = ((accepted, " ".join(word.text for word in run)) for accepted, run in groupby(words, lambda w: w.accepted))
    return " ".join(run if accepted else f"[{run}?]" for accepted, run in runs)

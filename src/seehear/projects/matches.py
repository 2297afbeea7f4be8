"""What a search for similar examples looks for, and what it finds."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

from seehear.errors import UsageError
from seehear.projects.examples import Span

Box = tuple[float, float, float, float]  # left, top, right, bottom, in pixels of the picture


class Candidate(NamedTuple):
    """Something that a search finds: an example of the project or a file, by its name; all of it or a stretch."""

    example: int | None
    file: str = ""
    span_s: Span | None = None

    def __str__(self) -> str:
        """`12`, `12@3.5-4.5` or `@3.5-4.5:night/one.wav`, from which `parse` makes the same."""
        stretch = "" if self.span_s is None else "@{:.3f}-{:.3f}".format(*self.span_s)
        return f"{stretch}:{self.file}" if self.example is None else f"{self.example}{stretch}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises UsageError."""
        found = re.fullmatch(r"(\d{1,18})?(?:@(\d{1,9}(?:\.\d+)?)-(\d{1,9}(?:\.\d+)?))?(?::(.+))?", text, re.DOTALL)
        if found is None or (found[1] is None) == (found[4] is None):
            raise UsageError(f"nothing was found under {text[:100]!r}", allowed="what a search printed")
        span = None if found[2] is None else (float(found[2]), float(found[3]))
        return cls(None if found[1] is None else int(found[1]), found[4] or "", span)


def parse_box(text: str) -> Box:
    """`40,20,180,90`: left, top, right and bottom. Raises UsageError."""
    try:
        left, top, right, bottom = (float(each) for each in text.split(","))
    except ValueError:
        left = top = right = bottom = math.nan
    if not all(map(math.isfinite, (left, top, right, bottom))):
        raise UsageError(f"the box {text[:100]!r}", allowed="left,top,right,bottom in pixels, such as 40,20,180,90")
    return left, top, right, bottom


class LookFor(NamedTuple):
    """What to find more of: an example, a kept answer, a file or what each sense reads; all of it, a box in a picture
    or a stretch (s)."""

    example: int | None = None
    answer: int | None = None
    path: Path | None = None
    box: Box | None = None
    span_s: Span | None = None
    inputs: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Match:
    """What was found. `similarity` is a cosine, -1 to 1, to what is looked for and was confirmed."""

    candidate: Candidate
    name: str
    similarity: float

    def to_json(self) -> dict[str, Any]:
        return {
            "found": str(self.candidate),
            "name": self.name,
            "example": self.candidate.example,
            "file": self.candidate.file or None,
            "span_s": self.candidate.span_s,
            "similarity": round(self.similarity, 4),
        }

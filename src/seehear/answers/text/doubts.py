"""Transcripts that cannot be what is said: empty ones, and more or less than anybody says in that time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seehear.amounts import format_duration
from seehear.answers.doubt import Doubt
from seehear.answers.text.normalisation import normalise
from seehear.geometry import Grid

MAX_WORDS_PER_S = 7.0  # conversation has 2 to 3, the fastest speakers 6
MIN_LETTERS_PER_S = 0.5  # below, most of the recording has no words
LONG_S = 5.0  # shorter recordings may be mostly pauses


def find_doubts(cells: Sequence[str], grids: Sequence[Sequence[Grid]]) -> Iterator[Doubt]:
    """cells: of each row; grids: the extents of its inputs."""
    for row, (cell, extents) in enumerate(zip(cells, grids, strict=True)):
        text, duration_s = normalise(cell), max((grid.duration_s for grid in extents), default=0.0)
        words = len(text.split())
        if not words:
            yield Doubt(row, "empty", "no words: right only if nobody speaks")
        elif duration_s and words > 2 and words > MAX_WORDS_PER_S * duration_s:
            yield Doubt(row, "too long", f"{words:,} words in {format_duration(duration_s)}: nobody speaks that fast")
        elif duration_s > LONG_S and len(text) < MIN_LETTERS_PER_S * duration_s:
            yield Doubt(row, "too short", f"{words:,} words in {format_duration(duration_s)}: is some of it missing?")

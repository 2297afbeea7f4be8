"""A strip of the pictures of a project around one of them, as one looks through them in order."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from seehear.projects import Project
from seehear.projects.examples import Example, Query

LENGTH, BEFORE = 8, 2  # pictures of the strip; those before the one that is open


@dataclass(frozen=True)
class PictureStrip:
    """Where one example is among those that are looked through.

    position    from 1
    following   the id of the next one; None after the last
    """

    position: int
    count: int
    shown: Sequence[Example]
    following: int | None


def find_strip(project: Project, number: int, *, unanswered: bool) -> PictureStrip:
    """Around an example. `unanswered`: only those that have no answer yet."""
    query = Query(answered=False if unanswered else None)
    ids = project.find(query)
    at = bisect_left(ids, number)
    first = max(0, min(at - BEFORE, len(ids) - LENGTH))
    shown = project.examples(query._replace(after=ids[first] - 1), limit=LENGTH) if ids else []
    following = ids[at:][ids[at : at + 1] == [number] :][:1]
    return PictureStrip(min(at + 1, len(ids)), len(ids), shown, following[0] if following else None)


def find_at(project: Project, position: int, *, unanswered: bool) -> int | None:
    """The id of the example at a position, or of the nearest one; None if there is none."""
    ids = project.find(Query(answered=False if unanswered else None))
    return ids[max(0, min(position, len(ids)) - 1)] if ids else None

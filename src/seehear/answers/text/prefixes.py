"""Beginnings of sentences: which of them are the same, and what was heard of each token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

FEW = 4096  # numbers that are kept without asking whether anybody needs them


class Spelt(NamedTuple):
    """A token, the frame in which it was heard best, and the probability that the network gave it there."""

    token: int
    frame: int
    confidence: float


@dataclass(frozen=True, slots=True, eq=False)
class Trail:
    """What was spelt, last token first: beams that have a beginning in common share it."""

    spelt: Spelt
    before: Trail | None


def along(trail: Trail | None) -> list[Spelt]:
    """What was spelt, from its beginning."""
    spelt = []
    while trail is not None:
        spelt.append(trail.spelt)
        trail = trail.before
    return spelt[::-1]


class Prefixes:
    """A number for each prefix, the same as long as a beam may come to it again. The empty one is 0."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[int, int], int] = {}  # of a prefix, by that without its last token, and that token
        self._next = 1
        self._most = FEW

    def longer(self, prefix: int, token: int) -> int:
        """The number of a prefix and one token more."""
        number = self._numbers.setdefault((prefix, token), self._next)
        self._next = max(self._next, number + 1)
        return number

    def forget(self, beams: Sequence[int]) -> None:
        """If there are many: forget the prefixes that are not on a way from one beam to another.

        Beams only grow, so the others can not be reached any more.
        """
        if len(self._numbers) <= self._most:
            return
        shorter = {number: prefix for (prefix, _), number in self._numbers.items()}
        between: set[int] = set()
        for beam in beams:
            path = [beam]
            while path[-1] in shorter:
                path.append(shorter[path[-1]])
            highest = max(i for i, prefix in enumerate(path) if prefix in beams)
            between.update(path[:highest])
        self._numbers = {edge: number for edge, number in self._numbers.items() if number in between}
        self._most = max(FEW, 2 * len(self._numbers))

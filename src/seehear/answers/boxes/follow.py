"""Things followed from picture to picture of a film, each by a number of its own.

After ByteTrack (Zhang et al. 2022, arXiv:2110.06864): boxes that are told go on first with the things that were seen
before, faint ones then with those that would otherwise be lost. Who goes on with whom is taken by falling overlap
(Bochinski et al. 2017), with where a thing is by now if it moves as it did. How a thing moves that was seen once only
nobody knows: there all boxes are taken larger (Yang et al. 2023, arXiv:2211.14317).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.answers.boxes.answer import Boxes, corners_of, counted
from seehear.answers.boxes.box import Box
from seehear.answers.boxes.exchange import COLUMNS, row
from seehear.answers.boxes.overlap import overlap

Array = NDArray[Any]

FAINT_FROM = 0.1  # confidence from which a faint box may be a thing seen before (ByteTrack, section 3)
MEETS, MEETS_FAINTLY = 0.2, 0.5  # least overlaps with where a thing is expected (ByteTrack's implementation)
HIDDEN_S, HIDDEN_PICTURES = 1.0, 3  # what is gone for more than both comes back as another thing
LARGER = 0.5  # of its sides that a box is taken larger by on each side where a thing's motion is unknown
NEWEST = 0.3  # the least that the newest velocity counts in the mean


@dataclass(eq=False)
class Thing:
    """What is followed: where it was last seen, and how fast its middle moves, (2,) px a second."""

    label: str
    xyxy: Array
    seen_s: float
    velocity: Array = field(default_factory=lambda: np.zeros(2))
    sightings: int = 1
    missed: int = 0  # pictures since
    number: int | None = None  # from its second sighting on

    def expected(self, time_s: float) -> Array:
        """(4,) corners, if it goes on as it did."""
        return self.xyxy + np.tile(self.velocity * (time_s - self.seen_s), 2)

    def see(self, box: Box, time_s: float) -> None:
        xyxy = np.array(box.xyxy)
        moved = ((xyxy - self.xyxy)[:2] + (xyxy - self.xyxy)[2:]) / 2
        share = max(NEWEST, 1 / self.sightings)
        self.velocity += share * (moved / (time_s - self.seen_s) - self.velocity)
        self.xyxy, self.seen_s = xyxy, time_s
        self.sightings, self.missed = self.sightings + 1, 0

    def is_followed(self, time_s: float) -> bool:
        """What was seen once must be seen again at once; what has a number may hide for a while."""
        if self.number is None:
            return self.missed == 0
        return self.missed <= HIDDEN_PICTURES or time_s - self.seen_s <= HIDDEN_S


@dataclass(eq=False)
class Sighting:
    box: Box
    thing: Thing | None = None


class Follower:
    """Numbers the things of a film. `counts` are how many different ones of each class there were so far."""

    columns = ("track", *COLUMNS)

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._things: list[Thing] = []

    def follow(self, answers: Iterable[tuple[float, Boxes | None]]) -> Iterator[Boxes | None]:
        """Each answer, told a picture later: whether a thing is there is known when it is seen again."""
        before: tuple[Boxes | None, Sequence[Sighting]] | None = None
        for time_s, answer in answers:
            now = answer, self._sightings(answer, time_s) if answer else ()
            if before:
                yield _numbered(*before)
            before = now
        if before:
            yield _numbered(*before)

    def rows(self, answer: Boxes) -> Iterator[tuple[Any, ...]]:
        return (("" if box.track is None else box.track, *row(box)) for box in answer.boxes)

    def to_json(self) -> dict[str, Any]:
        return dict(self.counts)

    def __str__(self) -> str:
        return counted({label: (n, 0) for label, n in self.counts.items()})

    def _sightings(self, answer: Boxes, time_s: float) -> list[Sighting]:
        """The told boxes, then the faint ones, each with the thing that it shows."""
        told, faint = ([Sighting(box) for box in boxes] for boxes in (answer.boxes, answer.faint))
        known = [thing for thing in self._things if thing.number is not None]
        _meet(known, told, time_s, MEETS)
        there = [thing for thing in known if not thing.missed]
        _meet(there, [each for each in faint if each.box.confidence >= FAINT_FROM], time_s, MEETS_FAINTLY)
        _meet([thing for thing in self._things if thing.number is None], told, time_s, MEETS, LARGER)
        for thing in self._things:
            self._settle(thing, time_s)
        for each in told:
            each.thing = each.thing or Thing(each.box.label, np.array(each.box.xyxy), time_s)
        new = [each.thing for each in told if each.thing and each.thing.sightings == 1]
        self._things = [thing for thing in self._things if thing.is_followed(time_s)] + new
        return [*told, *faint]

    def _settle(self, thing: Thing, time_s: float) -> None:
        if thing.seen_s < time_s:
            thing.missed += 1
        elif thing.number is None:
            thing.number = self.counts.total() + 1
            self.counts[thing.label] += 1


def _meet(
    things: Sequence[Thing], sightings: Sequence[Sighting], time_s: float, least: float, larger: float = 0.0
) -> None:
    """Let things not yet seen at this time be seen in boxes of their class, those that overlap most first."""
    things = [thing for thing in things if thing.seen_s < time_s]
    sightings = [each for each in sightings if each.thing is None]
    where = np.array([thing.expected(time_s) for thing in things]).reshape(-1, 4)
    alike = np.array([[thing.label == each.box.label for each in sightings] for thing in things], np.bool_)
    shared = overlap(_grown(where, larger), _grown(corners_of([each.box for each in sightings]), larger))
    for place, number in pairs(np.where(alike.reshape(shared.shape), shared, 0.0), least):
        sightings[number].thing = things[place]
        things[place].see(sightings[number].box, time_s)


def _grown(boxes: Array, by: float) -> Array:
    """(n, 4) corners, moved outwards by so much of the box's sides."""
    sides = boxes[:, 2:] - boxes[:, :2]
    return np.concatenate([boxes[:, :2] - by * sides, boxes[:, 2:] + by * sides], 1)


def pairs(shared: Array, least: float) -> Iterator[tuple[int, int]]:
    """(n, m) overlaps -> rows and columns that go together, each in one pair at most, the largest overlaps first."""
    free = shared.copy()
    while free.size and free.max() >= least:
        one, other = np.unravel_index(free.argmax(), free.shape)
        free[one], free[:, other] = -1, -1
        yield int(one), int(other)


def _numbered(answer: Boxes | None, sightings: Sequence[Sighting]) -> Boxes | None:
    """The boxes with their tracks; faint ones that show a thing are told with the others."""
    if answer is None:
        return None
    seen = [each for each in sightings[len(answer.boxes) :] if each.thing]
    told = [
        replace(each.box, track=each.thing.number) for each in (*sightings[: len(answer.boxes)], *seen) if each.thing
    ]
    faint = tuple(each.box for each in sightings[len(answer.boxes) :] if not each.thing)
    return replace(answer, boxes=tuple(told), faint=faint)

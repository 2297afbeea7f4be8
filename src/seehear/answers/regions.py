"""Regions of a picture, as people draw them: what answers with boxes and with outlines have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True)
class Region:
    """One thing in a picture.

    label       its class; None if that is unknown
    corners     x, y, x, y, … in pixels from the upper left: the upper left and lower right ones of a box, or all of an
                outline
    confidence  of a predicted one
    accepted    whether a predicted one is
    marks       what else its cell says about it, which drawing leaves as it is
    """

    label: str | None
    corners: tuple[float, ...]
    confidence: float = 1.0
    accepted: bool = True
    marks: Mapping[str, Any] = field(default_factory=dict)


class Drawing(NamedTuple):
    """All regions of a picture.

    background  the class of what is in no region; None if that is unknown, or means nothing
    """

    regions: tuple[Region, ...] = ()
    background: str | None = None


@dataclass(frozen=True)
class DrawnRegions(Generic[AnswerT]):
    """Answers that people give by drawing regions on a picture.

    noun             what a region is called: box, outline
    has_two_corners  whether a region is a rectangle between two corners, rather than a polygon
    has_background   whether what is in no region has a class, too
    read             (cell) -> what is drawn in it. Raises InputError
    write            (drawing, (height, width) of the picture, the cell before or "") -> the cell
    predicted        (answer) -> what it found
    labels           (cell) -> the classes of its regions, in alphabetical order
    rename           (cell, class, new name) -> the cell
    """

    noun: str
    has_two_corners: bool
    has_background: bool
    read: Callable[[str], Drawing]
    write: Callable[[Drawing, tuple[int, int], str], str]
    predicted: Callable[[AnswerT], Sequence[Region]]
    labels: Callable[[str], Sequence[str]]
    rename: Callable[[str, str, str], str]

"""Marks that distinguish classes in drawings: each has a colour and one or two letters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

# Okabe & Ito, "Color Universal Design" (2008): distinguishable with colour vision deficiency.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f00", "#000000")
BLACK, WHITE = "#000000", "#ffffff"


class ClassMark(NamedTuple):
    """The colour of a class, its letters, and the colour of letters written on it."""

    name: str
    letters: str
    colour: str
    ink: str


def mark_classes(names: Sequence[str]) -> list[ClassMark]:
    """A mark for each class. It depends only on the classes before it, so it stays when others are added."""
    marks: list[ClassMark] = []
    taken: set[str] = set()
    for place, name in enumerate(names):
        letters = next(each for each in _candidates(name) if each not in taken)
        taken.add(letters)
        colour = COLOURS[place % len(COLOURS)]
        marks.append(ClassMark(name, letters, colour, ink_on(colour)))
    return marks


def ink_on(colour: str) -> str:
    """Black or white letters, whichever can be read better on a colour such as #d55e00."""
    return max(BLACK, WHITE, key=lambda ink: contrast(ink, colour))


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, 1 to 21 (WCAG 2.2)."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _candidates(name: str) -> Iterator[str]:
    """W, WH, WI, … for "white", then W2, W3, …"""
    letters = [letter.upper() for letter in name if letter.isalnum()] or ["?"]
    first = letters[0]
    yield first
    yield from (first + letter for letter in letters[1:])
    number = 2
    while True:
        yield f"{first}{number}"
        number += 1


def _luminance(colour: str) -> float:
    """Relative luminance, 0 to 1 (WCAG 2.2)."""
    channels = (part / 255 for part in bytes.fromhex(colour[1:]))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue

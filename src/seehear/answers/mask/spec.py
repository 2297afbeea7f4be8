"""What a column of masks is: its classes, the numbers that stand for them, and how much of all there is of each."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from seehear.answers.mask.outlines import is_outlined, parsed
from seehear.answers.mask.picture import Numbers, numbers
from seehear.errors import DataError, InputError

Array = NDArray[Any]
UNKNOWN = 255  # the place of a pixel whose class nobody said
MOST_CLASSES = 255
LOOKED_AT = 1000  # masks that the plan reads
NAMES, FOLDERS = "classes.txt", 3  # the file of their names, in one of so many folders above a mask
NO_CLASS = frozenset({"unlabelled", "unlabeled", "void", "ignore", "ignored", "unknown", "undefined"})
STEADY = 1.02  # Paszke 2016, arXiv:1606.02147, section 5.2: bounds the weight of what is rare to 50
RIGHT_FROM = 0.9  # of the pixels


class MaskSpec(BaseModel):
    """The classes in the order of the head's outputs; `numbers` are their pixels in a mask's file."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    classes: tuple[str, ...] = Field(min_length=2, max_length=MOST_CLASSES)
    numbers: tuple[int, ...]
    unknown: tuple[int, ...] = ()  # numbers that stand for no class
    shares: tuple[float, ...]  # of all pixels with a class
    colors: tuple[str, ...]
    right_from: float = Field(default=RIGHT_FROM, gt=0, lt=1)  # the share of right pixels from which a mask is right

    @model_validator(mode="after")
    def _whole(self) -> Self:
        lengths = {len(self.classes), len(self.numbers), len(self.shares), len(self.colors)}
        known = {*self.numbers, *self.unknown}
        if len(lengths) > 1 or len(set(self.classes)) < len(self.classes) or len(set(self.numbers)) < len(self.numbers):
            raise ValueError("classes, each once, need a number, a share and a colour each")
        if not known <= set(range(256)) or set(self.numbers) & set(self.unknown):
            raise ValueError("numbers are from 0 to 255, of a class or unknown")
        if any(len(color) != 7 or not _is_hex(color[1:]) or color[0] != "#" for color in self.colors):
            raise ValueError("colours are like #1f77b4")
        return self

    def __str__(self) -> str:
        shown = ", ".join(f"{c} ({100 * s:.1f} %)" for c, s in zip(self.classes[:12], self.shares, strict=False))
        more = f" and {len(self.classes) - 12} more" if len(self.classes) > 12 else ""
        right = f"right from {100 * self.right_from:g} % of its pixels"
        return f"one of {len(self.classes)} classes for every pixel: {shown}{more}; {right}"

    @property
    def weights(self) -> tuple[float, ...]:
        """What a pixel of each class counts in learning: 1 / ln(1.02 + share) (ENet), more where it is rare."""
        return tuple(1 / math.log(STEADY + share) for share in self.shares)

    @cached_property
    def index(self) -> dict[str | None, int]:
        return {name: place for place, name in enumerate(self.classes)}

    def place_of(self, label: str | None) -> int:
        """The place of a class by its name, UNKNOWN for what is none. Raises InputError for any other name."""
        if label is None or label.casefold() in NO_CLASS:
            return UNKNOWN
        if label not in self.index:
            known = ", ".join(self.classes[:12]) + (", …" if len(self.classes) > 12 else "")
            raise InputError(f"'{label}' is not one of the {len(self.classes)} classes", allowed=known)
        return self.index[label]

    def places_of(self, names: Sequence[str]) -> Array:
        """(names,) int16: the class of each name, UNKNOWN for what is none, or -1 for any other."""
        return np.array(
            [UNKNOWN if each.casefold() in NO_CLASS else self.index.get(each, -1) for each in names], np.int16
        )

    @cached_property
    def places(self) -> Array:
        """(256,) int16: the class of each number, UNKNOWN, or -1 for one that stands for nothing."""
        table = np.full(256, -1, np.int16)
        table[list(self.unknown)] = UNKNOWN
        table[list(self.numbers)] = np.arange(len(self.numbers))
        return table


def plan(cells: Iterable[str], column: str, aid: Sequence[str] | None = None) -> MaskSpec:
    """The classes of a column of mask files, named by a classes.txt near them, otherwise by their numbers.

    Those of outlines are named by these, and numbered in the order of their names, after what is in no outline.
    Raises DataError where there are no two classes.
    """
    where, given = f"column '{column}'", list(cells)
    if not given:
        raise DataError("holds no answers", where=where, hint="give every picture its mask")
    outlined = all(map(is_outlined, given))
    names = _labels(given, where) if outlined else _names(Path(given[0]))
    counts, first, refused = _counted(given, _drawn(names) if outlined else numbers)
    if not counts.any():
        raise DataError(f"none of its masks can be read; the first: {refused}", where=where)
    known, unknown = _classes(counts, first.names or names)
    if len(known) < 2:
        raise DataError(
            f"every pixel of its masks is the same, '{next(iter(known.values()), '')}'",
            where=where,
            allowed="at least two classes, such as 0 for the ground and 1 for what is looked for",
        )
    if len(known) > MOST_CLASSES or len(set(known.values())) < len(known):
        raise DataError(
            f"{len(known)} classes, {len(set(known.values()))} different", where=where, allowed=f"up to {MOST_CLASSES}"
        )
    own = counts[list(known)]
    return MaskSpec(
        classes=tuple(known.values()),
        numbers=tuple(known),
        unknown=tuple(unknown),
        shares=tuple((own / own.sum()).round(6).tolist()),
        colors=_colors(tuple(known), first.palette),
    )


def _counted(cells: Sequence[str], read: Callable[[str], Numbers]) -> tuple[Array, Numbers, str]:
    """Pixels of each number (256,) in some of the masks, the first of them, and why one could not be read."""
    counts, refused = np.zeros(256, np.int64), ""
    first = Numbers(np.zeros((0, 0), np.uint8))
    for cell in cells[:: -(-len(cells) // LOOKED_AT)]:
        try:
            found = read(cell)
        except InputError as error:
            refused = refused or str(error)
            continue
        for row in found.pixels:  # all at once, each pixel would take eight bytes
            counts += np.bincount(row, minlength=256)
        first = first if first.pixels.size else found
    return counts, first, refused


def _labels(cells: Sequence[str], where: str) -> list[str]:
    """What outlines name, in order, behind what is in none of them. Raises DataError for more than there can be."""
    rests: set[str] = set()
    labels: set[str] = set()
    for cell in cells:
        with suppress(InputError):
            outlines = parsed(cell)
            rests |= set() if outlines.rest is None else {outlines.rest}
            labels |= outlines.labels
    names = [*sorted(rests), *sorted(labels - rests)]
    if len(names) > MOST_CLASSES:
        raise DataError(f"{len(names):,} classes", where=where, allowed=f"up to {MOST_CLASSES}")
    return names


def _drawn(names: Sequence[str]) -> Callable[[str], Numbers]:
    """A reader of outlines, whose numbers are the places of their names; UNKNOWN for what has none."""
    places: dict[str | None, int] = {name: place for place, name in enumerate(names)} | {None: UNKNOWN}

    def read(cell: str) -> Numbers:
        outlines = parsed(cell)
        return Numbers(outlines.drawn(places.__getitem__, places[outlines.rest]))

    return read


def _names(mask: Path) -> list[str]:
    """The lines of a classes.txt in a folder above a mask; [] where there is none."""
    for folder in list(mask.parents)[:FOLDERS]:
        file = folder / NAMES
        if file.is_file():
            try:
                return [line.strip() for line in file.read_text(encoding="utf-8-sig").rstrip().splitlines()][:256]
            except (OSError, UnicodeDecodeError) as error:
                raise DataError(
                    f"cannot be read: {error}", where=str(file), allowed="a name a line, in UTF-8"
                ) from None
    return []


def _classes(counts: Array, names: Sequence[str]) -> tuple[dict[int, str], list[int]]:
    """Names by number, and the numbers that are no class.

    255 is none where other numbers are classes, as in Pascal VOC; alone beside 0 it is what was marked.
    """
    there = np.flatnonzero(counts).tolist()
    if not names:
        unknown = [] if 255 in there and len(there) <= 2 else [255]
        return {number: str(number) for number in there if number not in unknown}, unknown
    named = {number: name or str(number) for number, name in enumerate(names)}
    named |= {number: str(number) for number in there if number not in named and number != 255}
    unknown = [number for number, name in named.items() if name.casefold() in NO_CLASS]
    unknown += [255] if 255 not in named else []
    return {number: name for number, name in sorted(named.items()) if number not in unknown}, unknown


def _colors(known: Sequence[int], palette: Sequence[str]) -> tuple[str, ...]:
    """The masks' own colours; of grey masks, hues that neighbours share with nobody near."""
    own = [palette[number] if number < len(palette) else "" for number in known]
    if all(own) and len(set(own)) == len(own):
        return tuple(own)
    golden = (5**0.5 - 1) / 2
    hues = (
        colorsys.hsv_to_rgb(i * golden % 1, 0.55 + 0.4 * (i % 2), 0.9 - 0.3 * (i % 3 == 2)) for i in range(len(known))
    )
    return tuple("#" + bytes(round(255 * part) for part in hue).hex() for hue in hues)


def _is_hex(text: str) -> bool:
    return all(letter in "0123456789abcdefABCDEF" for letter in text)

"""The spec of a column of masks: its classes, their numbers in mask files, and their shares of all pixels."""

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

from seehear.answers.mask.outlines import is_outlines, parse_outlines
from seehear.answers.mask.picture import NumberedMask, load_mask
from seehear.errors import DataError, InputError

Array = NDArray[Any]
UNKNOWN = 255  # the class index of a pixel whose class is unknown
MAX_CLASSES = 255
MAX_SAMPLES = 1000  # masks that the plan reads
NAMES_FILE, MAX_PARENTS = "classes.txt", 3  # class names, in one of the folders above a mask
NO_CLASS = frozenset({"unlabelled", "unlabeled", "void", "ignore", "ignored", "unknown", "undefined"})
ENET_CONSTANT = 1.02  # Paszke 2016, arXiv:1606.02147, section 5.2: limits the weight of rare classes to 50
MIN_ACCURACY = 0.9


class MaskSpec(BaseModel):
    """The classes in the order of the head's outputs, and their `numbers` in mask files."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    classes: tuple[str, ...] = Field(min_length=2, max_length=MAX_CLASSES)
    numbers: tuple[int, ...]
    unknown: tuple[int, ...] = ()  # numbers of pixels whose class is unknown
    shares: tuple[float, ...]  # of all pixels with a known class
    colors: tuple[str, ...]
    min_accuracy: float = Field(default=MIN_ACCURACY, gt=0, lt=1)  # pixel accuracy from which a mask counts as right

    @model_validator(mode="after")
    def _check(self) -> Self:
        lengths = {len(self.classes), len(self.numbers), len(self.shares), len(self.colors)}
        known = {*self.numbers, *self.unknown}
        if len(lengths) > 1 or len(set(self.classes)) < len(self.classes) or len(set(self.numbers)) < len(self.numbers):
            raise ValueError("each class needs a name and a number of its own, a share and a colour")
        if not known <= set(range(256)) or set(self.numbers) & set(self.unknown):
            raise ValueError("numbers must be from 0 to 255, and none may be both a class and unknown")
        if any(len(color) != 7 or not _is_hex(color[1:]) or color[0] != "#" for color in self.colors):
            raise ValueError("colours must be like #1f77b4")
        return self

    def __str__(self) -> str:
        shown = ", ".join(f"{c} ({100 * s:.1f} %)" for c, s in zip(self.classes[:12], self.shares, strict=False))
        more = f" and {len(self.classes) - 12} more" if len(self.classes) > 12 else ""
        right = f"a mask counts as right from a pixel accuracy of {100 * self.min_accuracy:g} %"
        return f"one of {len(self.classes)} classes per pixel: {shown}{more}; {right}"

    @property
    def weights(self) -> tuple[float, ...]:
        """Loss weights: 1 / ln(1.02 + share) (ENet), larger for rare classes."""
        return tuple(1 / math.log(ENET_CONSTANT + share) for share in self.shares)

    @cached_property
    def index(self) -> dict[str | None, int]:
        return {name: index for index, name in enumerate(self.classes)}

    def index_of(self, label: str | None) -> int:
        """The index of a class, UNKNOWN for a name that means no class. Raises InputError for any other name."""
        if label is None or label.casefold() in NO_CLASS:
            return UNKNOWN
        if label not in self.index:
            known = ", ".join(self.classes[:12]) + (", …" if len(self.classes) > 12 else "")
            raise InputError(f"'{label}' is not one of the {len(self.classes)} classes", allowed=known)
        return self.index[label]

    def indices_of(self, names: Sequence[str]) -> Array:
        """(names,) int16: the index of each class, UNKNOWN for names that mean no class, -1 for any other."""
        return np.array(
            [UNKNOWN if each.casefold() in NO_CLASS else self.index.get(each, -1) for each in names], np.int16
        )

    @cached_property
    def index_of_number(self) -> Array:
        """(256,) int16: the class index of each number, UNKNOWN, or -1 for a number without a meaning."""
        table = np.full(256, -1, np.int16)
        table[list(self.unknown)] = UNKNOWN
        table[list(self.numbers)] = np.arange(len(self.numbers))
        return table


def plan(cells: Iterable[str], column: str, auxiliary: Sequence[str] | None = None) -> MaskSpec:
    """Read the classes of a column of masks. Raises DataError if there are fewer than two.

    Classes of mask files are named in a classes.txt near them, or else by their numbers. Those of outlines are named by
    the outlines' labels and numbered in alphabetical order after the background.
    """
    where, masks = f"column '{column}'", list(cells)
    if not masks:
        raise DataError("contains no answers", where=where, hint="give each picture a mask")
    outlined = all(map(is_outlines, masks))
    names = _outline_names(masks, where) if outlined else _read_names(Path(masks[0]))
    counts, first, error = _count_pixels(masks, _outline_loader(names) if outlined else load_mask)
    if not counts.any():
        raise DataError(f"none of its masks can be read; the first: {error}", where=where)
    known, unknown = _classes(counts, first.names or names)
    if len(known) < 2:
        raise DataError(
            f"all pixels of its masks have the same class, '{next(iter(known.values()), '')}'",
            where=where,
            allowed="at least two classes, such as 0 for the background and 1 for the object",
        )
    if len(known) > MAX_CLASSES or len(set(known.values())) < len(known):
        raise DataError(
            f"{len(known)} classes with {len(set(known.values()))} different names",
            where=where,
            allowed=f"up to {MAX_CLASSES}, each with a name of its own",
        )
    known_counts = counts[list(known)]
    return MaskSpec(
        classes=tuple(known.values()),
        numbers=tuple(known),
        unknown=tuple(unknown),
        shares=tuple((known_counts / known_counts.sum()).round(6).tolist()),
        colors=_colors(tuple(known), first.palette),
    )


def _count_pixels(cells: Sequence[str], load: Callable[[str], NumberedMask]) -> tuple[Array, NumberedMask, str]:
    """Pixels of each number (256,) in a sample of the masks, the first mask, and the first error."""
    counts, first_error = np.zeros(256, np.int64), ""
    first = NumberedMask(np.zeros((0, 0), np.uint8))
    for cell in cells[:: -(-len(cells) // MAX_SAMPLES)]:
        try:
            mask = load(cell)
        except InputError as error:
            first_error = first_error or str(error)
            continue
        for row in mask.pixels:  # row by row, because all at once would take eight bytes per pixel
            counts += np.bincount(row, minlength=256)
        first = first if first.pixels.size else mask
    return counts, first, first_error


def _outline_names(cells: Sequence[str], where: str) -> list[str]:
    """The backgrounds, then the labels, each in alphabetical order. Raises DataError if there are too many."""
    backgrounds: set[str] = set()
    labels: set[str] = set()
    for cell in cells:
        with suppress(InputError):
            outlines = parse_outlines(cell)
            backgrounds |= set() if outlines.background is None else {outlines.background}
            labels |= outlines.labels
    names = [*sorted(backgrounds), *sorted(labels - backgrounds)]
    if len(names) > MAX_CLASSES:
        raise DataError(f"{len(names):,} classes", where=where, allowed=f"up to {MAX_CLASSES}")
    return names


def _outline_loader(names: Sequence[str]) -> Callable[[str], NumberedMask]:
    """A loader of outlines, whose numbers are indices into `names`, or UNKNOWN."""
    indices: dict[str | None, int] = {name: index for index, name in enumerate(names)} | {None: UNKNOWN}

    def load(cell: str) -> NumberedMask:
        outlines = parse_outlines(cell)
        return NumberedMask(outlines.rasterise(indices.__getitem__, indices[outlines.background]))

    return load


def _read_names(mask: Path) -> list[str]:
    """The lines of a classes.txt in a folder above a mask; [] if there is none."""
    for folder in list(mask.parents)[:MAX_PARENTS]:
        file = folder / NAMES_FILE
        if file.is_file():
            try:
                return [line.strip() for line in file.read_text(encoding="utf-8-sig").rstrip().splitlines()][:256]
            except (OSError, UnicodeDecodeError) as error:
                raise DataError(
                    f"cannot be read: {error}", where=str(file), allowed="one name per line, in UTF-8"
                ) from None
    return []


def _classes(counts: Array, names: Sequence[str]) -> tuple[dict[int, str], list[int]]:
    """Names by number, and the numbers of unknown pixels.

    As in Pascal VOC, 255 is unknown if other numbers are classes; in a mask of 0 and 255 alone, it is the object.
    """
    present = np.flatnonzero(counts).tolist()
    if not names:
        unknown = [] if 255 in present and len(present) <= 2 else [255]
        return {number: str(number) for number in present if number not in unknown}, unknown
    named = {number: name or str(number) for number, name in enumerate(names)}
    named |= {number: str(number) for number in present if number not in named and number != 255}
    unknown = [number for number, name in named.items() if name.casefold() in NO_CLASS]
    unknown += [255] if 255 not in named else []
    return {number: name for number, name in sorted(named.items()) if number not in unknown}, unknown


def _colors(known: Sequence[int], palette: Sequence[str]) -> tuple[str, ...]:
    """The masks' own palette; for grey masks, hues by the golden ratio, so that neighbours differ."""
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

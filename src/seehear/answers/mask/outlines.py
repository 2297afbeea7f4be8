"""Masks as outlines, in a cell of a table: drawn when they are read, one number for each pixel.

    {"size": [480, 640], "rest": "background", "outlines": [{"label": "cat", "polygons": [[12, 40, 210, 40, 99, 131]]}]}

size      height and width of the picture
rest      what is in no outline; without it nobody said
outlines  of each thing its label, or none where nobody said what is there, and the region: polygons of corners
          x, y, x, y, … in pixels from the picture's upper left, or "rle", COCO's run lengths, column by column,
          as numbers or as its text

Where outlines overlap, the smaller lies on top: a cup outlined on an outlined table was not behind it, and files
seldom say what lies above. (torchvision's references/segmentation/coco_utils.py leaves such pixels out; COCO-Stuff has
none.) What is of no label lies below all.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seehear.answers.mask.picture import MOST_PIXELS
from seehear.errors import InputError
from seehear.strict_json import from_json

Array = NDArray[Any]
FORM = '{"size": [480, 640], "outlines": [{"label": "cat", "polygons": [[12, 40, 210, 40, 99, 131]]}]}'
CHARACTER, MORE, SIGN, BITS = 48, 0x20, 0x10, 5  # of COCO's text: what is added, its two marks, what each letter holds
MOST_LETTERS = 7  # of a number: 35 bits
MOST_DRAWN_PIXELS = 10 * MOST_PIXELS  # of the boxes around all regions of a picture: seconds, and an eighth in bytes


@dataclass(frozen=True)
class Outlines:
    """What a cell says: `regions` are the objects, each with a region that can be drawn."""

    shape: tuple[int, int]
    rest: str | None
    regions: tuple[dict[str, Any], ...]

    @property
    def labels(self) -> set[str]:
        return {region["label"] for region in self.regions if region.get("label") is not None}

    def drawn(self, number: Callable[[str | None], int], rest: int) -> Array:
        """(H, W) uint8: the number of the label of each pixel.

        Raises InputError for run lengths of another picture, and for regions that together are too large to draw.
        """
        pixels = np.full(self.shape, rest, np.uint8)
        for label, patch in sorted(self._patches(), key=lambda one: (one[0] is not None, -one[1].area)):
            patch.fill(pixels, number(label))
        return pixels

    def _patches(self) -> Iterator[tuple[str | None, _Patch]]:
        shapes = [
            _runs(region["rle"], self.shape) if "rle" in region else _polygons(region["polygons"], self.shape)
            for region in self.regions
        ]
        if (work := sum(shape.work for shape in shapes)) > MOST_DRAWN_PIXELS:
            raise InputError(
                f"{len(shapes):,} outlines in a picture of {self.shape[1]} x {self.shape[0]} px: too much to draw",
                allowed=f"{MOST_DRAWN_PIXELS:,} pixels in the boxes around all of them, not {work:,}",
                hint="make the picture and its outlines smaller",
            )
        for region, shape in zip(self.regions, shapes, strict=True):
            yield region.get("label"), _Patch.of(shape.top, shape.left, shape.draw())


class _Shape(NamedTuple):
    """A region that is not drawn yet: its upper left corner, how many pixels drawing it touches, and how it is done."""

    top: int
    left: int
    work: int
    draw: Callable[[], Array]  # -> (h, w) bool


class _Patch(NamedTuple):
    """A part of a picture, and which of its pixels are inside a region, eight to a byte: there may be hundreds."""

    top: int
    left: int
    shape: tuple[int, int]
    area: int
    bits: Array

    @classmethod
    def of(cls, top: int, left: int, inside: Array) -> _Patch:
        """inside: (h, w) bool."""
        return cls(top, left, inside.shape, int(np.count_nonzero(inside)), np.packbits(inside))

    def fill(self, pixels: Array, number: int) -> None:
        """Give the pixels (H, W) inside it a number."""
        height, width = self.shape
        inside = np.unpackbits(self.bits, count=height * width).view(np.bool_).reshape(self.shape)
        pixels[self.top : self.top + height, self.left : self.left + width][inside] = number


def is_outlined(cell: str) -> bool:
    """Whether a cell is such an object, not the name of a file."""
    return cell.startswith("{")


def parsed(cell: str) -> Outlines:
    """Raises InputError for a cell that is no such object."""
    try:
        told = from_json(cell)
    except ValueError:
        told = None
    told = told if isinstance(told, dict) else {}
    size, regions, rest = told.get("size"), told.get("outlines"), told.get("rest")
    if not isinstance(size, list) or not _is_size(size) or not isinstance(regions, list):
        raise InputError(f"'{cell[:60]}' is no outlines of a picture", allowed=FORM)
    if size[0] * size[1] > MOST_PIXELS:
        raise InputError(f"{size[1]} by {size[0]} pixels are too many")
    for region in regions:
        if not isinstance(region, dict) or not _is_label(region.get("label")) or not _is_region(region):
            raise InputError(f"'{json.dumps(region, ensure_ascii=False)[:60]}' is no outline", allowed=FORM)
    return Outlines((size[0], size[1]), rest if isinstance(rest, str) else None, tuple(regions))


def _is_size(size: list[Any]) -> bool:
    return len(size) == 2 and all(isinstance(side, int) and side > 0 for side in size)


def _is_label(label: Any) -> bool:
    return label is None or isinstance(label, str)


def _is_region(region: dict[str, Any]) -> bool:
    if "rle" in region:
        return isinstance(region["rle"], str) or _is_numbers(region["rle"], int)
    polygons = region.get("polygons")
    return isinstance(polygons, list) and all(
        _is_numbers(corners, int | float) and len(corners) >= 6 and len(corners) % 2 == 0 for corners in polygons
    )


def _is_numbers(told: Any, kind: Any) -> bool:
    return isinstance(told, list) and all(isinstance(each, kind) and abs(each) < 1e9 for each in told)


def _polygons(polygons: Sequence[Sequence[float]], shape: tuple[int, int]) -> _Shape:
    xy = [np.array(corners, np.float64).reshape(-1, 2) for corners in polygons]
    every = np.concatenate([*xy, np.zeros((0, 2))])
    low = np.floor(every.min(0, initial=max(shape)))
    high = np.ceil(every.max(0, initial=0))
    (left, right), (top, bottom) = (
        np.clip([low[axis], high[axis]], 0, shape[1 - axis]).astype(int).tolist() for axis in (0, 1)
    )
    height, width = max(bottom - top, 0), max(right - left, 0)

    def draw() -> Array:
        inside = np.zeros((height, width), np.bool_)
        for corners in xy:
            inside |= filled(corners - (left, top), inside.shape)
        return inside

    crossed = sum(np.ptp(np.clip([y, np.roll(y, 1)], top, bottom), axis=0).sum() for y in (each[:, 1] for each in xy))
    return _Shape(top, left, height * width * len(xy) + int(crossed), draw)


def filled(xy: Array, shape: tuple[int, int]) -> Array:
    """(H, W) bool: the pixels whose middles lie in a polygon of corners (n, 2): right of an odd number of its edges.

    Foley et al., "Computer Graphics" (1990), section 3.6. Pillow's polygons are half a pixel wider on every side.
    """
    height, width = shape
    crossed = np.zeros((height, width + 1), np.bool_)
    for (x1, y1), (x2, y2) in zip(xy.tolist(), np.roll(xy, -1, 0).tolist(), strict=True):
        first, last = sorted((math.ceil(y1 - 0.5), math.ceil(y2 - 0.5)))
        rows = np.arange(max(first, 0), min(last, height))
        if len(rows):
            x = x1 + (rows + 0.5 - y1) * ((x2 - x1) / (y2 - y1))
            crossed[rows, np.clip(np.ceil(x - 0.5), 0, width).astype(np.int64)] ^= True
    inside: Array = np.logical_xor.accumulate(crossed, 1)[:, :-1]
    return inside


def unpacked(rle: str | Sequence[int], shape: tuple[int, int]) -> Array:
    """(H, W) bool from COCO's run lengths: of pixels outside, inside, outside, …, down the columns.

    Raises InputError where they are not those of so many pixels.
    """
    return _columns(_checked_lengths(rle, shape), shape[0])


def _runs(rle: str | Sequence[int], shape: tuple[int, int]) -> _Shape:
    """Only the columns in which something is inside."""
    lengths = _checked_lengths(rle, shape)
    ends = np.cumsum(lengths)
    runs = np.flatnonzero(lengths[1::2]) * 2 + 1  # of pixels inside
    if not len(runs):
        return _Shape(0, 0, 0, lambda: np.zeros((0, 0), np.bool_))
    left, right = int(ends[runs[0] - 1]) // shape[0], -(-int(ends[runs[-1]]) // shape[0])
    within = np.diff(ends.clip(left * shape[0], right * shape[0]), prepend=left * shape[0])
    return _Shape(0, left, (right - left) * shape[0], lambda: _columns(within, shape[0]))


def _columns(lengths: Array, height: int) -> Array:
    """(height, W) bool of pixels outside, inside, outside, …"""
    inside: Array = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths).reshape(-1, height).T
    return inside


def _checked_lengths(rle: str | Sequence[int], shape: tuple[int, int]) -> Array:
    lengths = _lengths(rle) if isinstance(rle, str) else np.array(rle, np.int64)
    pixels = shape[0] * shape[1]
    if (lengths < 0).any() or lengths.sum() != pixels:
        covered = f"they cover {lengths.clip(0).sum():,} pixels"
        raise InputError(f"run lengths of another picture: {covered} of {shape[1]} x {shape[0]} = {pixels:,}")
    return lengths


def _lengths(text: str) -> Array:
    """The numbers in COCO's text: five bits a letter, the lowest first, each less the one before the last from the
    fourth on (rleFrString of https://github.com/cocodataset/cocoapi/blob/master/common/maskApi.c)."""
    letters = np.frombuffer(text.encode("utf-8"), np.uint8).astype(np.int64) - CHARACTER
    last = np.flatnonzero(letters & MORE == 0)
    if not len(last) or last[-1] != len(letters) - 1 or (letters < 0).any() or (letters >= 2 * MORE).any():
        raise InputError(f"'{text[:40]}' is no text of run lengths")
    first = np.concatenate([[0], last[:-1] + 1])
    used = last - first + 1
    if used.max() > MOST_LETTERS:
        raise InputError(f"'{text[:40]}' is no text of run lengths: it holds a number of {used.max()} letters")
    shift = BITS * (np.arange(len(letters)) - np.repeat(first, used))
    numbers = np.add.reduceat((letters & (MORE - 1)) << shift, first)
    numbers -= np.where(letters[last] & SIGN, 1 << (BITS * used), 0)
    for start in (1, 2):
        numbers[start::2] = np.cumsum(numbers[start::2])
    return numbers

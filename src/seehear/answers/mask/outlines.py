"""Masks as outlines in a table cell, rasterised when they are read.

    {"size": [480, 640], "background": "sky", "outlines": [{"label": "cat", "polygons": [[12, 40, 210, 40, 99, 131]]}]}

size        height and width of the picture
background  the class of pixels in no outline; without it their class is unknown
outlines    a label for each object, or null where it is unknown, and its region: "polygons" of corners x, y, x, y, … in
            pixels from the upper left, or "rle", COCO's run lengths column by column, as numbers or as COCO's string

Where outlines overlap, the smaller is on top: a cup outlined on a table is not behind it, and files rarely give an
order. (torchvision's references/segmentation/coco_utils.py ignores such pixels; COCO-Stuff has none.) Outlines without
a label are below all others.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seehear.answers.mask.picture import MAX_PIXELS
from seehear.errors import InputError
from seehear.strict_json import from_json

Array = NDArray[Any]
FORM = '{"size": [480, 640], "outlines": [{"label": "cat", "polygons": [[12, 40, 210, 40, 99, 131]]}]}'
RLE_OFFSET, RLE_MORE, RLE_SIGN, RLE_BITS = 48, 0x20, 0x10, 5  # of a character in COCO's string
MAX_RLE_CHARACTERS = 7  # of one number: 35 bits
MAX_RASTER_PIXELS = 10 * MAX_PIXELS  # in the bounding boxes of all regions: seconds, and an eighth in bytes


@dataclass(frozen=True)
class Outlines:
    """The content of a cell. `regions` are its objects, checked."""

    shape: tuple[int, int]
    background: str | None
    regions: tuple[dict[str, Any], ...]

    @property
    def labels(self) -> set[str]:
        return {region["label"] for region in self.regions if region.get("label") is not None}

    def polygons_of(self, number: int) -> tuple[str | None, Sequence[Sequence[float]]]:
        """The label of one region, and its polygons; () if it has run lengths."""
        region = self.regions[number]
        return region.get("label"), region.get("polygons", ())

    def rasterise_region(self, number: int) -> tuple[int, int, Array]:
        """The upper left corner (top, left) of one region, and its pixels (h, w) bool. Raises InputError."""
        shape = _to_shape(self.regions[number], self.shape)
        return shape.top, shape.left, shape.rasterise()

    def rasterise(self, to_number: Callable[[str | None], int], background: int) -> Array:
        """(H, W) uint8: the number of each pixel's label.

        Raises InputError for run lengths of another picture, and for regions that together are too large.
        """
        pixels = np.full(self.shape, background, np.uint8)
        for label, patch in sorted(self._patches(), key=lambda one: (one[0] is not None, -one[1].area)):
            patch.fill(pixels, to_number(label))
        return pixels

    def _patches(self) -> Iterator[tuple[str | None, _Patch]]:
        shapes = [_to_shape(region, self.shape) for region in self.regions]
        if (cost := sum(shape.cost_px for shape in shapes)) > MAX_RASTER_PIXELS:
            raise InputError(
                f"{len(shapes):,} outlines in a picture of {self.shape[1]} x {self.shape[0]} px are too many to draw",
                allowed=f"{MAX_RASTER_PIXELS:,} pixels in the bounding boxes of all outlines, not {cost:,}",
                hint="make the picture and its outlines smaller",
            )
        for region, shape in zip(self.regions, shapes, strict=True):
            yield region.get("label"), _Patch.pack(shape.top, shape.left, shape.rasterise())


class _Shape(NamedTuple):
    """A region not rasterised yet: its upper left corner, and how many pixels rasterising it touches."""

    top: int
    left: int
    cost_px: int
    rasterise: Callable[[], Array]  # -> (h, w) bool


class _Patch(NamedTuple):
    """A rasterised region, eight pixels to a byte, because there may be hundreds."""

    top: int
    left: int
    shape: tuple[int, int]
    area: int
    bits: Array

    @classmethod
    def pack(cls, top: int, left: int, inside: Array) -> _Patch:
        """inside: (h, w) bool."""
        return cls(top, left, inside.shape, int(np.count_nonzero(inside)), np.packbits(inside))

    def fill(self, pixels: Array, number: int) -> None:
        """Set the pixels of (H, W) that are inside."""
        height, width = self.shape
        inside = np.unpackbits(self.bits, count=height * width).view(np.bool_).reshape(self.shape)
        pixels[self.top : self.top + height, self.left : self.left + width][inside] = number


def is_outlines(cell: str) -> bool:
    """Whether a cell holds outlines rather than a file name."""
    return cell.startswith("{")


def parse_outlines(cell: str) -> Outlines:
    """Raises InputError for a cell of another form."""
    try:
        value = from_json(cell)
    except ValueError:
        value = None
    value = value if isinstance(value, dict) else {}
    size, regions, background = value.get("size"), value.get("outlines"), value.get("background")
    if not isinstance(size, list) or not _is_size(size) or not isinstance(regions, list):
        raise InputError(f"'{cell[:60]}' does not hold the outlines of a picture", allowed=FORM)
    if size[0] * size[1] > MAX_PIXELS:
        raise InputError(f"{size[1]} by {size[0]} pixels are too many")
    for region in regions:
        if not isinstance(region, dict) or not _is_label(region.get("label")) or not _is_region(region):
            raise InputError(f"'{json.dumps(region, ensure_ascii=False)[:60]}' is not an outline", allowed=FORM)
    return Outlines((size[0], size[1]), background if isinstance(background, str) else None, tuple(regions))


def format_outlines(shape: tuple[int, int], inside: Mapping[str, Array]) -> str:
    """The cell of a picture (H, W), from the pixels (H, W) bool of each label."""
    return format_regions(shape, None, [{"label": name, "rle": encode_rle(pixels)} for name, pixels in inside.items()])


def format_regions(shape: tuple[int, int], background: str | None, regions: Sequence[Mapping[str, Any]]) -> str:
    """The cell of a picture (H, W), from regions as `Outlines` has them."""
    around = {} if background is None else {"background": background}
    return json.dumps({"size": list(shape), **around, "outlines": list(regions)}, ensure_ascii=False)


def make_region(label: str | None, corners: Sequence[float]) -> dict[str, Any]:
    return {"label": label, "polygons": [list(corners)]}


def rename_region(region: Mapping[str, Any], name: str, new: str) -> dict[str, Any]:
    """The same region, of the class `new` if it was of `name`."""
    return {**region, "label": new} if region.get("label") == name else dict(region)


def _is_size(size: list[Any]) -> bool:
    return len(size) == 2 and all(isinstance(side, int) and side > 0 for side in size)


def _is_label(label: Any) -> bool:
    return label is None or isinstance(label, str)


def _is_region(region: dict[str, Any]) -> bool:
    if "rle" in region:
        return isinstance(region["rle"], str) or _is_list_of(region["rle"], int)
    polygons = region.get("polygons")
    return isinstance(polygons, list) and all(
        _is_list_of(corners, int | float) and len(corners) >= 6 and len(corners) % 2 == 0 for corners in polygons
    )


def _is_list_of(value: Any, kind: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, kind) and abs(each) < 1e9 for each in value)


def _to_shape(region: Mapping[str, Any], shape: tuple[int, int]) -> _Shape:
    return _from_rle(region["rle"], shape) if "rle" in region else _from_polygons(region["polygons"], shape)


def _from_polygons(polygons: Sequence[Sequence[float]], shape: tuple[int, int]) -> _Shape:
    xy = [np.array(corners, np.float64).reshape(-1, 2) for corners in polygons]
    every = np.concatenate([*xy, np.zeros((0, 2))])
    low = np.floor(every.min(0, initial=max(shape)))
    high = np.ceil(every.max(0, initial=0))
    (left, right), (top, bottom) = (
        np.clip([low[axis], high[axis]], 0, shape[1 - axis]).astype(int).tolist() for axis in (0, 1)
    )
    height, width = max(bottom - top, 0), max(right - left, 0)

    def rasterise() -> Array:
        inside = np.zeros((height, width), np.bool_)
        for corners in xy:
            inside |= fill_polygon(corners - (left, top), inside.shape)
        return inside

    crossed = sum(np.ptp(np.clip([y, np.roll(y, 1)], top, bottom), axis=0).sum() for y in (each[:, 1] for each in xy))
    return _Shape(top, left, height * width * len(xy) + int(crossed), rasterise)


def fill_polygon(xy: Array, shape: tuple[int, int]) -> Array:
    """(H, W) bool: the pixels whose centres are inside a polygon (n, 2), by the even-odd rule.

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


def decode_rle(rle: str | Sequence[int], shape: tuple[int, int]) -> Array:
    """COCO's run lengths (pixels outside, inside, outside, …, down the columns) -> (H, W) bool.

    Raises InputError if they do not fit a picture of this shape.
    """
    return _fill_columns(_checked_lengths(rle, shape), shape[0])


def encode_rle(inside: Array) -> list[int]:
    """(H, W) bool -> COCO's run lengths, which `decode_rle` reads."""
    down = inside.T.ravel()
    ends = np.flatnonzero(np.diff(down, prepend=False)).tolist()
    lengths: list[int] = np.diff([0, *ends, down.size]).tolist()
    return lengths


def _from_rle(rle: str | Sequence[int], shape: tuple[int, int]) -> _Shape:
    """Only the columns with pixels inside."""
    lengths = _checked_lengths(rle, shape)
    ends = np.cumsum(lengths)
    runs = np.flatnonzero(lengths[1::2]) * 2 + 1  # of pixels inside
    if not len(runs):
        return _Shape(0, 0, 0, lambda: np.zeros((0, 0), np.bool_))
    left, right = int(ends[runs[0] - 1]) // shape[0], -(-int(ends[runs[-1]]) // shape[0])
    within = np.diff(ends.clip(left * shape[0], right * shape[0]), prepend=left * shape[0])
    return _Shape(0, left, (right - left) * shape[0], lambda: _fill_columns(within, shape[0]))


def _fill_columns(lengths: Array, height: int) -> Array:
    """(height, W) bool of pixels outside, inside, outside, …"""
    inside: Array = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths).reshape(-1, height).T
    return inside


def _checked_lengths(rle: str | Sequence[int], shape: tuple[int, int]) -> Array:
    lengths = _decode_lengths(rle) if isinstance(rle, str) else np.array(rle, np.int64)
    pixels = shape[0] * shape[1]
    if (lengths < 0).any() or lengths.sum() != pixels:
        covered = f"they cover {lengths.clip(0).sum():,} pixels"
        raise InputError(f"run lengths of another picture: {covered} of {shape[1]} x {shape[0]} = {pixels:,}")
    return lengths


def _decode_lengths(text: str) -> Array:
    """The numbers in COCO's string: five bits per character, lowest first; from the fourth number on, the difference
    from the number before the last (rleFrString, https://github.com/cocodataset/cocoapi/blob/master/common/maskApi.c)."""
    characters = np.frombuffer(text.encode("utf-8"), np.uint8).astype(np.int64) - RLE_OFFSET
    last = np.flatnonzero(characters & RLE_MORE == 0)
    in_range = (characters >= 0).all() and (characters < 2 * RLE_MORE).all()
    if not len(last) or last[-1] != len(characters) - 1 or not in_range:
        raise InputError(f"'{text[:40]}' is not a string of run lengths")
    first = np.concatenate([[0], last[:-1] + 1])
    used = last - first + 1
    if used.max() > MAX_RLE_CHARACTERS:
        raise InputError(f"'{text[:40]}' is not a string of run lengths: one number has {used.max()} characters")
    shift = RLE_BITS * (np.arange(len(characters)) - np.repeat(first, used))
    numbers = np.add.reduceat((characters & (RLE_MORE - 1)) << shift, first)
    numbers -= np.where(characters[last] & RLE_SIGN, 1 << (RLE_BITS * used), 0)
    for start in (1, 2):
        numbers[start::2] = np.cumsum(numbers[start::2])
    return numbers

"""Files that map colours of a mask to classes: class_dict.csv, label_colors.txt or labelmap.txt."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seehear.errors import InputError

Array = NDArray[Any]
FILES = ("class_dict.csv", "class_dict_seg.csv", "label_colors.txt", "labelmap.txt")
MAX_PARENTS = 3  # folders above a mask in which the file is looked for
_MAX_BYTES = 1 << 16
_MAX_CLASSES = 255
_ALLOWED = "lines with a name and its red, green and blue from 0 to 255, each colour once"


class ColourTable(NamedTuple):
    """The classes in the order of the file, and their colours (n,) as 0xRRGGBB."""

    file: str
    names: tuple[str, ...]
    colours: Array

    @property
    def palette(self) -> tuple[str, ...]:
        return tuple(f"#{colour:06x}" for colour in self.colours.tolist())

    def to_indices(self, rgb: Array, where: str) -> Array:
        """(H, W, 3) uint8 -> (H, W) uint8, the index of each pixel's colour. Raises InputError for any other colour."""
        order = np.argsort(self.colours)
        indices = np.empty(rgb.shape[:2], np.uint8)
        for y, line in enumerate(rgb):  # row by row, because all at once would take twenty bytes per pixel
            pixels = line.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
            at = np.minimum(np.searchsorted(self.colours[order], pixels), len(order) - 1)
            indices[y] = order[at]
            if (unknown := self.colours[indices[y]] != pixels).any():
                x = int(unknown.argmax())
                raise InputError(
                    f"the pixel at ({x}, {y}) is #{pixels[x]:06x}, which is not in {self.file}",
                    where=where,
                    hint="add the colour and its class, or save the mask as a PNG without smoothed edges",
                )
        return indices


def find_colour_table(mask: Path) -> ColourTable | None:
    """The table in one of the folders above a mask, or None. Raises InputError for one that cannot be read."""
    for folder in list(mask.parents)[:MAX_PARENTS]:
        for name in FILES:
            try:
                return _read(str(folder / name), (folder / name).stat().st_mtime_ns)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise InputError(f"cannot be opened: {error.strerror}", where=str(folder / name)) from None
    return None


@lru_cache(maxsize=16)
def _read(file: str, changed_ns: int) -> ColourTable:
    """`changed_ns` is part of the cache key: a corrected table is read again."""
    with Path(file).open("rb") as content:
        data = content.read(_MAX_BYTES + 1)
    try:
        text = data.decode("utf-8-sig")
        rows = list((_parse_labelmap if file.endswith("labelmap.txt") else _parse_lines)(text.splitlines()))
    except (UnicodeDecodeError, ValueError, csv.Error) as error:
        raise InputError(f"not a colour table: {error}", where=file, allowed=_ALLOWED) from None
    colours = [red << 16 | green << 8 | blue for _, (red, green, blue) in rows]
    if len(data) > _MAX_BYTES or not 0 < len(rows) <= _MAX_CLASSES or len(set(colours)) < len(rows):
        what = f"{len(rows)} classes with {len(set(colours))} different colours"
        raise InputError(what, where=file, allowed=f"{_ALLOWED}, up to {_MAX_CLASSES}")
    return ColourTable(Path(file).name, tuple(name for name, _ in rows), np.array(colours, np.uint32))


def _parse_labelmap(lines: list[str]) -> Iterator[tuple[str, tuple[int, int, int]]]:
    """CVAT's format: `cat:128,0,0::`."""
    for line in lines:
        name, _, rest = line.partition(":")
        colour = rest.partition(":")[0].split(",")
        if name.strip() and not line.startswith("#") and colour != [""]:
            yield name.strip(), _parse_octets(colour)


def _parse_lines(lines: list[str]) -> Iterator[tuple[str, tuple[int, int, int]]]:
    """CSV with the header name,r,g,b, or CamVid's lines: `64 128 64 Animal`."""
    filled = [line for line in lines if line.strip()]
    if filled and "," in filled[0]:
        for row in csv.DictReader(filled, skipinitialspace=True, strict=True):
            cells = {(heading or "").strip().lower(): cell for heading, cell in row.items() if isinstance(cell, str)}
            name = cells.get("name") or cells.get("class") or ""
            yield name.strip(), _parse_octets([cells.get(each, "") for each in "rgb"])
    else:
        for line in filled:
            *colour, name = line.split(maxsplit=3)
            yield name.strip(), _parse_octets(colour)


def _parse_octets(cells: list[str]) -> tuple[int, int, int]:
    """Raises ValueError unless they are three numbers from 0 to 255."""
    red, green, blue = (int(cell) for cell in cells)
    if not all(0 <= each <= 255 for each in (red, green, blue)):
        raise ValueError(f"{red} {green} {blue} is not a colour")
    return red, green, blue

"""Masks as PNG: one number for each pixel, in and out."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from seehear.answers.mask.colour_table import colour_table
from seehear.errors import InputError

Array = NDArray[Any]
MOST_PIXELS = 100_000_000
SPREAD = {"L;2": 85, "L;4": 17}  # what Pillow multiplies grey of few bits by, so that the largest number is white
_COLOURED = ("RGB", "RGBA", "P")  # modes whose pixels a table of colours may name
ALLOWED = "a png with a palette, or a grey one, whose pixels are numbers of classes"


class Numbers(NamedTuple):
    """pixels (H, W) uint8: the number of each. palette: #rrggbb by number. names: by number, of a table of colours."""

    pixels: Array
    palette: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


def numbers(path: str) -> Numbers:
    """What stands in a mask. In colours, its numbers are the rows of the table of colours near it.

    Raises InputError, naming the file, for what is no such png.
    """
    try:
        with Path(path).open("rb") as file:
            picture = PngImagePlugin.PngImageFile(file)
            if picture.width * picture.height > MOST_PIXELS:
                raise InputError(f"{picture.width} by {picture.height} pixels are too many", where=path)
            step = SPREAD.get(str(picture.tile[0].args), 1) if picture.tile else 1
            picture.load()
            if picture.mode in _COLOURED and (table := colour_table(Path(path))) is not None:
                rows = table.rows_of(np.asarray(picture.convert("RGB")), path)
                return Numbers(rows, table.palette, table.names)
            return Numbers(_eight_bits(picture, path) // step, _palette(picture))
    except (OSError, SyntaxError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"cannot be read as a mask: {why}", where=path, allowed=ALLOWED) from None


def png(numbers: Array, colors: Sequence[str]) -> bytes:
    """(H, W) uint8 -> a palette png in which number i has colors[i]."""
    picture = Image.fromarray(numbers)
    picture.putpalette(b"".join(bytes.fromhex(color[1:]) for color in colors))
    file = BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def _eight_bits(picture: Image.Image, path: str) -> Array:
    if picture.mode in ("P", "L", "1"):
        pixels = np.asarray(picture)
    elif picture.mode.startswith("I"):
        pixels = np.asarray(picture)
        if pixels.max(initial=0) > np.iinfo(np.uint8).max:
            raise InputError(f"a pixel is {pixels.max()}", where=path, allowed="numbers of classes from 0 to 255")
    else:
        channels = np.asarray(picture.convert("RGB"))
        if np.ptp(channels, axis=2).any():
            hint = "put a class_dict.csv with lines of name,r,g,b near it, or save it with a palette"
            raise InputError("a mask in colours without a palette", where=path, allowed=ALLOWED, hint=hint)
        pixels = channels[:, :, 0]
    return pixels.astype(np.uint8)


def _palette(picture: Image.Image) -> tuple[str, ...]:
    given = picture.getpalette("RGB") if picture.mode == "P" else None
    parts = given or []
    return tuple("#" + bytes(parts[i : i + 3]).hex() for i in range(0, len(parts), 3))

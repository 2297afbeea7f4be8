"""Read and write masks as PNG files, one number per pixel."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from seehear.answers.mask.colour_table import find_colour_table
from seehear.errors import InputError

Array = NDArray[Any]
MAX_PIXELS = 100_000_000
GREY_FACTOR = {"L;2": 85, "L;4": 17}  # by which Pillow multiplies 2- and 4-bit grey, so that the largest is white
_COLOUR_MODES = ("RGB", "RGBA", "P")  # in which a colour table may name the pixels
ALLOWED = "a PNG, grey or with a palette, whose pixels are class numbers"


class NumberedMask(NamedTuple):
    """pixels (H, W) uint8: a number each. palette: #rrggbb by number. names: by number, if there is a colour table."""

    pixels: Array
    palette: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


def load_mask(path: str) -> NumberedMask:
    """Read a mask. The numbers of a mask in colours are rows of the colour table near it.

    Raises InputError, naming the file, for anything but such a PNG.
    """
    try:
        with Path(path).open("rb") as file:
            picture = PngImagePlugin.PngImageFile(file)
            if picture.width * picture.height > MAX_PIXELS:
                raise InputError(f"{picture.width} by {picture.height} pixels are too many", where=path)
            factor = GREY_FACTOR.get(str(picture.tile[0].args), 1) if picture.tile else 1
            picture.load()
            if picture.mode in _COLOUR_MODES and (table := find_colour_table(Path(path))) is not None:
                indices = table.to_indices(np.asarray(picture.convert("RGB")), path)
                return NumberedMask(indices, table.palette, table.names)
            return NumberedMask(_to_uint8(picture, path) // factor, _palette(picture))
    except (OSError, SyntaxError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"cannot be read as a mask: {why}", where=path, allowed=ALLOWED) from None


def encode_png(numbers: Array, colors: Sequence[str]) -> bytes:
    """(H, W) uint8 -> a PNG with a palette in which number i has colors[i]."""
    picture = Image.fromarray(numbers)
    picture.putpalette(b"".join(bytes.fromhex(color[1:]) for color in colors))
    file = BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def _to_uint8(picture: Image.Image, path: str) -> Array:
    if picture.mode in ("P", "L", "1"):
        pixels = np.asarray(picture)
    elif picture.mode.startswith("I"):
        pixels = np.asarray(picture)
        if pixels.max(initial=0) > np.iinfo(np.uint8).max:
            raise InputError(f"a pixel is {pixels.max()}", where=path, allowed="class numbers from 0 to 255")
    else:
        channels = np.asarray(picture.convert("RGB"))
        if np.ptp(channels, axis=2).any():
            hint = "put a class_dict.csv with lines like name,r,g,b near it, or save it with a palette"
            raise InputError("a mask in colours without a palette", where=path, allowed=ALLOWED, hint=hint)
        pixels = channels[:, :, 0]
    return pixels.astype(np.uint8)


def _palette(picture: Image.Image) -> tuple[str, ...]:
    channels = (picture.getpalette("RGB") if picture.mode == "P" else None) or []
    return tuple("#" + bytes(channels[i : i + 3]).hex() for i in range(0, len(channels), 3))

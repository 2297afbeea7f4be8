"""The size of many pictures, from their headers alone.

Those of most png and jpeg are told by a few bytes, read here several times as fast as by Pillow, which is asked for all
else. A png may say behind its pixels that it is turned.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from io import FileIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seehear.amounts import format_count
from seehear.media import ON_THEIR_SIDE, RAW_EXIF, orientation
from seehear.table.directories import is_within_boundary

_HEADER_BYTES = 2048
_HEIC = (".heic", ".heif", ".hif")
_LONGEST_PX = 1 << 20  # of a side: a header that tells of more is damaged
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
_CHUNK_BYTES = 8 + len(RAW_EXIF)  # as much of a png's chunk as tells whether it is EXIF
_EXIF = 0xE1  # APP1: it may say that the picture lies on its side
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # ITU T.81, table B.1: the markers that a size follows


class ImageSizes(NamedTuple):
    """Of pictures, width and height (n, 2): those that count, those that annotations tell, and what to say of them."""

    px: NDArray[np.float64]
    told_px: NDArray[np.float64]
    notes: Sequence[str] = ()


def read_sizes_px(root: Path, files: Sequence[str]) -> NDArray[np.float64]:
    """(files, 2) width and height as a person sees them, upright; nan for what cannot be read."""
    folder = str(root)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd metadata; whether the picture is of use is for the senses to say
        # Joined as text: building a Path for each file takes as long as reading its header.
        sizes = [_size_px(os.path.join(folder, file)) for file in files]  # noqa: PTH118
    return np.array(sizes, np.float64).reshape(-1, 2)


def reconcile_sizes(root: Path, files: Sequence[str], told_px: Sequence[tuple[float, float]]) -> ImageSizes:
    """What an annotation tells counts where a file cannot be read: people turn and shrink pictures and leave it as it
    was."""
    own, told = read_sizes_px(root, files), np.array(told_px, np.float64).reshape(-1, 2)
    unknown = np.isnan(own)
    differ = np.flatnonzero((np.isfinite(told) & ~unknown & (own != told)).any(1)).tolist()
    what = f"{format_count(len(differ), 'picture')} whose size differs from the annotations: using the file"
    return ImageSizes(np.where(unknown, told, own), told, [f"{what}; the first: {files[i]}" for i in differ[:1]])


def _size_px(file: str) -> tuple[float, float]:
    if not is_within_boundary(file):
        return np.nan, np.nan
    try:
        with open(file, "rb", buffering=0) as content:  # noqa: PTH123 - as above
            header = content.read(_HEADER_BYTES)
            told = _png(header, content) if header.startswith(_PNG) else _jpeg(header)
        size = told or _asked(file)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # Pillow's words for what is no picture
        return np.nan, np.nan
    return size if min(size) > 0 and max(size) <= _LONGEST_PX else (np.nan, np.nan)


def _png(header: bytes, content: FileIO) -> tuple[int, int] | None:
    """The size of a png in which nothing says that it is turned, before its pixels or behind them; None for any other.

    W3C, "Portable Network Graphics", 5.3: chunks of a length, a name, so many bytes and four more.
    """
    at, chunk = len(_PNG), header[len(_PNG) :]
    while chunk[4:8].isalpha() and chunk[4:8] != b"IEND":
        if chunk[4:8] == b"eXIf" or chunk[8:].startswith(RAW_EXIF.encode()):
            return None
        at += 12 + int.from_bytes(chunk[:4], "big")
        content.seek(at)
        chunk = content.read(_CHUNK_BYTES)
    whole = at > len(_PNG)  # else it is no png but for its first bytes
    return (int.from_bytes(header[16:20], "big"), int.from_bytes(header[20:24], "big")) if whole else None


def _jpeg(header: bytes) -> tuple[int, int] | None:
    """The size of an upright jpeg; None where the first bytes do not tell."""
    at = len(_JPEG)
    while header.startswith(_JPEG) and len(header) >= at + 9 and header[at] == 0xFF and header[at + 1] != _EXIF:
        if header[at + 1] in _FRAMES:
            height, width = (int.from_bytes(header[at + n : at + n + 2], "big") for n in (5, 7))
            return width, height
        at += 2 + int.from_bytes(header[at + 2 : at + 4], "big")
    return None


def _heic(file: str) -> Image.Image:
    """Raises OSError where nothing can read it."""
    try:
        from pillow_heif.as_plugin import HeifImageFile
    except ImportError as error:
        raise OSError("needs pillow-heif") from error
    picture: Image.Image = HeifImageFile(file)  # type: ignore[no-untyped-call]
    return picture


def _asked(file: str) -> tuple[float, float]:
    with _heic(file) if file.lower().endswith(_HEIC) else Image.open(file) as picture:
        width, height = picture.size
        if picture.format == "PNG":
            picture.load()
        return (height, width) if orientation(picture) in ON_THEIR_SIDE else (width, height)

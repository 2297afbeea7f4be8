"""Read the sizes of many pictures, from their headers.

A few bytes give the size of most PNG and JPEG files, several times as fast as Pillow, which reads the rest. A PNG may
say after its pixels that it is rotated.
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
from seehear.media import RAW_EXIF, SIDEWAYS_ORIENTATIONS, orientation
from seehear.table.directories import is_within_boundary

_HEADER_BYTES = 2048
_HEIC = (".heic", ".heif", ".hif")
_LONGEST_PX = 1 << 20  # of a side; a header that gives more is damaged
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
_CHUNK_BYTES = 8 + len(RAW_EXIF)  # enough of a PNG chunk to recognise EXIF
_EXIF = 0xE1  # APP1, which may declare a rotation
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # ITU T.81, table B.1: markers followed by a size


class ImageSizes(NamedTuple):
    """Width and height of pictures (n, 2): those to use, those that annotations declare, and notes."""

    px: NDArray[np.float64]
    declared_px: NDArray[np.float64]
    notes: Sequence[str] = ()


def read_sizes_px(root: Path, files: Sequence[str]) -> NDArray[np.float64]:
    """(files, 2) width and height as displayed, upright; nan for files that cannot be read."""
    folder = str(root)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about odd metadata; the senses report unusable pictures
        # Joined as text: building a Path for each file takes as long as reading its header.
        sizes = [_size_px(os.path.join(folder, file)) for file in files]  # noqa: PTH118
    return np.array(sizes, np.float64).reshape(-1, 2)


def reconcile_sizes(root: Path, files: Sequence[str], declared_px: Sequence[tuple[float, float]]) -> ImageSizes:
    """The size in the file, or the declared one if it is unreadable: people rotate or shrink annotated pictures."""
    actual, declared = read_sizes_px(root, files), np.array(declared_px, np.float64).reshape(-1, 2)
    unknown = np.isnan(actual)
    differ = np.flatnonzero((np.isfinite(declared) & ~unknown & (actual != declared)).any(1)).tolist()
    what = f"{format_count(len(differ), 'picture')} whose size differs from the annotations: using the file"
    return ImageSizes(
        np.where(unknown, declared, actual), declared, [f"{what}; the first: {files[i]}" for i in differ[:1]]
    )


def _size_px(file: str) -> tuple[float, float]:
    if not is_within_boundary(file):
        return np.nan, np.nan
    try:
        with open(file, "rb", buffering=0) as content:  # noqa: PTH123 - as above
            header = content.read(_HEADER_BYTES)
            declared = _png(header, content) if header.startswith(_PNG) else _jpeg(header)
        size = declared or _read_with_pillow(file)
    except (
        OSError,
        ValueError,
        SyntaxError,
        Image.DecompressionBombError,
    ):  # Pillow raises these for files that are not pictures
        return np.nan, np.nan
    return size if min(size) > 0 and max(size) <= _LONGEST_PX else (np.nan, np.nan)


def _png(header: bytes, content: FileIO) -> tuple[int, int] | None:
    """The size of a PNG without rotation, before or after its pixels; None for any other.

    W3C, "Portable Network Graphics", 5.3: each chunk has a length, a name, its data and a checksum of four bytes.
    """
    offset, chunk = len(_PNG), header[len(_PNG) :]
    while chunk[4:8].isalpha() and chunk[4:8] != b"IEND":
        if chunk[4:8] == b"eXIf" or chunk[8:].startswith(RAW_EXIF.encode()):
            return None
        offset += 12 + int.from_bytes(chunk[:4], "big")
        content.seek(offset)
        chunk = content.read(_CHUNK_BYTES)
    complete = offset > len(_PNG)  # otherwise only the signature is a PNG's
    return (int.from_bytes(header[16:20], "big"), int.from_bytes(header[20:24], "big")) if complete else None


def _jpeg(header: bytes) -> tuple[int, int] | None:
    """The size of an upright JPEG; None if its first bytes do not contain it."""
    offset = len(_JPEG)
    while (
        header.startswith(_JPEG)
        and len(header) >= offset + 9
        and header[offset] == 0xFF
        and header[offset + 1] != _EXIF
    ):
        if header[offset + 1] in _FRAMES:
            height, width = (int.from_bytes(header[offset + n : offset + n + 2], "big") for n in (5, 7))
            return width, height
        offset += 2 + int.from_bytes(header[offset + 2 : offset + 4], "big")
    return None


def _heic(file: str) -> Image.Image:
    """Raises OSError if pillow-heif is not installed."""
    try:
        from pillow_heif.as_plugin import HeifImageFile
    except ImportError as error:
        raise OSError("needs pillow-heif") from error
    picture: Image.Image = HeifImageFile(file)  # type: ignore[no-untyped-call]
    return picture


def _read_with_pillow(file: str) -> tuple[float, float]:
    with _heic(file) if file.lower().endswith(_HEIC) else Image.open(file) as picture:
        width, height = picture.size
        if picture.format == "PNG":
            picture.load()
        return (height, width) if orientation(picture) in SIDEWAYS_ORIENTATIONS else (width, height)

"""Whether a recording's file is whole, where its decoder would play half of it without a word."""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

from seehear.errors import InputError

_SLOPPY_BYTES = 64  # recorders that count the header as data
_UNKNOWN_BYTES = 0x7FFF_0000  # a size from here on, or 0, is a recorder's way to say that it did not know
_MOST_CHUNKS = 1_000
_OGG_PAGE_BYTES = 65_307  # 27 of header, 255 of segment table, 255 segments of 255; RFC 3533, section 6


def check_whole(file: BinaryIO, kind: str) -> None:
    """Raises InputError where the file ends before its last chunk or page does."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    missing = 0
    if kind in ("wav", "aiff"):
        missing = _missing_in_chunks(file, size)
    elif kind == "au":
        _, offset, data = struct.unpack(">4sII", file.read(12).ljust(12, b"\0"))
        missing = offset + data - size if data < _UNKNOWN_BYTES else 0
    elif kind == "ogg":
        missing = _missing_in_last_page(file, size)
    if missing > _SLOPPY_BYTES or (kind == "ogg" and missing > 0):
        raise cut_short(f"{missing} bytes are missing")


def cut_short(what: str) -> InputError:
    return InputError(f"cut short: {what}", hint="copy or export it again")


def _missing_in_chunks(file: BinaryIO, size: int) -> int:
    """RIFF (little-endian) and AIFF (big-endian): bytes that the chunk of samples lacks."""
    order = "<" if file.read(12)[:4] == b"RIFF" else ">"
    position = 12
    for _ in range(_MOST_CHUNKS):
        file.seek(position)
        header = file.read(8)
        if len(header) < 8:
            break
        name, length = struct.unpack(f"{order}4sI", header)
        if name in (b"data", b"SSND"):
            return position + 8 + length - size if 0 < length < _UNKNOWN_BYTES else 0
        position += 8 + length + length % 2
    return 0


def _missing_in_last_page(file: BinaryIO, size: int) -> int:
    """RFC 3533, section 6: a page's segment table says how long it is."""
    file.seek(max(0, size - _OGG_PAGE_BYTES))
    tail = file.read(_OGG_PAGE_BYTES)
    page = tail[max(tail.rfind(b"OggS"), 0) :]
    if len(page) < 27 or len(page) < 27 + page[26]:
        return 1
    return 27 + page[26] + sum(page[27 : 27 + page[26]]) - len(page)

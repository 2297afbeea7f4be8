"""Whether a file is whole, where its decoder would give half of it without a word."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from typing import BinaryIO

from seehear.errors import InputError

_SLOPPY_BYTES = 64  # recorders that count the header as data
_UNKNOWN_BYTES = 0x7FFF_0000  # a size from here on, or 0, is a recorder's way to say that it did not know
_MOST_CHUNKS = 1_000
_OGG_PAGE_BYTES = 65_307  # 27 of header, 255 of segment table, 255 segments of 255 (RFC 3533, section 6)


def check_whole(file: BinaryIO, kind: str) -> None:
    """Raises InputError where a file ends before its last chunk, page or box does; kinds without lengths pass."""
    if kind not in _MISSING:
        return
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    missing = _MISSING[kind](file, size)
    if missing > 0:
        raise cut_short(f"{missing} bytes are missing")


def cut_short(what: str) -> InputError:
    return InputError(f"cut short: {what}", hint="copy or export it again")


def _wav(file: BinaryIO, size: int) -> int:
    order = ">" if file.read(12)[:4] == b"RIFX" else "<"
    return _chunks(file, size, f"{order}4sI", b"data")


def _aiff(file: BinaryIO, size: int) -> int:
    file.seek(12)
    return _chunks(file, size, ">4sI", b"SSND")


def _caf(file: BinaryIO, size: int) -> int:
    file.seek(8)
    return _chunks(file, size, ">4sq", b"data")


def _chunks(file: BinaryIO, size: int, layout: str, samples: bytes) -> int:
    """Bytes that the chunk of samples lacks, in a row of chunks from here on: name, length, content."""
    for _ in range(_MOST_CHUNKS):
        header = file.read(8 if layout.endswith("I") else 12)
        if len(header) < struct.calcsize(layout):
            break
        name, length = struct.unpack(layout, header)
        if name == samples:
            missing = file.tell() + length - size
            return missing if 0 < length < _UNKNOWN_BYTES and missing > _SLOPPY_BYTES else 0
        if length < 0:
            break
        file.seek(length + length % 2, os.SEEK_CUR)
    return 0


def _au(file: BinaryIO, size: int) -> int:
    _, offset, length = struct.unpack(">4sII", file.read(12).ljust(12, b"\0"))
    return int(offset + length - size) if length < _UNKNOWN_BYTES else 0


def _avi(file: BinaryIO, size: int) -> int:
    length = struct.unpack("<4xI", file.read(8))[0]
    return int(8 + length - size) if 0 < length < _UNKNOWN_BYTES else 0


def _ogg(file: BinaryIO, size: int) -> int:
    """RFC 3533, section 6: a page's segment table says how long it is."""
    file.seek(max(0, size - _OGG_PAGE_BYTES))
    tail = file.read(_OGG_PAGE_BYTES)
    if b"OggS" not in tail:
        return 0  # something else was appended
    page = tail[tail.rfind(b"OggS") :]
    if len(page) < 27 or len(page) < 27 + page[26]:
        return 1
    return 27 + page[26] + sum(page[27 : 27 + page[26]]) - len(page)


def _mp4(file: BinaryIO, size: int) -> int:
    """ISO/IEC 14496-12, section 4.2: length, name; length 1 is followed by a longer one, 0 reaches to the end."""
    position = 0
    for _ in range(_MOST_CHUNKS):
        file.seek(position)
        header = file.read(16)
        if len(header) < 8:
            break
        length, _ = struct.unpack(">I4s", header[:8])
        if length == 1 and len(header) == 16:
            length = struct.unpack(">Q", header[8:])[0]
        if length < 8:
            break
        position += length
    return max(0, position - size)


def _matroska(file: BinaryIO, size: int) -> int:
    """RFC 8794, sections 4 to 6: the EBML header, then one Segment; a length of all ones is unknown."""
    for _ in range(2):
        identity = file.read(4)
        first = file.read(1)
        width = 9 - first[0].bit_length() if first and first[0] else 0
        if width == 0:
            return 0
        ones = (1 << (7 * width)) - 1
        length = int.from_bytes(first + file.read(width - 1), "big") & ones
        if identity == b"\x18\x53\x80\x67":  # Segment
            return 0 if length == ones else file.tell() + length - size
        file.seek(length, os.SEEK_CUR)
    return 0


def _mp3(file: BinaryIO, size: int) -> int:
    """The Xing or Info header that encoders put into the first frame counts the bytes from there on."""
    start = file.read(10)
    tag = 0
    if start[:3] == b"ID3" and len(start) == 10:  # ID3v2.4, section 3.1: four times 7 bits
        tag = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(start[6:], (21, 14, 7, 0), strict=True))
    file.seek(tag)
    frame = file.read(256)
    mark = max(frame.find(b"Xing"), frame.find(b"Info"))
    if mark < 0 or len(frame) < mark + 16:
        return 0
    flags = struct.unpack(">I", frame[mark + 4 : mark + 8])[0]
    if not flags & 2:
        return 0
    after_frames = mark + 8 + 4 * (flags & 1)
    length = struct.unpack(">I", frame[after_frames : after_frames + 4])[0]
    missing = int(tag + length - size)
    return missing if missing > _SLOPPY_BYTES else 0


_MISSING: dict[str, Callable[[BinaryIO, int], int]] = {
    "wav": _wav,
    "aiff": _aiff,
    "caf": _caf,
    "au": _au,
    "avi": _avi,
    "ogg": _ogg,
    "mp4": _mp4,
    "matroska": _matroska,
    "mp3": _mp3,
}

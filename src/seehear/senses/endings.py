"""Whether the last frame, tag or packet of a file is all there, for formats that do not say how long the whole is.

A file that was cut just between two of them looks like one that ends there.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import BinaryIO

_TAIL_BYTES = 1 << 18
_CHAIN = 3  # frames in a row, each as long as its header says: fewer may look like frames by chance
_TS_PACKET_BYTES = 188  # ISO/IEC 13818-1, section 2.4.3.2
_AMR_BYTES = (13, 14, 16, 18, 20, 21, 27, 32, 6, 0, 0, 0, 0, 0, 0, 1)  # of a frame by its type: RFC 4867, section 5.3
_AMR_WIDE_BYTES = (18, 24, 33, 37, 41, 47, 51, 59, 61, 6, 0, 0, 0, 0, 1, 1)
_PACK, _END, _FIRST_PACKET = 0xBA, 0xB9, 0xBB  # start codes of ISO/IEC 13818-1, table 2-22


def is_cut(file: BinaryIO, kind: str, size: int) -> bool:
    """Whether a file ends within a frame, tag or packet; False for kinds that this is not known of."""
    return kind in _CUT and _CUT[kind](file, size)


def _aac(file: BinaryIO, size: int) -> bool:
    return _ends_within(_tail(file, size), _aac_frame)


def _mpeg_program(file: BinaryIO, size: int) -> bool:
    return _ends_within(_tail(file, size), _program_packet)


def _mpeg_transport(file: BinaryIO, size: int) -> bool:
    return size % _TS_PACKET_BYTES > 0


def _amr(file: BinaryIO, size: int) -> bool:
    """From the first frame on: in the middle of a file, nothing marks where a frame begins."""
    file.seek(0)
    lengths = _AMR_WIDE_BYTES if file.readline(16) == b"#!AMR-WB\n" else _AMR_BYTES
    data = file.read()
    at = 0
    while at < len(data):
        length = lengths[data[at] >> 3 & 15]
        if not length:
            return False  # something else was appended
        at += length
    return at > len(data)


def _flv(file: BinaryIO, size: int) -> bool:
    """Adobe Flash Video File Format 10.1, annex E.3: the length of each tag stands in it and, 11 more, behind it."""
    file.seek(max(0, size - 4))
    length = int.from_bytes(file.read(4), "big")
    if not 11 <= length <= size - 4:
        return True
    file.seek(size - 4 - length)
    header = file.read(4)
    return int.from_bytes(header[1:], "big") + 11 != length


def _tail(file: BinaryIO, size: int) -> bytes:
    file.seek(max(0, size - _TAIL_BYTES), os.SEEK_SET)
    return file.read(_TAIL_BYTES)


def _ends_within(tail: bytes, length: Callable[[bytes, int], int]) -> bool:
    """Whether frames follow each other to the end and the last is not all there; not where something else follows.

    length(tail, at) is the length of the frame that begins there, 0 where none does.
    """
    for begin in range(len(tail)):
        at, frames = begin, 0
        while at < len(tail) and (step := length(tail, at)):
            at, frames = at + step, frames + 1
        if frames >= _CHAIN or (frames and begin == 0):
            return at > len(tail)
    return False


def _aac_frame(tail: bytes, at: int) -> int:
    """ISO/IEC 13818-7, section 6.2 (ADTS)."""
    head = tail[at : at + 7]
    if head[0] != 0xFF or (len(head) > 1 and head[1] & 0xF6 != 0xF0):
        return 0
    if len(head) < 7:
        return 7
    length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    return length if length >= 7 else 0


def _program_packet(tail: bytes, at: int) -> int:
    """ISO/IEC 13818-1, section 2.5.3; a pack's header is shorter in MPEG-1 (ISO/IEC 11172-1, section 2.4.3.2)."""
    head = tail[at : at + 14]
    if head[:3] != b"\0\0\1":
        return 0
    if len(head) < 6:
        return 4 if head[3:] in (b"", bytes([_END])) else 6
    if head[3] == _PACK:
        if head[4] >> 4 == 2:
            return 12
        return 14 + (head[13] & 7 if len(head) == 14 else 0) if head[4] >> 6 == 1 else 0
    if head[3] == _END:
        return 4
    return 6 + int.from_bytes(head[4:6], "big") if head[3] >= _FIRST_PACKET else 0


_CUT: dict[str, Callable[[BinaryIO, int], bool]] = {
    "aac": _aac,
    "amr": _amr,
    "flv": _flv,
    "mpeg-ps": _mpeg_program,
    "mpeg-ts": _mpeg_transport,
}

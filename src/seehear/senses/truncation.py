"""Detect truncated files, which many decoders read without an error."""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Callable
from typing import BinaryIO

from seehear.errors import InputError

_SLOPPY_BYTES = 64  # tolerance: some recorders count the header as data
_UNKNOWN_BYTES = 0x7FFF_0000  # recorders write 0, or a size from here on, for an unknown size
_UNKNOWN_LONG_BYTES = 1 << 62  # the same for eight-byte sizes
_MOST_CHUNKS = 1_000
_SPHERE_BYTES = 1024  # of header, in nearly all files
_ASF_BYTES = 1 << 16  # of header, which contains the file size
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_OGG_PAGE_BYTES = 65_307  # 27 of header, 255 of segment table, 255 segments of 255 (RFC 3533, section 6)
_TAIL_BYTES = 1 << 18
_CHAIN = 3  # consecutive frames of the length in their header; fewer may be a coincidence
_TS_PACKET_BYTES = 188  # ISO/IEC 13818-1, section 2.4.3.2
_AMR_BYTES = (13, 14, 16, 18, 20, 21, 27, 32, 6, 0, 0, 0, 0, 0, 0, 1)  # bytes per frame type: RFC 4867, section 5.3
_AMR_WIDE_BYTES = (18, 24, 33, 37, 41, 47, 51, 59, 61, 6, 0, 0, 0, 0, 1, 1)
_PACK, _END, _FIRST_PACKET = 0xBA, 0xB9, 0xBB  # start codes of ISO/IEC 13818-1, table 2-22


def check_not_truncated(file: BinaryIO, kind: str) -> None:
    """Raises InputError if a file ends before its last chunk, page, box or frame. Other file types pass."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    missing = _MISSING[kind](file, size) if kind in _MISSING else 0
    if missing > 0:
        raise truncation_error(f"{missing} bytes are missing")
    if kind in _ENDS_WITHIN_FRAME and _ENDS_WITHIN_FRAME[kind](file, size):
        raise truncation_error("its end is missing")


def truncation_error(what: str) -> InputError:
    return InputError(f"cut short: {what}", hint="copy or export it again")


def _wav(file: BinaryIO, size: int) -> int:
    form = file.read(12)[:4]
    if form in (b"RF64", b"BW64"):
        return _long_wav(file, size)
    return _chunks(file, size, ">4sI" if form == b"RIFX" else "<4sI", b"data")


def _long_wav(file: BinaryIO, size: int) -> int:
    """EBU Tech 3306, section 3.5: the first chunk, ds64, gives the length of the data chunk, which need not be last."""
    name, _, _, length = struct.unpack("<4sIQQ", file.read(24).ljust(24, b"\0"))
    if name != b"ds64" or not 0 < length < _UNKNOWN_LONG_BYTES:
        return 0
    file.seek(12)
    for _ in range(_MOST_CHUNKS):
        header = file.read(8)
        if len(header) < 8:
            return 0
        name, own = struct.unpack("<4sI", header)
        if name == b"data":
            missing = file.tell() + length - size
            return missing if missing > _SLOPPY_BYTES else 0
        file.seek(own + own % 2, os.SEEK_CUR)
    return 0


def _w64(file: BinaryIO, size: int) -> int:
    """Sony's Wave64: chunks of a GUID, a length including these 24 bytes, and content padded to 8 bytes."""
    file.seek(40)
    for _ in range(_MOST_CHUNKS):
        header = file.read(24)
        if len(header) < 24:
            break
        name, length = struct.unpack("<16sQ", header)
        if name.startswith(b"data"):
            missing = int(file.tell() - 24 + length - size)
            return missing if 24 < length < _UNKNOWN_LONG_BYTES and missing > _SLOPPY_BYTES else 0
        if not 24 <= length < _UNKNOWN_LONG_BYTES:
            break
        file.seek(-(-length // 8) * 8 - 24, os.SEEK_CUR)
    return 0


def _sphere(file: BinaryIO, size: int) -> int:
    """NIST SPHERE 2.6: a header of lines such as `sample_count -i 16000`; compressed samples have no known length."""
    lines = file.read(_SPHERE_BYTES).decode("latin-1").split("\n")
    fields = {words[0]: words[2] for line in lines if len(words := line.split()) == 3}
    counts = [fields.get(name, "") for name in ("sample_count", "sample_n_bytes", "channel_count")]
    start = lines[1].strip() if len(lines) > 1 else ""
    uncompressed = "embedded" not in fields.get("sample_coding", "")
    if not uncompressed or not all(
        count.isascii() and count.isdigit() and len(count) < 12 for count in (*counts, start)
    ):
        return 0
    missing = int(start) + math.prod(map(int, counts)) - size
    return missing if missing > _SLOPPY_BYTES else 0


def _asf(file: BinaryIO, size: int) -> int:
    """Advanced Systems Format 01.20.05, section 3.2: the file size, unless it was broadcast."""
    head = file.read(_ASF_BYTES)
    at = head.find(_ASF_PROPERTIES)
    properties = head[at + 24 : at + 92]
    if at < 0 or len(properties) < 68:
        return 0
    length, flags = struct.unpack("<16xQ40xI", properties)
    return int(length - size) if not flags & 1 and length < _UNKNOWN_LONG_BYTES else 0


def _aiff(file: BinaryIO, size: int) -> int:
    file.seek(12)
    return _chunks(file, size, ">4sI", b"SSND")


def _caf(file: BinaryIO, size: int) -> int:
    file.seek(8)
    return _chunks(file, size, ">4sq", b"data")


def _chunks(file: BinaryIO, size: int, layout: str, samples: bytes) -> int:
    """Missing bytes of the data chunk, in a sequence of chunks from here on: name, length, content."""
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
    """ISO/IEC 14496-12, section 4.2: length, name; length 1: a 64-bit length follows; 0: up to the end."""
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
    """RFC 8794, sections 4 to 6: the EBML header, then one Segment; a length of all ones means unknown."""
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
    """The Xing or Info header in the first frame contains the number of bytes from there on."""
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
    "w64": _w64,
    "sphere": _sphere,
    "asf": _asf,
}


# Formats that do not store their length: is the last frame, tag or packet complete?
# A file cut exactly between two frames looks like one that ends there.


def _aac(file: BinaryIO, size: int) -> bool:
    return _ends_within(_tail(file, size), _aac_frame)


def _mpeg_program(file: BinaryIO, size: int) -> bool:
    return _ends_within(_tail(file, size), _program_packet)


def _mpeg_transport(file: BinaryIO, size: int) -> bool:
    return size % _TS_PACKET_BYTES > 0


def _amr(file: BinaryIO, size: int) -> bool:
    """Read from the first frame on: frames have no sync word."""
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
    """Adobe Flash Video File Format 10.1, annex E.3: each tag is followed by its length plus 11."""
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
    """Whether frames follow each other to the end and the last one is incomplete; False if other data follow.

    length(tail, at) is the length of the frame that starts there, 0 if none does.
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


_ENDS_WITHIN_FRAME: dict[str, Callable[[BinaryIO, int], bool]] = {
    "aac": _aac,
    "amr": _amr,
    "flv": _flv,
    "mpeg-ps": _mpeg_program,
    "mpeg-ts": _mpeg_transport,
}

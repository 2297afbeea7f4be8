"""A zip that can be read in one way only: stored members in a fixed order, nothing before, between or after.

Python's zipfile accepts duplicate names, overlapping members, prefixes and gaps, so two readers may see two
different files in one archive. Here every header is compared with the one that writing gives, field by field:
what could be written otherwise is refused. Any unzip program can still open the result.
Format: PKWARE APPNOTE 6.3.10, sections 4.3.7 (local header), 4.3.12 (central record) and 4.3.16 (end record).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from os import fstat
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO

from seehear.errors import BundleError

LOCAL = struct.Struct("<4s5H3L2H")
BEGINNING = b"PK\3\4"
LOCAL_FIELDS = (
    "signature", "version needed", "flags", "compression", "time", "date",
    "checksum", "stored size", "size", "length of name", "length of extra field",
)  # fmt: skip
CENTRAL = struct.Struct("<4s6H3L5H2L")
CENTRAL_FIELDS = (
    "signature", "version made by", "version needed", "flags", "compression", "time", "date",
    "checksum", "stored size", "size", "length of name", "length of extra field", "length of comment",
    "disk", "internal attributes", "external attributes", "offset",
)  # fmt: skip
END = struct.Struct("<4s4H2LH")
END_FIELDS = (
    "signature", "disk", "disk of directory", "members on this disk", "members",
    "size of directory", "offset of directory", "length of comment",
)  # fmt: skip

VERSION = 10  # stored files need no more than zip 1.0
DATE = 0x21  # 1 January 1980, the first day zip knows: the same contents give the same bytes
Fields = tuple[bytes | int, ...]


def pack(members: Mapping[str, bytes]) -> Iterator[bytes]:
    """The archive in chunks, with members in the mapping's order; the same members give the same bytes."""
    directory, offset = [], 0
    for name, content in members.items():
        checksum = zlib.crc32(content)
        local = LOCAL.pack(*_local_fields(name, len(content), checksum)) + name.encode()
        directory.append(CENTRAL.pack(*_central_fields(name, len(content), checksum, offset)) + name.encode())
        offset += len(local) + len(content)
        yield local
        yield content
    yield from directory
    yield END.pack(*_end_fields(list(members), offset))


def unpack(path: Path, limits: Mapping[str, int], most_bytes: int, *, optional: Mapping[str, int]) -> dict[str, bytes]:
    """The members named by `limits`, in that order, each at most that many bytes; after them at most one of `optional`.

    Raises BundleError, with the reason, before any member is read into memory.
    """
    try:
        if not S_ISREG(path.stat().st_mode):
            raise BundleError("not a regular file")
        with path.open("rb") as file:
            if not BEGINNING.startswith(file.read(len(BEGINNING))):  # a file that is cut short is damaged
                raise BundleError("not a seehear model file", hint="name a file that `seehear train` wrote")
            length = fstat(file.fileno()).st_size
            last = {name: limit for name, limit in optional.items() if _ends_with(file, length, name)}
            sizes = _check_headers(file, length, {**limits, **last}, most_bytes)
            return dict(_read_contents(file, sizes))
    except OSError as error:
        raise BundleError(f"cannot be read: {error.strerror or error}") from None


def _local_fields(name: str, size: int, checksum: int) -> Fields:
    return (BEGINNING, VERSION, 0, 0, 0, DATE, checksum, size, size, len(name), 0)


def _central_fields(name: str, size: int, checksum: int, offset: int) -> Fields:
    sizes = (checksum, size, size, len(name))
    return (b"PK\1\2", VERSION, VERSION, 0, 0, 0, DATE, *sizes, 0, 0, 0, 0, 0, offset)


def _end_fields(names: list[str], offset: int) -> Fields:
    size = sum(CENTRAL.size + len(name) for name in names)
    return (b"PK\5\6", 0, 0, len(names), len(names), size, offset, 0)


def _ends_with(file: BinaryIO, length: int, name: str) -> bool:
    """Whether the directory's last record, which ends with a name, is for this member."""
    file.seek(max(0, length - END.size - len(name)))
    return file.read(len(name)) == name.encode()


def _check_headers(
    file: BinaryIO, length: int, limits: Mapping[str, int], most_bytes: int
) -> dict[str, tuple[int, int]]:
    """The size and checksum of every member, once all headers agree with each other and with the file's length."""
    names = list(limits)
    tail = END.size + sum(CENTRAL.size + len(name) for name in names)
    if not tail < length <= most_bytes:
        raise BundleError(f"{length:,} bytes long", allowed=f"{tail:,} to {most_bytes:,} bytes")
    file.seek(length - END.size)
    _check_equal(
        "the end record", END_FIELDS, END.unpack(_read_exactly(file, END.size)), _end_fields(names, length - tail)
    )
    file.seek(length - tail)
    found, offset = {}, 0
    for name in names:
        size, checksum = _check_central(_read_exactly(file, CENTRAL.size + len(name)), name, offset)
        if size > limits[name]:
            raise BundleError(f"{name} is {size:,} bytes long", allowed=f"at most {limits[name]:,}")
        found[name] = size, checksum
        offset += LOCAL.size + len(name) + size
    if offset != length - tail:
        raise BundleError(f"members end at byte {offset:,} and the directory begins at {length - tail:,}")
    return found


def _check_central(record: bytes, name: str, offset: int) -> tuple[int, int]:
    fields = CENTRAL.unpack(record[: CENTRAL.size])
    size, checksum = fields[9], fields[7]
    _check_equal(
        f"the directory's record of {name}", CENTRAL_FIELDS, fields, _central_fields(name, size, checksum, offset)
    )
    _check_equal(f"the directory's record of {name}", ("name",), (record[CENTRAL.size :],), (name.encode(),))
    return size, checksum


def _read_contents(file: BinaryIO, sizes: Mapping[str, tuple[int, int]]) -> Iterator[tuple[str, bytes]]:
    file.seek(0)
    for name, (size, checksum) in sizes.items():
        header = _read_exactly(file, LOCAL.size + len(name))
        _check_equal(
            f"the header of {name}",
            LOCAL_FIELDS,
            LOCAL.unpack(header[: LOCAL.size]),
            _local_fields(name, size, checksum),
        )
        _check_equal(f"the header of {name}", ("name",), (header[LOCAL.size :],), (name.encode(),))
        content = _read_exactly(file, size)
        if zlib.crc32(content) != checksum:
            raise BundleError(f"the contents of {name} do not match their checksum: the file is damaged")
        yield name, content


def _read_exactly(file: BinaryIO, size: int) -> bytes:
    content = file.read(size)
    if len(content) != size:
        raise BundleError("became shorter while it was read", hint="wait until it is written, then try again")
    return content


def _check_equal(what: str, names: tuple[str, ...], found: Fields, right: Fields) -> None:
    for name, value, wanted in zip(names, found, right, strict=True):
        if value != wanted:
            raise BundleError(f"{name} of {what} is {value!r}", allowed=f"{wanted!r}")

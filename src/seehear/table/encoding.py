"""Decode the bytes of tables and transcripts."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from seehear.errors import DataError

_BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_FILE_SIGNATURES = {
    b"PK\x03\x04": "an Excel workbook or a zip",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"RIFF": "a WAV recording or similar",
    b"%PDF": "a PDF",
    b"PAR1": "a parquet file",
    b"\x1f\x8b": "packed with gzip",
}
_BLOCK = 1 << 20
_MOST_TEXT_BYTES = 1 << 30
_HINT = "save it as csv with a line of headings"


def detect_encoding(path: Path, name: str) -> tuple[str, list[str]]:
    """(encoding, notes): from a byte order mark, else UTF-8 if it decodes, else Windows-1252.

    Excel saves Windows-1252 in western Europe. It has the letters of Latin-1, and € and ’ besides.

    Raises DataError for a file that is not text.
    """
    head = next(_read_blocks(path), b"")
    for magic, what in _FILE_SIGNATURES.items():
        if head.startswith(magic):
            raise DataError(f"not a text table but {what}", where=name, hint=_HINT)
    declared = next((encoding for mark, encoding in _BYTE_ORDER_MARKS if head.startswith(mark)), None)
    if declared != "utf-16" and any(b"\0" in block for block in _read_blocks(path)):
        raise DataError("not a text table: it holds NUL bytes", where=name, hint=_HINT)
    if _can_decode(path, declared or "utf-8"):
        return declared or "utf-8", []
    if declared:
        raise DataError(f"its first bytes say {declared}, but the rest does not decode", where=name, hint=_HINT)
    if _can_decode(path, "cp1252"):
        return "cp1252", [f"{name} is not UTF-8; reading it as Windows-1252"]
    return "latin-1", [f"{name} is not UTF-8; reading it as Latin-1"]


def contains_any(path: Path, characters: bytes) -> bool:
    """Whether a file contains any of some single-byte characters."""
    return any(character in block for block in _read_blocks(path) for character in characters)


def read_text(path: Path, name: str, most_bytes: int = _MOST_TEXT_BYTES) -> str:
    """Read a text file, called `name` in errors. Raises DataError if it is too large or not in UTF-8 or UTF-16.

    There is no fallback as for tables: a transcript with wrong letters would be learned.
    """
    try:
        data = path.read_bytes() if path.stat().st_size <= most_bytes else None
    except OSError as error:
        raise DataError(f"cannot be opened: {error.strerror or error}", where=name) from None
    if data is None:
        raise DataError("too large for text", where=name, allowed=f"up to {most_bytes >> 20} MiB")
    encoding = next((encoding for mark, encoding in _BYTE_ORDER_MARKS if data.startswith(mark)), "utf-8")
    if encoding != "utf-16" and b"\0" in data:
        raise DataError("not text: it holds NUL bytes", where=name, hint="save it again, in UTF-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        what = f"not in {encoding.removesuffix('-sig').upper()}: byte 0x{data[error.start]:02x} in line {line}"
        raise DataError(what, where=name, hint="save it again, in UTF-8") from None


def read_lines(path: Path, name: str) -> list[str]:
    """Read the lines of a text file. str.splitlines would also split at characters that a text may contain."""
    return read_text(path, name).replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _can_decode(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for block in _read_blocks(path):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _read_blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block

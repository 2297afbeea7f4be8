"""How the bytes of tables and transcripts become characters."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from seehear.errors import DataError

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_KNOWN = {
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
    """(encoding, what to say of it): what a byte order mark says, UTF-8 if every byte agrees, else Windows' cp1252.

    That is what Excel saves in western Europe; it has all letters of Latin-1, and € and ’ besides.

    Raises DataError for a file that is not text.
    """
    head = next(_blocks(path), b"")
    for magic, what in _KNOWN.items():
        if head.startswith(magic):
            raise DataError(f"not a text table but {what}", where=name, hint=_HINT)
    marked = next((encoding for mark, encoding in _MARKS if head.startswith(mark)), None)
    if marked != "utf-16" and any(b"\0" in block for block in _blocks(path)):
        raise DataError("not a text table: it holds NUL bytes", where=name, hint=_HINT)
    if _decodes(path, marked or "utf-8"):
        return marked or "utf-8", []
    if marked:
        raise DataError(f"its first bytes say {marked}, the rest is not", where=name, hint=_HINT)
    if _decodes(path, "cp1252"):
        return "cp1252", [f"{name} is not UTF-8; its letters are read as Windows-1252"]
    return "latin-1", [f"{name} is not UTF-8; its letters are read as Latin-1"]


def contains_any(path: Path, letters: bytes) -> bool:
    """Whether one of some letters of a byte each is in a file."""
    return any(letter in block for block in _blocks(path) for letter in letters)


def read_text(path: Path, name: str, most_bytes: int = _MOST_TEXT_BYTES) -> str:
    """All of a text file, called `name` in errors. Raises DataError for one that is too large, or not in UTF-8.

    Not Latin-1 for want of better, as in tables: wrong letters in a transcript would be learned.
    """
    try:
        data = path.read_bytes() if path.stat().st_size <= most_bytes else None
    except OSError as error:
        raise DataError(f"can not be opened: {error.strerror or error}", where=name) from None
    if data is None:
        raise DataError("too large for text", where=name, allowed=f"up to {most_bytes >> 20} MiB")
    encoding = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), "utf-8")
    if encoding != "utf-16" and b"\0" in data:
        raise DataError("not text: it holds NUL bytes", where=name, hint="save it again, in UTF-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        what = f"not in {encoding.removesuffix('-sig').upper()}: byte 0x{data[error.start]:02x} in line {line}"
        raise DataError(what, where=name, hint="save it again, in UTF-8") from None


def read_lines(path: Path, name: str) -> list[str]:
    """The lines of a text file. Not as str.splitlines has them, which ends a line at letters that texts may hold."""
    return read_text(path, name).replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for block in _blocks(path):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block

"""Rows of a spreadsheet (xlsx, ods) as text, one at a time, safe for untrusted files.

Of several sheets the one that names pictures, recordings or videos is read.
"""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, time
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

from seehear.errors import DataError
from seehear.media import medium_of

EXTENSIONS = (".xlsx", ".xlsm", ".ods")
_LARGEST_BYTES = 1 << 29  # unpacked
_MOST_COLUMNS, _MOST_ROWS = 4096, 1 << 20  # Excel's own limit is as many rows
_PEEK_ROWS = 200
_LONGEST_SHOWN = 4  # names of sheets in one sentence
_NOT_READ = "save it again, or save the sheet as csv"

_ODS = "{urn:oasis:names:tc:opendocument:xmlns:%s:1.0}%s"
_TABLE, _ROW, _CELL, _COVERED, _NAME, _ROWS, _COLUMNS = (
    _ODS % ("table", word)
    for word in (
        *("table", "table-row", "table-cell", "covered-table-cell", "name"),
        *("number-rows-repeated", "number-columns-repeated"),
    )
)
_VALUE, _TRUTH = _ODS % ("office", "value"), _ODS % ("office", "boolean-value")
_PARAGRAPH = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}p"

Rows = Iterator[tuple[int, list[str]]]  # the number of each row, as a spreadsheet counts, and its cells


class Workbook(NamedTuple):
    """rows: of the chosen sheet, without those that are empty. said: which sheet that is, where there are several."""

    rows: Rows
    notes: list[str]


def read_workbook(path: Path, name: str) -> Workbook:
    """Raises DataError, then or while the rows are read, for what is no such file or is too large."""
    _check_size(path, name)
    with _refusing(name):
        book: _Xlsx | _Ods = _Ods(path) if path.suffix.lower() == ".ods" else _Xlsx(path)
        chosen = next((sheet for sheet in book.sheets if _names_files(book.rows(sheet))), None)
        if chosen is None:
            chosen = next((sheet for sheet in book.sheets if next(book.rows(sheet), None)), None)
    if chosen is None:
        raise DataError("no sheet with anything in it", where=name)
    others = [sheet for sheet in book.sheets if sheet != chosen]
    shown = ", ".join(map(repr, others[:_LONGEST_SHOWN])) + (", …" if len(others) > _LONGEST_SHOWN else "")
    notes = [f"{name}: reading the sheet {chosen!r}, not {shown}"] if others else []
    return Workbook(_guarded(book, chosen, name), notes)


@contextmanager
def _refusing(name: str) -> Iterator[None]:
    """Turns whatever a reader of foreign files raises within into a DataError that names the file."""
    try:
        yield
    except DataError as error:
        raise error.at(name) from None
    except Exception as error:
        raise DataError(f"not a readable spreadsheet: {error}", where=name, hint=_NOT_READ) from None


def _guarded(book: _Xlsx | _Ods, sheet: str, name: str) -> Rows:
    with _refusing(name):
        yield from book.rows(sheet)


def _check_size(path: Path, name: str) -> None:
    """Zip members state their unpacked size, and no more than that is unpacked."""
    try:
        with zipfile.ZipFile(path) as packed:
            size = sum(member.file_size for member in packed.infolist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise DataError(f"not a readable spreadsheet: {error}", where=name, hint=_NOT_READ) from None
    if size > _LARGEST_BYTES:
        what = f"it unpacks to {size >> 20:,} MiB"
        raise DataError(what, where=name, allowed=f"up to {_LARGEST_BYTES >> 20} MiB", hint="save the sheet as csv")


def _names_files(rows: Rows) -> bool:
    return any(medium_of(cell) for _, cells in islice(rows, _PEEK_ROWS) for cell in cells)


def _check_extent(number: int, columns: int) -> None:
    if number > _MOST_ROWS or columns > _MOST_COLUMNS:
        what = f"a cell in row {number:,}, column {columns:,}"
        raise DataError(what, allowed=f"up to {_MOST_ROWS:,} rows of {_MOST_COLUMNS:,} columns")


def _trimmed(cells: list[str]) -> list[str]:
    while cells and not cells[-1]:
        cells.pop()
    return cells


class _Xlsx:
    """A workbook of openpyxl, which is read row by row."""

    def __init__(self, path: Path) -> None:
        try:
            from openpyxl import load_workbook
        except ImportError:
            raise DataError("an xlsx needs openpyxl", hint="pip install 'seehear[train]', or save it as csv") from None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and of links, which are not read
            self._book = load_workbook(path, read_only=True, data_only=True, keep_links=False)
        self.sheets = [sheet.title for sheet in self._book.worksheets]

    def rows(self, sheet: str) -> Rows:
        self._book[sheet].reset_dimensions()  # a file may claim any
        for number, values in enumerate(self._book[sheet].iter_rows(values_only=True), 1):
            _check_extent(number, len(values))
            if cells := _trimmed([_text(value) for value in values]):
                yield number, cells


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.isoformat() if isinstance(value, date | time) else str(value).strip()


class _Ods:
    """A spreadsheet of LibreOffice, whose xml is read element by element."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.sheets: list[str] = []
        for _ in _ended(path, _ROW, lambda table: self.sheets.append(table.get(_NAME, ""))):
            pass

    def rows(self, sheet: str) -> Rows:
        current, number = "", 0

        def begin(table: ElementTree.Element) -> None:
            nonlocal current, number
            current, number = table.get(_NAME, ""), 0

        for row in _ended(self._path, _ROW, begin):
            times = int(row.get(_ROWS, "1"))
            cells = _trimmed(_cells(row)) if current == sheet else []
            _check_extent(number + times if cells else 0, len(cells))
            yield from ((number + i, list(cells)) for i in range(1, times + 1) if cells)
            number += times


def _ended(path: Path, tag: str, begin: Callable[[ElementTree.Element], None]) -> Iterator[ElementTree.Element]:
    """Each element of a kind, whole; `begin` is told of each table before those in it. What was read is forgotten."""
    with zipfile.ZipFile(path) as packed, packed.open("content.xml") as content:
        for event, element in ElementTree.iterparse(content, ("start", "end")):
            if event == "start" and element.tag == _TABLE:
                begin(element)
            elif event == "end" and element.tag == tag:
                yield element
                element.clear()


def _cells(row: ElementTree.Element) -> list[str]:
    """Without the many empty ones at the end, which a program may write out to the edge of its sheet."""
    cells: list[str] = []
    empty = 0
    for cell in row:
        if cell.tag not in (_CELL, _COVERED):
            continue
        times = int(cell.get(_COLUMNS, "1"))
        told = cell.get(_VALUE) or cell.get(_TRUTH)
        text = told or "\n".join("".join(part.itertext()) for part in cell.iter(_PARAGRAPH)).strip()
        if not text:
            empty += times
            continue
        _check_extent(0, len(cells) + empty + times)
        cells += [""] * empty + [text] * times
        empty = 0
    return cells

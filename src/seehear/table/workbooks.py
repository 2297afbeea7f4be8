"""Read the rows of a spreadsheet (xlsx, ods) as text, one at a time, safely for untrusted files.

If there are several sheets, the first that names pictures, recordings or videos is read.
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
_MOST_COLUMNS, _MOST_ROWS = 4096, 1 << 20  # Excel has the same limit of rows
_PEEK_ROWS = 200
_LONGEST_SHOWN = 4  # sheet names listed in one sentence
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
    """rows: the non-empty rows of the chosen sheet. notes: which sheet that is, if there are several."""

    rows: Rows
    notes: list[str]


def read_workbook(path: Path, name: str) -> Workbook:
    """Open a spreadsheet. Raises DataError, now or while the rows are read, if it is damaged or too large."""
    _check_size(path, name)
    with _translate_errors(name):
        book: _Xlsx | _Ods = _Ods(path) if path.suffix.lower() == ".ods" else _Xlsx(path)
        chosen = next((sheet for sheet in book.sheets if _has_media(book.rows(sheet))), None)
        if chosen is None:
            chosen = next((sheet for sheet in book.sheets if next(book.rows(sheet), None)), None)
    if chosen is None:
        raise DataError("no sheet with anything in it", where=name)
    others = [sheet for sheet in book.sheets if sheet != chosen]
    shown = ", ".join(map(repr, others[:_LONGEST_SHOWN])) + (", …" if len(others) > _LONGEST_SHOWN else "")
    notes = [f"{name}: reading the sheet {chosen!r}, not {shown}"] if others else []
    return Workbook(_read_guarded(book, chosen, name), notes)


@contextmanager
def _translate_errors(name: str) -> Iterator[None]:
    """Turn any error of a third-party reader into a DataError that names the file."""
    try:
        yield
    except DataError as error:
        raise error.at(name) from None
    except Exception as error:
        raise DataError(f"not a readable spreadsheet: {error}", where=name, hint=_NOT_READ) from None


def _read_guarded(book: _Xlsx | _Ods, sheet: str, name: str) -> Rows:
    with _translate_errors(name):
        yield from book.rows(sheet)


def _check_size(path: Path, name: str) -> None:
    """Zip members declare their unpacked size, and no more than that is unpacked."""
    try:
        with zipfile.ZipFile(path) as packed:
            size = sum(member.file_size for member in packed.infolist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise DataError(f"not a readable spreadsheet: {error}", where=name, hint=_NOT_READ) from None
    if size > _LARGEST_BYTES:
        what = f"it unpacks to {size >> 20:,} MiB"
        raise DataError(what, where=name, allowed=f"up to {_LARGEST_BYTES >> 20} MiB", hint="save the sheet as csv")


def _has_media(rows: Rows) -> bool:
    return any(medium_of(cell) for _, cells in islice(rows, _PEEK_ROWS) for cell in cells)


def _check_extent(number: int, columns: int) -> None:
    if number > _MOST_ROWS or columns > _MOST_COLUMNS:
        what = f"a cell in row {number:,}, column {columns:,}"
        raise DataError(what, allowed=f"up to {_MOST_ROWS:,} rows of {_MOST_COLUMNS:,} columns")


def _trim_row(cells: list[str]) -> list[str]:
    while cells and not cells[-1]:
        cells.pop()
    return cells


class _Xlsx:
    """An Excel workbook, read row by row with openpyxl."""

    def __init__(self, path: Path) -> None:
        try:
            from openpyxl import load_workbook
        except ImportError:
            raise DataError("an xlsx needs openpyxl", hint="pip install 'seehear[train]', or save it as csv") from None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles and links, which are not read
            self._book = load_workbook(path, read_only=True, data_only=True, keep_links=False)
        self.sheets = [sheet.title for sheet in self._book.worksheets]

    def rows(self, sheet: str) -> Rows:
        self._book[sheet].reset_dimensions()  # a file may declare any size
        for number, values in enumerate(self._book[sheet].iter_rows(values_only=True), 1):
            _check_extent(number, len(values))
            if cells := _trim_row([_cell_text(value) for value in values]):
                yield number, cells


def _cell_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.isoformat() if isinstance(value, date | time) else str(value).strip()


class _Ods:
    """A LibreOffice spreadsheet, whose XML is read element by element."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.sheets: list[str] = []
        for _ in _iterate_elements(path, _ROW, lambda table: self.sheets.append(table.get(_NAME, ""))):
            pass

    def rows(self, sheet: str) -> Rows:
        current, number = "", 0

        def begin(table: ElementTree.Element) -> None:
            nonlocal current, number
            current, number = table.get(_NAME, ""), 0

        for row in _iterate_elements(self._path, _ROW, begin):
            repeats = int(row.get(_ROWS, "1"))
            cells = _trim_row(_row_cells(row)) if current == sheet else []
            _check_extent(number + repeats if cells else 0, len(cells))
            yield from ((number + i, list(cells)) for i in range(1, repeats + 1) if cells)
            number += repeats


def _iterate_elements(
    path: Path, tag: str, begin: Callable[[ElementTree.Element], None]
) -> Iterator[ElementTree.Element]:
    """Each element with a tag, complete; `begin` gets each table before its elements. Elements read are discarded."""
    with zipfile.ZipFile(path) as packed, packed.open("content.xml") as content:
        for event, element in ElementTree.iterparse(content, ("start", "end")):
            if event == "start" and element.tag == _TABLE:
                begin(element)
            elif event == "end" and element.tag == tag:
                yield element
                element.clear()


def _row_cells(row: ElementTree.Element) -> list[str]:
    """The cells of a row without the empty ones at the end, which some programs write up to the edge of the sheet."""
    cells: list[str] = []
    empty = 0
    for cell in row:
        if cell.tag not in (_CELL, _COVERED):
            continue
        repeats = int(cell.get(_COLUMNS, "1"))
        value = cell.get(_VALUE) or cell.get(_TRUTH)
        text = value or "\n".join("".join(part.itertext()) for part in cell.iter(_PARAGRAPH)).strip()
        if not text:
            empty += repeats
            continue
        _check_extent(0, len(cells) + empty + repeats)
        cells += [""] * empty + [text] * repeats
        empty = 0
    return cells

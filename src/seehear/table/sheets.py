"""Reading one table file (csv, tsv, xlsx, ods, json, jsonl, parquet) into columns of text, with the row numbers that a
person sees.

Every cell becomes trimmed text, an empty one null. A row that can not be read becomes a RowProblem and the rest goes
on; a file that is no table at all raises DataError.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from seehear.errors import DataError
from seehear.media import medium_of
from seehear.strict_json import from_json
from seehear.table import workbooks
from seehear.table.encoding import contains_any, detect_encoding, read_text
from seehear.table.media import is_valid_text
from seehear.table.parquet import read_batches
from seehear.table.rows import RowProblem

_CHUNK = 65_536  # rows held as Python objects at a time
_MOST_COLUMNS = 4096
csv.field_size_limit(1 << 26)  # letters of a cell, which may hold all outlines of a picture; it is 1 << 17 otherwise
EXTENSIONS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", *workbooks.EXTENSIONS)
JSON_LINES = (".jsonl", ".ndjson", ".json")  # the last is read if asked for; by its name alone it is no table
_LARGEST_ARRAY_BYTES = 1 << 27


@dataclass(frozen=True)
class Sheet:
    """cells: columns of large_string by heading. row (rows,): as a spreadsheet counts, or the line of a jsonl."""

    cells: pa.Table
    row: NDArray[np.int64]
    problems: tuple[RowProblem, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass
class _SheetBuilder:
    """What a reader has gathered so far."""

    name: str
    tables: list[pa.Table] = field(default_factory=list)
    rows: list[NDArray[np.int64]] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)

    def add(self, columns: Mapping[str, Sequence[Any]], rows: Sequence[int]) -> None:
        self.tables.append(pa.table({heading: _text(cells) for heading, cells in columns.items()}))
        self.rows.append(np.asarray(rows, np.int64))

    def problem(self, row: int, what: str, hint: str = "") -> None:
        self.problems.append(RowProblem(f"{self.name} row {row}", what, hint))

    def sheet(self, notes: Iterable[str] = ()) -> Sheet:
        cells = pa.concat_tables(self.tables, promote_options="default") if self.tables else pa.table({})
        if not len(cells):
            first = f"; {self.problems[0]}" if self.problems else ""
            raise DataError(f"no rows that can be read{first}", where=self.name)
        return Sheet(cells, np.concatenate(self.rows), tuple(self.problems), tuple(notes))


def read_sheet(path: Path, name: str, most_rows: int | None = None, *, quoted: bool = True) -> Sheet:
    """Read a table file, called `name` in problems and errors; only its first rows with most_rows.

    quoted: whether a quote (") in a csv or tsv holds a cell together; otherwise it is a letter like others.
    Raises DataError for a file that is no table, has no rows, or repeats a heading.
    """
    try:
        if path.suffix.lower() == ".parquet":
            return _parquet(path, name, most_rows)
        if path.suffix.lower() in workbooks.EXTENSIONS:
            return _workbook(path, name, most_rows)
        if is_json_array(path):
            return _json_array(path, name)
        if path.suffix.lower() in JSON_LINES:
            return _jsonl(path, name, most_rows)
        return _csv(path, name, most_rows, quoted)
    except OSError as error:
        raise DataError(f"can not be opened: {error.strerror or error}", where=name) from None


def _csv(path: Path, name: str, most_rows: int | None, quoted: bool) -> Sheet:
    quotes: Literal[0, 3] = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    encoding, notes = detect_encoding(path, name)
    delimiter, above, more = _delimiter(path, encoding, name)
    pile = _SheetBuilder(name)
    with path.open(encoding=encoding, newline="") as file:
        for _ in range(above):
            file.readline()
        reader = csv.reader(file, delimiter=delimiter, quoting=quotes, strict=True)
        headings = _headings((_csv_rows(reader, 1, 1, pile) or [[]])[0], name)
        columns = None if most_rows else _unquoted(path, encoding, delimiter, len(headings), above)
        if columns is not None:
            named = {heading: cells for heading, cells in zip(headings, columns, strict=True) if heading}
            pile.add(named, range(above + 2, above + 2 + len(columns[0])))
        else:
            _add_carefully(reader, headings, most_rows, pile, above + 2)
    unnamed = [str(i) for i, heading in enumerate(headings, 1) if not heading]
    more += [f"{name}: column {', '.join(unnamed)} has no heading and is not used"] if unnamed else []
    return pile.sheet([*notes, *more])


def _unquoted(path: Path, encoding: str, delimiter: str, count: int, above: int) -> list[pa.Array] | None:
    """The columns of a csv without a quote, in which every row has as many cells of usual length; None for any other.

    A tenth of the time that the careful way takes, which knows what to say of rows that are not right.
    """
    if count < 2 or not encoding.startswith("utf-8") or contains_any(path, b'"'):
        return None
    names = [str(i) for i in range(count)]
    try:
        columns = pa_csv.read_csv(
            path,
            read_options=pa_csv.ReadOptions(column_names=names, skip_rows=above + 1),
            parse_options=pa_csv.ParseOptions(delimiter=delimiter, quote_char=False, ignore_empty_lines=False),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.large_string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:
        return None
    letters = np.stack([pc.binary_length(cells).to_numpy() for cells in columns.columns])
    usual = columns.num_rows and letters.sum(0).min() > 0 and letters.max() <= csv.field_size_limit()
    return [cells.combine_chunks() for cells in columns.columns] if usual else None


def _add_carefully(reader: Any, headings: list[str], most_rows: int | None, pile: _SheetBuilder, number: int) -> None:
    while rows := _csv_rows(reader, min(_CHUNK, most_rows or _CHUNK), number, pile):
        _add_rows(rows, number, headings, pile)
        number += len(rows)
        if most_rows:
            break


def _csv_rows(reader: Any, most: int, number: int, pile: _SheetBuilder) -> list[list[str]]:
    """The next rows, [] in place of one that can not be parsed, so that the others keep their numbers."""
    rows: list[list[str]] = []
    while len(rows) < most:
        try:
            rows.extend(islice(reader, most - len(rows)))  # keeps what came before an error
            return rows
        except csv.Error as error:
            row = number + len(rows)
            if "unexpected end" in str(error) or "field larger" in str(error):
                hint = 'is a quote (") opened there and not closed?'
                raise DataError("one cell swallows the rest", where=f"{pile.name} row {row}", hint=hint) from None
            pile.problem(row, f"the quotes are wrong: {error}")
            rows.append([])
    return rows


def _add_rows(rows: list[list[str]], number: int, headings: list[str], pile: _SheetBuilder) -> None:
    numbers: Sequence[int] = range(number, number + len(rows))
    if set(map(len, rows)) != {len(headings)}:
        fitting = [i for i, cells in enumerate(rows) if len(cells) == len(headings)]
        for row, cells in zip(numbers, rows, strict=True):
            if cells and len(cells) != len(headings):  # a blank line is no example
                pile.problem(row, f"{len(cells)} cells under {len(headings)} headings")
        rows, numbers = [rows[i] for i in fitting], [numbers[i] for i in fitting]
    columns = zip(headings, zip(*rows, strict=True), strict=False)
    pile.add({heading: cells for heading, cells in columns if heading}, numbers)


def _delimiter(path: Path, encoding: str, name: str) -> tuple[str, int, list[str]]:
    """(what divides cells, the lines above the headings, what to say): Excel may write sep=; into the first line."""
    with path.open(encoding=encoding, newline="") as file:
        first = file.readline(1 << 20)
    if declared := re.fullmatch(r"sep=([^\w\s]|\t)\s*", first):
        return declared[1], 1, [f"{name} is divided by {declared[1]!r}, as its first line says"]
    usual = "\t" if path.suffix.lower() == ".tsv" else ","
    if usual in first:
        return usual, 0, []
    for other, word in ((";", "semicolons"), ("\t", "tabs"), (",", "commas")):
        if other in first:
            return other, 0, [f"{name} is divided by {word}"]
    return usual, 0, []


def _headings(cells: list[str], name: str) -> list[str]:
    headings = [cell.strip() for cell in cells]
    if not any(headings):
        raise DataError("the table is empty", where=name, hint="begin with a line of headings such as image,label")
    if any(medium_of(heading) for heading in headings):
        hint = "put a line of headings such as image,label above it"
        raise DataError(f"the first row looks like an example, not like headings: {cells}", where=name, hint=hint)
    _check_headings([heading for heading in headings if heading], name)
    return headings


def _check_headings(headings: Sequence[str], name: str) -> None:
    twice = [heading for heading, times in Counter(headings).items() if times > 1]
    if twice:
        raise DataError(f"more than one column is called {', '.join(map(repr, twice))}", where=name)
    if wrong := [heading for heading in headings if not is_valid_text(heading)]:
        raise DataError(f"the heading {wrong[0]!r} is not valid text", where=name)
    if len(headings) > _MOST_COLUMNS:
        raise DataError(f"{len(headings):,} columns", where=name, allowed=f"at most {_MOST_COLUMNS:,}")


def _jsonl(path: Path, name: str, most_rows: int | None) -> Sheet:
    encoding, notes = detect_encoding(path, name)
    pile = _SheetBuilder(name)
    with path.open(encoding=encoding) as file:
        objects = _json_objects(file, pile)
        headings: dict[str, None] = {}
        while chunk := list(islice(objects, min(_CHUNK, most_rows or _CHUNK))):
            headings |= dict.fromkeys(key for _, example in chunk for key in example)
            _check_headings(list(headings), name)
            columns = {heading: [_plain(example.get(heading)) for _, example in chunk] for heading in headings}
            pile.add(columns, [number for number, _ in chunk])
            if most_rows:
                break
    return pile.sheet(notes)


def is_json_array(path: Path) -> bool:
    """Whether a .json begins as a list of objects."""
    if path.suffix.lower() != ".json":
        return False
    try:
        with path.open("rb") as file:
            begins = file.read(1 << 12).lstrip(b"\xef\xbb\xbf \r\n\t")
    except OSError:
        return False
    return begins[:1] == b"[" and begins[1:].lstrip(b" \r\n\t")[:1] == b"{"


def _json_array(path: Path, name: str) -> Sheet:
    text = read_text(path, name, _LARGEST_ARRAY_BYTES)
    try:
        told = from_json(text)
    except ValueError as error:
        raise DataError(f"not JSON: {error}", where=name, hint="copy or download it again") from None
    pile = _SheetBuilder(name)
    for number, each in enumerate(told, 1):
        if not isinstance(each, dict):
            pile.problem(number, f"not a JSON object: {str(each)[:60]}")
    rows = [(number, each) for number, each in enumerate(told, 1) if isinstance(each, dict)]
    headings = list(dict.fromkeys(key for _, each in rows for key in each))
    _check_headings(headings, name)
    columns = {heading: [_plain(each.get(heading)) for _, each in rows] for heading in headings}
    pile.add(columns, [number for number, _ in rows])
    return pile.sheet()


def _workbook(path: Path, name: str, most_rows: int | None) -> Sheet:
    """The first row that is not empty holds the headings."""
    rows, notes = workbooks.read_workbook(path, name)
    _, first = next(rows, (0, list[str]()))
    headings = _headings(first, name)
    pile = _SheetBuilder(name)
    while chunk := list(islice(rows, min(_CHUNK, most_rows or _CHUNK))):
        fitting = [(number, cells) for number, cells in chunk if len(cells) <= len(headings)]
        for number, cells in chunk:
            if len(cells) > len(headings):
                pile.problem(number, f"{len(cells)} cells under {len(headings)} headings")
        padded = [cells + [""] * (len(headings) - len(cells)) for _, cells in fitting]
        columns = zip(headings, zip(*padded, strict=True), strict=False)
        pile.add({heading: cells for heading, cells in columns if heading}, [number for number, _ in fitting])
        if most_rows:
            break
    return pile.sheet(notes)


def _json_objects(lines: Iterable[str], pile: _SheetBuilder) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            example = from_json(line)
        except ValueError as error:
            pile.problem(number, f"not JSON: {error}")
            continue
        if isinstance(example, dict):
            yield number, example
        else:
            pile.problem(number, f"not a JSON object: {line.strip()[:60]}", 'one {"image": ..., "label": ...} a line')


def _plain(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _parquet(path: Path, name: str, most_rows: int | None) -> Sheet:
    pile = _SheetBuilder(name)
    try:
        with pq.ParquetFile(path) as file:
            _check_headings(file.schema_arrow.names, name)
            if embedded := [field.name for field in file.schema_arrow if _holds_bytes(field.type)]:
                hint = "write them to files and list these"
                raise DataError(f"column {embedded[0]!r} holds files themselves, not paths", where=name, hint=hint)
        number = 1
        for columns in read_batches(path, name, min(_CHUNK, most_rows or _CHUNK)):
            rows = range(number, number + len(next(iter(columns.values()), ())))
            pile.add(columns, rows)
            number = rows.stop
            if most_rows:
                break
    except (pa.ArrowException, ValueError) as error:
        raise DataError(f"not a parquet file that can be read: {error}", where=name) from None
    return pile.sheet()


def _holds_bytes(kind: Any) -> bool:
    if pa.types.is_struct(kind):
        return any(_holds_bytes(kind.field(i).type) for i in range(kind.num_fields))
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind))


def _text(cells: Any) -> pa.Array:
    """Any cells as trimmed text, null where empty."""
    if isinstance(cells, pa.Array):
        try:
            text = cells.cast(pa.large_string())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            text = pa.array([_plain(value) for value in cells.to_pylist()], pa.large_string())
    else:
        try:
            text = pa.array(cells, pa.large_string())
        except UnicodeEncodeError:  # half a surrogate pair, which JSON can spell
            text = pa.array([c and c.encode("utf-8", "replace").decode() for c in cells], pa.large_string())
    text = pc.utf8_trim_whitespace(text)
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.large_string()), text)

"""Read a table file (csv, tsv, xlsx, ods, json, jsonl, parquet) into columns of text, with the row numbers people see.

Cells are trimmed; an empty one becomes null. A row that cannot be read becomes a RowProblem, and reading continues. A
file that is not a table raises DataError.
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

_CHUNK = 65_536  # rows held as Python objects at once
_MOST_COLUMNS = 4096
csv.field_size_limit(1 << 26)  # characters in a cell, which may hold all outlines of a picture; 1 << 17 by default
EXTENSIONS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", *workbooks.EXTENSIONS)
JSON_LINES = (".jsonl", ".ndjson", ".json")  # .json only on request: the extension alone does not make it a table
_LARGEST_ARRAY_BYTES = 1 << 27


@dataclass(frozen=True)
class Sheet:
    """cells: columns of large_string by heading. row (rows,): the row in a spreadsheet, or the line of a jsonl file."""

    cells: pa.Table
    row: NDArray[np.int64]
    problems: tuple[RowProblem, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass
class _SheetBuilder:
    """The rows and problems that a reader has gathered so far."""

    name: str
    tables: list[pa.Table] = field(default_factory=list)
    rows: list[NDArray[np.int64]] = field(default_factory=list)
    problems: list[RowProblem] = field(default_factory=list)

    def add(self, columns: Mapping[str, Sequence[Any]], rows: Sequence[int]) -> None:
        self.tables.append(pa.table({heading: _text_column(cells) for heading, cells in columns.items()}))
        self.rows.append(np.asarray(rows, np.int64))

    def add_problem(self, row: int, what: str, hint: str = "") -> None:
        self.problems.append(RowProblem(f"{self.name} row {row}", what, hint))

    def build(self, notes: Iterable[str] = ()) -> Sheet:
        cells = pa.concat_tables(self.tables, promote_options="default") if self.tables else pa.table({})
        if not len(cells):
            first = f"; {self.problems[0]}" if self.problems else ""
            raise DataError(f"no rows that can be read{first}", where=self.name)
        return Sheet(cells, np.concatenate(self.rows), tuple(self.problems), tuple(notes))


def read_sheet(path: Path, name: str, most_rows: int | None = None, *, quoted: bool = True) -> Sheet:
    """Read a table file, called `name` in problems and errors.

    most_rows  read only the first rows
    quoted     whether a quote (") in a csv or tsv encloses a cell; otherwise it is an ordinary character

    Raises DataError for a file that is not a table, has no rows, or repeats a heading.
    """
    try:
        if path.suffix.lower() == ".parquet":
            return _read_parquet(path, name, most_rows)
        if path.suffix.lower() in workbooks.EXTENSIONS:
            return _read_workbook(path, name, most_rows)
        if is_json_array(path):
            return _read_json_array(path, name)
        if path.suffix.lower() in JSON_LINES:
            return _read_json_lines(path, name, most_rows)
        return _read_csv(path, name, most_rows, quoted)
    except OSError as error:
        raise DataError(f"cannot be opened: {error.strerror or error}", where=name) from None


def _read_csv(path: Path, name: str, most_rows: int | None, quoted: bool) -> Sheet:
    quotes: Literal[0, 3] = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    encoding, notes = detect_encoding(path, name)
    delimiter, skipped, more = _delimiter(path, encoding, name)
    builder = _SheetBuilder(name)
    with path.open(encoding=encoding, newline="") as file:
        for _ in range(skipped):
            file.readline()
        reader = csv.reader(file, delimiter=delimiter, quoting=quotes, strict=True)
        headings = _headings((_csv_rows(reader, 1, 1, builder) or [[]])[0], name)
        columns = None if most_rows else _read_unquoted_csv(path, encoding, delimiter, len(headings), skipped)
        if columns is not None:
            named = {heading: cells for heading, cells in zip(headings, columns, strict=True) if heading}
            builder.add(named, range(skipped + 2, skipped + 2 + len(columns[0])))
        else:
            _read_in_chunks(reader, headings, most_rows, builder, skipped + 2)
    unnamed = [str(i) for i, heading in enumerate(headings, 1) if not heading]
    more += [f"{name}: column {', '.join(unnamed)} has no heading and is not used"] if unnamed else []
    return builder.build([*notes, *more])


def _read_unquoted_csv(path: Path, encoding: str, delimiter: str, count: int, skipped: int) -> list[pa.Array] | None:
    """The columns of a csv that contains no quote and no missing or oversized cell; None for any other.

    It takes a tenth of the time of the general reader, which reports what is wrong with a row.
    """
    if count < 2 or not encoding.startswith("utf-8") or contains_any(path, b'"'):
        return None
    names = [str(i) for i in range(count)]
    try:
        columns = pa_csv.read_csv(
            path,
            read_options=pa_csv.ReadOptions(column_names=names, skip_rows=skipped + 1),
            parse_options=pa_csv.ParseOptions(delimiter=delimiter, quote_char=False, ignore_empty_lines=False),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.large_string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:
        return None
    letters = np.stack([pc.binary_length(cells).to_numpy() for cells in columns.columns])
    default = columns.num_rows and letters.sum(0).min() > 0 and letters.max() <= csv.field_size_limit()
    return [cells.combine_chunks() for cells in columns.columns] if default else None


def _read_in_chunks(
    reader: Any, headings: list[str], most_rows: int | None, builder: _SheetBuilder, number: int
) -> None:
    while rows := _csv_rows(reader, min(_CHUNK, most_rows or _CHUNK), number, builder):
        _add_rows(rows, number, headings, builder)
        number += len(rows)
        if most_rows:
            break


def _csv_rows(reader: Any, most: int, number: int, builder: _SheetBuilder) -> list[list[str]]:
    """The next rows; [] for one that cannot be parsed, so that the others keep their numbers."""
    rows: list[list[str]] = []
    while len(rows) < most:
        try:
            rows.extend(islice(reader, most - len(rows)))  # keeps the rows before an error
            return rows
        except csv.Error as error:
            row = number + len(rows)
            if "unexpected end" in str(error) or "field larger" in str(error):
                hint = 'is a quote (") opened there and not closed?'
                raise DataError(
                    "one cell runs on to the end of the file", where=f"{builder.name} row {row}", hint=hint
                ) from None
            builder.add_problem(row, f"the quotes are wrong: {error}")
            rows.append([])
    return rows


def _add_rows(rows: list[list[str]], number: int, headings: list[str], builder: _SheetBuilder) -> None:
    numbers: Sequence[int] = range(number, number + len(rows))
    if set(map(len, rows)) != {len(headings)}:
        fitting = [i for i, cells in enumerate(rows) if len(cells) == len(headings)]
        for row, cells in zip(numbers, rows, strict=True):
            if cells and len(cells) != len(headings):  # a blank line is not an example
                builder.add_problem(row, f"{len(cells)} cells under {len(headings)} headings")
        rows, numbers = [rows[i] for i in fitting], [numbers[i] for i in fitting]
    columns = zip(headings, zip(*rows, strict=True), strict=False)
    builder.add({heading: cells for heading, cells in columns if heading}, numbers)


def _delimiter(path: Path, encoding: str, name: str) -> tuple[str, int, list[str]]:
    """(delimiter, number of lines above the headings, notes). Excel may write sep=; into the first line."""
    with path.open(encoding=encoding, newline="") as file:
        first = file.readline(1 << 20)
    if declared := re.fullmatch(r"sep=([^\w\s]|\t)\s*", first):
        return declared[1], 1, [f"{name} uses {declared[1]!r} between cells, as its first line says"]
    default = "\t" if path.suffix.lower() == ".tsv" else ","
    if default in first:
        return default, 0, []
    for other, word in ((";", "semicolons"), ("\t", "tabs"), (",", "commas")):
        if other in first:
            return other, 0, [f"{name} is delimited by {word}"]
    return default, 0, []


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


def _read_json_lines(path: Path, name: str, most_rows: int | None) -> Sheet:
    encoding, notes = detect_encoding(path, name)
    builder = _SheetBuilder(name)
    with path.open(encoding=encoding) as file:
        objects = _json_objects(file, builder)
        headings: dict[str, None] = {}
        while chunk := list(islice(objects, min(_CHUNK, most_rows or _CHUNK))):
            headings |= dict.fromkeys(key for _, example in chunk for key in example)
            _check_headings(list(headings), name)
            columns = {heading: [_cell_text(example.get(heading)) for _, example in chunk] for heading in headings}
            builder.add(columns, [number for number, _ in chunk])
            if most_rows:
                break
    return builder.build(notes)


def is_json_array(path: Path) -> bool:
    """Whether a .json file begins like a list of objects."""
    if path.suffix.lower() != ".json":
        return False
    try:
        with path.open("rb") as file:
            beginning = file.read(1 << 12).lstrip(b"\xef\xbb\xbf \r\n\t")
    except OSError:
        return False
    return beginning[:1] == b"[" and beginning[1:].lstrip(b" \r\n\t")[:1] == b"{"


def _read_json_array(path: Path, name: str) -> Sheet:
    text = read_text(path, name, _LARGEST_ARRAY_BYTES)
    try:
        rows_found = from_json(text)
    except ValueError as error:
        raise DataError(f"not JSON: {error}", where=name, hint="copy or download it again") from None
    builder = _SheetBuilder(name)
    for number, each in enumerate(rows_found, 1):
        if not isinstance(each, dict):
            builder.add_problem(number, f"not a JSON object: {str(each)[:60]}")
    rows = [(number, each) for number, each in enumerate(rows_found, 1) if isinstance(each, dict)]
    headings = list(dict.fromkeys(key for _, each in rows for key in each))
    _check_headings(headings, name)
    columns = {heading: [_cell_text(each.get(heading)) for _, each in rows] for heading in headings}
    builder.add(columns, [number for number, _ in rows])
    return builder.build()


def _read_workbook(path: Path, name: str, most_rows: int | None) -> Sheet:
    """The first non-empty row holds the headings."""
    rows, notes = workbooks.read_workbook(path, name)
    _, first = next(rows, (0, list[str]()))
    headings = _headings(first, name)
    builder = _SheetBuilder(name)
    while chunk := list(islice(rows, min(_CHUNK, most_rows or _CHUNK))):
        fitting = [(number, cells) for number, cells in chunk if len(cells) <= len(headings)]
        for number, cells in chunk:
            if len(cells) > len(headings):
                builder.add_problem(number, f"{len(cells)} cells under {len(headings)} headings")
        padded = [cells + [""] * (len(headings) - len(cells)) for _, cells in fitting]
        columns = zip(headings, zip(*padded, strict=True), strict=False)
        builder.add({heading: cells for heading, cells in columns if heading}, [number for number, _ in fitting])
        if most_rows:
            break
    return builder.build(notes)


def _json_objects(lines: Iterable[str], builder: _SheetBuilder) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            example = from_json(line)
        except ValueError as error:
            builder.add_problem(number, f"not JSON: {error}")
            continue
        if isinstance(example, dict):
            yield number, example
        else:
            builder.add_problem(
                number, f"not a JSON object: {line.strip()[:60]}", 'one {"image": ..., "label": ...} per line'
            )


def _cell_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _read_parquet(path: Path, name: str, most_rows: int | None) -> Sheet:
    builder = _SheetBuilder(name)
    try:
        with pq.ParquetFile(path) as file:
            _check_headings(file.schema_arrow.names, name)
            if embedded := [field.name for field in file.schema_arrow if _holds_bytes(field.type)]:
                hint = "write them to files and list these"
                raise DataError(
                    f"column {embedded[0]!r} holds the contents of files, not their paths", where=name, hint=hint
                )
        number = 1
        for columns in read_batches(path, name, min(_CHUNK, most_rows or _CHUNK)):
            rows = range(number, number + len(next(iter(columns.values()), ())))
            builder.add(columns, rows)
            number = rows.stop
            if most_rows:
                break
    except (pa.ArrowException, ValueError) as error:
        raise DataError(f"not a parquet file that can be read: {error}", where=name) from None
    return builder.build()


def _holds_bytes(kind: Any) -> bool:
    if pa.types.is_struct(kind):
        return any(_holds_bytes(kind.field(i).type) for i in range(kind.num_fields))
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind))


def _text_column(cells: Any) -> pa.Array:
    """Any cells as trimmed text, null where empty."""
    if isinstance(cells, pa.Array):
        try:
            text = cells.cast(pa.large_string())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            text = pa.array([_cell_text(value) for value in cells.to_pylist()], pa.large_string())
    else:
        try:
            text = pa.array(cells, pa.large_string())
        except UnicodeEncodeError:  # half a surrogate pair, which JSON allows
            text = pa.array([c and c.encode("utf-8", "replace").decode() for c in cells], pa.large_string())
    text = pc.utf8_trim_whitespace(text)
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.large_string()), text)

"""Finds examples to predict in files, folders and tables, one at a time.

Separate from the tables of training: the runtime installation does not need their readers, and uses them only, if
installed, for tables that it cannot read itself.
"""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby, islice
from numbers import Real
from pathlib import Path
from typing import Any

from seehear.errors import DataError, InputError, UsageError
from seehear.media import Excerpt, Input, SpanColumns, TableExample, medium_of, medium_of_file, span_columns
from seehear.senses import SENSES
from seehear.senses.input_file import Bytes, is_file_object
from seehear.strict_json import from_json

Found = Path | Mapping[str, Input] | InputError  # the error stands for a folder or table that cannot be opened
Row = Mapping[str, str]  # cells by heading
PLAIN_TABLES = (".csv", ".tsv", ".jsonl")
TABLE_EXTENSIONS = (
    ".ndjson",
    ".parquet",
    ".xlsx",
    ".ods",
    ".json",
    ".yaml",
    ".yml",
    ".xml",
)  # read by the training installation


def gather(
    sources: Iterable[str | Path],
    senses: Sequence[str],
    *,
    left_out: Callable[[Path], None] = lambda _: None,
    written: Path | None = None,
) -> Iterator[Found]:
    """Yield each example: a path, a mapping of senses to paths or excerpts, or the error for what cannot be opened.

    A folder yields its files and those of its subfolders, ordered by name; files that no sense reads go to
    `left_out`. A table yields its rows, with excerpts if they have times. With more than one sense, neighbouring files
    that differ only in their extension (seven.png, seven.wav) are one example. The folder `written` to meanwhile is
    skipped. Raises UsageError for a table that cannot be read.
    """
    found = (each for source in sources for each in _examples_of(_check_name(source), senses, left_out, written))
    if len(senses) < 2:
        yield from found
        return
    for _, neighbours in groupby(found, key=_group_key):
        yield from _one_example(list(neighbours), senses)


def _check_name(source: str | Path) -> Path:
    """Raises UsageError for an empty name, which would mean the current folder."""
    if source == "":
        raise UsageError("an empty name", allowed="a file, a folder or a table", hint="is a shell variable empty?")
    return Path(source)


def is_folder(source: str | Path) -> bool:
    """Whether a folder exists; False for an impossible name, such as one too long, which the reader rejects."""
    return os.path.isdir(source)  # noqa: PTH112 - Path's raises


def is_single_input(value: Iterable[Any]) -> bool:
    """Whether an iterable is one input: a path, bytes, a file object, an array, a mapping, or (samples, rate)."""
    if isinstance(value, tuple):
        return len(value) == 2 and isinstance(value[1], Real)
    return isinstance(value, str | Bytes | Mapping) or hasattr(value, "__array_interface__") or is_file_object(value)


def _examples_of(
    source: Path, senses: Sequence[str], left_out: Callable[[Path], None], written: Path | None
) -> Iterator[Found]:
    if is_folder(source):
        closed = {written.resolve()} - {source.resolve()} if written else set()
        files = _files_of(source, senses, left_out, frozenset(closed))
        first = next(files, None)
        yield from _named_elsewhere(source, senses) if first is None else chain([first], files)
    elif source.suffix.lower() in PLAIN_TABLES and os.path.isfile(source):  # noqa: PTH113 - as above
        simple = _is_simple(source, (*senses, "video"))
        yield from _rows_of(source, senses) if simple else _by_layout(source, senses)
    elif source.suffix.lower() in TABLE_EXTENSIONS and os.path.isfile(source):  # noqa: PTH113 - as above
        try:
            yield from _by_layout(source, senses)
        except UsageError as error:  # it may not be a table: notes.json among images
            yield InputError(error.what, where=error.where, allowed=error.allowed, hint=error.hint)
    else:
        yield source


def _files_of(
    folder: Path, senses: Sequence[str], left_out: Callable[[Path], None], closed: frozenset[Path]
) -> Iterator[Found]:
    """Files in a folder, without the `closed` folders, and without following links back to a folder above."""
    here = folder.resolve()
    if here in closed:
        return
    listed = next(os.walk(folder), None)
    if listed is None:
        yield InputError("cannot be opened", where=str(folder), hint="check the folder's permissions")
        return
    folders, files = ([name for name in names if not name.startswith(".")] for names in listed[1:])
    for name in sorted(files, key=os.path.splitext):
        path = folder / name
        medium = medium_of_file(path)
        if any(medium in SENSES[sense].media for sense in senses):
            yield path
        else:
            left_out(path)
    for name in sorted(folders):
        yield from _files_of(folder / name, senses, left_out, closed | {here})


def _group_key(found: Found) -> object:
    return found.with_suffix("") if isinstance(found, Path) else id(found)


def _one_example(neighbours: Sequence[Found], senses: Sequence[str]) -> Iterator[Found]:
    """Neighbours with the same name: one example if each is for a different sense, otherwise one each."""
    alone = {
        own[0]: path for path in neighbours if isinstance(path, Path) and len(own := _senses_of(path, senses)) == 1
    }
    if len(alone) == len(neighbours) > 1:
        yield alone
    else:
        yield from neighbours


def _senses_of(path: Path, senses: Sequence[str]) -> list[str]:
    return [sense for sense in senses if medium_of(path.name) in SENSES[sense].media]


def _is_simple(table: Path, columns: Sequence[str]) -> bool:
    """Whether a table can be read without the training installation: in UTF-8, with the usual columns."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as lines:
            first = lines.readline()
            for _ in lines:
                pass
    except UnicodeDecodeError:
        return False
    if table.suffix.lower() == ".jsonl":
        return any(not isinstance(row, str) and row.keys() & set(columns) for _, row in islice(_json_rows(table), 100))
    delimiter = "\t" if table.suffix.lower() == ".tsv" else ","
    headings = next(csv.reader([first], delimiter=delimiter), [])
    return bool({heading.strip().lower() for heading in headings} & set(columns))


def _by_layout(place: Path, senses: Sequence[str]) -> Iterator[Found]:
    """The rows of any table or layout that training reads, with or without answers.

    Raises UsageError for one that cannot be read, and if the reader is not installed.
    """
    try:
        from seehear.table import open_table
    except ImportError:
        raise UsageError(
            "reading this needs the training installation",
            where=str(place),
            allowed=f"a csv, tsv or jsonl with one of the columns {', '.join((*senses, 'video'))}",
            hint="pip install 'seehear[train]'",
        ) from None
    try:
        table = open_table(place, senses_known=tuple(SENSES.values()), kinds=(), workspace=place.parent)
    except DataError as error:
        raise UsageError(error.what, where=error.where, allowed=error.allowed, hint=error.hint) from None
    nothing = f"names no file for {' or '.join(senses)}"
    for row in table:
        known = {sense: source for sense, source in row.inputs.items() if sense in senses}
        yield TableExample(place, row.key, known) if known else _failed(place, row.key, nothing)
    for problem in table.problems:
        yield _failed(place, problem.where, problem.what, problem.hint)


def _named_elsewhere(folder: Path, senses: Sequence[str]) -> Iterator[Found]:
    """The rows of a folder that has no media files itself but names them, such as a Kaldi folder or NeMo manifests."""
    try:
        yield from _by_layout(folder, senses)
    except UsageError:
        return


def _rows_of(table: Path, senses: Sequence[str]) -> Iterator[Found]:
    columns = (*senses, "video")
    for number, row in _json_rows(table) if table.suffix.lower() == ".jsonl" else _csv_rows(table, columns):
        name = f"row {number}"
        if isinstance(row, str):
            yield _failed(table, name, row)
        elif inputs := _row_inputs(table.parent, row, senses):
            yield TableExample(table, name, inputs)
        else:
            yield _failed(table, name, f"names no file under {' or '.join(columns)}")


def _failed(table: Path, row: str, what: str, hint: str = "") -> TableExample:
    return TableExample(table, row, {}, InputError(what, where=f"{table}, {row}", hint=hint))


def _row_inputs(folder: Path, row: Row, senses: Sequence[str]) -> dict[str, Input]:
    span = span_columns(row)
    cells = {sense: row.get(sense) or row.get("video") for sense in senses}
    return {sense: _input(folder / cell.replace("\\", "/"), row, span) for sense, cell in cells.items() if cell}


def _input(file: Path, row: Row, span: SpanColumns | None) -> Input:
    """A file, or the excerpt of it with the row's times; the reader refuses invalid times."""
    if span is None or medium_of(file.name) == "picture":
        return file
    start, end = row[span.start], row[span.end]
    if not start and (span.lasts or not end):
        return file
    start_s, end_s = _seconds(start), _seconds(end)
    return Excerpt(file, start_s, start_s + end_s if span.lasts else end_s)


def _seconds(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return math.nan


def _csv_rows(table: Path, columns: Sequence[str]) -> Iterator[tuple[int, Row | str]]:
    """Rows by their number in a spreadsheet, or the reason why one cannot be read.

    Raises UsageError for a table without one of the columns, or that is not text.
    """
    delimiter = "\t" if table.suffix.lower() == ".tsv" else ","
    try:
        with table.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.reader(lines, delimiter=delimiter, strict=True)
            headings = next(rows, [])
            if not _normalise_headings(zip(headings, headings, strict=True)).keys() & set(columns):
                raise UsageError(
                    f"the columns {', '.join(headings) or 'have no headings'}",
                    where=str(table),
                    allowed=f"one of {', '.join(columns)}",
                )
            for number, cells in enumerate(_parse_rows(rows), 2):
                if isinstance(cells, str):
                    yield number, cells
                elif cells and len(cells) != len(headings):
                    yield number, f"{len(cells)} cells under {len(headings)} headings"
                elif cells:  # a blank line is not an example
                    yield number, _normalise_headings(zip(headings, cells, strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"not a table: {error}", where=str(table), allowed="csv in UTF-8") from None


def _parse_rows(rows: Iterator[list[str]]) -> Iterator[list[str] | str]:
    """All rows of a csv reader, continuing after one that it cannot parse."""
    while True:
        try:
            yield from rows
            return
        except csv.Error as error:
            yield f"the quotes are wrong: {error}"


def _json_rows(table: Path) -> Iterator[tuple[int, Row | str]]:
    """Lines that are not blank, by their number, or the reason why one cannot be read."""
    with table.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = from_json(line)
            except ValueError:
                row = None
            yield number, _normalise_headings(row.items()) if isinstance(row, dict) else "not a JSON object"


def _normalise_headings(cells: Iterable[tuple[str, Any]]) -> Row:
    return {heading.strip().lower(): "" if cell is None else str(cell).strip() for heading, cell in cells}

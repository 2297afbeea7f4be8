"""The examples to ask about, found one at a time in files, folders and tables.

Kept apart from the tables that one learns from: serving must not need what reads those, and asks it only about what
it can not read itself.
"""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Any

from seehear.errors import DataError, InputError, UsageError
from seehear.media import Excerpt, Input, SpanColumns, TableExample, medium_of, medium_of_file, span_columns
from seehear.senses import SENSES
from seehear.strict_json import from_json

Found = Path | Mapping[str, Input] | InputError  # the error stands for a folder or table that cannot be opened
Row = Mapping[str, str]  # cells by heading
TABLES = (".csv", ".tsv", ".jsonl")
LAYOUTS = (".ndjson", ".parquet", ".xlsx", ".ods", ".json", ".yaml", ".yml", ".xml")  # read by what training brings


def gather(
    sources: Iterable[str | Path],
    senses: Sequence[str],
    *,
    left_out: Callable[[Path], None] = lambda _: None,
    written: Path | None = None,
) -> Iterator[Found]:
    """Yield each example: a path, or for each of its senses a path or an excerpt; or the error that stands for one.

    A folder gives its files and those of its folders, in the order of their names; what is for none of the senses
    goes to `left_out`. A table gives its rows, or the stretches of recordings that they tell. For more than one sense,
    neighbours that differ in nothing but their extension (seven.png, seven.wav) are one example. The folder that is
    `written` to meanwhile is no part of one above it. Raises UsageError for a table that can not be followed.
    """
    found = (each for source in sources for each in _within(_named(source), senses, left_out, written))
    if len(senses) < 2:
        yield from found
        return
    for _, neighbours in groupby(found, key=_name):
        yield from _one_example(list(neighbours), senses)


def _named(source: str | Path) -> Path:
    """Raises UsageError for an empty name, which would stand for the current folder."""
    if source == "":
        raise UsageError(
            "an empty name", allowed="a file, a folder or a table", hint="is a variable of your shell empty?"
        )
    return Path(source)


def is_folder(source: str | Path) -> bool:
    """False too for a name that no file can have, as one too long: who reads it refuses it."""
    return os.path.isdir(source)  # noqa: PTH112 - Path's raises


def _within(
    source: Path, senses: Sequence[str], left_out: Callable[[Path], None], written: Path | None
) -> Iterator[Found]:
    if is_folder(source):
        closed = {written.resolve()} - {source.resolve()} if written else set()
        files = _folder(source, senses, left_out, frozenset(closed))
        first = next(files, None)
        yield from _elsewhere(source, senses) if first is None else chain([first], files)
    elif source.suffix.lower() in TABLES and os.path.isfile(source):  # noqa: PTH113 - as above
        simple = _is_simple(source, (*senses, "video"))
        yield from _table(source, senses) if simple else _by_layout(source, senses)
    elif source.suffix.lower() in LAYOUTS and os.path.isfile(source):  # noqa: PTH113 - as above
        try:
            yield from _by_layout(source, senses)
        except UsageError as error:  # it need not be a table: notes.json among pictures
            yield InputError(error.what, where=error.where, allowed=error.allowed, hint=error.hint)
    else:
        yield source


def _folder(
    folder: Path, senses: Sequence[str], left_out: Callable[[Path], None], closed: frozenset[Path]
) -> Iterator[Found]:
    """Not those that are closed, nor through links that lead back to a folder above."""
    here = folder.resolve()
    if here in closed:
        return
    listed = next(os.walk(folder), None)
    if listed is None:
        yield InputError("can not be opened", where=str(folder), hint="check the folder's permissions")
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
        yield from _folder(folder / name, senses, left_out, closed | {here})


def _name(found: Found) -> object:
    return found.with_suffix("") if isinstance(found, Path) else id(found)


def _one_example(neighbours: Sequence[Found], senses: Sequence[str]) -> Iterator[Found]:
    """Neighbours of one name: together if each is for another sense, otherwise one by one."""
    alone = {own[0]: path for path in neighbours if isinstance(path, Path) and len(own := _reading(path, senses)) == 1}
    if len(alone) == len(neighbours) > 1:
        yield alone
    else:
        yield from neighbours


def _reading(path: Path, senses: Sequence[str]) -> list[str]:
    return [sense for sense in senses if medium_of(path.name) in SENSES[sense].media]


def _is_simple(table: Path, columns: Sequence[str]) -> bool:
    """Whether a table can be followed without the reader of those that one learns from: in UTF-8, in usual columns."""
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
    """The rows of any table or layout that one can learn from, with its answers or without.

    Raises UsageError for one that can not be followed, and where what reads them is not installed.
    """
    try:
        from seehear.table import open_table
    except ImportError:
        raise UsageError(
            "it takes what training brings to read this",
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


def _elsewhere(folder: Path, senses: Sequence[str]) -> Iterator[Found]:
    """The rows of a folder that holds no files itself, but names them: as one of Kaldi, or of manifests."""
    try:
        yield from _by_layout(folder, senses)
    except UsageError:
        return


def _table(table: Path, senses: Sequence[str]) -> Iterator[Found]:
    columns = (*senses, "video")
    for number, row in _json_rows(table) if table.suffix.lower() == ".jsonl" else _csv_rows(table, columns):
        name = f"row {number}"
        if isinstance(row, str):
            yield _failed(table, name, row)
        elif inputs := _in_row(table.parent, row, senses):
            yield TableExample(table, name, inputs)
        else:
            yield _failed(table, name, f"names no file under {' or '.join(columns)}")


def _failed(table: Path, row: str, what: str, hint: str = "") -> TableExample:
    return TableExample(table, row, {}, InputError(what, where=f"{table}, {row}", hint=hint))


def _in_row(folder: Path, row: Row, senses: Sequence[str]) -> dict[str, Input]:
    span = span_columns(row)
    cells = {sense: row.get(sense) or row.get("video") for sense in senses}
    return {sense: _input(folder / cell.replace("\\", "/"), row, span) for sense, cell in cells.items() if cell}


def _input(file: Path, row: Row, span: SpanColumns | None) -> Input:
    """A file, or the stretch of it that a row tells; one that is no stretch is refused by who reads it."""
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
    """Rows as a spreadsheet counts them, or words about why one can not be read.

    Raises UsageError for a table without one of the columns, or that is no text.
    """
    delimiter = "\t" if table.suffix.lower() == ".tsv" else ","
    try:
        with table.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.reader(lines, delimiter=delimiter, strict=True)
            headings = next(rows, [])
            if not _trimmed(zip(headings, headings, strict=True)).keys() & set(columns):
                raise UsageError(
                    f"the columns {', '.join(headings) or 'have no headings'}",
                    where=str(table),
                    allowed=f"one of {', '.join(columns)}",
                )
            for number, cells in enumerate(_parsed(rows), 2):
                if isinstance(cells, str):
                    yield number, cells
                elif cells and len(cells) != len(headings):
                    yield number, f"{len(cells)} cells under {len(headings)} headings"
                elif cells:  # a blank line is no example
                    yield number, _trimmed(zip(headings, cells, strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"not a table: {error}", where=str(table), allowed="csv in UTF-8") from None


def _parsed(rows: Iterator[list[str]]) -> Iterator[list[str] | str]:
    """All rows of a csv reader, which goes on after one that it can not parse."""
    while True:
        try:
            yield from rows
            return
        except csv.Error as error:
            yield f"the quotes are wrong: {error}"


def _json_rows(table: Path) -> Iterator[tuple[int, Row | str]]:
    """Lines that are not blank, by their number, or words about why one can not be read."""
    with table.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = from_json(line)
            except ValueError:
                row = None
            yield number, _trimmed(row.items()) if isinstance(row, dict) else "not a JSON object"


def _trimmed(cells: Iterable[tuple[str, Any]]) -> Row:
    return {heading.strip().lower(): "" if cell is None else str(cell).strip() for heading, cell in cells}

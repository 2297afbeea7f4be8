"""The examples to ask about, found one at a time in files, folders and tables.

Kept apart from the tables that one learns from: serving must not need what reads those.
"""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from seehear.errors import UsageError
from seehear.media import Excerpt, Input, SpanColumns, medium_of, span_columns
from seehear.senses import SENSES
from seehear.senses.sniff import SNIFFED_BYTES, sniff

Found = Path | Mapping[str, Input]
TABLES = (".csv", ".tsv", ".jsonl")


def gather(
    sources: Iterable[str | Path], senses: Sequence[str], *, left_out: Callable[[Path], None] = lambda _: None
) -> Iterator[Found]:
    """Yield each example: a path, or for each of its senses a path or an excerpt.

    A folder gives its files and those of its folders, in the order of their names; what is for none of the senses
    goes to `left_out`. A table gives its rows, or the stretches of recordings that they tell. For more than one sense,
    neighbours that differ in nothing but their extension (seven.png, seven.wav) are one example. Raises UsageError for
    a table that can not be followed.
    """
    found = (each for source in sources for each in _within(Path(source), senses, left_out))
    if len(senses) < 2:
        yield from found
        return
    for _, neighbours in groupby(found, key=_name):
        yield from _one_example(list(neighbours), senses)


def _within(source: Path, senses: Sequence[str], left_out: Callable[[Path], None]) -> Iterator[Found]:
    if source.is_dir():
        yield from _folder(source, senses, left_out)
    elif source.suffix.lower() in TABLES and source.is_file():
        yield from _table(source, senses)
    else:
        yield source


def _folder(folder: Path, senses: Sequence[str], left_out: Callable[[Path], None]) -> Iterator[Path]:
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted((name for name in files if not name.startswith(".")), key=os.path.splitext):
            path = Path(here, name)
            medium = medium_of(name) or ("picture" if _is_dicom(path) else "")
            if any(medium in SENSES[sense].media for sense in senses):
                yield path
            else:
                left_out(path)


def _is_dicom(path: Path) -> bool:
    """Scanners name their files by numbers, without an extension."""
    try:
        with path.open("rb") as file:
            return sniff(file.read(SNIFFED_BYTES)) == "dicom"
    except OSError:
        return False


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


def _table(table: Path, senses: Sequence[str]) -> Iterator[Found]:
    rows = _json_rows(table) if table.suffix.lower() == ".jsonl" else _csv_rows(table)
    for number, row in enumerate(rows, 1):
        found = {sense: next((column for column in (sense, "video") if column in row), "") for sense in senses}
        columns = {sense: column for sense, column in found.items() if column}
        if not columns:
            wanted = ", ".join((*senses, "video"))
            raise UsageError(f"the columns {', '.join(map(str, row))}", where=str(table), allowed=f"one of {wanted}")
        span = span_columns(filter(None, row))  # csv keeps what lies beyond the headings under None
        named = {
            sense: _input(table.parent / str(row[column]), row, span)
            for sense, column in columns.items()
            if row[column]
        }
        # A row without a file still is an input that was asked about: it fails by this name.
        yield named or {sense: Path(f"{table}, row {number}") for sense in columns}


def _input(file: Path, row: Mapping[str, Any], span: SpanColumns | None) -> Input:
    """A file, or the stretch of it that a row tells; one that is no stretch is refused by who reads it."""
    if span is None or medium_of(file.name) == "picture":
        return file
    start, end = row[span.start], row[span.end]
    if start in (None, "") and (span.lasts or end in (None, "")):
        return file
    start_s, end_s = _seconds(start), _seconds(end)
    return Excerpt(file, start_s, start_s + end_s if span.lasts else end_s)


def _seconds(cell: Any) -> float:
    try:
        return float(cell)
    except (TypeError, ValueError):
        return math.nan


def _csv_rows(table: Path) -> Iterator[dict[str, Any]]:
    delimiter = "\t" if table.suffix.lower() == ".tsv" else ","
    try:
        with table.open(encoding="utf-8-sig", newline="") as lines:
            yield from csv.DictReader(lines, delimiter=delimiter)
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"not a table: {error}", where=str(table), allowed="csv in UTF-8") from None


def _json_rows(table: Path) -> Iterator[dict[str, Any]]:
    with table.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            if not isinstance(row, dict):
                raise UsageError("not a JSON object", where=f"{table}, line {number}")
            yield row

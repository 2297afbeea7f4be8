"""The examples to ask about, found one at a time in files, folders and tables.

Kept apart from the tables one learns from, because serving must not need what reads those.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from seehear.errors import UsageError

PICTURES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".dcm"))
RECORDINGS = frozenset((".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aac", ".aiff", ".au"))
VIDEOS = frozenset((".mp4", ".m4v", ".webm", ".mkv", ".mov", ".avi", ".mpg", ".mpeg", ".ts"))
FOUND_IN = {
    "image": PICTURES | VIDEOS,
    "audio": RECORDINGS | VIDEOS,
}  # the suffixes in which each sense finds something
TABLES = frozenset((".csv", ".tsv", ".jsonl"))

Found = Path | Mapping[str, Path]


def gather(
    sources: Iterable[str | Path], senses: Sequence[str], *, left_out: Callable[[Path], None] = lambda _: None
) -> Iterator[Found]:
    """Yield each example: a path, or a path for each of its senses.

    A folder gives its files, those of its folders included, in the order of their names; what no sense can read
    goes to `left_out`. A table gives its rows. For more than one sense, neighbours that differ in nothing but their
    suffix (seven.png, seven.wav) are one example. Raises UsageError for a table that cannot be followed.
    """
    found = (each for source in sources for each in _within(Path(source), senses, left_out))
    if len(senses) < 2:
        yield from found
        return
    for _, neighbours in groupby(found, key=_without_suffix):
        yield from _one_example(list(neighbours), senses)


def _within(source: Path, senses: Sequence[str], left_out: Callable[[Path], None]) -> Iterator[Found]:
    if source.is_dir():
        yield from _folder(source, senses, left_out)
    elif source.suffix.lower() in TABLES and source.is_file():
        yield from _table(source, senses)
    else:
        yield source


def _folder(folder: Path, senses: Sequence[str], left_out: Callable[[Path], None]) -> Iterator[Path]:
    wanted = frozenset().union(*(FOUND_IN[sense] for sense in senses))
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files, key=os.path.splitext):
            path = Path(here, name)
            if path.suffix.lower() in wanted:
                yield path
            elif not name.startswith("."):
                left_out(path)


def _without_suffix(found: Found) -> object:
    return found.with_suffix("") if isinstance(found, Path) else id(found)


def _one_example(neighbours: Sequence[Found], senses: Sequence[str]) -> Iterator[Found]:
    """Neighbours of one name: an example together if each is for another sense, otherwise one by one."""
    paths = [found for found in neighbours if isinstance(found, Path)]
    together = {sense: path for sense in senses for path in paths if path.suffix.lower() in FOUND_IN[sense] - VIDEOS}
    if len(neighbours) > 1 and len(together) == len(neighbours):
        yield together
    else:
        yield from neighbours


def _table(table: Path, senses: Sequence[str]) -> Iterator[Found]:
    rows = _json_rows(table) if table.suffix.lower() == ".jsonl" else _csv_rows(table)
    for row in rows:
        columns = {sense: sense for sense in senses if sense in row}
        if not columns and "video" in row:
            columns = dict.fromkeys(senses, "video")
        if not columns:
            wanted = ", ".join((*senses, "video"))
            raise UsageError(f"has the columns {', '.join(row)}", where=str(table), allowed=f"one of {wanted}")
        yield {sense: table.parent / row[name] for sense, name in columns.items() if row[name]}


def _csv_rows(table: Path) -> Iterator[dict[str, Any]]:
    delimiter = "\t" if table.suffix.lower() == ".tsv" else ","
    try:
        with table.open(encoding="utf-8-sig", newline="") as lines:
            yield from csv.DictReader(lines, delimiter=delimiter)
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"is not a table: {error}", where=str(table), allowed="csv in UTF-8") from None


def _json_rows(table: Path) -> Iterator[dict[str, Any]]:
    with table.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            if not isinstance(row, dict):
                raise UsageError("is not a JSON object", where=f"{table}, line {number}")
            yield row

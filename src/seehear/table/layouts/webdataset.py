"""Shards of WebDataset, unpacked: 000.jpg beside 000.cls, 000.json and 000.txt are one example.

https://github.com/webdataset/webdataset. The name up to its first dot is the example's, and what
follows says what it holds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from seehear.amounts import format_count
from seehear.errors import DataError
from seehear.media import medium_of
from seehear.strict_json import from_json
from seehear.table.directories import find_part_folders, list_visible, walk_files
from seehear.table.encoding import read_text
from seehear.table.layouts.raw_table import RawTable, make_text_table
from seehear.table.media import is_valid_text
from seehear.table.rows import RowProblem

_SENSES = {"picture": "image", "recording": "audio", "video": "video"}
_CLASS = "cls"
_WORDS = {"txt": "text", "transcript": "text", "caption": "caption"}  # of a picture all are captions
_LARGEST_BYTES = 1 << 20
_LOOKED_AT = 1000  # names by which the layout is known


def read_webdataset(place: Path) -> RawTable | None:
    """A folder with files of classes (000.cls) beside pictures, recordings or videos; None for any other."""
    if not place.is_dir() or not _holds_classes(place):
        return None
    notes: list[str] = []
    problems: list[RowProblem] = []
    rows: list[dict[str, str]] = []
    parts: list[str] = []
    for prefix, part in find_part_folders(place, notes):
        for files in _examples(place, prefix).values():
            row = _row(place, files, problems)
            if row.keys() & set(_SENSES.values()):
                rows.append(row)
                parts.append(part)
    notes.append(f"WebDataset: {format_count(len(rows), 'example')}")
    headings = dict.fromkeys(heading for row in rows for heading in row)
    return RawTable(
        place,
        make_text_table({heading: [row.get(heading) for row in rows] for heading in headings}),
        part=pa.chunked_array([pa.array(parts, pa.large_string())]),
        problems=tuple(problems),
        notes=tuple(notes),
        missing_answer=f"no file .{_CLASS} of this name",
    )


def _holds_classes(place: Path) -> bool:
    folders, files = list_visible(place)
    inner = (name for folder in folders for name in list_visible(place / folder)[1][:_LOOKED_AT])
    return any(name.lower().endswith(f".{_CLASS}") for name in (*files[:_LOOKED_AT], *inner))


def _examples(place: Path, prefix: str) -> dict[str, dict[str, str]]:
    """By the example's name its files, by what they hold."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    folders, files = list_visible(place / prefix)
    below = (name for folder in folders for name in walk_files(place, prefix + folder))
    for name in (*(prefix + file for file in files), *below):
        folder, slash, file = name.rpartition("/")
        stem, _, holds = file.partition(".")
        if holds and is_valid_text(name):
            found[folder + slash + stem][holds.lower()] = name
    return found


def _row(place: Path, files: dict[str, str], problems: list[RowProblem]) -> dict[str, str]:
    row: dict[str, str] = {}
    for holds, name in files.items():
        try:
            row |= dict(_cells(place, holds, name))
        except DataError as error:
            problems.append(RowProblem.of(error, name))
    if "image" in row and "text" in row:
        row["caption"] = row.pop("text")
    return row


def _cells(place: Path, holds: str, name: str) -> Iterator[tuple[str, str]]:
    if medium := medium_of(name):
        yield _SENSES[medium], name
    elif holds == _CLASS:
        yield "label", read_text(place / name, name, _LARGEST_BYTES).strip()
    elif holds in _WORDS:
        yield _WORDS[holds], read_text(place / name, name, _LARGEST_BYTES).strip()
    elif holds == "json":
        yield from _plain(read_text(place / name, name, _LARGEST_BYTES), name)


def _plain(text: str, name: str) -> Iterator[tuple[str, str]]:
    """The words and numbers of a JSON object, by their names."""
    try:
        told = from_json(text)
    except ValueError as error:
        raise DataError(f"not JSON: {error}", where=name) from None
    for key, value in told.items() if isinstance(told, dict) else ():
        if isinstance(value, str | int | float) and is_valid_text(key) and key not in _SENSES.values():
            yield key, str(value)

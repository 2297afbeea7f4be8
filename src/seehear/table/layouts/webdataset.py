"""Unpacked WebDataset shards: files with the same name up to the first dot are one example.

    000.jpg  000.cls  000.json
    001.jpg  001.cls  001.json

.cls holds the class, .txt a transcript or caption, .json metadata.
Source: https://github.com/webdataset/webdataset
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
_TEXTS = {"txt": "text", "transcript": "text", "caption": "caption"}  # beside a picture, each is a caption
_LARGEST_BYTES = 1 << 20
_SAMPLED = 1000  # file names inspected to recognise the layout


def read_webdataset(place: Path) -> RawTable | None:
    """Read a folder with class files (000.cls) beside pictures, recordings or videos; None for others."""
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
        missing_answer=f"no file .{_CLASS} with this name",
    )


def _holds_classes(place: Path) -> bool:
    folders, files = list_visible(place)
    nested = (name for folder in folders for name in list_visible(place / folder)[1][:_SAMPLED])
    return any(name.lower().endswith(f".{_CLASS}") for name in (*files[:_SAMPLED], *nested))


def _examples(place: Path, prefix: str) -> dict[str, dict[str, str]]:
    """The files of each example, by extension."""
    examples: dict[str, dict[str, str]] = defaultdict(dict)
    folders, files = list_visible(place / prefix)
    nested = (name for folder in folders for name in walk_files(place, prefix + folder))
    for name in (*(prefix + file for file in files), *nested):
        folder, slash, file = name.rpartition("/")
        stem, _, extension = file.partition(".")
        if extension and is_valid_text(name):
            examples[folder + slash + stem][extension.lower()] = name
    return examples


def _row(place: Path, files: dict[str, str], problems: list[RowProblem]) -> dict[str, str]:
    row: dict[str, str] = {}
    for extension, name in files.items():
        try:
            row |= dict(_cells(place, extension, name))
        except DataError as error:
            problems.append(RowProblem.of(error, name))
    if "image" in row and "text" in row:
        row["caption"] = row.pop("text")
    return row


def _cells(place: Path, extension: str, name: str) -> Iterator[tuple[str, str]]:
    if medium := medium_of(name):
        yield _SENSES[medium], name
    elif extension == _CLASS:
        yield "label", read_text(place / name, name, _LARGEST_BYTES).strip()
    elif extension in _TEXTS:
        yield _TEXTS[extension], read_text(place / name, name, _LARGEST_BYTES).strip()
    elif extension == "json":
        yield from _json_cells(read_text(place / name, name, _LARGEST_BYTES), name)


def _json_cells(text: str, name: str) -> Iterator[tuple[str, str]]:
    """The texts and numbers of a JSON object, by key."""
    try:
        content = from_json(text)
    except ValueError as error:
        raise DataError(f"not JSON: {error}", where=name) from None
    for key, value in content.items() if isinstance(content, dict) else ():
        if isinstance(value, str | int | float) and is_valid_text(key) and key not in _SENSES.values():
            yield key, str(value)

"""Tables: one file, a folder with metadata.csv or examples.csv, or one for each part (train.csv, train/metadata.csv).

    image,label,patient
    a.png,cat,p01
    b.png,dog,p02

Any of csv, tsv, xlsx, ods, json, jsonl or parquet; paths are relative to the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from seehear.errors import DataError
from seehear.table.directories import has_table_extension, list_visible
from seehear.table.layouts.box_tables import merge_box_rows
from seehear.table.layouts.file_ids import names_media, resolve_file_ids
from seehear.table.layouts.object_cells import convert_objects
from seehear.table.layouts.raw_table import RawTable, repeat_values
from seehear.table.parts import parse_part
from seehear.table.sheets import is_json_array, read_sheet

PEEK_ROWS = 200
_METADATA = "metadata"
_SUBMISSION = "submission"  # sample_submission.csv lists test files with placeholder answers
_TABLE_NAMES = (_METADATA, "examples")  # usual names of a folder's table; others may hold anything


def read_table_file(place: Path) -> RawTable | None:
    """Read one table file; None for others."""
    if not place.is_file() or not _is_table(place):
        return None
    return _convert_boxes(concatenate_tables(place.parent, [(place, "")]))


def read_table_folder(place: Path) -> RawTable | None:
    """Read the tables of a folder; None if it has none."""
    if not place.is_dir():
        return None
    tables, notes = _tables(place)
    folders = list_visible(place)[0]
    if not tables:
        folders_of_parts = [(place / folder, parse_part(folder)) for folder in folders]
        tables = [(table, part) for folder, part in folders_of_parts if part for table, _ in _tables(folder)[0]]
    if not tables:
        return None
    notes.append(f"reading {', '.join(table.relative_to(place).as_posix() for table, _ in tables)}")
    if len(folders) > 1:
        notes.append("the names of the folders beside it are not used as labels")
    return _convert_boxes(concatenate_tables(place, tables, notes))


def _convert_boxes(raw: RawTable) -> RawTable:
    """Gather the boxes of a picture in one cell, however a table stores them."""
    return convert_objects(merge_box_rows(raw))


def _tables(folder: Path) -> tuple[list[tuple[Path, str]], list[str]]:
    """(table files with their parts, notes on the others).

    metadata.* if there is one, else one for each part, else the only one.
    """
    usable: list[Path] = []
    notes: list[str] = []
    for table in (folder / file for file in list_visible(folder)[1] if _is_table(folder / file)):
        if what := _why_unused(table):
            notes.append(f"{table.name} {what} and is not used")
        else:
            usable.append(table)
    metadata_tables = [table for table in usable if table.stem.lower() == _METADATA]
    if len(metadata_tables) == 1:
        return [(metadata_tables[0], "")], notes
    parts = [parse_part(table.stem) for table in usable]
    if len(usable) > 1 and not (all(parts) and len(set(parts)) == len(parts)):
        names = ", ".join(table.name for table in usable)
        raise DataError(f"{folder.name} holds {len(usable)} tables: {names}", hint="point at one of them")
    return list(zip(usable, parts, strict=True)), notes


def _is_table(file: Path) -> bool:
    return has_table_extension(file.name) or is_json_array(file)


def _why_unused(table: Path) -> str:
    """Why a table is not one of examples, "" if it is.

    Raises DataError if by its name it should be one, but it cannot be read.
    """
    if _SUBMISSION in table.stem.lower():
        return "looks like a sample submission"
    try:
        cells = read_sheet(table, table.name, PEEK_ROWS).cells
    except DataError as error:
        if table.stem.lower() in _TABLE_NAMES or parse_part(table.stem):
            raise
        return f"cannot be read ({error.what})"
    return "" if names_media(cells, table) else "names no pictures or recordings"


def concatenate_tables(
    root: Path, tables: Sequence[tuple[Path, str]], notes: Sequence[str] = (), *, quoted: bool = True
) -> RawTable:
    """Read table files with their parts and concatenate their rows; `quoted` as for `read_sheet`."""
    names = [table.relative_to(root).as_posix() for table, _ in tables]
    sheets = [
        resolve_file_ids(read_sheet(table, name, quoted=quoted), table)
        for (table, _), name in zip(tables, names, strict=True)
    ]
    return RawTable(
        root,
        pa.concat_tables([sheet.cells for sheet in sheets], promote_options="default"),
        part=repeat_values((part, len(sheet.row)) for (_, part), sheet in zip(tables, sheets, strict=True)),
        file=repeat_values((name, len(sheet.row)) for name, sheet in zip(names, sheets, strict=True)),
        row=np.concatenate([sheet.row for sheet in sheets]),
        problems=tuple(problem for sheet in sheets for problem in sheet.problems),
        notes=(*notes, *(sentence for sheet in sheets for sentence in sheet.notes)),
    )

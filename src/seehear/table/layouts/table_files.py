"""Tables: one file, a folder with one (metadata.csv, examples.csv), or one per part (train.csv, train/metadata.csv)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from seehear.errors import DataError
from seehear.table.layouts.box_tables import boxes_together
from seehear.table.layouts.file_ids import files_for_ids, names_examples
from seehear.table.layouts.found import Found, is_table, repeated, visible
from seehear.table.layouts.object_cells import objects_as_boxes
from seehear.table.parts import part_of
from seehear.table.sheets import is_json_array, read_sheet

PEEK_ROWS = 200
_DESCRIBED = "metadata"
_SUBMISSION = "submission"  # sample_submission.csv names files of the test part, with made-up answers
_EXPECTED = (_DESCRIBED, "examples")  # what the table of a folder is called; others may hold anything


def table_file(place: Path) -> Found | None:
    if not place.is_file() or not _is_table(place):
        return None
    return _drawn(together(place.parent, [(place, "")]))


def tables_in_folder(place: Path) -> Found | None:
    if not place.is_dir():
        return None
    tables, said = _tables(place)
    folders = visible(place)[0]
    if not tables:
        inside = [(place / folder, part_of(folder)) for folder in folders]
        tables = [(table, part) for folder, part in inside if part for table, _ in _tables(folder)[0]]
    if not tables:
        return None
    said.append(f"reading {', '.join(table.relative_to(place).as_posix() for table, _ in tables)}")
    if len(folders) > 1:
        said.append("the names of the folders beside it are not taken for answers")
    return _drawn(together(place, tables, said))


def _drawn(found: Found) -> Found:
    """With the boxes of a picture in one cell, however a table has them."""
    return objects_as_boxes(boxes_together(found))


def _tables(folder: Path) -> tuple[list[tuple[Path, str]], list[str]]:
    """(table files of a folder that name examples, with their parts; what to say of the others).

    metadata.* alone if it is there, else one for each part, else the only one.
    """
    naming: list[Path] = []
    said: list[str] = []
    for table in (folder / file for file in visible(folder)[1] if _is_table(folder / file)):
        if what := _useless(table):
            said.append(f"{table.name} {what} and is not used")
        else:
            naming.append(table)
    described = [table for table in naming if table.stem.lower() == _DESCRIBED]
    if len(described) == 1:
        return [(described[0], "")], said
    parts = [part_of(table.stem) for table in naming]
    if len(naming) > 1 and not (all(parts) and len(set(parts)) == len(parts)):
        names = ", ".join(table.name for table in naming)
        raise DataError(f"{folder.name} holds {len(naming)} tables: {names}", hint="point at one of them")
    return list(zip(naming, parts, strict=True)), said


def _is_table(file: Path) -> bool:
    return is_table(file.name) or is_json_array(file)


def _useless(table: Path) -> str:
    """Why a table of a folder is none of examples; "" for one that is. Raises DataError if by its name it should be."""
    if _SUBMISSION in table.stem.lower():
        return "is an example of what a challenge wants, by its name,"
    try:
        cells = read_sheet(table, table.name, PEEK_ROWS).cells
    except DataError as error:
        if table.stem.lower() in _EXPECTED or part_of(table.stem):
            raise
        return f"can not be read ({error.what})"
    return "" if names_examples(cells, table) else "names no pictures or recordings"


def together(root: Path, tables: Sequence[tuple[Path, str]], said: Sequence[str] = (), *, quoted: bool = True) -> Found:
    """Table files with their parts as one; `quoted` as `read_sheet` has it."""
    names = [table.relative_to(root).as_posix() for table, _ in tables]
    sheets = [
        files_for_ids(read_sheet(table, name, quoted=quoted), table)
        for (table, _), name in zip(tables, names, strict=True)
    ]
    return Found(
        root,
        pa.concat_tables([sheet.cells for sheet in sheets], promote_options="default"),
        part=repeated((part, len(sheet.row)) for (_, part), sheet in zip(tables, sheets, strict=True)),
        file=repeated((name, len(sheet.row)) for name, sheet in zip(names, sheets, strict=True)),
        row=np.concatenate([sheet.row for sheet in sheets]),
        problems=tuple(problem for sheet in sheets for problem in sheet.problems),
        said=(*said, *(sentence for sheet in sheets for sentence in sheet.said)),
    )

"""Tables that name files without folder and extension:

    id,label
    0a1b,cat           the file is train/0a1b.png
    0a1c,dog

They get a column with the path of each file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pyarrow as pa

from seehear.errors import DataError
from seehear.media import medium_of
from seehear.table.column_roles import has_media_column, normalise_heading, sample_cells
from seehear.table.directories import walk_files
from seehear.table.groups import is_group
from seehear.table.media import are_mostly_files, is_valid_text
from seehear.table.parts import find_part_in_name
from seehear.table.sheets import Sheet

_COLUMNS = {"picture": "image", "recording": "audio", "video": "video"}
_WORDS = (
    *("image", "img", "picture", "photo", "audio", "recording", "clip", "video"),
    *("file", "filename", "fname", "name"),
)
_ENDINGS = ("_id", "_name")  # of headings such as image_id, isic_id, file_name
_LEAST_SHARE = 0.5  # of the ids in a column that have a file


def resolve_file_ids(sheet: Sheet, table: Path) -> Sheet:
    """Replace a column of file ids with one of paths; any other sheet is returned unchanged.

    If files in several folders share an id, those in a folder named like the table count: train/ for train.csv. Raises
    DataError if an id remains ambiguous.
    """
    if (id_column := _find_id_column(sheet.cells, table)) is None:
        return sheet
    heading, stems = id_column
    ids = sheet.cells[heading].to_pylist()
    files = {each: _files(each, stems.get(each, []), table) for each in dict.fromkeys(ids) if each}
    media = [medium for medium in _COLUMNS if any(medium in files_of_id for files_of_id in files.values())]
    cells = sheet.cells if is_group(heading) else sheet.cells.drop_columns([heading])
    missing = {each: each for each, files_of_id in files.items() if not files_of_id}  # reported in the first column
    for medium in media:
        named = missing | {each: files_of_id[medium] for each, files_of_id in files.items() if medium in files_of_id}
        missing = {}
        column = _COLUMNS[medium] if _COLUMNS[medium] not in cells.column_names else f"{_COLUMNS[medium]}_file"
        cells = cells.append_column(column, pa.array([named.get(each) for each in ids], pa.large_string()))
    first = next(each for each in ids if each and files[each])
    example = f"{first!r} is {' and '.join(files[first].values())}"
    notes = f"{table.name}: column {heading!r} holds file names without extensions; {example}"
    return replace(sheet, cells=cells, notes=(*sheet.notes, notes))


def names_media(cells: pa.Table, table: Path) -> bool:
    """Whether a table names files, or ids of files below its folder."""
    return has_media_column(cells) or _find_id_column(cells, table) is not None


def _find_id_column(cells: pa.Table, table: Path) -> tuple[str, dict[str, list[str]]] | None:
    """(heading of the ids, files below the table's folder by stem)."""
    if any(are_mostly_files(sample_cells(cells, name)) for name in cells.column_names):
        return None
    headings = sorted((name for name in cells.column_names if _is_id_heading(name)), key=is_group)
    stems = _by_stem(table.parent) if headings else {}
    for heading in headings:
        ids = sample_cells(cells, heading)
        if sum(each in stems for each in ids) > _LEAST_SHARE * len(ids):
            return heading, stems
    return None


def _is_id_heading(heading: str) -> bool:
    word = normalise_heading(heading)
    return word in ("id", *_WORDS) or word.endswith(_ENDINGS)


def _by_stem(folder: Path) -> dict[str, list[str]]:
    stems: dict[str, list[str]] = {}
    for name in walk_files(folder, "."):
        if medium_of(name) and is_valid_text(name):
            stems.setdefault(PurePosixPath(name).stem, []).append(name.removeprefix("./"))
    return stems


def _files(example: str, files: Sequence[str], table: Path) -> dict[str, str]:
    """The file of each medium that an id means."""
    preferred = [file for file in files if _belongs_to(file, table.stem)] or files
    by_medium: dict[str, str] = {}
    for file in preferred:
        if (first := by_medium.setdefault(medium_of(file), file)) != file:
            hint = "write the file names with their folders and extensions into the table"
            raise DataError(f"{example!r} may be {first} or {file}", where=table.name, hint=hint)
    return by_medium


def _belongs_to(file: str, name: str) -> bool:
    """Whether a file is in a folder named like its table, or for the same part: train.csv and train_images/."""
    part = find_part_in_name(name)
    folders = PurePosixPath(file).parts[:-1]
    return any(folder == name or (part and find_part_in_name(folder) == part) for folder in folders)

"""Common Voice: recordings in clips/ beside train.tsv, dev.tsv, test.tsv and tables of what was not yet agreed on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from seehear.table.directories import list_visible, summarise_names
from seehear.table.layouts.raw_table import RawTable
from seehear.table.layouts.table_files import PEEK_ROWS, concatenate_tables
from seehear.table.parts import parse_part
from seehear.table.sheets import read_sheet

_PARTS = ("train.tsv", "dev.tsv", "test.tsv")
_ALL = "validated.tsv"  # the rows of all parts, and more
_SENTENCE = {"sentence", "text"}  # the second in the oldest versions


def read_common_voice(place: Path) -> RawTable | None:
    """A folder of one language, or one table of it."""
    folder = place.parent if place.is_file() else place
    if not (folder / "clips").is_dir():
        return None
    tables = [name for name in list_visible(folder)[1] if name.endswith(".tsv")]
    used = [place.name] if place.is_file() else _used(tables)
    if not used or not all(name in tables and _tells_sentences(folder / name) for name in used):
        return None
    others = [name for name in tables if name not in used]
    notes = [f"reading {', '.join(used)}, with the recordings in clips/"]
    notes += [f"{summarise_names(others)} are not used"] if others and place.is_dir() else []
    parts = [(folder / name, parse_part(Path(name).stem)) for name in used]
    return _in_clips(concatenate_tables(folder, parts, notes, quoted=False))


def _used(tables: list[str]) -> list[str]:
    if "train.tsv" not in tables and _ALL in tables:
        return [_ALL]
    return [name for name in _PARTS if name in tables]


def _tells_sentences(table: Path) -> bool:
    headings = set(read_sheet(table, table.name, PEEK_ROWS, quoted=False).cells.column_names)
    return "path" in headings and bool(headings & _SENTENCE)


def _in_clips(found: RawTable) -> RawTable:
    path = found.cells.column_names.index("path")
    folder, nothing = (pa.scalar(text, pa.large_string()) for text in ("clips/", ""))
    audio = pc.binary_join_element_wise(folder, found.cells["path"], nothing)
    return replace(found, cells=found.cells.set_column(path, "audio", audio))

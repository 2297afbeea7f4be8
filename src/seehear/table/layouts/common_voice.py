"""Common Voice: recordings in clips/ beside train.tsv, dev.tsv, test.tsv and tables of what was not yet agreed on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from seehear.table.layouts.found import Found, few, visible
from seehear.table.layouts.table_files import PEEK_ROWS, together
from seehear.table.parts import part_of
from seehear.table.sheets import read_sheet

_PARTS = ("train.tsv", "dev.tsv", "test.tsv")
_ALL = "validated.tsv"  # the rows of all parts, and more
_SENTENCE = {"sentence", "text"}  # the second in the oldest versions


def common_voice(place: Path) -> Found | None:
    """A folder of one language, or one table of it."""
    folder = place.parent if place.is_file() else place
    if not (folder / "clips").is_dir():
        return None
    tables = [name for name in visible(folder)[1] if name.endswith(".tsv")]
    used = [place.name] if place.is_file() else _used(tables)
    if not used or not all(name in tables and _tells_sentences(folder / name) for name in used):
        return None
    others = [name for name in tables if name not in used]
    said = [f"reading {', '.join(used)}, with the recordings in clips/"]
    said += [f"{few(others)} are not used"] if others and place.is_dir() else []
    parts = [(folder / name, part_of(Path(name).stem)) for name in used]
    return _in_clips(together(folder, parts, said, quoted=False))


def _used(tables: list[str]) -> list[str]:
    if "train.tsv" not in tables and _ALL in tables:
        return [_ALL]
    return [name for name in _PARTS if name in tables]


def _tells_sentences(table: Path) -> bool:
    headings = set(read_sheet(table, table.name, PEEK_ROWS, quoted=False).cells.column_names)
    return "path" in headings and bool(headings & _SENTENCE)


def _in_clips(found: Found) -> Found:
    path = found.cells.column_names.index("path")
    folder, nothing = (pa.scalar(text, pa.large_string()) for text in ("clips/", ""))
    audio = pc.binary_join_element_wise(folder, found.cells["path"], nothing)
    return replace(found, cells=found.cells.set_column(path, "audio", audio))

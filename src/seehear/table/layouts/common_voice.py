"""Common Voice: recordings in clips/ beside train.tsv, dev.tsv and test.tsv:

    client_id	path	sentence
    8f1c…	common_voice_en_1.mp3	The sky is blue.
    8f1c…	common_voice_en_2.mp3	It rained all night.

Other tables, such as invalidated.tsv, are not used. Rows of one client_id stay together in splits.
Source: https://commonvoice.mozilla.org/datasets
"""

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
_ALL = "validated.tsv"  # has the rows of all parts, and more
_SENTENCE = {"sentence", "text"}  # "text" in the oldest versions


def read_common_voice(place: Path) -> RawTable | None:
    """Read the folder of one language, or one of its tables; None for others."""
    folder = place.parent if place.is_file() else place
    if not (folder / "clips").is_dir():
        return None
    tables = [name for name in list_visible(folder)[1] if name.endswith(".tsv")]
    used = [place.name] if place.is_file() else _select_tables(tables)
    if not used or not all(name in tables and _has_sentences(folder / name) for name in used):
        return None
    unused = [name for name in tables if name not in used]
    notes = [f"reading {', '.join(used)}, with the recordings in clips/"]
    notes += [f"{summarise_names(unused)} are not used"] if unused and place.is_dir() else []
    parts = [(folder / name, parse_part(Path(name).stem)) for name in used]
    return _add_clips_folder(concatenate_tables(folder, parts, notes, quoted=False))


def _select_tables(tables: list[str]) -> list[str]:
    if "train.tsv" not in tables and _ALL in tables:
        return [_ALL]
    return [name for name in _PARTS if name in tables]


def _has_sentences(table: Path) -> bool:
    headings = set(read_sheet(table, table.name, PEEK_ROWS, quoted=False).cells.column_names)
    return "path" in headings and bool(headings & _SENTENCE)


def _add_clips_folder(raw: RawTable) -> RawTable:
    path = raw.cells.column_names.index("path")
    folder, nothing = (pa.scalar(text, pa.large_string()) for text in ("clips/", ""))
    audio = pc.binary_join_element_wise(folder, raw.cells["path"], nothing)
    return replace(raw, cells=raw.cells.set_column(path, "audio", audio))

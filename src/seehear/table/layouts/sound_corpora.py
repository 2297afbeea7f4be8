"""Corpora of sounds that come as a table in a folder of its own, beside audio/: UrbanSound8K and ESC-50.

https://urbansounddataset.weebly.com/urbansound8k.html and https://github.com/karolpiczak/ESC-50. Several of their
recordings are cut from one: those stay on one side of a split. Their folds are kept as a column.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seehear.table.directories import list_visible
from seehear.table.layouts.raw_table import RawTable
from seehear.table.layouts.table_files import PEEK_ROWS, concatenate_tables
from seehear.table.sheets import read_sheet

_AUDIO = "audio"
_SOURCE = "recording"  # the heading of what is kept together


class _Corpus(NamedTuple):
    """headings: of the table, all of which it has; those kept, with the names that they get here.

    file: where a recording lies below audio/, by the cells of the table.
    """

    name: str
    folder: str
    table: str
    headings: dict[str, str]
    file: Callable[[pa.Table], pa.ChunkedArray]


def _in_fold(cells: pa.Table) -> pa.ChunkedArray:
    fold, slash = (pa.scalar(text, pa.large_string()) for text in ("fold", "/"))
    numbered = pc.binary_join_element_wise(fold, cells["fold"], pa.scalar("", pa.large_string()))
    return pc.binary_join_element_wise(numbered, cells["slice_file_name"], slash)


_CORPORA = (
    _Corpus(
        name="UrbanSound8K",
        folder="metadata",
        table="UrbanSound8K.csv",
        headings={"class": "label", "fsID": _SOURCE, "fold": "fold", "slice_file_name": ""},
        file=_in_fold,
    ),
    _Corpus(
        name="ESC-50",
        folder="meta",
        table="esc50.csv",
        headings={"category": "label", "src_file": _SOURCE, "fold": "fold", "filename": ""},
        file=lambda cells: cells["filename"],
    ),
)


def read_sound_corpora(place: Path) -> RawTable | None:
    """The folder of such a corpus, or its table; None for any other."""
    for corpus in _CORPORA:
        for root, table in _tables(place, corpus):
            if set(corpus.headings) <= set(read_sheet(table, table.name, PEEK_ROWS).cells.column_names):
                return _found(root, table, corpus)
    return None


def _tables(place: Path, corpus: _Corpus) -> list[tuple[Path, Path]]:
    """(root, table) as the corpus comes, or with the table beside audio/."""
    if place.is_file():
        root = place.parent.parent if place.parent.name == corpus.folder else place.parent
        tried = [(root, place)] if place.name == corpus.table else []
    else:
        tried = [(place, place / corpus.folder / corpus.table), (place, place / corpus.table)]
    return [(root, table) for root, table in tried if table.is_file() and _AUDIO in list_visible(root)[0]]


def _found(root: Path, table: Path, corpus: _Corpus) -> RawTable:
    """Its other columns are left out: UrbanSound8K's start and end are of recordings that are not in it."""
    found = concatenate_tables(
        root, [(table, "")], [f"{corpus.name}: reading {table.name}, with the recordings in {_AUDIO}/"]
    )
    above, nothing = (pa.scalar(text, pa.large_string()) for text in (f"{_AUDIO}/", ""))
    files = pc.binary_join_element_wise(above, corpus.file(found.cells), nothing)
    kept = {new: found.cells[old] for old, new in corpus.headings.items() if new}
    return replace(found, cells=pa.table({_AUDIO: files, **kept}), file=None, row=np.zeros(0, np.int64))

"""UrbanSound8K and ESC-50: a table in a folder of its own, beside audio/:

    metadata/UrbanSound8K.csv    slice_file_name,fsID,start,end,salience,fold,classID,class
    audio/fold1/101415-3-0-2.wav
    meta/esc50.csv               filename,fold,target,category,esc10,src_file,take

Several examples may come from one recording; they stay on one side of a split. Folds are kept as metadata.
Source: https://urbansounddataset.weebly.com/urbansound8k.html and https://github.com/karolpiczak/ESC-50
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
_SOURCE = "recording"  # the heading of the original recording


class _Corpus(NamedTuple):
    """headings: those of the table, with their new names, "" to leave out. file: the path of each row below audio/."""

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
    """Read the folder of such a corpus, or its table; None for others."""
    for corpus in _CORPORA:
        for root, table in _tables(place, corpus):
            if set(corpus.headings) <= set(read_sheet(table, table.name, PEEK_ROWS).cells.column_names):
                return _read_corpus(root, table, corpus)
    return None


def _tables(place: Path, corpus: _Corpus) -> list[tuple[Path, Path]]:
    """(root, table) where the corpus has its table, or with the table beside audio/."""
    if place.is_file():
        root = place.parent.parent if place.parent.name == corpus.folder else place.parent
        candidates = [(root, place)] if place.name == corpus.table else []
    else:
        candidates = [(place, place / corpus.folder / corpus.table), (place, place / corpus.table)]
    return [(root, table) for root, table in candidates if table.is_file() and _AUDIO in list_visible(root)[0]]


def _read_corpus(root: Path, table: Path, corpus: _Corpus) -> RawTable:
    """Other columns are left out: start and end in UrbanSound8K refer to recordings that are not included."""
    raw = concatenate_tables(
        root, [(table, "")], [f"{corpus.name}: reading {table.name}, with the recordings in {_AUDIO}/"]
    )
    prefix, separator = (pa.scalar(text, pa.large_string()) for text in (f"{_AUDIO}/", ""))
    files = pc.binary_join_element_wise(prefix, corpus.file(raw.cells), separator)
    columns = {new: raw.cells[old] for old, new in corpus.headings.items() if new}
    return replace(raw, cells=pa.table({_AUDIO: files, **columns}), file=None, row=np.zeros(0, np.int64))

"""Tables with a column of 0 and 1 for each class:

    filename,cat,dog
    a.jpg,1,0
    b.jpg,1,1

They get one column of labels: one class for each example if every row has exactly one 1, else any number of classes.
Roboflow exports such tables (_classes.csv).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from seehear.amounts import format_count
from seehear.table.column_roles import KindLike, list_undecided
from seehear.table.directories import summarise_names
from seehear.table.layouts.raw_table import RawTable

HEADING = "label"
_YES, _NO = ("1", "1.0", "true"), ("0", "0.0", "false")
_MOST_SPELLINGS = 12  # a column with more distinct cells holds something else
_TEXT = pa.large_string()


def merge_one_hot_columns(raw: RawTable, kinds: Sequence[KindLike], answer: str | None) -> RawTable:
    """Replace the columns of classes with one column of labels; any other table is returned unchanged.

    `answer` is the requested answer: a user who names one of the columns wants only that one.
    """
    names = _class_columns(raw.cells, kinds, answer)
    if not names:
        return raw
    flags = np.column_stack([_flags(raw.cells[name]) for name in names])
    complete = (flags >= 0).all(1)
    one_each = bool(complete.any() and (flags[complete].sum(1) == 1).all())
    patterns, pattern = np.unique(flags, axis=0, return_inverse=True)
    labels = pa.array([_label(row, names, one_each) for row in patterns], _TEXT)
    summary = "each example has one class" if one_each else "an example may have several classes or none"
    return replace(
        raw,
        cells=raw.cells.drop_columns(names).append_column(HEADING, labels.take(pa.array(pattern.ravel()))),
        notes=(
            *raw.notes,
            f"one-hot columns for {format_count(len(names), 'class')}: {summarise_names(names)}; {summary}",
        ),
        missing_answer="a class column that is neither 0 nor 1",
    )


def _class_columns(cells: pa.Table, kinds: Sequence[KindLike], answer: str | None) -> list[str]:
    """The columns that each stand for a class; [] if there are none, or if another column is the answer."""
    kind_wanted = next((kind for kind in kinds if kind.name == answer), None)
    if answer is not None and (
        kind_wanted is None or HEADING not in kind_wanted.columns or answer in cells.column_names
    ):
        return []
    undecided = list_undecided(cells, kinds)
    names = [name for name in undecided if _holds_flags(cells[name])]
    return names if len(names) > 1 and (answer is not None or len(names) == len(undecided)) else []


def _holds_flags(cells: pa.ChunkedArray) -> bool:
    """Whether a column holds only 0 and 1, and at least one of them."""
    values = pc.unique(cells).drop_null()
    return 0 < len(values) <= _MOST_SPELLINGS and all(value.lower() in _YES + _NO for value in values.to_pylist())


def _flags(cells: pa.ChunkedArray) -> NDArray[np.int8]:
    """(rows,) 1 or 0; -1 where a cell is empty."""
    yes = pc.is_in(pc.utf8_lower(cells), value_set=pa.array(_YES, _TEXT)).to_numpy()
    return np.where(pc.is_null(cells).to_numpy(), -1, yes).astype(np.int8)


def _label(row: NDArray[np.int8], names: Sequence[str], one_each: bool) -> str | None:
    if (row < 0).any():
        return None
    present = [name for name, flags in zip(names, row.tolist(), strict=True) if flags]
    return present[0] if one_each else json.dumps(present, ensure_ascii=False)

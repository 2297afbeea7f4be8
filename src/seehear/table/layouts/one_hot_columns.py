"""Tables with one column of 0 and 1 for each class become one column of labels:

    filename,cat,dog          as Roboflow exports several labels (_classes.csv), and as challenges publish the truth
    a.jpg,1,0
    b.jpg,1,1

One class for each example where every row has exactly one 1, any number of classes otherwise.
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
_MOST_SPELLINGS = 12  # a column of more different cells holds something else: no need to look at them all
_TEXT = pa.large_string()


def merge_one_hot_columns(found: RawTable, kinds: Sequence[KindLike], wish: str | None) -> RawTable:
    """With one column of labels instead of a column for each class; any other table as it is.

    `wish` is the answer that was asked for: who names one of the columns wants that one alone.
    """
    names = _class_columns(found.cells, kinds, wish)
    if not names:
        return found
    has = np.column_stack([_flags(found.cells[name]) for name in names])
    known = (has >= 0).all(1)
    single = bool(known.any() and (has[known].sum(1) == 1).all())
    patterns, pattern = np.unique(has, axis=0, return_inverse=True)
    labels = pa.array([_label(row, names, single) for row in patterns], _TEXT)
    each = "each example has one class" if single else "an example may have several classes or none"
    return replace(
        found,
        cells=found.cells.drop_columns(names).append_column(HEADING, labels.take(pa.array(pattern.ravel()))),
        notes=(
            *found.notes,
            f"one-hot columns for {format_count(len(names), 'class')}: {summarise_names(names)}; {each}",
        ),
        missing_answer="a class column that is neither 0 nor 1",
    )


def _class_columns(cells: pa.Table, kinds: Sequence[KindLike], wish: str | None) -> list[str]:
    """The columns that stand for a class each; [] where they do not, or where another column is the answer."""
    asked = next((kind for kind in kinds if kind.name == wish), None)
    if wish is not None and (asked is None or HEADING not in asked.columns or wish in cells.column_names):
        return []
    left = list_undecided(cells, kinds)
    names = [name for name in left if _holds_flags(cells[name])]
    return names if len(names) > 1 and (wish is not None or len(names) == len(left)) else []


def _holds_flags(cells: pa.ChunkedArray) -> bool:
    """Whether all that stands in a column is 0 or 1, and something does."""
    values = pc.unique(cells).drop_null()
    return 0 < len(values) <= _MOST_SPELLINGS and all(value.lower() in _YES + _NO for value in values.to_pylist())


def _flags(cells: pa.ChunkedArray) -> NDArray[np.int8]:
    """(rows,) 1 or 0; -1 where a cell is empty."""
    yes = pc.is_in(pc.utf8_lower(cells), value_set=pa.array(_YES, _TEXT)).to_numpy()
    return np.where(pc.is_null(cells).to_numpy(), -1, yes).astype(np.int8)


def _label(row: NDArray[np.int8], names: Sequence[str], single: bool) -> str | None:
    if (row < 0).any():
        return None
    present = [name for name, has in zip(names, row.tolist(), strict=True) if has]
    return present[0] if single else json.dumps(present, ensure_ascii=False)

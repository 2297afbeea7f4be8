"""What a reader of a layout gives: columns of text, and where each row came from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from seehear.escaping import escape_unprintable
from seehear.table.media import is_valid_text
from seehear.table.rows import RowProblem


class AnswerColumn(NamedTuple):
    """A column of answers (rows,), what is wrong with some of them, and what to say of the rest."""

    cells: pa.ChunkedArray
    problems: list[RowProblem]
    notes: list[str]


@dataclass(frozen=True)
class RawTable:
    """One row per example, nothing checked yet.

    cells    columns of large_string by heading; files are named relative to root / folder[i], or absolutely
    file     (rows,) the table file each row stands in, relative to root; None if a file tree is the table
    row      (rows,) its row there
    part     (rows,) train, val, test or ""
    lazy_answers    answers that the layout tells beside its cells, by heading: made when one is asked for
    missing_answer  what is wrong with a row that has no answer
    tiers    columns of answers of which each row has one: the others' rows are another cut of the same recordings
    """

    root: Path
    cells: pa.Table
    part: pa.ChunkedArray
    file: pa.ChunkedArray | None = None
    row: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    problems: tuple[RowProblem, ...] = ()
    notes: tuple[str, ...] = ()
    lazy_answers: Mapping[str, Callable[[], AnswerColumn]] = field(default_factory=dict)
    missing_answer: str = "no answer"
    tiers: tuple[str, ...] = ()

    def with_answer(self, heading: str | None) -> RawTable:
        """With the lazy answers of this heading in its cells, if there are such, and with what is said of them.

        The rows of one tier alone, where it is a tier that answers.
        """
        if heading in self.tiers:
            return self.take(np.flatnonzero(pc.is_valid(self.cells[heading]).to_numpy()))
        if heading is None or heading not in self.lazy_answers:
            return self
        made = self.lazy_answers[heading]()
        return replace(
            self,
            cells=self.cells.append_column(heading, made.cells),
            problems=(*self.problems, *made.problems),
            notes=(*self.notes, *made.notes),
        )

    def take(self, rows: NDArray[np.int64]) -> RawTable:
        """These rows alone; what was said and found wrong stays."""
        return replace(
            self,
            cells=self.cells.take(rows),
            part=self.part.take(rows),
            file=None if self.file is None else self.file.take(rows),
            row=self.row[rows] if len(self.row) else self.row,
        )

    def where(self, row: int) -> str:
        """Where a row stands, for a person: its row of a table, or its first file."""
        if self.file is not None:
            return f"{self.file[row]} row {self.row[row]}"
        return str(next(filter(None, (cells[row].as_py() for cells in self.cells.columns)), ""))

    def paths(self, heading: str) -> list[str]:
        """Where the files of a column lie, from root; "" for an empty cell."""
        names = [(name or "").replace("\\", "/") for name in self.cells[heading].to_pylist()]
        if self.file is None:
            return names
        folders = [file.rpartition("/") for file in self.file.to_pylist()]
        return [f"{folder}{slash}{name}" for (folder, slash, _), name in zip(folders, names, strict=True)]


def make_text_table(columns: Mapping[str, Sequence[str | None]]) -> pa.Table:
    """Columns of text, without those that are empty."""
    return pa.table({heading: make_text_array(cells) for heading, cells in columns.items() if any(cells)})


def make_text_array(cells: Sequence[str | None]) -> pa.Array:
    """A name of a file that is not text is told with escapes, so that it is named as one that is not there."""
    try:
        return pa.array(cells, pa.large_string())
    except UnicodeEncodeError:
        return pa.array(
            [cell if cell is None or is_valid_text(cell) else escape_unprintable(cell) for cell in cells],
            pa.large_string(),
        )


def repeat_values(values: Iterable[tuple[str, int]]) -> pa.ChunkedArray:
    """Each text so many times."""
    return pa.chunked_array([pa.repeat(make_text_array([text])[0], times) for text, times in values])

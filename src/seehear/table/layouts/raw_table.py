"""What a reader of a layout returns: columns of text, and where each row came from."""

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
    """A column of answers (rows,), its problems, and notes."""

    cells: pa.ChunkedArray
    problems: list[RowProblem]
    notes: list[str]


@dataclass(frozen=True)
class RawTable:
    """A row for each example, not yet checked.

    cells           columns of large_string by heading; files are relative to the folder of `file`, or absolute
    file            (rows,) the table file of each row, relative to root; None if the folder tree is the table
    row             (rows,) its row in that file
    part            (rows,) train, val, test or ""
    lazy_answers    functions that build further columns of answers, by heading
    missing_answer  what is wrong with a row without an answer
    tiers           columns of answers of which each row fills one, as when several tiers divide a recording
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
        """Build the lazy answer of this heading, if there is one. For a tier, keep only its rows."""
        if heading in self.tiers:
            return self.take(np.flatnonzero(pc.is_valid(self.cells[heading]).to_numpy()))
        if heading is None or heading not in self.lazy_answers:
            return self
        built = self.lazy_answers[heading]()
        return replace(
            self,
            cells=self.cells.append_column(heading, built.cells),
            problems=(*self.problems, *built.problems),
            notes=(*self.notes, *built.notes),
        )

    def take(self, rows: NDArray[np.int64]) -> RawTable:
        """Only these rows, with all notes and problems."""
        return replace(
            self,
            cells=self.cells.take(rows),
            part=self.part.take(rows),
            file=None if self.file is None else self.file.take(rows),
            row=self.row[rows] if len(self.row) else self.row,
        )

    def where(self, row: int) -> str:
        """Where a row is, for a person: its row in a table, or its first file."""
        if self.file is not None:
            return f"{self.file[row]} row {self.row[row]}"
        return str(next(filter(None, (cells[row].as_py() for cells in self.cells.columns)), ""))

    def paths(self, heading: str) -> list[str]:
        """The files of a column, relative to root; "" for an empty cell."""
        names = [(name or "").replace("\\", "/") for name in self.cells[heading].to_pylist()]
        if self.file is None:
            return names
        folders = [file.rpartition("/") for file in self.file.to_pylist()]
        return [f"{folder}{slash}{name}" for (folder, slash, _), name in zip(folders, names, strict=True)]


def make_text_table(columns: Mapping[str, Sequence[str | None]]) -> pa.Table:
    """Columns of text, without empty columns."""
    return pa.table({heading: make_text_array(cells) for heading, cells in columns.items() if any(cells)})


def make_text_array(cells: Sequence[str | None]) -> pa.Array:
    """File names that are not valid text are escaped, and then reported as missing."""
    try:
        return pa.array(cells, pa.large_string())
    except UnicodeEncodeError:
        return pa.array(
            [cell if cell is None or is_valid_text(cell) else escape_unprintable(cell) for cell in cells],
            pa.large_string(),
        )


def repeat_values(values: Iterable[tuple[str, int]]) -> pa.ChunkedArray:
    """Each text, repeated the given number of times."""
    return pa.chunked_array([pa.repeat(make_text_array([text])[0], times) for text, times in values])

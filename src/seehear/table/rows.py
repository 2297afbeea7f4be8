"""The table: a row for each example, stored in columns so that a million rows take a few hundred megabytes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from seehear.amounts import format_count
from seehear.errors import DataError, SeehearError, UsageError
from seehear.media import Excerpt, Input, medium_of
from seehear.problems import RowProblem as RowProblem

_BATCH = 4096  # rows converted to Python objects at once
_NO_SPAN = [math.nan, math.nan]


def no_answers() -> SeehearError:
    return DataError(
        "there are no answers",
        hint="make a folder for each class, or a table with a column 'label'; docs/reference/data.md has all layouts",
    )


def no_training_part(table: Table) -> SeehearError:
    """The error for a table in parts without a part `train`: its held-out parts are not trained on."""
    only = " and ".join(map(repr, table.parts))
    first = f"; the first problem: {table.problems[0]}" if table.problems else ""
    return DataError(
        f"nothing to train on: it has only the part {only}{first}",
        allowed="a part 'train', or no parts at all",
        hint="name or unpack the part 'train', or give the folder of the part to train on",
    )


@dataclass(frozen=True, slots=True)
class Row:
    """One example. `key` names it within its table; `inputs` holds a file or excerpt for each sense."""

    key: str
    inputs: dict[str, Input]
    answer: str | None
    metadata: dict[str, str]
    part: str
    auxiliary: str | None = None


@dataclass(frozen=True)
class Columns:
    """What a table holds, as text of one length: the file of each sense (null where the example lacks it), ...

    span_s (rows, 2): where in its file each example starts and ends, nan for a whole file; None if all are whole.
    """

    key: pa.ChunkedArray
    senses: dict[str, pa.ChunkedArray]
    answer: pa.ChunkedArray | None
    metadata: dict[str, pa.ChunkedArray]
    part: pa.ChunkedArray
    span_s: NDArray[np.float64] | None = None
    auxiliary: pa.ChunkedArray | None = None

    def take(self, indices: NDArray[np.int64]) -> Columns:
        return Columns(
            self.key.take(indices),
            {name: column.take(indices) for name, column in self.senses.items()},
            None if self.answer is None else self.answer.take(indices),
            {name: column.take(indices) for name, column in self.metadata.items()},
            self.part.take(indices),
            None if self.span_s is None else self.span_s[indices],
            None if self.auxiliary is None else self.auxiliary.take(indices),
        )


class Table:
    """Examples in a fixed order, with the roles of their columns.

    senses         the senses that rows have; a row may lack some, but not all
    kind           the kind of answer; None without answers
    answer_column  the heading of the answers
    in_files       whether an answer is the path of a file
    metadata       headings of the other columns
    notes          what was inferred, in sentences for the person who made the table
    problems       the rows and files that were left out of the whole table, also in its parts
    """

    def __init__(
        self,
        columns: Columns,
        *,
        root: Path,
        kind: str | None = None,
        answer_column: str | None = None,
        in_files: bool = False,
        notes: Sequence[str] = (),
        problems: Sequence[RowProblem] = (),
    ) -> None:
        self._columns = columns
        self.root = root
        self.senses = tuple(columns.senses)
        self.kind = kind
        self.answer_column = answer_column
        self.in_files = in_files
        self.metadata = tuple(columns.metadata)
        self.notes = tuple(notes)
        self.problems = tuple(problems)

    def __len__(self) -> int:
        return len(self._columns.key)

    def __getitem__(self, index: int) -> Row:
        position = range(len(self))[index]
        return next(self._rows(position, position + 1))

    def __iter__(self) -> Iterator[Row]:
        for start in range(0, len(self), _BATCH):
            yield from self._rows(start, min(start + _BATCH, len(self)))

    def __repr__(self) -> str:
        return f"<Table of {format_count(len(self), 'example')}: {'+'.join(self.senses)} -> {self.kind}>"

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of the table, among train, val and test; () if it has none."""
        present = set(pc.unique(self._columns.part).to_pylist())
        return tuple(part for part in ("train", "val", "test") if part in present)

    def part(self, name: str) -> Table:
        if name not in self.parts:
            raise DataError(
                f"no part {name!r}", where=str(self.root), allowed=", ".join(self.parts) or "no parts at all"
            )
        return self.take(np.flatnonzero(pc.equal(self._columns.part, name).to_numpy()))

    def with_answer(self, kind: str, answer: str) -> Table:
        """The same rows, each with this answer."""
        return Table(
            replace(self._columns, answer=pa.chunked_array([pa.array([answer] * len(self), pa.large_string())])),
            root=self.root,
            kind=kind,
            answer_column=kind,
            notes=self.notes,
            problems=self.problems,
        )

    def take(self, indices: Sequence[int] | NDArray[Any]) -> Table:
        """The rows at these indices, in their order; indices may repeat."""
        return Table(
            self._columns.take(np.asarray(indices, dtype=np.int64)),
            root=self.root,
            kind=self.kind,
            answer_column=self.answer_column,
            in_files=self.in_files,
            notes=self.notes,
            problems=self.problems,
        )

    def answers(self) -> list[str]:
        """The answer of each row. Raises DataError for a table without answers."""
        if self._columns.answer is None:
            raise no_answers().at(str(self.root))
        answers: list[str] = self._columns.answer.to_pylist()
        return [str(self.root / answer) for answer in answers] if self.in_files else answers

    def auxiliary(self) -> list[str] | None:
        """The cell of each row that helps to learn its answer, "" where it is empty; None without such a column."""
        return None if self._columns.auxiliary is None else pc.fill_null(self._columns.auxiliary, "").to_pylist()

    def metadata_column(self, name: str) -> list[str]:
        """A metadata cell for each row, "" where it is empty."""
        cells: list[str] = pc.fill_null(self._metadata(name), "").to_pylist()
        return cells

    def encode_column(self, name: str | None = None) -> tuple[NDArray[np.int64], list[str]]:
        """(codes (rows,), values) of a metadata column, or of the answers without a name; -1 where a cell is empty.

        For counting and grouping many rows without a Python object for each.
        """
        column = self._columns.answer if name is None else self._metadata(name)
        return (np.zeros(len(self), np.int64), [""]) if column is None else _encode(column)

    def encode_files(self, sense: str) -> tuple[NDArray[np.int64], list[str]]:
        """(codes (rows,), file names relative to `root`) of a sense; -1 where a row has no file."""
        return _encode(self._columns.senses[sense])

    def _metadata(self, name: str) -> pa.ChunkedArray:
        if name not in self._columns.metadata:
            raise UsageError(f"no metadata column {name!r}", where=str(self.root), allowed=", ".join(self.metadata))
        return self._columns.metadata[name]

    def _rows(self, start: int, stop: int) -> Iterator[Row]:
        def lists(columns: dict[str, pa.ChunkedArray]) -> dict[str, list[str | None]]:
            return {name: column.slice(start, stop - start).to_pylist() for name, column in columns.items()}

        c = self._columns
        some = {"answer": c.answer, "auxiliary": c.auxiliary}
        own = lists({"key": c.key, "part": c.part} | {name: cells for name, cells in some.items() if cells is not None})
        answers, auxiliary = (own.get(name, [None] * (stop - start)) for name in some)
        senses, metadata = lists(c.senses), lists(c.metadata)
        spans = [_NO_SPAN] * (stop - start) if c.span_s is None else c.span_s[start:stop].tolist()
        for i, (key, part) in enumerate(zip(own["key"], own["part"], strict=True)):
            files = {sense: cell for sense, cells in senses.items() if (cell := cells[i]) is not None}
            inputs = {sense: _input(self.root / file, spans[i]) for sense, file in files.items()}
            extra = {name: cells[i] or "" for name, cells in metadata.items()}
            answer = answers[i]
            answer = str(self.root / answer) if answer is not None and self.in_files else answer
            yield Row(key or "", inputs, answer, extra, part or "", auxiliary[i])


def _encode(column: pa.ChunkedArray) -> tuple[NDArray[np.int64], list[str]]:
    encoded = column.combine_chunks().dictionary_encode()
    return pc.fill_null(encoded.indices, -1).to_numpy().astype(np.int64), encoded.dictionary.to_pylist()


def _input(file: Path, span_s: Sequence[float]) -> Input:
    """A picture beside a recording has no span."""
    start_s, end_s = span_s
    return file if math.isnan(start_s) or medium_of(file.name) == "picture" else Excerpt(file, start_s, end_s)

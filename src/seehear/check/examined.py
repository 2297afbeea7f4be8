"""Examines a table in one pass: every distinct input is decoded once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from seehear.answers import ANSWERS, AnyKind
from seehear.errors import InputError
from seehear.events import Advanced, Finished, Listener, Started
from seehear.geometry import Grid
from seehear.media import Input
from seehear.runtime.onnx_session import threads
from seehear.senses import SENSES, Sense
from seehear.senses.examination import Examination, Measures
from seehear.table import Table

Indices = NDArray[np.int64]

TASK = "checking"
AT_ONCE = 256  # inputs that are handed to threads together


@dataclass
class ExaminedSense:
    """The distinct inputs of one sense.

    inputs        (rows,) index of the input of each row; -1 where it lacks the sense
    sources       of each input
    examinations  of each input; None if it could not be read, or if the sense has no examiner
    errors        by the index of the input that could not be read
    """

    sense: Sense
    inputs: list[int] = field(default_factory=list)
    sources: list[Input] = field(default_factory=list)
    examinations: list[Examination | None] = field(default_factory=list)
    errors: dict[int, InputError] = field(default_factory=dict)

    @cached_property
    def codes(self) -> Indices:
        """(rows,) `inputs` as an array."""
        return np.array(self.inputs, np.int64)

    @cached_property
    def measures(self) -> Measures:
        """By name, (inputs,): nan if an input has none."""
        names = dict.fromkeys(name for each in self.examinations if each for name in each.measures)
        return {
            name: np.array([each.measures.get(name, np.nan) if each else np.nan for each in self.examinations])
            for name in names
        }

    def rows_of(self, chosen: NDArray[np.bool_]) -> Indices:
        """The rows, ascending, whose input is chosen. chosen (inputs,) bool."""
        return np.flatnonzero(np.append(chosen, False)[self.codes])

    def examination_of(self, row: int) -> Examination | None:
        return self.examinations[self.inputs[row]] if self.inputs[row] >= 0 else None


@dataclass(frozen=True)
class ExaminedTable:
    """A table whose inputs were all examined.

    keys    what people call each row
    """

    table: Table
    senses: Mapping[str, ExaminedSense]
    keys: Sequence[str]
    _metadata: dict[str, list[str]] = field(default_factory=dict)

    @property
    def kind(self) -> AnyKind | None:
        return ANSWERS[self.table.kind] if self.table.kind else None

    @cached_property
    def answers(self) -> list[str]:
        """The answer of each row; "" without answers."""
        return self.table.answers() if self.table.kind else [""] * len(self.table)

    @cached_property
    def parts(self) -> list[str]:
        """The part of each row; "" without parts."""
        return [row.part for row in self.table]

    @cached_property
    def classes(self) -> tuple[Indices, list[str]]:
        """(codes (rows,), names): what a split balances. One class without a name if the answers have no classes."""
        if self.kind is None:
            return np.zeros(len(self.table), np.int64), [""]
        codes, cells = self.table.encode_column()
        names, merged = np.unique([self.kind.stratum(cell) for cell in cells], return_inverse=True)
        return merged[codes], names.tolist()

    def metadata(self, heading: str) -> list[str]:
        """The metadata cell of each row; "" if it is empty."""
        if heading not in self._metadata:
            self._metadata[heading] = self.table.metadata_column(heading)
        return self._metadata[heading]

    def grids_of(self, row: int) -> list[Grid]:
        """The extents of the inputs of a row that could be read."""
        found = (each.examination_of(row) for each in self.senses.values())
        return [examination.grid for examination in found if examination]


def examine_table(
    table: Table, names: Sequence[str], listen: Listener, keys: Sequence[str] | None = None
) -> ExaminedTable:
    """Examine every input of the senses with these names.

    keys    what people call each row; by default what the table does

    Keeps a few hundred bytes of each picture in memory, more of each recording, and a few decoded inputs at a time.
    """
    senses = {name: ExaminedSense(SENSES[name]) for name in names}
    places: dict[tuple[str, Input], int] = {}
    listen(Started(TASK, float(len(table)), "examples"))
    with ThreadPoolExecutor(threads()) as pool:
        rows = iter(table)
        for start in range(0, len(table), AT_ONCE):
            fresh: list[tuple[ExaminedSense, int, Input]] = []
            for row in islice(rows, AT_ONCE):
                for name, each in senses.items():
                    each.inputs.append(_place(each, name, row.inputs.get(name), places, fresh))
            for (each, place, _), found in zip(fresh, pool.map(_examine, fresh), strict=True):
                if isinstance(found, InputError):
                    each.errors[place] = found
                else:
                    each.examinations[place] = found
            listen(Advanced(TASK, float(min(len(table), start + AT_ONCE))))
    listen(Finished(TASK, f"{len(table):,} examples"))
    return ExaminedTable(table, senses, keys or [row.key for row in table])


def _place(
    each: ExaminedSense,
    name: str,
    source: Input | None,
    places: dict[tuple[str, Input], int],
    fresh: list[tuple[ExaminedSense, int, Input]],
) -> int:
    """The index of an input among the distinct ones of its sense; a new one is appended to `fresh`."""
    if source is None:
        return -1
    place = places.setdefault((name, source), len(each.sources))
    if place == len(each.sources):
        each.sources.append(source)
        each.examinations.append(None)
        fresh.append((each, place, source))
    return place


def _examine(asked: tuple[ExaminedSense, int, Input]) -> Examination | InputError | None:
    each, _, source = asked
    try:
        if each.sense.examiner is None:
            each.sense.check(source)
            return None
        return each.sense.examiner.examine(source)
    except InputError as error:
        return error


def each_row(codes: Indices) -> Iterator[tuple[int, Indices]]:
    """(code, the rows that have it, ascending) for each code, starting at 0."""
    order = np.argsort(codes, kind="stable")
    present, first = np.unique(codes[order], return_index=True)
    for code, rows in zip(present.tolist(), np.split(order, first[1:]), strict=True):
        if code >= 0:
            yield code, rows

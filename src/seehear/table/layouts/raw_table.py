"""What a reader of a layout gives: columns of text, and where each row came from."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from seehear.errors import DataError
from seehear.escaping import printable
from seehear.table.media import is_valid_text
from seehear.table.parts import parse_part
from seehear.table.rows import RowProblem
from seehear.table.sheets import EXTENSIONS


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


_NAMED = 4  # things named in one sentence
_LEFT_BEHIND = {"__MACOSX", "Thumbs.db", "desktop.ini", "Icon\r"}


def list_visible(folder: Path) -> tuple[list[str], list[str]]:
    """(names of folders, names of files) in a folder, in order, without hidden ones and what systems leave behind.

    A link to nothing counts as a file. Raises DataError for a folder that can not be opened.
    """
    folders: list[str] = []
    files: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.name.startswith(".") and entry.name not in _LEFT_BEHIND:
                    (folders if _is_folder(entry) else files).append(entry.name)
    except OSError as error:
        raise DataError(f"can not be opened: {error.strerror}", where=str(folder)) from None
    return sorted(folders), sorted(files)


def walk_files(root: Path, folder: str, above: frozenset[Path] = frozenset()) -> Iterator[str]:
    """Every visible file in root / folder and its folders, in order, named from root with slashes.

    Not through links that lead back to a folder above.
    """
    here = (root / folder).resolve()
    if here in above:
        return
    folders, files = list_visible(root / folder)
    yield from (f"{folder}/{file}" for file in files)
    for inner in folders:
        yield from walk_files(root, f"{folder}/{inner}", above | {here, root.resolve()})


def unwrap(place: Path) -> Path:
    """The folder inside, where a folder holds but one that holds folders or tables in turn, as archives do."""
    while place.is_dir():
        folders, files = list_visible(place)
        if len(folders) != 1 or files or parse_part(folders[0]):
            break
        inner_folders, inner_files = list_visible(place / folders[0])
        if not inner_folders and not any(has_table_extension(file) for file in inner_files):
            break
        place = place / folders[0]
    return place


def find_part_folders(place: Path, notes: list[str], named: Callable[[str], str] = parse_part) -> list[tuple[str, str]]:
    """Prefixes of names below place, with their parts: ("train/", "train"), ...; ("", "") where there are none.

    `named` gives the part that a folder's name tells. What lies beside the parts goes to `said`.
    """
    folders, files = list_visible(place)
    parts = {folder: named(folder) for folder in folders}
    if "train" not in parts.values() and not (parts and all(parts.values())):
        return [("", "")]
    others = [*(folder for folder, part in parts.items() if not part), *files]
    notes += [f"not read, for they are no parts: {summarise_names(others)}"] if others else []
    return [(f"{folder}/", part) for folder, part in parts.items() if part]


def make_text_table(columns: Mapping[str, Sequence[str | None]]) -> pa.Table:
    """Columns of text, without those that are empty."""
    return pa.table({heading: make_text_array(cells) for heading, cells in columns.items() if any(cells)})


def make_text_array(cells: Sequence[str | None]) -> pa.Array:
    """A name of a file that is not text is told with escapes, so that it is named as one that is not there."""
    try:
        return pa.array(cells, pa.large_string())
    except UnicodeEncodeError:
        return pa.array(
            [cell if cell is None or is_valid_text(cell) else printable(cell) for cell in cells], pa.large_string()
        )


def repeat_values(values: Iterable[tuple[str, int]]) -> pa.ChunkedArray:
    """Each text so many times."""
    return pa.chunked_array([pa.repeat(make_text_array([text])[0], times) for text, times in values])


def summarise_names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def has_table_extension(name: str) -> bool:
    return Path(name).suffix.lower() in EXTENSIONS


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # links in a circle
        return False

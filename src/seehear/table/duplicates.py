"""Which files are the same, whatever they are called: one path in several rows, or the same bytes under two names."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from seehear.table.directories import summarise_names
from seehear.table.groups import RECORDING, is_group, plural
from seehear.table.rows import Table

Indices = NDArray[np.int64]
_Key = TypeVar("_Key", bound=Hashable)

_BEGINNING_BYTES = 1 << 16  # tells most files of one size apart, without reading all of them
_BLOCK = 1 << 20


def group_files_by_content(table: Table, sense: str) -> tuple[Indices, list[str]]:
    """Codes (rows,), equal where files of this sense hold the same bytes, -1 without one; and a name for each code."""
    codes, names = table.encode_files(sense)
    same = find_identical_files([table.root / name for name in names])
    _, first, renumbered = np.unique(same, return_index=True, return_inverse=True)
    return np.where(codes >= 0, np.append(renumbered, -1)[codes], -1), [names[place] for place in first]


def find_identical_files(paths: Sequence[Path]) -> Indices:
    """(files,) the place of the first file that holds the same bytes; its own for one that can not be read.

    Files of a size of their own are not read, and those that begin differently no further than their beginning.
    """
    first = np.arange(len(paths))
    together = _alike(range(len(paths)), lambda place: _size_bytes(paths[place]))
    for size_bytes, places in together:
        for _, begin_alike in _alike(places, lambda place: _digest(paths[place], _BEGINNING_BYTES)):
            same = [begin_alike]
            if size_bytes > _BEGINNING_BYTES:
                same = [alike for _, alike in _alike(begin_alike, lambda place: _digest(paths[place]))]
            for alike in same:
                first[alike] = alike[0]
    return first


def _alike(places: Iterable[int], key: Callable[[int], _Key | None]) -> list[tuple[_Key, list[int]]]:
    """Those of two places or more that have one key, in order; None is no key."""
    found: defaultdict[_Key, list[int]] = defaultdict(list)
    for place in places:
        if (own := key(place)) is not None:
            found[own].append(place)
    return [(own, alike) for own, alike in found.items() if len(alike) > 1]


def _size_bytes(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return None


def _digest(path: Path, most_bytes: int | None = None) -> bytes | None:
    digest = hashlib.blake2b(digest_size=16)
    try:
        with path.open("rb") as file:
            if most_bytes is not None:
                digest.update(file.read(most_bytes))
            else:
                while block := file.read(_BLOCK):
                    digest.update(block)
    except (OSError, ValueError):
        return None
    return digest.digest()


@dataclass(frozen=True)
class Overlap:
    """What the rows of two tables have in common: files with the same bytes, and values of columns that group.

    things  by what they are called together (files, speakers): the names of those shared, and how many the second has
    """

    things: dict[str, tuple[tuple[str, ...], int]]

    def describe(self, one: str, other: str) -> list[str]:
        """A sentence for each kind of thing that both have; `one` and `other` are what people call the tables."""
        return [
            f"{len(names):,} of the {of:,} {things} of {other} are in {one} too ({summarise_names(names)}): "
            f"figures measured on {other} will be better than on new {things}"
            for things, (names, of) in self.things.items()
            if names
        ]


def find_overlap(one: Table, other: Table) -> Overlap:
    """What `other`, the test data, shares with `one`, the training data."""
    columns = [name for name in one.metadata if name in other.metadata and is_group(name) and name != RECORDING]
    values = {plural(name): _values(one, other, name) for name in columns}
    return Overlap({plural("file"): _files(one, other)} | values)


def describe_part_overlap(table: Table) -> list[str]:
    """A sentence for each thing that two parts of a table share, such as train and test."""
    return [
        sentence
        for one, other in combinations(table.parts, 2)
        for sentence in find_overlap(table.part(one), table.part(other)).describe(repr(one), repr(other))
    ]


def _files(one: Table, other: Table) -> tuple[tuple[str, ...], int]:
    both: dict[str, bool] = {}
    for sense in (sense for sense in one.senses if sense in other.senses):
        (_, learned), (_, judging) = one.encode_files(sense), other.encode_files(sense)
        same = find_identical_files([*(one.root / name for name in learned), *(other.root / name for name in judging)])
        too = np.isin(same[len(learned) :], same[: len(learned)]).tolist()
        both |= dict(zip(judging, too, strict=True))
    return tuple(name for name, too in both.items() if too), len(both)


def _values(one: Table, other: Table, column: str) -> tuple[tuple[str, ...], int]:
    learned, judging = (set(filter(None, table.metadata_column(column))) for table in (one, other))
    return tuple(sorted(learned & judging)), len(judging)

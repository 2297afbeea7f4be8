"""Find identical files under any name, and what two tables have in common: leakage from training into test data."""

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

_BEGINNING_BYTES = 1 << 16  # enough to distinguish most files of one size
_BLOCK = 1 << 20


def group_files_by_content(table: Table, sense: str) -> tuple[Indices, list[str]]:
    """(codes (rows,), a name for each code): equal codes for identical files of a sense, -1 without a file."""
    codes, names = table.encode_files(sense)
    same = find_identical_files([table.root / name for name in names])
    _, first, renumbered = np.unique(same, return_index=True, return_inverse=True)
    return np.where(codes >= 0, np.append(renumbered, -1)[codes], -1), [names[place] for place in first]


def find_identical_files(paths: Sequence[Path]) -> Indices:
    """(files,) the index of the first file with the same bytes; its own index for an unreadable file.

    Files are hashed only if others have the same size, and in full only if others begin with the same bytes.
    """
    first = np.arange(len(paths))
    same_size = _group_equal(range(len(paths)), lambda place: _read_size_bytes(paths[place]))
    for size_bytes, places in same_size:
        for _, same_beginning in _group_equal(places, lambda place: _hash_file(paths[place], _BEGINNING_BYTES)):
            same = [same_beginning]
            if size_bytes > _BEGINNING_BYTES:
                same = [equal for _, equal in _group_equal(same_beginning, lambda place: _hash_file(paths[place]))]
            for equal in same:
                first[equal] = equal[0]
    return first


def _group_equal(places: Iterable[int], key: Callable[[int], _Key | None]) -> list[tuple[_Key, list[int]]]:
    """(key, places) of each key that two places or more share, in order. None is not a key."""
    groups: defaultdict[_Key, list[int]] = defaultdict(list)
    for place in places:
        if (value := key(place)) is not None:
            groups[value].append(place)
    return [(value, equal) for value, equal in groups.items() if len(equal) > 1]


def _read_size_bytes(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return None


def _hash_file(path: Path, most_bytes: int | None = None) -> bytes | None:
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
    """What the rows of two tables share: identical files, and values of group columns.

    overlaps  by plural noun (files, speakers): the shared names, and how many the second table has
    """

    overlaps: dict[str, tuple[tuple[str, ...], int]]

    def describe(self, one: str, other: str) -> list[str]:
        """A sentence for each kind of thing that both share; `one` and `other` name the tables."""
        return [
            f"{len(names):,} of the {of:,} {noun} of {other} are in {one} too ({summarise_names(names)}): "
            f"figures measured on {other} will be better than on new {noun}"
            for noun, (names, of) in self.overlaps.items()
            if names
        ]


def find_overlap(one: Table, other: Table) -> Overlap:
    """Find what `other`, the test data, shares with `one`, the training data."""
    values = {plural(name): _values(one, other, name) for name in _find_shared_columns(one, other)}
    return Overlap({plural("file"): _files(one, other)} | values)


def find_shared_rows(one: Table, other: Table) -> NDArray[np.bool_]:
    """(rows of `other`,) whether a row has a file, or a group such as a speaker, that `one` has too."""
    shared = find_rows_with_shared_files(one, other)
    for name in _find_shared_columns(one, other):
        known = set(_values(one, other, name)[0])
        shared |= np.array([value in known for value in other.metadata_column(name)])
    return shared


def find_rows_with_shared_files(one: Table, other: Table) -> NDArray[np.bool_]:
    """(rows of `other`,) whether a row has a file that `one` has too, under any name."""
    shared = np.zeros(len(other), np.bool_)
    for sense in _find_shared_senses(one, other):
        codes, _ = other.encode_files(sense)
        shared |= np.append(_compare_files(one, other, sense), False)[codes]
    return shared


def describe_part_overlap(table: Table) -> list[str]:
    """A sentence for each kind of thing that two parts of a table share, such as train and test."""
    return [
        sentence
        for one, other in combinations(table.parts, 2)
        for sentence in find_overlap(table.part(one), table.part(other)).describe(repr(one), repr(other))
    ]


def _find_shared_senses(one: Table, other: Table) -> list[str]:
    return [sense for sense in one.senses if sense in other.senses]


def _find_shared_columns(one: Table, other: Table) -> list[str]:
    """The shared columns that name groups."""
    return [name for name in one.metadata if name in other.metadata and is_group(name) and name != RECORDING]


def _files(one: Table, other: Table) -> tuple[tuple[str, ...], int]:
    both: dict[str, bool] = {}
    for sense in _find_shared_senses(one, other):
        both |= dict(zip(other.encode_files(sense)[1], _compare_files(one, other, sense).tolist(), strict=True))
    return tuple(name for name, shared in both.items() if shared), len(both)


def _compare_files(one: Table, other: Table, sense: str) -> NDArray[np.bool_]:
    """(different files of `other`,) whether `one` has the same file, under any name."""
    (_, known), (_, files) = one.encode_files(sense), other.encode_files(sense)
    same = find_identical_files([*(one.root / name for name in known), *(other.root / name for name in files)])
    shared: NDArray[np.bool_] = np.isin(same[len(known) :], same[: len(known)])
    return shared


def _values(one: Table, other: Table, column: str) -> tuple[tuple[str, ...], int]:
    trained, tested = (set(filter(None, table.metadata_column(column))) for table in (one, other))
    return tuple(sorted(trained & tested)), len(tested)

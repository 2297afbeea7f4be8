"""Holding examples out: no person or place on both sides, every class in training, the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seehear.amounts import format_count
from seehear.table.duplicates import group_files_by_content
from seehear.table.groups import connect_groups, is_group, plural
from seehear.table.rows import Table

Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]

_TRIES = 64  # random orders in which few groups are tried
_FEW_GROUPS = 500
_MOST_HELD_OUT = 0.45  # a share beyond which keeping groups together would cost too much to learn from
_FILES = "files"
_NAMED = 4  # groups that are named in what is said


@dataclass(frozen=True)
class Split:
    """train, held_out: positions of rows, each ascending, together every row. said: how, for a person."""

    train: Indices
    held_out: Indices
    notes: str


class _Bond(NamedTuple):
    """What rows may share so that they stay on one side: codes (rows,), -1 for none; `things` are called together."""

    things: str
    codes: Indices
    values: list[str]


def split(table: Table, held_out: float, *, seed: int, stratum: Callable[[str], str]) -> Split:
    """Hold out a share (0 to 1) of a table's rows, as near as its groups allow.

    Rows of one picture or recording, also under two names, and those that share a value in a column such as speaker or
    patient stay together where that leaves enough to learn and to judge from; where it does not, it is said.
    `stratum` gives what to balance for an answer: its class.
    """
    rng = np.random.default_rng(seed)
    strata, names = _strata(table, stratum)
    bonds = _bonds(table)
    given_up: list[_Bond] = []
    while bonds:
        groups = connect_groups([bond.codes for bond in bonds], len(table))
        if groups.max(initial=0) + 1 >= len(table):
            break  # nothing to keep together
        if (out := _hold_out_groups(groups, strata, held_out, rng)) is not None:
            return _split(out, _groups_said(bonds, groups, out) + _missed(strata, names, out, given_up))
        coarsest = min(bonds, key=lambda bond: len(bond.values))
        bonds.remove(coarsest)
        given_up.append(coarsest)
    out = _hold_out_rows(strata, held_out, rng)
    notes = f"held out {out.sum():,} of {format_count(len(table), 'example')} at random"
    notes += ", every class in its share" if len(names) > 1 else ""
    return _split(out, notes + _missed(strata, names, out, given_up))


def group_rows(table: Table) -> Indices:
    """(rows,) the number of each row's group: rows that share a speaker, a file or the like are in one group."""
    return connect_groups([bond.codes for bond in _bonds(table)], len(table))


def _split(out: Mask, notes: str) -> Split:
    return Split(np.flatnonzero(~out), np.flatnonzero(out), notes)


def _strata(table: Table, stratum: Callable[[str], str]) -> tuple[Indices, list[str]]:
    codes, answers = table.encode_column()
    names, merged = np.unique([stratum(answer) for answer in answers], return_inverse=True)
    return merged[codes], names.tolist()


def _bonds(table: Table) -> list[_Bond]:
    """By column of metadata that groups, then by the files of each sense: those that some rows share."""
    columns = [_Bond(plural(name), *table.encode_column(name)) for name in table.metadata if is_group(name)]
    files = [_Bond(_FILES, *group_files_by_content(table, sense)) for sense in table.senses]
    return [bond for bond in (*columns, *files) if len(bond.values) < np.count_nonzero(bond.codes >= 0)]


def _hold_out_groups(groups: Indices, strata: Indices, share: float, rng: np.random.Generator) -> Mask | None:
    """(rows,) which to hold out, whole groups; None where too few groups leave no fair part to learn or judge from.

    Where the asked share reaches too few classes, up to three times as much is held out.
    """
    contents, totals = _contents(groups, strata)
    tries = _TRIES if len(contents) <= _FEW_GROUPS else 1
    for wish in (share, 2 * share, 3 * share):
        choices = (_choose(contents, totals, wish, rng) for _ in range(tries))
        out: Mask = np.isin(groups, min(choices, key=_Choice.gap).taken)
        classes = len(np.unique(strata[out]))
        enough = min(len(totals), max(2, min(len(totals), int(out.sum())) // 2))
        if 0 < out.mean() <= max(_MOST_HELD_OUT, 1.25 * share) and classes >= enough:
            return out
    return None


def _contents(groups: Indices, strata: Indices) -> tuple[list[dict[int, int]], list[int]]:
    """(for each group its rows by class, rows of each class)."""
    totals = np.bincount(strata)
    pairs, counts = np.unique(groups * len(totals) + strata, return_counts=True)
    contents: list[dict[int, int]] = [{} for _ in range(int(groups.max()) + 1)]
    for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
        contents[pair // len(totals)][pair % len(totals)] = count
    return contents, totals.tolist()


def _choose(contents: list[dict[int, int]], totals: list[int], share: float, rng: np.random.Generator) -> _Choice:
    """Groups in random order, each taken that brings the classes and the whole nearer to their share; at least one."""
    choice = _Choice(totals, share)
    order = rng.permutation(len(contents)).tolist()
    for group in order:
        if choice.rows >= choice.wanted_rows:
            break
        if choice.leaves_classes(contents[group]) and choice.gain(contents[group]) > 0:
            choice.take(group, contents[group])
    if not choice.taken:
        possible = [group for group in order if choice.leaves_classes(contents[group])]
        for group in sorted(possible, key=lambda group: sum(contents[group].values()))[:1]:
            choice.take(group, contents[group])
    return choice


class _Choice:
    """Groups taken so far, and how far their rows are from a share of every class and of the whole."""

    def __init__(self, totals: list[int], share: float) -> None:
        self.totals = totals
        self.wanted = [share * total for total in totals]
        self.wanted_rows = share * sum(totals)
        self.held = [0] * len(totals)
        self.rows = 0
        self.taken: list[int] = []

    def leaves_classes(self, content: dict[int, int]) -> bool:
        return all(self.held[c] + count < self.totals[c] for c, count in content.items())

    def gain(self, content: dict[int, int]) -> float:
        more = sum(content.values())
        gain = abs(self.rows - self.wanted_rows) - abs(self.rows + more - self.wanted_rows)
        for c, count in content.items():
            gain += abs(self.held[c] - self.wanted[c]) - abs(self.held[c] + count - self.wanted[c])
        return gain

    def take(self, group: int, content: dict[int, int]) -> None:
        self.taken.append(group)
        self.rows += sum(content.values())
        for c, count in content.items():
            self.held[c] += count

    def gap(self) -> float:
        by_class = sum(abs(held - wanted) for held, wanted in zip(self.held, self.wanted, strict=True))
        return by_class + abs(self.rows - self.wanted_rows)


def _hold_out_rows(strata: Indices, share: float, rng: np.random.Generator) -> Mask:
    """(rows,) which to hold out: the same share of every class at random, and of every class one stays."""
    totals = np.bincount(strata)
    quota = np.minimum(np.floor(share * totals).astype(np.int64), totals - 1)
    missing = max(1, round(share * len(strata))) - int(quota.sum())
    remainder = np.where(quota < totals - 1, share * totals - quota, -1)
    by_remainder = np.lexsort((rng.random(len(totals)), -remainder))
    quota[by_remainder[: max(0, missing)]] += remainder[by_remainder[: max(0, missing)]] >= 0
    shuffled = rng.permutation(len(strata))
    by_class = shuffled[np.argsort(strata[shuffled], kind="stable")]
    rank = np.arange(len(strata)) - np.repeat(np.cumsum(totals) - totals, totals)
    out = np.zeros(len(strata), np.bool_)
    out[by_class[rank < np.repeat(quota, totals)]] = True
    return out


def _groups_said(bonds: Sequence[_Bond], groups: Indices, out: Mask) -> str:
    held, rows = len(np.unique(groups[out])), f"{out.sum():,} of {format_count(len(out), 'example')}"
    if len(needed := _needed(bonds, groups)) > 1:
        named = " and ".join(dict.fromkeys(bond.things for bond in needed))
        return f"held out {held:,} of {groups.max() + 1:,} groups that share no {named}: {rows}"
    codes, values = needed[0].codes, needed[0].values
    names = [values[code] for code in np.unique(codes[out]) if code >= 0]
    listed = f" ({', '.join(sorted(names))})" if len(names) <= _NAMED else ""
    return f"held out {held:,} of {groups.max() + 1:,} {needed[0].things}{listed}: {rows}"


def _needed(bonds: Sequence[_Bond], groups: Indices) -> list[_Bond]:
    """The bonds without that of files where it ties no more rows: of one patient's picture in several rows."""
    columns = [bond for bond in bonds if bond.things != _FILES]
    return (
        columns
        if columns and (connect_groups([bond.codes for bond in columns], len(groups)) == groups).all()
        else list(bonds)
    )


def _missed(strata: Indices, names: list[str], out: Mask, given_up: Sequence[_Bond]) -> str:
    """What the held-out part does not do, to go behind what it does."""
    missed = sorted(set(range(len(names))) - set(strata[out].tolist()))
    listed = ", ".join(repr(names[c]) for c in missed[:_NAMED]) + (", ..." if len(missed) > _NAMED else "")
    notes = f"; none of {listed}" if missed else ""
    for bond in given_up:
        notes += f"; {bond.things} are on both sides, there are too few to keep each together"
    return notes

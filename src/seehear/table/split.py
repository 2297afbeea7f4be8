"""Hold examples out: no person or place on both sides, every class in training, the same for the same seed."""

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

_TRIES = 64  # random orders tried, if there are few groups
_MOST_GROUPS_RETRIED = 500
_MOST_HELD_OUT = 0.45  # a share; beyond it too little is left to train on
_FILES = "files"
_MOST_NAMED = 4  # groups named in the notes


@dataclass(frozen=True)
class Split:
    """train, held_out: row indices, ascending, together every row. notes: how it was done, for a person to read."""

    train: Indices
    held_out: Indices
    notes: str


class _Grouping(NamedTuple):
    """Codes (rows,) that rows of one group share, -1 for no group. `noun` is the plural that names such groups."""

    noun: str
    codes: Indices
    values: list[str]


def split(table: Table, held_out: float, *, seed: int, stratum: Callable[[str], str]) -> Split:
    """Hold out a share (0 to 1) of a table's rows, as nearly as its groups allow.

    Rows that share a file (also under another name) or a value in a column such as speaker or patient stay together, as
    long as enough is left to train and evaluate on; otherwise the notes say so. `stratum` maps an answer to what is
    balanced: its class.
    """
    rng = np.random.default_rng(seed)
    strata, names = _strata(table, stratum)
    groupings = _find_groupings(table)
    given_up: list[_Grouping] = []
    while groupings:
        groups = connect_groups([grouping.codes for grouping in groupings], len(table))
        if groups.max(initial=0) + 1 >= len(table):
            break  # no rows to keep together
        if (out := _hold_out_groups(groups, strata, held_out, rng)) is not None:
            return _make_split(
                out, _describe_groups(groupings, groups, out) + _describe_shortfall(strata, names, out, given_up)
            )
        coarsest = min(groupings, key=lambda grouping: len(grouping.values))
        groupings.remove(coarsest)
        given_up.append(coarsest)
    out = _hold_out_rows(strata, held_out, rng)
    notes = f"held out {out.sum():,} of {format_count(len(table), 'example')} at random"
    notes += ", stratified by class" if len(names) > 1 else ""
    return _make_split(out, notes + _describe_shortfall(strata, names, out, given_up))


def group_rows(table: Table) -> Indices:
    """(rows,) group numbers: rows that share a speaker, a file or the like are in one group."""
    return connect_groups([grouping.codes for grouping in _find_groupings(table)], len(table))


def _make_split(out: Mask, notes: str) -> Split:
    return Split(np.flatnonzero(~out), np.flatnonzero(out), notes)


def _strata(table: Table, stratum: Callable[[str], str]) -> tuple[Indices, list[str]]:
    codes, answers = table.encode_column()
    names, merged = np.unique([stratum(answer) for answer in answers], return_inverse=True)
    return merged[codes], names.tolist()


def _find_groupings(table: Table) -> list[_Grouping]:
    """Groupings by column of metadata, then by the files of each sense, if any rows share a value."""
    columns = [_Grouping(plural(name), *table.encode_column(name)) for name in table.metadata if is_group(name)]
    files = [_Grouping(_FILES, *group_files_by_content(table, sense)) for sense in table.senses]
    return [grouping for grouping in (*columns, *files) if len(grouping.values) < np.count_nonzero(grouping.codes >= 0)]


def _hold_out_groups(groups: Indices, strata: Indices, share: float, rng: np.random.Generator) -> Mask | None:
    """(rows,) the rows to hold out, in whole groups; None if there are too few groups for a fair split.

    If the share reaches too few classes, up to three times as much is held out.
    """
    counts, totals = _contents(groups, strata)
    tries = _TRIES if len(counts) <= _MOST_GROUPS_RETRIED else 1
    for target in (share, 2 * share, 3 * share):
        choices = (_choose_groups(counts, totals, target, rng) for _ in range(tries))
        out: Mask = np.isin(groups, min(choices, key=_Selection.distance).taken)
        classes = len(np.unique(strata[out]))
        enough = min(len(totals), max(2, min(len(totals), int(out.sum())) // 2))
        if 0 < out.mean() <= max(_MOST_HELD_OUT, 1.25 * share) and classes >= enough:
            return out
    return None


def _contents(groups: Indices, strata: Indices) -> tuple[list[dict[int, int]], list[int]]:
    """(rows of each class by group, rows of each class)."""
    totals = np.bincount(strata)
    pairs, sizes = np.unique(groups * len(totals) + strata, return_counts=True)
    counts: list[dict[int, int]] = [{} for _ in range(int(groups.max()) + 1)]
    for pair, count in zip(pairs.tolist(), sizes.tolist(), strict=True):
        counts[pair // len(totals)][pair % len(totals)] = count
    return counts, totals.tolist()


def _choose_groups(
    counts: list[dict[int, int]], totals: list[int], share: float, rng: np.random.Generator
) -> _Selection:
    """Take groups in random order if they bring the classes and the total nearer to their share; at least one."""
    selection = _Selection(totals, share)
    order = rng.permutation(len(counts)).tolist()
    for group in order:
        if selection.rows >= selection.wanted_rows:
            break
        if selection.leaves_classes(counts[group]) and selection.gain(counts[group]) > 0:
            selection.take(group, counts[group])
    if not selection.taken:
        possible = [group for group in order if selection.leaves_classes(counts[group])]
        for group in sorted(possible, key=lambda group: sum(counts[group].values()))[:1]:
            selection.take(group, counts[group])
    return selection


class _Selection:
    """The groups taken so far, and how far their rows are from the share of every class and of the total."""

    def __init__(self, totals: list[int], share: float) -> None:
        self.totals = totals
        self.wanted = [share * total for total in totals]
        self.wanted_rows = share * sum(totals)
        self.held = [0] * len(totals)
        self.rows = 0
        self.taken: list[int] = []

    def leaves_classes(self, group_counts: dict[int, int]) -> bool:
        return all(self.held[c] + count < self.totals[c] for c, count in group_counts.items())

    def gain(self, group_counts: dict[int, int]) -> float:
        more = sum(group_counts.values())
        gain = abs(self.rows - self.wanted_rows) - abs(self.rows + more - self.wanted_rows)
        for c, count in group_counts.items():
            gain += abs(self.held[c] - self.wanted[c]) - abs(self.held[c] + count - self.wanted[c])
        return gain

    def take(self, group: int, group_counts: dict[int, int]) -> None:
        self.taken.append(group)
        self.rows += sum(group_counts.values())
        for c, count in group_counts.items():
            self.held[c] += count

    def distance(self) -> float:
        by_class = sum(abs(held - wanted) for held, wanted in zip(self.held, self.wanted, strict=True))
        return by_class + abs(self.rows - self.wanted_rows)


def _hold_out_rows(strata: Indices, share: float, rng: np.random.Generator) -> Mask:
    """(rows,) the rows to hold out: a random share of every class, of which one row always stays in training."""
    totals = np.bincount(strata)
    quota = np.minimum(np.floor(share * totals).astype(np.int64), totals - 1)
    shortage = max(1, round(share * len(strata))) - int(quota.sum())
    remainder = np.where(quota < totals - 1, share * totals - quota, -1)
    by_remainder = np.lexsort((rng.random(len(totals)), -remainder))
    quota[by_remainder[: max(0, shortage)]] += remainder[by_remainder[: max(0, shortage)]] >= 0
    shuffled = rng.permutation(len(strata))
    by_class = shuffled[np.argsort(strata[shuffled], kind="stable")]
    rank = np.arange(len(strata)) - np.repeat(np.cumsum(totals) - totals, totals)
    out = np.zeros(len(strata), np.bool_)
    out[by_class[rank < np.repeat(quota, totals)]] = True
    return out


def _describe_groups(groupings: Sequence[_Grouping], groups: Indices, out: Mask) -> str:
    held, rows = len(np.unique(groups[out])), f"{out.sum():,} of {format_count(len(out), 'example')}"
    if len(needed := _drop_redundant(groupings, groups)) > 1:
        named = " and ".join(dict.fromkeys(grouping.noun for grouping in needed))
        return f"held out {held:,} of {groups.max() + 1:,} groups that share no {named}: {rows}"
    codes, values = needed[0].codes, needed[0].values
    names = [values[code] for code in np.unique(codes[out]) if code >= 0]
    listed = f" ({', '.join(sorted(names))})" if len(names) <= _MOST_NAMED else ""
    return f"held out {held:,} of {groups.max() + 1:,} {needed[0].noun}{listed}: {rows}"


def _drop_redundant(groupings: Sequence[_Grouping], groups: Indices) -> list[_Grouping]:
    """The groupings, without that by file if it connects no further rows, as with several rows for one picture."""
    columns = [grouping for grouping in groupings if grouping.noun != _FILES]
    return (
        columns
        if columns and (connect_groups([grouping.codes for grouping in columns], len(groups)) == groups).all()
        else list(groupings)
    )


def _describe_shortfall(strata: Indices, names: list[str], out: Mask, given_up: Sequence[_Grouping]) -> str:
    """What the held-out part lacks, appended to its description."""
    missing = sorted(set(range(len(names))) - set(strata[out].tolist()))
    listed = ", ".join(repr(names[c]) for c in missing[:_MOST_NAMED]) + (", ..." if len(missing) > _MOST_NAMED else "")
    notes = f"; no examples of {listed}" if missing else ""
    for grouping in given_up:
        notes += f"; {grouping.noun} are on both sides, because there are too few to keep each together"
    return notes

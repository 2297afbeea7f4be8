"""Finds the classes and groups for which a second model is better or worse than a first one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seehear.measure.binning import group_rows
from seehear.measure.multiplicity import adjust_by_maximum

Array = NDArray[Any]
FLIPS = 1999  # of signs; p is at least 1 / (FLIPS + 1)
FLIPPED_AT_ONCE = 1 << 22  # signs, so that memory does not grow with the examples
MIN_EXAMPLES = 5  # in a class or group; smaller ones are left out
SIGNIFICANCE = 0.05


class Change(NamedTuple):
    """What changed in one class or group.

    column        of the metadata; the kind of answer for a class
    gained, lost  how many of its n answers became right, and wrong
    p_value       of the difference between the two, adjusted for all classes and groups
    """

    column: str
    value: str
    n: int
    gained: int
    lost: int
    p_value: float

    @property
    def significant(self) -> bool:
        return self.p_value <= SIGNIFICANCE

    def to_json(self) -> dict[str, Any]:
        return self._asdict() | {"significant": self.significant}

    def __str__(self) -> str:
        percent = 100 * (self.gained - self.lost) / self.n
        became = "better" if percent > 0 else "worse" if percent < 0 else "as good"
        return (
            f"{self.column} {self.value}: {became} ({percent:+.1f} % of {self.n:,}; {self.gained:,} became right, "
            f"{self.lost:,} wrong), {'significant' if self.significant else 'may be chance'}: p = {self.p_value:.2g}"
        )


def find_changes(
    right: tuple[Array, Array], columns: Mapping[str, Sequence[str]], cluster: Array
) -> tuple[Change, ...]:
    """The classes and groups with a change, lowest p-value first.

    right     (n,) bool of each model
    columns   (n,) cells of each column whose values are compared
    cluster   (n,) of each example: answers to one person's examples change together

    Signs of the change of whole clusters are flipped: if both models are equally good, gains and losses are equally
    likely. With single examples and one group, that is McNemar's exact test.
    """
    net = right[1].astype(np.int64) - right[0]
    parts = [(column, value, rows) for column, value, rows in _list_parts(columns) if net[rows].any()]
    if not parts:
        return ()
    by_cluster = np.stack([np.bincount(cluster[rows], net[rows], cluster.max() + 1) for *_, rows in parts], axis=1)
    p_values = _flip_signs(by_cluster[by_cluster.any(1)])
    found = [
        Change(column, value, len(rows), int((net[rows] > 0).sum()), int((net[rows] < 0).sum()), float(p_value))
        for (column, value, rows), p_value in zip(parts, p_values, strict=True)
    ]
    return tuple(sorted(found, key=lambda each: (each.p_value, -abs(each.gained - each.lost) / each.n)))


def _list_parts(columns: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str, Array]]:
    for column, cells in columns.items():
        large = {value: rows for value, rows in group_rows(column, cells).items() if len(rows) >= MIN_EXAMPLES}
        if len(large) > 1:
            yield from ((column, value, rows) for value, rows in large.items())


def _flip_signs(net: Array) -> Array:
    """Adjusted p-values (K,) for net gains (clusters, K)."""
    random = np.random.default_rng(0)
    spread = np.sqrt((net**2).sum(0))
    spread[spread == 0] = np.inf
    at_once = max(1, FLIPPED_AT_ONCE // len(net))
    resampled = [
        np.abs(random.choice((-1.0, 1.0), (min(at_once, FLIPS - start), len(net))) @ net) / spread
        for start in range(0, FLIPS, at_once)
    ]
    return adjust_by_maximum(np.abs(net.sum(0)) / spread, np.concatenate(resampled))

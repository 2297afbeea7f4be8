"""The clusters that the bootstrap draws: whole speakers, patients or sites, or else single examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.amounts import format_count
from seehear.measure.intervals import MIN_CLUSTERS
from seehear.table.groups import connect_groups, is_group, plural

Array = NDArray[Any]


@dataclass(frozen=True)
class Clusters:
    """code (rows,) int: the cluster of each example. description: how many there are, of what."""

    code: Array
    description: str


def find_clusters(rows: int, metadata: Mapping[str, Sequence[str]]) -> Clusters:
    """Rows that share a value in any column of people or places; single examples if that leaves too few clusters.

    If several columns together leave fewer than MIN_CLUSTERS, the coarsest column is ignored.
    """
    coded = {column: _encode(cells) for column, cells in metadata.items() if is_group(column)}
    ignored = ""
    while coded:
        code = connect_groups(list(coded.values()), rows)
        clusters = int(code.max(initial=-1)) + 1
        if clusters == rows:
            break
        if clusters >= MIN_CLUSTERS:
            names = " and ".join(map(plural, coded))
            description = f"{clusters:,} {names}" if len(coded) == 1 else f"{clusters:,} groups that share no {names}"
            return Clusters(code, description + ignored)
        coarsest = min(coded, key=lambda column: int(coded[column].max(initial=-1)))
        ignored += f"; {plural(coarsest)} are too few to resample"
        coded.pop(coarsest)
    return Clusters(np.arange(rows), format_count(rows, "example") + ignored)


def find_people(cluster: Array, metadata: Mapping[str, Sequence[str]], column: str) -> Array:
    """(rows,) the person of each example, for a comparison of the groups of `column`: rows with the same value of the
    finest column of people or places other than `column`.

    Without any, it is the cluster (rows,) of each example, or the single example if `column` itself names the clusters.
    """
    rows = len(cluster)
    coded = [_encode(cells) for name, cells in metadata.items() if is_group(name) and name != column]
    connected = [connect_groups([code], rows) for code in coded]
    alone = np.arange(rows) if is_group(column) else cluster
    return max(connected, key=lambda code: int(code.max(initial=-1)), default=alone)


def _encode(cells: Sequence[str]) -> NDArray[np.int64]:
    """(rows,) the same number for the same text, -1 for an empty cell."""
    values, codes = np.unique(np.array(cells, object), return_inverse=True)
    return codes - 1 if len(values) and values[0] == "" else codes

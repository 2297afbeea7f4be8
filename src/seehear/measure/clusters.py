"""The units that intervals resample: whole speakers, patients or sites, or else single examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.amounts import counted
from seehear.measure.intervals import FEWEST_UNITS
from seehear.table.groups import connect_groups, is_group, plural

Array = NDArray[Any]


@dataclass(frozen=True)
class Clusters:
    """code (rows,) int: the unit of each example. said: the number of units and their name, for people."""

    code: Array
    said: str


def find_clusters(rows: int, metadata: Mapping[str, Sequence[str]]) -> Clusters:
    """Groups of rows that share a value in any column of people or places; single examples if there are too few.

    If several columns together leave fewer than FEWEST_UNITS groups, the coarsest column is left out.
    """
    coded = {column: _coded(cells) for column, cells in metadata.items() if is_group(column)}
    few = ""
    while coded:
        code = connect_groups(list(coded.values()), rows)
        groups = int(code.max(initial=-1)) + 1
        if groups == rows:
            break
        if groups >= FEWEST_UNITS:
            named = " and ".join(map(plural, coded))
            said = f"{groups:,} {named}" if len(coded) == 1 else f"{groups:,} groups that share no {named}"
            return Clusters(code, said + few)
        coarsest = min(coded, key=lambda column: int(coded[column].max(initial=-1)))
        few += f"; {plural(coarsest)} are too few to resample"
        coded.pop(coarsest)
    return Clusters(np.arange(rows), counted(rows, "example") + few)


def _coded(cells: Sequence[str]) -> NDArray[np.int64]:
    """(rows,) the same number for the same text, -1 for an empty cell."""
    values, codes = np.unique(np.array(cells, object), return_inverse=True)
    return codes - 1 if len(values) and values[0] == "" else codes

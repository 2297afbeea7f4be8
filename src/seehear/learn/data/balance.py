"""Training examples repeated so that the groups of a column, such as sites or speakers, weigh the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seehear.answers import ANSWERS
from seehear.learn.data.cache import DatasetCache
from seehear.measure.binning import group_rows

MOST_REPEATED = 10  # times; examples that are repeated more often are memorised

Places = NDArray[np.int64]


def balance(dataset: DatasetCache, rows: NDArray[np.int64]) -> Places:
    """Places among these rows, with repetitions, so that in each class all groups have as many as the largest one.

    Each place occurs at least once, and at most MOST_REPEATED times; once for examples without a group, and if the
    recipe names no column. Balancing groups within classes needs no further setting, and does as well for the worst
    group as weighting by loss (Idrissi et al. 2022).
    """
    every = np.arange(len(rows))
    column = dataset.recipe.training.fair
    if not column:
        return every
    table = dataset.table.take(rows.tolist())
    strata = np.array([ANSWERS[dataset.recipe.kind].stratum(cell) for cell in table.answers()])
    groups = group_rows(column, table.metadata_column(column))
    random = np.random.default_rng(dataset.recipe.training.seed)
    repeated = [every]
    for stratum in np.unique(strata):
        cells = [places[strata[places] == stratum] for places in groups.values()]
        largest = max(map(len, cells), default=0)
        repeated += [_draw_more(cell, min(largest, MOST_REPEATED * len(cell)), random) for cell in cells]
    return np.concatenate(repeated)


def _draw_more(places: Places, wanted: int, random: np.random.Generator) -> Places:
    """What is missing to this many: all of them again and again, and then some."""
    if not len(places):
        return places
    again, rest = divmod(wanted - len(places), len(places))
    return np.concatenate([np.tile(places, again), random.choice(places, rest, replace=False)])

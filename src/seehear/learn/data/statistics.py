"""Statistics of the split for the recipe: ranges of the inputs, and the groups that the held-out examples come from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seehear.learn.data.split import DataSplit
from seehear.recipe import to_usual
from seehear.runtime.distribution_shift import USUAL_SHARE
from seehear.sampling import take_evenly
from seehear.senses import SENSES
from seehear.table.group_counts import describe_groups_seen

MOST_MEASURED = 500  # examples; 2 % of them lie beyond each end of the range
FEWEST = 30  # examples needed to estimate a range

Measured = dict[str, dict[str, tuple[float, ...]]]
Ranges = dict[str, dict[str, tuple[float, float]]]


def measure_inputs(split: DataSplit) -> Measured:
    """The input statistics of up to MOST_MEASURED training examples, by sense and statistic."""
    found: Measured = {}
    for sense in split.train.recipe.senses:
        rows = split.train_rows[split.train.has_sense(sense)[split.train_rows]]
        if len(rows) < FEWEST:
            continue
        measured = [
            SENSES[sense].compute_statistics(split.train.preprocessed(sense, int(row)))
            for row in take_evenly(rows, MOST_MEASURED)
        ]
        if names := SENSES[sense].statistics:
            found[sense] = {name: to_usual(each[name] for each in measured) for name in names}
    return found


def to_ranges(measured: Measured) -> Ranges:
    """(low, high) by sense and statistic: quantiles of the training examples near both ends."""
    return {sense: {name: _range(own) for name, own in values.items()} for sense, values in measured.items()}


def describe_groups(split: DataSplit) -> str:
    """A sentence: how many examples were held out, from how many speakers, patients or sites."""
    train = split.train.table.take(split.train_rows)
    return describe_groups_seen(train, split.val.table.take(split.val_rows))


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = np.quantile(values, ((1 - USUAL_SHARE) / 2, (1 + USUAL_SHARE) / 2))
    return round(float(low), 3), round(float(high), 3)

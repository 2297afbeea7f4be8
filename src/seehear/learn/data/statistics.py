"""Statistics of the split for the recipe: ranges of the inputs, and the groups that the held-out examples come from."""

from __future__ import annotations

import numpy as np

from seehear.learn.data.split import DataSplit
from seehear.runtime.distribution_shift import USUAL_SHARE
from seehear.sampling import take_evenly
from seehear.senses import SENSES
from seehear.table.group_counts import describe_groups_seen

MOST_MEASURED = 500  # examples; 2 % of them lie beyond each end of the range
FEWEST = 30  # examples needed to estimate a range

Ranges = dict[str, dict[str, tuple[float, float]]]


def measure_input_statistics(split: DataSplit) -> Ranges:
    """(low, high) by sense and statistic: quantiles of the training examples near both ends."""
    ranges: Ranges = {}
    for sense in split.train.recipe.senses:
        rows = split.train_rows[split.train.has_sense(sense)[split.train_rows]]
        if len(rows) < FEWEST:
            continue
        measured = [
            SENSES[sense].compute_statistics(split.train.preprocessed(sense, int(row)))
            for row in take_evenly(rows, MOST_MEASURED)
        ]
        if names := SENSES[sense].statistics:
            ends = {name: np.quantile([each[name] for each in measured], _ends()) for name in names}
            ranges[sense] = {name: (round(float(low), 3), round(float(high), 3)) for name, (low, high) in ends.items()}
    return ranges


def describe_groups(split: DataSplit) -> str:
    """A sentence: how many examples were held out, from how many speakers, patients or sites."""
    train = split.train.table.take(split.train_rows)
    return describe_groups_seen(train, split.val.table.take(split.val_rows))


def _ends() -> tuple[float, float]:
    return (1 - USUAL_SHARE) / 2, (1 + USUAL_SHARE) / 2

"""How many people and places the figures come from, and the usual ranges of the examples learned from."""

from __future__ import annotations

import numpy as np

from seehear.learn.data.split import DataSplit
from seehear.runtime.distribution_shift import USUAL
from seehear.senses import SENSES
from seehear.table.group_counts import describe_groups_seen

MOST_MEASURED = 500  # examples; a fiftieth of them lies beyond each end of the usual range
FEWEST = 30  # examples needed to estimate the usual range

Ranges = dict[str, dict[str, tuple[float, float]]]


def measure_input_statistics(material: DataSplit) -> Ranges:
    """(low, high) by sense and statistic: quantiles of the examples learned from that leave out a few at each end."""
    ranges: Ranges = {}
    for sense in material.dataset.recipe.senses:
        rows = material.rows[material.dataset.has_sense(sense)[material.rows]]
        if len(rows) < FEWEST:
            continue
        some = rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST_MEASURED)).round().astype(int)]
        measured = [SENSES[sense].compute_statistics(material.dataset.preprocessed(sense, int(row))) for row in some]
        if names := SENSES[sense].statistics:
            ends = {name: np.quantile([each[name] for each in measured], _ends()) for name in names}
            ranges[sense] = {name: (round(float(low), 3), round(float(high), 3)) for name, (low, high) in ends.items()}
    return ranges


def groups_seen(material: DataSplit) -> str:
    """A sentence: how many examples were held out, from how many speakers, patients or sites."""
    learned = material.dataset.table.take(material.rows)
    return describe_groups_seen(learned, material.judges.table.take(material.held_out))


def _ends() -> tuple[float, float]:
    return (1 - USUAL) / 2, (1 + USUAL) / 2

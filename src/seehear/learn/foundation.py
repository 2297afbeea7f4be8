"""What the figures of a recogniser rest on, and what is usual among the examples that it learned from."""

from __future__ import annotations

import numpy as np

from seehear.learn.material import Material
from seehear.runtime.difference import USUAL
from seehear.senses import SENSES
from seehear.table.foundation import rests_on

MOST_MEASURED = 500  # examples; a fiftieth of them lies beyond either end of what is usual
FEWEST = 30  # below which nobody knows what is usual

Ranges = dict[str, dict[str, tuple[float, float]]]


def usual(material: Material) -> Ranges:
    """By sense and statistic, between which values the examples learned from lie, but a few at either end."""
    ranges: Ranges = {}
    for sense in material.shelf.recipe.senses:
        rows = material.rows[material.shelf.having(sense)[material.rows]]
        if len(rows) < FEWEST:
            continue
        some = rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST_MEASURED)).round().astype(int)]
        measured = [SENSES[sense].measured(material.shelf.prepared(sense, int(row))) for row in some]
        if names := SENSES[sense].statistics:
            ends = {name: np.quantile([each[name] for each in measured], _ends()) for name in names}
            ranges[sense] = {name: (round(float(low), 3), round(float(high), 3)) for name, (low, high) in ends.items()}
    return ranges


def foundation(material: Material) -> str:
    """Whom and what the figures rest on, in a sentence."""
    learned = material.shelf.table.take(material.rows)
    return rests_on(learned, material.judges.table.take(material.held_out))


def _ends() -> tuple[float, float]:
    return (1 - USUAL) / 2, (1 + USUAL) / 2

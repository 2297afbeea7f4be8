"""What a network learns from, and what judges it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seehear.amounts import counted
from seehear.answers import ANSWERS
from seehear.answers.selective import achievable_risk, effective_items, held_out_needed
from seehear.errors import DataError
from seehear.events import Listener, Said
from seehear.learn.data.cache import DatasetCache
from seehear.recipe import Recipe
from seehear.runtime.prediction import share, wish
from seehear.table import RowProblem, Table, split

FEWEST = 2  # examples to learn from, to judge by, and of each sense


@dataclass(frozen=True)
class DataSplit:
    """Rows of a shelf to learn from, and rows of the same or another shelf to judge by."""

    dataset: DatasetCache
    rows: NDArray[np.int64]
    judges: DatasetCache
    held_out: NDArray[np.int64]

    @property
    def problems(self) -> tuple[RowProblem, ...]:
        return self.dataset.problems + (self.judges.problems if self.judges is not self.dataset else ())


def gather(table: Table, val: Table | None, recipe: Recipe, run: Path, listen: Listener) -> DataSplit:
    """Decode what is to be learned from and what is to judge it: `val`, or a part held out of the table."""
    dataset = DatasetCache.fill(table, recipe, run / "train", listen=listen)
    if val is not None:
        judges = DatasetCache.fill(val, recipe, run / "val", listen=listen)
        rows, held_out = np.arange(len(dataset)), np.arange(len(judges))
    else:
        parts = split(
            dataset.table,
            recipe.training.held_out,
            seed=recipe.training.seed,
            stratum=ANSWERS[recipe.kind].stratum,
        )
        listen(Said(parts.notes))
        judges, rows, held_out = dataset, parts.train, parts.held_out
    if len(held_out) < FEWEST or len(rows) < FEWEST:
        raise DataError(
            f"{counted(len(rows), 'example')} to learn from and {len(held_out)} to judge by are too few",
            where=str(table.root),
            allowed=f"at least {FEWEST} of each; some tens are better",
            hint="add examples",
        )
    if recipe.wrong_at_most is not None and (said := _too_few(judges, held_out, recipe.wrong_at_most)):
        listen(Said(said))
    for sense in recipe.senses:
        if (having := int(dataset.has_sense(sense)[rows].sum())) < FEWEST:
            raise DataError(
                f"{having} of the {len(rows):,} examples to learn from have {sense}",
                where=str(table.root),
                allowed=f"at least {FEWEST}; some tens are better",
                hint=f"add some, or leave {sense} out with --senses",
            )
    return DataSplit(dataset, rows, judges, held_out)


def _too_few(judges: DatasetCache, held_out: NDArray[np.int64], wrong_at_most: float) -> str:
    """Said before learning, so that nobody waits for a recogniser that can only say that it does not know; "" where
    enough are held out for what was asked."""
    cells = judges.table.take(held_out.tolist()).answers()
    independents = sum(effective_items(judges.kind.items_in(cell)) for cell in cells)
    if independents >= held_out_needed(wrong_at_most):
        return ""
    least = share(achievable_risk(independents), math.ceil)
    return (
        f'{len(held_out):,} held out are too few for any answer but "I don\'t know": '
        f"{math.ceil(held_out_needed(wrong_at_most) * len(held_out) / max(independents, 1)):,} are needed "
        f"to vouch for {wish(wrong_at_most)} wrong at most; {least} is the least that {len(held_out):,} can vouch for "
        f"(--wrong-at-most {least.replace(' ', '')}; without it, the least is promised that can be)"
    )

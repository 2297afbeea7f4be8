"""The examples to train on, and those held out for calibration and evaluation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seehear.amounts import format_exact_percent, format_probability
from seehear.answers import ANSWERS
from seehear.answers.selective import achievable_risk, effective_items, held_out_needed
from seehear.errors import DataError
from seehear.events import Listener, Notice
from seehear.learn.data.cache import DatasetCache
from seehear.recipe import Recipe
from seehear.table import RowProblem, Table
from seehear.table import split as split_rows

FEWEST = 2  # examples to train on, held out, and with each sense


@dataclass(frozen=True)
class DataSplit:
    """Rows to train on, and rows held out: from the same dataset or from a separate one."""

    train: DatasetCache
    train_rows: NDArray[np.int64]
    val: DatasetCache
    val_rows: NDArray[np.int64]

    @property
    def problems(self) -> tuple[RowProblem, ...]:
        return self.train.problems + (self.val.problems if self.val is not self.train else ())


def load_split(table: Table, val: Table | None, recipe: Recipe, run: Path, listen: Listener) -> DataSplit:
    """Decode the examples and split them. Without `val`, a part of the table is held out.

    Raises DataError if there are too few examples in total, or with one of the senses.
    """
    train = DatasetCache.build(table, recipe, run / "train", listen=listen)
    if val is not None:
        held_out = DatasetCache.build(val, recipe, run / "val", listen=listen)
        split = DataSplit(train, np.arange(len(train)), held_out, np.arange(len(held_out)))
    else:
        parts = split_rows(
            train.table,
            recipe.training.held_out,
            seed=recipe.training.seed,
            stratum=ANSWERS[recipe.kind].stratum,
        )
        listen(Notice(parts.notes))
        split = DataSplit(train, parts.train, train, parts.held_out)
    _check_size(split, recipe, where=str(table.root))
    if recipe.wrong_at_most is not None and (warning := _warn_too_few(split, recipe.wrong_at_most)):
        listen(Notice(warning))
    return split


def _check_size(split: DataSplit, recipe: Recipe, where: str) -> None:
    rows, held_out = len(split.train_rows), len(split.val_rows)
    if held_out < FEWEST or rows < FEWEST:
        raise DataError(
            f"too few examples: {rows:,} to train on and {held_out:,} held out",
            where=where,
            allowed=f"at least {FEWEST} of each; a few dozen are better",
            hint="add examples",
        )
    for sense in recipe.senses:
        if (having := int(split.train.has_sense(sense)[split.train_rows].sum())) < FEWEST:
            raise DataError(
                f"only {having} of {rows:,} training examples have {sense}",
                where=where,
                allowed=f"at least {FEWEST}; a few dozen are better",
                hint=f"add some, or leave {sense} out with --senses",
            )


def _warn_too_few(split: DataSplit, wrong_at_most: float) -> str:
    """A warning before training if the held-out examples are too few to accept any answer; "" if they suffice."""
    rows, noun = split.val_rows, "held-out examples"
    if split.val is split.train and split.train.recipe.training.folds:
        rows, noun = np.concatenate([split.train_rows, rows]), "examples"  # cross-fitting uses all of them
    held_out = len(rows)
    cells = split.val.table.take(rows.tolist()).answers()
    effective = sum(effective_items(split.val.kind.count_items(cell)) for cell in cells)
    if effective >= held_out_needed(wrong_at_most):
        return ""
    achievable = format_probability(achievable_risk(effective), math.ceil)
    needed = math.ceil(held_out_needed(wrong_at_most) * held_out / max(effective, 1))
    return (
        f"{held_out:,} {noun} are too few to guarantee at most {format_exact_percent(wrong_at_most)} wrong, "
        f'so every answer is "I don\'t know". That takes {needed:,}. With {held_out:,}, {achievable} is achievable: '
        f"--wrong-at-most {achievable.replace(' ', '')}, or leave the flag out to get the lowest achievable share"
    )

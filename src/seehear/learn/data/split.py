"""The examples to train on, and those held out for calibration and evaluation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seehear.amounts import format_count, format_exact_percent, format_probability
from seehear.answers import ANSWERS
from seehear.answers.prediction_sets import held_out_for, require_prediction_sets
from seehear.answers.selective import achievable_risk, effective_items, held_out_needed
from seehear.errors import DataError, UsageError
from seehear.events import Listener, Notice
from seehear.learn.data.cache import DatasetCache
from seehear.measure.binning import group_rows
from seehear.planning.columns import require_column
from seehear.recipe import Promise, Recipe
from seehear.table import RowProblem, Table
from seehear.table import split as split_rows

MOST_ITEMS = 1e6  # of one example; neighbouring pixels count as unlimited
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
    if recipe.promise is not None:
        _check_promise(split, recipe.promise, where=str(table.root))
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


def _check_promise(split: DataSplit, promise: Promise, where: str) -> None:
    """Raises UsageError if too few examples calibrate to promise this coverage, even if no set misses anything."""
    sets = require_prediction_sets(split.val.kind, split.val.recipe.answer)
    rows, noun = _calibrating(split)
    table, kind = split.val.table.take(rows.tolist()), split.val.kind
    parts = {"": np.arange(len(rows))}
    if promise.each_group:
        column = require_column(split.val.table, promise.each_group)
        parts = group_rows(column, table.metadata_column(column))
    elif promise.each_class and kind.items is None:  # of boxes and pixels, examples have several classes
        strata = [kind.stratum(cell) for cell in table.answers()]
        parts = {name: np.flatnonzero(np.array(strata) == name) for name in sets.classes(split.val.recipe.answer)}
    things = np.array([min(kind.count_items(cell), MOST_ITEMS) for cell in table.answers()])
    needed = held_out_for(promise.coverage)
    counts = {name: int(things[own].sum()) for name, own in parts.items()}
    few = {name: count for name, count in counts.items() if count < needed}
    if not few:
        return
    name, count = min(few.items(), key=lambda each: each[1])
    whose = f" of '{name}'" if name else ""
    others = f", nor those of {format_count(len(few) - 1, 'other')}" if len(few) > 1 else ""
    share = len(rows) / (len(split.train_rows) + len(split.val_rows))
    more = format_count(math.ceil((needed - count) / share), "more example")
    raise UsageError(
        f"{count:,} {noun}{whose} cannot promise a coverage of {format_exact_percent(promise.coverage)}{others}",
        where=where,
        allowed=f"{needed:,} or more",
        hint=f"add about {more}{whose}, of which {share:.0%} calibrate, or ask for less",
    )


def _calibrating(split: DataSplit) -> tuple[NDArray[np.int64], str]:
    """The rows that calibrate, and what they are called."""
    if split.val is split.train and split.train.recipe.training.folds:
        return np.concatenate([split.train_rows, split.val_rows]), "examples"  # cross-fitting uses all of them
    return split.val_rows, "held-out examples"


def _warn_too_few(split: DataSplit, wrong_at_most: float) -> str:
    """A warning before training if the held-out examples are too few to accept any answer; "" if they suffice."""
    rows, noun = _calibrating(split)
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

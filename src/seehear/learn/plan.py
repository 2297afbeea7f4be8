"""The plan: from a table and a budget to a recipe, before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from seehear.answers import ANSWERS
from seehear.errors import DataError, InputError, UsageError
from seehear.learn.machine import EFFICIENCY
from seehear.recipe import Recipe, Training
from seehear.runtime.session import threads
from seehear.senses import SENSES
from seehear.table import Row, Table

LOOKED_AT = 600  # examples that the plan reads
BATCHES_WANTED = 24  # in one pass, at least, before a batch grows
BATCH_RANGE = (32, 256)
LEARNING_RATE = 0.004
HELD_OUT = (0.1, 5000)  # the share of examples that judges, and how many are enough
FUSED_WIDTH = 160

SHORTEST_MIN, LONGEST_MIN = 2.0, 60.0


@dataclass(frozen=True)
class Budget:
    """What may be spent: minutes of a machine that does so many GFLOP/s, or a number of steps."""

    minutes: float | None
    steps: int | None
    seed: int
    gigaflops: float
    precision: str
    wrong_at_most: float

    def __post_init__(self) -> None:
        if self.minutes is not None and not 0 < self.minutes < 60 * 24 * 30:
            raise UsageError(f"--minutes {self.minutes:g}", allowed="more than 0, at most a month")
        if self.steps is not None and self.steps < 1:
            raise UsageError(f"--steps {self.steps}", allowed="1 or more")


def plan(table: Table, budget: Budget) -> Recipe:
    """Read some examples and derive the rest. Raises DataError for data that cannot be learned from."""
    if table.kind is None:
        raise DataError("the table has no answers", where=str(table.root), hint="add a column such as 'label'")
    kind = ANSWERS[table.kind]
    _check_supported(table)
    answer = kind.plan(table.answers(), table.answer_column or table.kind)
    facts, strata = look(table, budget.seed)
    minutes = budget.minutes or _minutes_for(len(table))
    gigaflop = minutes * 60 * budget.gigaflops * EFFICIENCY / len(table.senses)
    senses = {name: SENSES[name].plan(facts[name], strata[name], len(table), gigaflop) for name in table.senses}
    return Recipe(
        senses=senses,
        kind=table.kind,
        answer=answer,
        width=FUSED_WIDTH if len(senses) > 1 else next(iter(senses.values())).cell_width,
        training=Training(
            minutes=minutes,
            steps=budget.steps,
            seed=budget.seed,
            batch=int(np.clip(2 ** int(np.log2(max(len(table) / BATCHES_WANTED, 1))), *BATCH_RANGE)),
            learning_rate=LEARNING_RATE,
            precision=budget.precision,
            held_out=float(min(HELD_OUT[0], HELD_OUT[1] / len(table))),
        ),
        wrong_at_most=budget.wrong_at_most,
    )


def look(table: Table, seed: int) -> tuple[dict[str, list[Mapping[str, Any]]], dict[str, list[str]]]:
    """What each sense says of some examples, and the classes of those, by sense.

    Raises DataError where nothing can be read, or where all that can be read is constant.
    """
    chosen = np.random.default_rng(seed).permutation(len(table))[:LOOKED_AT]
    rows = list(table.take(np.sort(chosen)))
    kind = ANSWERS[table.kind or ""]
    facts: dict[str, list[Mapping[str, Any]]] = {name: [] for name in table.senses}
    strata: dict[str, list[str]] = {name: [] for name in table.senses}
    refused = ""
    with ThreadPoolExecutor(threads()) as pool:
        for row, (found, error) in zip(rows, pool.map(_facts, rows), strict=True):
            refused = refused or error
            for name, fact in found.items():
                facts[name].append(fact)
                strata[name].append(kind.stratum(row.answer or ""))
    for name, seen in facts.items():
        if not seen:
            raise DataError(f"no {name} among {len(rows):,} examples can be read; the first: {refused}")
        if all(fact["constant"] for fact in seen):
            raise DataError(f"every {name} looked at ({len(seen):,}) is constant: nothing can be learned from it")
    return facts, strata


def _facts(row: Row) -> tuple[dict[str, Mapping[str, Any]], str]:
    """Facts by sense, and why a sense could not be read."""
    found: dict[str, Mapping[str, Any]] = {}
    error = ""
    for name, path in row.inputs.items():
        try:
            found[name] = SENSES[name].facts(SENSES[name].read(path))
        except InputError as refused:
            error = str(refused)
    return found, error


def _check_supported(table: Table) -> None:
    kind, wanted = ANSWERS[table.kind or ""], frozenset(table.senses)
    if wanted not in kind.senses:
        pairs = "; ".join(f"{name} by {_by(senses)}" for name, k in ANSWERS.items() for senses in k.senses)
        raise UsageError(f"{kind.name} by {_by(wanted)} is not supported", allowed=pairs)


def _by(senses: frozenset[str]) -> str:
    return " + ".join(name for name in SENSES if name in senses)


def _minutes_for(examples: int) -> float:
    """Where nobody says: 2 minutes for a hundred examples, 5 for two thousand, 25 for fifty thousand."""
    return float(np.clip(round(2 + np.sqrt(examples / 100), 1), SHORTEST_MIN, LONGEST_MIN))

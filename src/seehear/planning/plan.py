"""The plan: from a table and a budget to a recipe, before anything is trained."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from seehear.amounts import counted
from seehear.answers import ANSWERS, AnswerKind
from seehear.answers.selective import USUAL, effective_items, held_out_needed
from seehear.errors import DataError, InputError, UsageError
from seehear.recipe import SEEDS, Recipe, Training, opaque
from seehear.runtime.session import threads
from seehear.senses import SENSES, time_aligned
from seehear.senses.model_sizing import SizingInputs
from seehear.table import Row, Table

LOOKED_AT = 600  # examples that the plan reads
BATCHES_WANTED = 24  # in one pass, at least, before a batch grows
BATCH_RANGE = (32, 256)
BATCH_S = 240.0  # of what lasts, in one batch: the largest network needs 4 GB for it in fp32
BATCH_STEP, FEWEST_TOGETHER = 8, 4  # examples: half and a quarter of a batch are even numbers, too
BATCH_RANGE_OF_PLACES, BATCH_NUMBERS = (4, 32), 5e6  # pictures are large, and every part of one is an example
LEARNING_RATE = 0.004
USUAL_GIGAFLOPS = 72.0  # of two cores in fp32
REACHED = 0.5  # of the rate of a small network, by most networks with all that a step takes besides
MOST_TIMED = 3  # networks that are timed to find the one that fits
HELD_OUT = (0.1, 5000)  # the share of examples that judges, and how many are enough
ROOM, MOST_HELD_OUT = 1.1, 0.25  # of few: more than vouch for the wish, but no larger a share
FUSED_WIDTH = 160  # where cells of several senses attend to each other

SHORTEST_MIN, LONGEST_MIN = 2.0, 60.0


@dataclass(frozen=True)
class Wishes:
    """What the person asked for; None leaves it to the plan, or to the recipe that they gave."""

    minutes: float | None = None
    steps: int | None = None
    seed: int | None = None
    wrong_at_most: float | None = None

    def __post_init__(self) -> None:
        if self.minutes is not None and not 0 < self.minutes < 60 * 24 * 30:
            raise UsageError(f"--minutes {self.minutes:g}", allowed="more than 0, at most a month")
        if self.steps is not None and self.steps < 1:
            raise UsageError(f"--steps {self.steps}", allowed="1 or more")
        if self.seed is not None and not 0 <= self.seed < SEEDS:
            raise UsageError(f"--seed {self.seed}", allowed=f"0 to {SEEDS - 1}")
        if self.wrong_at_most is not None and not 0 < self.wrong_at_most < 1:
            raise UsageError(
                f"wrong_at_most is {self.wrong_at_most:g}", allowed="more than 0, less than 1: 0.02 is 2 %"
            )


@dataclass(frozen=True)
class Machine:
    """What it can do, as measured.

    gigaflops   GFLOP/s at which a small convolutional network learns
    step_s      seconds of one training step of the very network of a recipe, on examples of a table
    """

    gigaflops: float
    step_s: Callable[[Recipe, Table], float] | None = None


def adopt(recipe: Recipe, table: Table, wishes: Wishes) -> Recipe:
    """A person's own recipe with their wishes. Raises UsageError where it is not for this table."""
    if recipe.kind != table.kind or not set(recipe.senses) <= set(table.senses):
        raise UsageError(
            f"the recipe answers {recipe.kind} by {' + '.join(recipe.senses)}",
            where=str(table.root),
            allowed=f"{table.kind} by {' + '.join(table.senses)}, as the table has it",
            hint="make a recipe for it with `seehear plan`",
        )
    kind = ANSWERS[recipe.kind]
    if kind.auxiliary_target("", recipe.answer) and table.auxiliary() is None:
        raise UsageError(
            f"the recipe is learned with a column such as {kind.auxiliary_columns[0]!r}, which the table lacks",
            where=str(table.root),
            hint="add it, or make a recipe for the table as it is with `seehear plan`",
        )
    wished = {name: getattr(wishes, name) for name in ("minutes", "steps", "seed")}
    wished = {name: value for name, value in wished.items() if value is not None}
    if "minutes" in wished:
        wished.setdefault("steps", None)
    training = recipe.training.model_copy(update=wished)
    answer = recipe.answer
    if unsaid := opaque(answer) - answer.model_fields_set:
        planned = kind.plan(table.answers(), table.answer_column or recipe.kind, table.auxiliary())
        answer = type(answer)(**{**answer.model_dump(), **{name: getattr(planned, name) for name in unsaid}})
    return recipe.model_copy(
        update={
            "training": training,
            "answer": answer,
            "wrong_at_most": wishes.wrong_at_most or recipe.wrong_at_most,
        }
    )


def plan(table: Table, wishes: Wishes, machine: Machine) -> Recipe:
    """Read some examples and derive the rest. Raises DataError for data that cannot be learned from."""
    kind = _supported(table)
    answers = table.answers()
    answer = kind.plan(answers, table.answer_column or kind.name, table.auxiliary())
    facts, strata = look(table, wishes.seed or 0)
    minutes = wishes.minutes or _minutes_for(len(table))
    held_out = _held_out(answers, kind, wishes.wrong_at_most)

    def sized(gigaflops: float) -> Recipe:
        """For networks that learn at this rate."""
        senses = _senses(table, facts, strata, minutes * 60 * gigaflops / len(table.senses))
        return Recipe(
            senses=senses,
            kind=kind.name,
            answer=answer,
            width=_width(senses),
            training=Training(
                minutes=minutes,
                steps=wishes.steps,
                seed=wishes.seed or 0,
                batch=_batch(len(table), _duration_s(facts))
                if kind.output_stride_px is None
                else _batch_of_places(senses),
                learning_rate=LEARNING_RATE,
                held_out=held_out,
            ),
            wrong_at_most=wishes.wrong_at_most,
        )

    if wishes.steps is not None:  # such a run must be the same on every day, so for a machine of the usual rate
        return sized(USUAL_GIGAFLOPS)
    recipe = sized(machine.gigaflops * REACHED)
    return recipe if machine.step_s is None else _resized(recipe, table, facts, machine.step_s, sized)


def _senses(
    table: Table,
    facts: Mapping[str, Sequence[Mapping[str, Any]]],
    strata: Mapping[str, Sequence[str]],
    gigaflop: float,
) -> dict[str, Any]:
    """A Spec for each sense, each of which may spend this much work."""
    kind = ANSWERS[table.kind or ""]
    return {
        name: SENSES[name].plan(
            SizingInputs(
                facts[name],
                strata[name],
                len(table),
                gigaflop,
                requires_full_input=kind.requires_full_input,
                output_stride_px=kind.output_stride_px,
                has_aligned_sense=time_aligned(table.senses),
                steps_per_epoch=0
                if kind.output_stride_px is not None
                else len(table) // _batch(len(table), _duration_s(facts)),
            )
        )
        for name in table.senses
    }


def _resized(
    recipe: Recipe,
    table: Table,
    facts: Mapping[str, Sequence[Mapping[str, Any]]],
    step_s: Callable[[Recipe, Table], float],
    sized: Callable[[float], Recipe],
) -> Recipe:
    """The recipe for the rate at which its very network learns, with its optimiser, its augmentation and its fusion.

    Another rate may ask for another network, which is timed in turn. A smaller one has a lower rate, as what does not
    shrink with it weighs more; so sizes fall until they fit.
    """
    timed: list[list[str]] = []
    while (sizes := [str(spec) for spec in recipe.senses.values()]) not in timed and len(timed) < MOST_TIMED:
        timed.append(sizes)
        work = sum(spec.step_gigaflop(_mean_s(facts[name])) for name, spec in recipe.senses.items())  # type: ignore[attr-defined]
        recipe = sized(work * recipe.training.batch / step_s(recipe, table))
    return recipe


def _held_out(answers: Sequence[str], kind: AnswerKind, wrong_at_most: float | None) -> float:
    """The share that judges: larger where there are few things to accept, as it takes some to vouch for a share of
    errors."""
    share, enough = HELD_OUT
    usual = min(share, enough / len(answers))
    each = float(np.mean([effective_items(kind.items_in(cell)) for cell in answers[:: -(-len(answers) // LOOKED_AT)]]))
    wanted = math.ceil(ROOM * held_out_needed(wrong_at_most or USUAL) / max(each, 1 / len(answers)))
    return max(usual, min(MOST_HELD_OUT, wanted / len(answers)))


def _batch(examples: int, duration_s: float) -> int:
    usual = int(np.clip(2 ** int(np.log2(max(examples / BATCHES_WANTED, 1))), *BATCH_RANGE))
    if not duration_s:
        return usual
    return max(min(usual, int(BATCH_S / duration_s) // BATCH_STEP * BATCH_STEP), FEWEST_TOGETHER)


def _duration_s(facts: Mapping[str, Sequence[Mapping[str, Any]]]) -> float:
    """The mean length of an example, by its longest sense; 0 where none is of time."""
    return max(map(_mean_s, facts.values()))


def _mean_s(facts: Sequence[Mapping[str, Any]]) -> float:
    """How long a sense lasts on average; 0 for pictures."""
    return float(np.mean([fact.get("seconds", 0.0) for fact in facts]))


def _batch_of_places(senses: Mapping[str, Any]) -> int:
    """As many as hold BATCH_NUMBERS together."""
    one = [array for name, spec in senses.items() for array in SENSES[name].collate([None], spec).values()]
    return int(
        np.clip(2 ** int(np.log2(max(BATCH_NUMBERS / sum(array.size for array in one), 1))), *BATCH_RANGE_OF_PLACES)
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
            others = [other for other, read in facts.items() if read]
            hint = f"leave it out with --senses {','.join(others)}" if others else ""
            raise DataError(
                f"no {name} among {counted(len(rows), 'example')} can be read; the first: {refused}", hint=hint
            )
        if all(fact["constant"] for fact in seen):
            raise DataError(f"every {name} looked at ({len(seen):,}) is constant: nothing can be learned from it")
    return facts, strata


def _facts(row: Row) -> tuple[dict[str, Mapping[str, Any]], str]:
    """Facts by sense, and why a sense could not be read."""
    found: dict[str, Mapping[str, Any]] = {}
    error = ""
    for name, source in row.inputs.items():
        try:
            found[name] = SENSES[name].summarise(SENSES[name].read(source))
        except InputError as refused:
            error = str(refused)
    return found, error


def _width(senses: Mapping[str, Any]) -> int:
    """Of the cells that the head reads: of senses in time, which are added, that of the widest."""
    widest = max(int(spec.cell_width) for spec in senses.values())
    return widest if len(senses) == 1 or time_aligned(senses) else FUSED_WIDTH


def _supported(table: Table) -> AnswerKind:
    """The kind of its answers. Raises UsageError where its senses do not tell it."""
    kind, wanted = ANSWERS[table.kind or ""], frozenset(table.senses)
    if wanted not in kind.senses:
        pairs = "; ".join(f"{name} by {_by(senses)}" for name, k in ANSWERS.items() for senses in k.senses)
        fewer = max((senses for senses in kind.senses if senses < wanted), key=len, default=None)
        hint = f"--senses {','.join(sorted(fewer, key=list(SENSES).index))}" if fewer else ""
        raise UsageError(f"{kind.name} by {_by(wanted)} is not supported", allowed=pairs, hint=hint)
    return kind


def _by(senses: frozenset[str]) -> str:
    return " + ".join(name for name in SENSES if name in senses)


def _minutes_for(examples: int) -> float:
    """Where nobody says: 2 minutes for a hundred examples, 5 for two thousand, 25 for fifty thousand."""
    return float(np.clip(round(2 + np.sqrt(examples / 100), 1), SHORTEST_MIN, LONGEST_MIN))

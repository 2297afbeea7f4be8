"""The plan: from a table and a time budget to a recipe, before anything is trained."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np

from seehear.answers import ANSWERS, AnyKind
from seehear.answers.prediction_sets import held_out_for
from seehear.answers.selective import DEFAULT_RISK, effective_items, held_out_needed
from seehear.errors import UsageError
from seehear.planning.columns import require_column
from seehear.planning.inspection import SenseSample, inspect_inputs
from seehear.planning.options import TrainOptions
from seehear.planning.speech import ChooseDecoder, SpeechPlanner, limit_batch
from seehear.planning.starts import StartChoice, choose_starts, is_automatic
from seehear.recipe import Alternative, Folds, Promise, Recipe, Training
from seehear.senses import SENSES, time_aligned
from seehear.senses.model_sizing import SizingInputs
from seehear.table import Table

BATCHES_WANTED = 24  # in an epoch, before batches grow
BATCH_RANGE = (32, 256)
BATCH_S = 240.0  # total duration of the inputs in time: the largest network needs 4 GB for it in float32
BATCH_STEP, FEWEST_TOGETHER = 8, 4  # examples; half and a quarter of a batch are even numbers, too
SPATIAL_BATCH_RANGE, BATCH_VALUES = (
    (4, 32),
    5e6,
)  # for answers that give positions: each part of a picture is an example
LEARNING_RATE, PRETRAINED_LEARNING_RATE = 0.004, 0.001
USUAL_GIGAFLOPS = 72.0  # of two cores in float32
REACHED = 0.5  # share of the speed of a small network that most networks reach in a whole training step
MOST_TIMED = 3  # networks, to find one that fits the time
MIN_TIMED_MINUTES = 0.5  # with less time for all of the training, timing networks would take too much of it
HELD_OUT = (0.1, 5000)  # share of the examples held out, and the number that is enough
MARGIN, MOST_HELD_OUT = 1.1, 0.25  # for small tables: times the number needed for the guarantee, and the largest share
FOLDS: Folds = 3  # for cross-fitting
FOLD_STEPS = 60  # the fewest steps for which each of its networks must have time
CROSS_FITTED = (200, 2000)  # examples: from fewer, each network would learn too little; of more, enough are held out
MANY = 2000  # examples; with so many, a network with random weights may be better than a pretrained one
FULL_SHARES = (2 / 3, 1 / 3)  # of the time, for both of them, if they are compared after training
EARLY_SHARES = (1 / 7, 1 / 7)  # if they are compared early
EARLY_STEPS = 70  # the fewest after which a comparison predicts which of them will be better
HELD_OUT_SAMPLE = 600  # cells, to estimate the items in an answer
FUSED_WIDTH = 160  # channels, if cells of several senses attend to each other
SHORTEST_MIN, LONGEST_MIN = 2.0, 60.0


@dataclass(frozen=True)
class Machine:
    """The training speed of a machine, measured.

    gigaflops   GFLOP/s of training a small convolutional network
    step_s      seconds of one training step of a recipe's own network on examples of a table
    """

    gigaflops: float
    step_s: Callable[[Recipe, Table], float] | None = None


def plan_recipe(
    table: Table,
    options: TrainOptions,
    measure_machine: Callable[[], Machine],
    choose_decoder: ChooseDecoder = lambda start, table: None,
) -> Recipe:
    """Inspect some examples and derive a recipe. Raises DataError for data that cannot be trained on.

    With many examples, or for answers with positions, random weights may be better than a pretrained encoder; the
    recipe then has an alternative.

    measure_machine  called only if the plan depends on it, and after the data has been found suitable
    """
    kind = _supported_kind(table)
    choice = choose_starts(options.start, table.senses, kind)
    speech = SpeechPlanner(table, choose_decoder)
    planner = _NetworkPlanner(
        table,
        options,
        answer=kind.plan(table.answers(), table.answer_column or kind.name, table.auxiliary()),
        samples=inspect_inputs(table, options.seed or 0),
        held_out=choose_held_out_share(table.answers(), kind, options.wrong_at_most, options.promise),
        speech=speech,
        measure_machine=cache(measure_machine),
    )
    minutes = options.minutes or choose_minutes(len(table))
    planned = planner.plan(minutes, choice if kind.decoding is None else speech.drop_unsuitable(choice))
    if not is_automatic(options.start) or options.steps is not None:
        return planned.recipe
    shares = _choose_shares(planned, len(table))
    if shares is None:
        return planned.recipe
    pretrained, share = shares
    random = planner.plan(minutes * (1 - pretrained), StartChoice()).recipe
    alternative = Alternative(
        senses=random.senses,
        width=random.width,
        batch=random.training.batch,
        learning_rate=random.training.learning_rate,
        pretrained_share=pretrained,
        share=share,
    )
    return planned.recipe.model_copy(update={"alternative": alternative})


class Planned(NamedTuple):
    """A recipe, and the number of steps for which there is time."""

    recipe: Recipe
    steps: float


def _choose_shares(planned: Planned, examples: int) -> tuple[float, float] | None:
    """The shares of the time for the chosen start and for random weights, before they are compared.

    None where random weights are not expected to be better, or there is no time to find out.
    """
    recipe, kind = planned.recipe, ANSWERS[planned.recipe.kind]
    if not recipe.starts or kind.decoding is not None:
        return None
    if kind.spatial is not None:
        return EARLY_SHARES if min(EARLY_SHARES) * planned.steps >= EARLY_STEPS else None
    enough = examples >= MANY and min(FULL_SHARES) * recipe.training.minutes >= MIN_TIMED_MINUTES
    return FULL_SHARES if enough else None


@dataclass(frozen=True)
class _NetworkPlanner:
    """Plans networks for a table whose inputs and answers were inspected."""

    table: Table
    options: TrainOptions
    answer: Any
    samples: Mapping[str, SenseSample]
    held_out: float
    speech: SpeechPlanner
    measure_machine: Callable[[], Machine]

    def plan(self, minutes: float, choice: StartChoice) -> Planned:
        """A recipe for this many minutes, without an alternative."""
        plan_for = partial(self._plan_for, minutes, choice)
        if self.options.steps is not None:  # such a run must repeat exactly, so it is planned for the same machine
            return plan_for(USUAL_GIGAFLOPS)
        machine = self.measure_machine()
        planned = plan_for(machine.gigaflops * REACHED)
        if machine.step_s is None or minutes < MIN_TIMED_MINUTES:
            return planned
        return _fit_to_time(planned, self.table, self.samples, machine.step_s, plan_for)

    def _plan_for(self, minutes: float, choice: StartChoice, gigaflops: float) -> Planned:
        """The recipe for networks that train at this speed."""
        table, samples, options = self.table, self.samples, self.options
        kind = ANSWERS[table.kind or ""]
        senses, starts = _plan_senses(table, samples, minutes * 60 * gigaflops / len(table.senses), choice)
        spec, senses = self.speech.add_decoder(self.answer, senses, starts)
        batch = _batch(len(table), _longest_mean_s(samples)) if kind.spatial is None else _spatial_batch(senses)
        batch = limit_batch(batch, spec)
        steps = minutes * 60 * gigaflops / (_step_gigaflop(senses, samples) * batch)
        steps_each = options.steps or steps / FOLDS
        recipe = Recipe(
            senses=senses,
            kind=kind.name,
            answer=spec,
            width=_width(senses),
            training=Training(
                fair=require_column(self.table, self.options.fair),
                robust=bool(self.options.robust),
                minutes=minutes,
                steps=options.steps,
                seed=options.seed or 0,
                batch=batch,
                learning_rate=PRETRAINED_LEARNING_RATE if starts and kind.spatial is None else LEARNING_RATE,
                held_out=self.held_out,
                folds=choose_folds(len(table), kind, senses, starts, steps_each),
            ),
            starts=starts,
            wrong_at_most=options.wrong_at_most,
            promise=options.promise,
        )
        return Planned(recipe, steps)


def _plan_senses(
    table: Table, samples: Mapping[str, SenseSample], gigaflop: float, choice: StartChoice
) -> tuple[dict[str, Any], dict[str, str]]:
    """A Spec for each sense, each with this much work for the whole training, and the names of their starts."""
    kind = ANSWERS[table.kind or ""]
    steps_per_epoch = 0 if kind.spatial else len(table) // _batch(len(table), _longest_mean_s(samples))
    planned = {
        name: choice.plan(
            name,
            SizingInputs(
                sample.facts,
                sample.strata,
                len(table),
                gigaflop,
                requires_full_input=kind.requires_full_input,
                output_stride_px=kind.output_stride_px,
                has_aligned_sense=time_aligned(table.senses),
                steps_per_epoch=steps_per_epoch,
            ),
        )
        for name, sample in samples.items()
    }
    specs = {name: spec for name, (spec, _) in planned.items()}
    return specs, {name: start.name for name, (_, start) in planned.items() if start is not None}


def _fit_to_time(
    planned: Planned,
    table: Table,
    samples: Mapping[str, SenseSample],
    step_s: Callable[[Recipe, Table], float],
    plan_for: Callable[[float], Planned],
) -> Planned:
    """Plan again for the measured speed of the recipe's own network, with its optimiser, augmentation and fusion.

    Another speed may lead to another network, which is timed in turn. Smaller networks reach fewer GFLOP/s, because
    the rest of a step does not shrink with them. So sizes decrease until one fits.
    """
    timed: list[list[str]] = []
    while (sizes := [str(spec) for spec in planned.recipe.senses.values()]) not in timed and len(timed) < MOST_TIMED:
        timed.append(sizes)
        recipe = planned.recipe
        work = _step_gigaflop(recipe.senses, samples) * recipe.training.batch
        planned = plan_for(work / step_s(recipe, table))
    return planned


def _step_gigaflop(senses: Mapping[str, Any], samples: Mapping[str, SenseSample]) -> float:
    """GFLOP to train on one example once."""
    return float(sum(spec.step_gigaflop(samples[name].mean_s) for name, spec in senses.items()))


def choose_folds(examples: int, kind: AnyKind, senses: Collection[str], starts: Collection[str], steps: float) -> Folds:
    """FOLDS if a few hundred examples fine-tune a pretrained encoder, and each network has enough steps; or else 0."""
    few = CROSS_FITTED[0] <= examples < CROSS_FITTED[1]
    suitable = kind.spatial is None and kind.decoding is None and bool(starts) and len(senses) == 1
    return FOLDS if few and suitable and steps >= FOLD_STEPS else 0


def choose_minutes(examples: int) -> float:
    """2 minutes for a hundred examples, 5 for two thousand, 25 for fifty thousand."""
    return float(np.clip(round(2 + np.sqrt(examples / 100), 1), SHORTEST_MIN, LONGEST_MIN))


def choose_held_out_share(
    answers: Sequence[str], kind: AnyKind, wrong_at_most: float | None, promise: Promise | None = None
) -> float:
    """The share of examples to hold out: larger for small tables, as a guarantee takes a number of held-out items."""
    share, enough = HELD_OUT
    usual = min(share, enough / len(answers))
    sample = answers[:: -(-len(answers) // HELD_OUT_SAMPLE)]
    items_each = float(np.mean([effective_items(kind.count_items(cell)) for cell in sample]))
    promised = max(
        held_out_needed(wrong_at_most or DEFAULT_RISK), 0 if promise is None else held_out_for(promise.coverage)
    )
    needed = math.ceil(MARGIN * promised / max(items_each, 1 / len(answers)))
    return max(usual, min(MOST_HELD_OUT, needed / len(answers)))


def _batch(examples: int, duration_s: float) -> int:
    """The batch size for inputs of this mean duration; 0 for pictures."""
    usual = int(np.clip(2 ** int(np.log2(max(examples / BATCHES_WANTED, 1))), *BATCH_RANGE))
    if not duration_s:
        return usual
    return max(min(usual, int(BATCH_S / duration_s) // BATCH_STEP * BATCH_STEP), FEWEST_TOGETHER)


def _spatial_batch(senses: Mapping[str, Any]) -> int:
    """The batch size for answers that give positions: as many examples as have BATCH_VALUES values."""
    arrays = [array for name, spec in senses.items() for array in SENSES[name].collate([None], spec).values()]
    fitting = max(BATCH_VALUES / sum(array.size for array in arrays), 1)
    return int(np.clip(2 ** int(np.log2(fitting)), *SPATIAL_BATCH_RANGE))


def _longest_mean_s(samples: Mapping[str, SenseSample]) -> float:
    """Mean duration of the longest sense; 0 if there are only pictures."""
    return max(sample.mean_s for sample in samples.values())


def _width(senses: Mapping[str, Any]) -> int:
    """Channels of the cells that the head reads. Aligned senses are added, so the widest decides."""
    widest = max(int(spec.cell_width) for spec in senses.values())
    return widest if len(senses) == 1 or time_aligned(senses) else FUSED_WIDTH


def _supported_kind(table: Table) -> AnyKind:
    """The kind of the table's answers. Raises UsageError if it cannot be predicted from the table's senses."""
    kind, wanted = ANSWERS[table.kind or ""], frozenset(table.senses)
    if wanted not in kind.senses:
        pairs = "; ".join(f"{name} from {_list_senses(senses)}" for name, k in ANSWERS.items() for senses in k.senses)
        fewer = max((senses for senses in kind.senses if senses < wanted), key=len, default=None)
        hint = f"--senses {','.join(sorted(fewer, key=list(SENSES).index))}" if fewer else ""
        raise UsageError(f"{kind.name} from {_list_senses(wanted)} is not supported", allowed=pairs, hint=hint)
    return kind


def _list_senses(senses: frozenset[str]) -> str:
    return " + ".join(name for name in SENSES if name in senses)

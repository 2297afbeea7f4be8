"""Tries several recipes, keeps the one that is best on held-out examples, and measures it on others.

The choice flatters what is chosen. So the held-out part is nested: one part is for the choice only, and another, which
the choice never sees, calibrates the model and says how good it is. See docs/decisions/093-tries.md.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from seehear.amounts import format_count, format_duration
from seehear.answers import ANSWERS
from seehear.datasets import TrainingData
from seehear.effects import Tries, Try
from seehear.errors import DataError, TrainingError
from seehear.events import Advanced, Event, Finished, Listener, Notice, Started
from seehear.files import write_atomically
from seehear.folders import delete
from seehear.learn.alternative import train_best
from seehear.learn.calibrate.card import render_model_card
from seehear.learn.calibrate.recalibrate import recalibrate
from seehear.learn.loop.machine import choose_device
from seehear.learn.model.pretrained import Pretrained
from seehear.learn.provenance import describe_origin
from seehear.learn.run_directory import record_start
from seehear.planning.options import TrainOptions
from seehear.recipe import Recipe, used_key
from seehear.runtime.bundle import Bundle, read_bundle, write_bundle
from seehear.table import RowProblem, Table
from seehear.table import split as split_rows

TASK = "trying recipes"
MODEL, PROBLEMS, RUN = "tried.seehear", "problems.json", "run"  # in the folder of a try
MEASURING = 0.05  # share of the time that is left for measuring the best
FEWEST = 2  # examples of each part


@dataclass(frozen=True)
class Trial:
    """Recipes to try on the same examples.

    data    of which `val` is for the choice only
    folder  that all processes can reach, for what each try leaves
    """

    data: TrainingData
    recipes: tuple[Recipe, ...]
    start: Pretrained | None
    folder: Path
    device: str

    def path(self, number: int) -> Path:
        """The folder of a try."""
        return self.folder / f"try-{number}"


class Tried(NamedTuple):
    """How good a recipe is: its headline metric, and on how many examples; None if it has none."""

    number: int
    value: float | None
    examples: int = 0
    processor_s: float | None = None


RunTries = Callable[[Trial, Listener], Iterable[Tried]]


class TriesRunner(NamedTuple):
    """Runs the tries of a trial, so many at once, in any order."""

    at_once: int
    run: RunTries


def share_minutes(options: TrainOptions, tries: int, at_once: int) -> TrainOptions:
    """The options of each try, if so many run at once, and all of it together takes the minutes that are given.

    Without given minutes, each takes those of a training with a single recipe.
    """
    if options.minutes is None:
        return options
    return replace(options, minutes=(1 - MEASURING) * options.minutes / math.ceil(tries / at_once))


def try_in_turn(trial: Trial, listen: Listener) -> Iterator[Tried]:
    """One after another, in this process."""

    def progress(event: Event) -> None:
        if not isinstance(event, Notice):  # each try would say the same
            listen(event)

    for number in range(len(trial.recipes)):
        yield run_try(trial, number, progress)


IN_TURN = TriesRunner(1, try_in_turn)


def run_try(trial: Trial, number: int, listen: Listener) -> Tried:
    """Train one of the recipes, unless that is done already, and leave the model in its folder.

    Continues a training that was interrupted. A network that cannot be trained has no value.
    """
    place, recipe = trial.path(number), trial.recipes[number]
    if not (place / MODEL).exists():
        run = place / RUN
        run.mkdir(parents=True, exist_ok=True)
        device = choose_device(trial.device)
        try:
            bundle, problems = train_best(trial.data, recipe, start=trial.start, run=run, device=device, listen=listen)
        except TrainingError:
            return Tried(number, None)
        write_atomically(place / PROBLEMS, json.dumps([each.to_json() for each in problems]).encode())
        write_bundle(place / MODEL, bundle)
        delete(run)
    return _measure(number, read_bundle(place / MODEL).recipe)


def _measure(number: int, recipe: Recipe) -> Tried:
    """From the results of calibration on the examples of the choice."""
    results = recipe.results.get(used_key(recipe.senses))
    spent_s = None if recipe.provenance is None else recipe.provenance.processor_s
    if results is None:
        return Tried(number, None, processor_s=spent_s)
    value = results["metrics"][ANSWERS[recipe.kind].headline(recipe.answer).metric]
    return Tried(number, value, results["n"], spent_s)


def train_tries(trial: Trial, run: RunTries, listen: Listener) -> tuple[Bundle, tuple[RowProblem, ...]]:
    """Train each recipe, and keep the best -> the bundle, and the rows that could not be used.

    trial   with all data, of which the parts for the choice and for measuring the best are held out here

    Raises DataError for too few examples, TrainingError if no recipe could be trained, and the errors of `train_best`.
    """
    given, number = trial.data, len(trial.recipes)
    record_start(trial.folder, trial.recipes[0], given, trial.start, trial.recipes)
    data, held_out = nest(given, trial.recipes[0])
    trial = replace(trial, data=data)
    listen(Notice(_announce(trial, held_out)))
    listen(Started(TASK, number, "recipes"))
    tried: list[Tried] = []
    for each in run(trial, listen):
        tried.append(each)
        listen(Notice(f"recipe {each.number + 1} of {number}: {_describe_try(trial, each)}"))
        listen(Advanced(TASK, len(tried)))
    listen(Finished(TASK, format_count(number, "recipe")))
    found = _choose(trial, sorted(tried))
    listen(Notice(str(found)))
    best = trial.path(found.kept)
    bundle, more = recalibrate(
        read_bundle(best / MODEL), data.examples, held_out, trial.folder / "report", choose_device(trial.device), listen
    )
    origin = describe_origin(given, None).model_copy(update={"processor_s": _add_effort(tried)})
    recipe = bundle.recipe.model_copy(update={"tries": found, "provenance": origin})
    problems = tuple(RowProblem(**each) for each in json.loads((best / PROBLEMS).read_bytes()))
    return replace(bundle, recipe=recipe, card=render_model_card(recipe)), (*problems, *more)


def _add_effort(tried: list[Tried]) -> float | None:
    """Seconds of processor time of all tries; None if that is not known of each."""
    spent_s = [each.processor_s for each in tried if each.processor_s is not None]
    return round(sum(spent_s), 1) if len(spent_s) == len(tried) else None


def nest(given: TrainingData, recipe: Recipe) -> tuple[TrainingData, Table]:
    """Data whose `val` is for the choice, and the examples that the choice never sees: those held out already, or else
    as many as for the choice."""
    examples, held_out, share = given.examples, given.val, recipe.training.held_out
    if held_out is None:
        examples, held_out = _hold_out(examples, share, recipe)
        share /= 1 - share
    examples, choice = _hold_out(examples, share, recipe)
    if min(len(examples), len(choice), len(held_out)) < FEWEST:
        raise DataError(
            f"too few examples: {len(examples):,} to train on, {len(choice):,} for the choice of the recipe and "
            f"{len(held_out):,} to measure it",
            where=str(given.examples.root),
            allowed=f"at least {FEWEST} of each; a few dozen are better",
            hint="add examples",
        )
    return given._replace(examples=examples, val=choice), held_out


def _hold_out(table: Table, share: float, recipe: Recipe) -> tuple[Table, Table]:
    parts = split_rows(table, share, seed=recipe.training.seed, stratum=ANSWERS[recipe.kind].stratum)
    return table.take(parts.train), table.take(parts.held_out)


def _announce(trial: Trial, held_out: Table) -> str:
    training = trial.recipes[0].training
    amount = format_count(training.steps, "step") if training.steps else format_duration(60 * training.minutes)
    choice = 0 if trial.data.val is None else len(trial.data.val)
    examples = format_count(len(trial.data.examples), "example")
    return (
        f"trying {format_count(len(trial.recipes), 'recipe')}, each for {amount}, on {examples}; {choice:,} others "
        f"choose the best, and {len(held_out):,} that the choice never sees calibrate and measure it"
    )


def _choose(trial: Trial, tried: list[Tried]) -> Tries:
    """The best; the first of those that are equal. Raises TrainingError if none could be trained."""
    trained = [each for each in tried if (trial.path(each.number) / MODEL).exists()]
    if not trained:
        raise TrainingError("no recipe could be trained", hint="train without --tries, which says why")
    headline = ANSWERS[trial.recipes[0].kind].headline(trial.recipes[0].answer)

    def rank(each: Tried) -> float:
        if each.value is None or not math.isfinite(each.value):
            return -math.inf
        return each.value if headline.higher_is_better else -each.value

    best = max(trained, key=rank)
    return Tries(
        metric=headline.metric,
        examples=max(1, best.examples),
        tried=tuple(_to_try(trial, each) for each in tried),
        kept=best.number,
    )


def _to_try(trial: Trial, tried: Tried) -> Try:
    recipe = trial.recipes[tried.number]
    starts = [f"{sense} from {name}" for sense, name in recipe.starts.items()]
    return Try(
        network="; ".join([*(f"{sense}: {spec}" for sense, spec in recipe.senses.items()), *starts]),
        strength={sense: spec.augmentation_strength for sense, spec in recipe.senses.items()},  # type: ignore[attr-defined]
        learning_rate=recipe.training.learning_rate,
        value=tried.value,
    )


def _describe_try(trial: Trial, tried: Tried) -> str:
    recipe = trial.recipes[tried.number]
    metric = ANSWERS[recipe.kind].headline(recipe.answer).metric
    value = "it could not be measured" if tried.value is None else f"{metric} {tried.value:.3g}"
    return f"{_to_try(trial, tried)}: {value}"

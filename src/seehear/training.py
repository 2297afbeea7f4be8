"""A training from its options to the model file, on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from seehear.check import report_findings
from seehear.datasets import open_training_data
from seehear.events import Listener, Skipped
from seehear.folders import temporary_folder
from seehear.learn.alternative import train_best
from seehear.learn.distributed import Workers, join_workers
from seehear.learn.loop.machine import choose_device
from seehear.learn.loop.team import help_train, leading
from seehear.learn.model.pretrained import read_pretrained
from seehear.learn.recipe_choice import choose_recipe, choose_recipes
from seehear.learn.run_directory import open_run_directory, read_recipe, read_tried
from seehear.learn.tries import IN_TURN, Trial, TriesRunner, share_minutes, train_tries
from seehear.planning.inspection import find_unreadable_answers
from seehear.planning.options import TrainOptions
from seehear.recipe import Recipe
from seehear.runtime.bundle import Bundle, write_bundle
from seehear.table import RowProblem


@dataclass(frozen=True)
class TrainingRequest:
    """What `seehear.train` is asked for; it says what the fields mean."""

    data: str | Path
    out: str | Path | None
    val: str | Path | None
    unlabelled: str | Path | None
    recipe: str | Path | Recipe | None
    start: str | Path | None
    device: str
    resume: bool
    answer: str | None
    senses: Sequence[str] | None
    cache: Path | None
    options: TrainOptions


def train_here(
    request: TrainingRequest, listen: Listener, runner: TriesRunner = IN_TURN
) -> tuple[Bundle, tuple[RowProblem, ...]]:
    """Train, and write the model file -> the bundle, and the rows that could not be used.

    Of processes that train together, the first does all this, and shares the training steps with the others.

    runner   runs the tries, if there are any
    """
    with join_workers() as workers:
        if workers.helps:
            return help_train(workers, choose_device(request.device)), ()
        return _lead(workers, request, runner, listen)


def _lead(
    workers: Workers, request: TrainingRequest, runner: TriesRunner, listen: Listener
) -> tuple[Bundle, tuple[RowProblem, ...]]:
    data, out, recipe = request.data, request.out, request.recipe
    with leading(workers) as made:
        model = read_pretrained(request.start, recipe)
        options = request.options if model is None else replace(request.options, start=None)
        place = choose_device(request.device)
        with open_run_directory(out, request.cache, resume=request.resume, listen=listen) as run:
            given = open_training_data(
                data, request.val, request.unlabelled, request.answer, request.senses, run, listen
            )
            told, begun = read_recipe(run), read_tried(run, options.tries)
            if told is None:  # a resumed run has been checked
                report_findings(given, listen)
            if options.tries is None:
                chosen = choose_recipe(recipe, told, model, given.examples, options, place, listen)
                bundle, problems = train_best(given, chosen, start=model, run=run, device=place, listen=listen)
            else:
                options = share_minutes(options, options.tries, runner.at_once)
                recipes = choose_recipes(recipe, begun, model, given.examples, options, place, listen)
                trial = Trial(given, recipes, model, run, request.device)
                bundle, problems = train_tries(trial, runner.run, listen)
            if out is not None:
                write_bundle(Path(out), bundle)
        made.append(bundle)
    return bundle, (*given.problems, *problems)


def plan_here(
    data: str | Path,
    val: str | Path | None,
    answer: str | None,
    senses: Sequence[str] | None,
    device: str,
    options: TrainOptions,
    listen: Listener,
) -> Recipe:
    """What `seehear.plan` returns; it says what the arguments mean."""
    place = choose_device(device)
    with temporary_folder() as workspace:
        given = open_training_data(data, val, None, answer, senses, workspace, listen)
        listen(Skipped(given.problems))
        recipe = choose_recipe(None, None, None, given.examples, options, place, listen)
        for each in filter(None, (given.examples, given.val)):
            if strange := find_unreadable_answers(each, recipe):
                listen(Skipped(strange))
        return recipe

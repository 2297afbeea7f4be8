"""Which recipe training follows."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from seehear.answers import ANSWERS
from seehear.events import Listener, Notice, ignore_events
from seehear.learn.known_language import choose_decoder
from seehear.learn.loop.timing import measure_machine
from seehear.learn.model.pretrained import Pretrained
from seehear.planning.options import TrainOptions
from seehear.planning.plan import plan_recipe
from seehear.planning.reuse import continue_recipe, follow_recipe, load_recipe
from seehear.planning.starts import describe_starts
from seehear.planning.variants import plan_variants
from seehear.recipe import Recipe
from seehear.table import Table


def choose_recipe(
    given: str | Path | Recipe | None,
    begun: Recipe | None,
    model: Pretrained | None,
    table: Table,
    options: TrainOptions,
    place: torch.device,
    listen: Listener,
) -> Recipe:
    """The recipe to train with: one that was given or that an interrupted run has, that of a model to train further, or
    a new plan. A run that is resumed already has the text of the options."""
    chosen = _choose_base(given, begun, model, table, options, place, listen)
    if options.text is None or (begun is not None and given is None):
        return chosen
    decoding = ANSWERS[chosen.kind].require_decoding("more text")
    return chosen.model_copy(update={"answer": decoding.with_language_model(chosen.answer, options.text)})


def choose_recipes(
    given: str | Path | Recipe | None,
    begun: tuple[Recipe, ...],
    model: Pretrained | None,
    table: Table,
    options: TrainOptions,
    place: torch.device,
    listen: Listener,
) -> tuple[Recipe, ...]:
    """The recipes to try, as many as the options say: those of an interrupted run, or variants of what `choose_recipe`
    chooses. The minutes of the options are those of each."""
    if begun:
        return tuple(choose_recipe(None, each, model, table, options, place, ignore_events) for each in begun)
    if options.text is not None:
        options = replace(options, text=list(options.text))  # which is read for each recipe

    def plan(minutes: float | None) -> Recipe:
        told = listen if minutes == options.minutes else ignore_events
        return choose_recipe(given, None, model, table, replace(options, minutes=minutes), place, told)

    return plan_variants(plan, options.minutes, options.tries or 1, options.seed or 0)


def _choose_base(
    given: str | Path | Recipe | None,
    begun: Recipe | None,
    model: Pretrained | None,
    table: Table,
    options: TrainOptions,
    place: torch.device,
    listen: Listener,
) -> Recipe:
    if base := load_recipe(given) if given else begun:
        return follow_recipe(base, table, options)
    if model is not None:
        return continue_recipe(model.recipe, table, options)
    planned = plan_recipe(table, options, partial(measure_machine, place), choose_decoder)
    if described := describe_starts(planned, options):
        listen(Notice(described))
    return planned

"""Which recipe training follows."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch

from seehear.answers import ANSWERS
from seehear.events import Listener, Notice
from seehear.learn.known_language import choose_decoder
from seehear.learn.loop.timing import measure_machine
from seehear.learn.model.pretrained import Pretrained
from seehear.planning.options import TrainOptions
from seehear.planning.plan import plan_recipe
from seehear.planning.reuse import continue_recipe, follow_recipe, load_recipe
from seehear.planning.starts import describe_starts
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

"""Training from a table to a model file."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from seehear.amounts import counted
from seehear.answers import ANSWERS
from seehear.answers.risk import needed, vouched
from seehear.errors import DataError
from seehear.events import Finished, Listener, Said, Started
from seehear.learn.card import card
from seehear.learn.export import Graphs, drafted, exported, to_safetensors
from seehear.learn.fit import Clock, fit
from seehear.learn.network import Network
from seehear.learn.shelf import Shelf
from seehear.learn.trial import remember, trusted
from seehear.learn.workplace import begin
from seehear.recipe import Recipe
from seehear.runtime.bundle import Bundle
from seehear.runtime.prediction import share, wish
from seehear.table import Problem, Table, split

DRAFTING = "drafting the model file"
FEWEST = 2  # examples to learn from, to judge by, and of each sense
TAIL_SHARE, TAIL_OF_DRAFTING = 0.03, 0.35  # of the budget, or of what drafting took: kept to measure and to export


@dataclass(frozen=True)
class Material:
    """Rows of a shelf to learn from, and rows of the same or another shelf to judge by."""

    shelf: Shelf
    rows: NDArray[np.int64]
    judges: Shelf
    held_out: NDArray[np.int64]

    @property
    def problems(self) -> tuple[Problem, ...]:
        return self.shelf.problems + (self.judges.problems if self.judges is not self.shelf else ())


def train(
    table: Table, recipe: Recipe, *, val: Table | None, run: Path, device: torch.device, listen: Listener
) -> tuple[Bundle, tuple[Problem, ...]]:
    """Decode, draft the graphs, fit, try on what was held out, export.

    What a killed run needs to go on lies in the folder `run`. Gives the bundle and the rows that could not be used.
    Raises DataError for too few examples, TrainingError where training or export fails, UsageError where the folder
    holds a run that began otherwise.
    """
    started_s = time.monotonic()
    begin(run, recipe, table, val)
    material = gather(table, val, recipe, run, listen)
    gathered_s = time.monotonic()
    draft = _draft(recipe, material, run / "graphs", listen)
    tail_s = TAIL_OF_DRAFTING * (time.monotonic() - gathered_s)
    torch.manual_seed(recipe.training.seed)
    network = Network(recipe).to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    clock = Clock(recipe.training, _seconds_left(recipe, started_s, tail_s))
    network, progress = fit(
        network, material.shelf, material.rows, clock, saved=run / "checkpoint.safetensors", listen=listen
    )
    remember(network, material.shelf, material.rows)
    recipe = trusted(network, material.judges, material.held_out, listen=listen)
    recipe = recipe.model_copy(update={"training": recipe.training.model_copy(update={"steps": progress.step})})
    graphs = exported(draft, network, material.judges, material.held_out)
    return Bundle(recipe, graphs.network, to_safetensors(network), card(recipe), graphs.decoder), material.problems


def gather(table: Table, val: Table | None, recipe: Recipe, run: Path, listen: Listener) -> Material:
    """Decode what is to be learned from and what is to judge it: `val`, or a part held out of the table."""
    shelf = Shelf.fill(table, recipe, run / "examples", listen=listen)
    if val is not None:
        judges = Shelf.fill(val, recipe, run / "val", listen=listen)
        rows, held_out = np.arange(len(shelf)), np.arange(len(judges))
    else:
        parts = split(
            shelf.table,
            recipe.training.held_out,
            seed=recipe.training.seed,
            stratum=ANSWERS[recipe.kind].stratum,
        )
        listen(Said(parts.said))
        judges, rows, held_out = shelf, parts.train, parts.held_out
    if len(held_out) < FEWEST or len(rows) < FEWEST:
        raise DataError(
            f"{counted(len(rows), 'example')} to learn from and {len(held_out)} to judge by are too few",
            where=str(table.root),
            allowed=f"at least {FEWEST} of each; some tens are better",
            hint="add examples",
        )
    if len(held_out) < needed(recipe.wrong_at_most):
        listen(Said(_too_few(len(held_out), recipe.wrong_at_most)))
    for sense in recipe.senses:
        if (having := int(shelf.having(sense)[rows].sum())) < FEWEST:
            raise DataError(
                f"{having} of the {len(rows):,} examples to learn from have {sense}",
                where=str(table.root),
                allowed=f"at least {FEWEST}; some tens are better",
                hint=f"add some, or leave {sense} out with --senses",
            )
    return Material(shelf, rows, judges, held_out)


def _draft(recipe: Recipe, material: Material, folder: Path, listen: Listener) -> Graphs:
    """The graphs to be filled with what is learned: made once for a run, however often it is cut off."""
    if (kept := Graphs.kept(folder)) is not None:
        return kept
    listen(Started(DRAFTING, None, "graphs"))
    graphs = drafted(Network(recipe), material.judges, material.held_out)
    graphs.keep(folder)
    listen(Finished(DRAFTING, counted(sum(graph is not None for graph in graphs), "graph")))
    return graphs


def _too_few(held_out: int, wrong_at_most: float) -> str:
    """Said before learning, so that nobody waits for a recogniser that can only say that it does not know."""
    least = share(vouched(held_out), math.ceil)
    return (
        f'{held_out:,} held out are too few for any answer but "I don\'t know": {needed(wrong_at_most):,} are needed '
        f"to vouch for {wish(wrong_at_most)} wrong at most; {least} is the least that {held_out:,} can vouch for "
        f"(--wrong-at-most {least.replace(' ', '')})"
    )


def _seconds_left(recipe: Recipe, started_s: float, tail_s: float) -> float:
    """For the fit itself: what came before it has left of the budget, less what measuring and exporting will take."""
    budget_s = recipe.training.minutes * 60
    tail_s = max(tail_s, TAIL_SHARE * budget_s)
    return max(budget_s / 2, budget_s - (time.monotonic() - started_s) - tail_s)

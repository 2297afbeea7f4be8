"""Training from a table to a model file."""

from __future__ import annotations

import time
from pathlib import Path

import torch

from seehear.amounts import counted
from seehear.events import Finished, Listener, Started
from seehear.learn.calibrate.calibration import calibrate_network, remember
from seehear.learn.calibrate.card import card
from seehear.learn.calibrate.time_estimate import estimate_seconds
from seehear.learn.data.split import DataSplit, gather
from seehear.learn.data.statistics import groups_seen, measure_input_statistics
from seehear.learn.export import Graphs, export_graphs, to_safetensors, trace_graphs
from seehear.learn.loop.fit import Clock, fit
from seehear.learn.model.network import Network
from seehear.learn.run_directory import record_start
from seehear.recipe import Recipe
from seehear.runtime.bundle import Bundle
from seehear.table import RowProblem, Table

DRAFTING = "drafting the model file"
EXPORTING = 0.35  # of what drafting took


def train(
    table: Table, recipe: Recipe, *, val: Table | None, run: Path, device: torch.device, listen: Listener
) -> tuple[Bundle, tuple[RowProblem, ...]]:
    """Decode, draft the graphs, fit, try on what was held out, export.

    What a killed run needs to go on lies in the folder `run`. Gives the bundle and the rows that could not be used.
    Raises DataError for too few examples, TrainingError where training or export fails, UsageError where the folder
    holds a run that began otherwise.
    """
    started_s = time.monotonic()
    record_start(run, recipe, table, val)
    saved = run / "checkpoint.safetensors"
    material = gather(table, val, recipe, run, listen)
    gathered_s = time.monotonic()
    draft = _draft(recipe, material, run / "graphs", listen)
    exporting_s = EXPORTING * (time.monotonic() - gathered_s)
    timed = recipe.training.steps is None and not saved.exists()  # a run that goes on keeps the time that it was given
    measuring_s = estimate_seconds(_fresh(recipe, device).eval(), material, listen) if timed else 0.0
    clock = Clock(recipe.training, _seconds_left(recipe, started_s, measuring_s + exporting_s))
    torch.manual_seed(recipe.training.seed)
    network = _fresh(recipe, device)
    network, progress = fit(network, material.dataset, material.rows, clock, saved=saved, listen=listen)
    remember(network, material.dataset, material.rows)
    recipe = calibrate_network(network, material.judges, material.held_out, listen=listen)
    taken = {"steps": progress.step, "precision": progress.precision}
    known = {"input_statistics": measure_input_statistics(material), "groups_seen": groups_seen(material)}
    recipe = recipe.model_copy(update=known | {"training": recipe.training.model_copy(update=taken)})
    graphs = export_graphs(draft, network, material.judges, material.held_out)
    return Bundle(recipe, graphs.network, to_safetensors(network), card(recipe), graphs.decoder), material.problems


def _draft(recipe: Recipe, material: DataSplit, folder: Path, listen: Listener) -> Graphs:
    """The graphs to be filled with what is learned: made once for a run, however often it is cut off."""
    if (kept := Graphs.kept(folder)) is not None:
        return kept
    listen(Started(DRAFTING, None, "graphs"))
    graphs = trace_graphs(Network(recipe), material.judges, material.held_out)
    graphs.keep(folder)
    listen(Finished(DRAFTING, counted(sum(graph is not None for graph in graphs), "graph")))
    return graphs


def _fresh(recipe: Recipe, device: torch.device) -> Network:
    """A network that has learned nothing."""
    network: Network = Network(recipe).to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def _seconds_left(recipe: Recipe, started_s: float, after_s: float) -> float:
    """For the fit itself: what came before it has left of the budget, less what will come after it."""
    budget_s = recipe.training.minutes * 60
    return max(budget_s / 2, budget_s - (time.monotonic() - started_s) - after_s)

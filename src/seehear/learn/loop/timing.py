"""The duration of training steps on this machine."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from seehear.events import ignore_events
from seehear.learn.data.cache import DatasetCache
from seehear.learn.loop.execution import Autotuner, Execution
from seehear.learn.loop.fit import Clock, Run
from seehear.learn.loop.machine import measure_seconds, measure_training_speed
from seehear.learn.model.network import create_network
from seehear.planning.plan import Machine
from seehear.recipe import Precision, Recipe
from seehear.table import Table

EXAMPLES = 32  # read from the table; larger batches repeat them
TIMED_S = 1.0  # at least, and at least one step


def measure_machine(device: torch.device) -> Machine:
    gigaflops, precision = measure_training_speed(device)
    return Machine(gigaflops, partial(measure_step_seconds, device=device, precision=precision))


def measure_step_seconds(recipe: Recipe, table: Table, *, device: torch.device, precision: Precision) -> float:
    """Seconds of one training step of this recipe, with little influence of other programs."""
    sample = table.take(np.linspace(0, len(table) - 1, min(len(table), EXAMPLES)).astype(np.int64))
    with TemporaryDirectory(prefix="seehear-") as folder:
        dataset = DatasetCache.build(sample, recipe, Path(folder), listen=ignore_events)
        network = create_network(recipe, device)
        clock = Clock(recipe.training, seconds=1e9)  # so far from the end that the learning rate stays constant
        run = Run.start(network, dataset, np.arange(len(dataset)), clock, Path(folder, "no-checkpoint"))
        batch = dataset.batch(np.resize(np.arange(len(dataset)), recipe.training.batch))
        run.autotuner = Autotuner([Execution(precision, 1)])
        end_s = time.monotonic() + TIMED_S
        taken_s = [measure_seconds(partial(run.step, batch), device)]
        while time.monotonic() < end_s:
            taken_s.append(measure_seconds(partial(run.step, batch), device))
    return min(taken_s)

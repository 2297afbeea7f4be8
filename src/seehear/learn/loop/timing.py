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
from seehear.learn.distributed import current_workers
from seehear.learn.loop.execution import Autotuner, Execution
from seehear.learn.loop.fit import Clock, Run
from seehear.learn.loop.machine import PARALLEL, measure_seconds, measure_training_speed
from seehear.learn.model.network import create_network
from seehear.planning.plan import Machine
from seehear.recipe import Precision, Recipe
from seehear.table import Table

EXAMPLES = 32  # read from the table; larger batches repeat them
TIMED_S = 1.0  # at least, and at least one step


def measure_machine(device: torch.device) -> Machine:
    """The speed of this process, or of all that train together with it."""
    gigaflops, precision = measure_training_speed(device)
    size = current_workers().size
    times = PARALLEL * size if size > 1 else 1.0
    step_s = partial(measure_step_seconds, device=device, precision=precision, times=times)
    return Machine(times * gigaflops, step_s)


def measure_step_seconds(
    recipe: Recipe, table: Table, *, device: torch.device, precision: Precision, times: float = 1.0
) -> float:
    """Seconds of one training step of this recipe, with little influence of other programs.

    times   how much faster than this process all are that train together
    """
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
    return min(taken_s) / times

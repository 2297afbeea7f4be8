"""Training in small steps, and training that is killed halfway."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from seehear.events import ignore_events
from seehear.learn.data.cache import DatasetCache
from seehear.learn.loop import checkpoint
from seehear.learn.loop.fit import Clock, Run, fit
from seehear.learn.model.network import Network


class Killed(BaseException):
    """Equivalent to SIGKILL for the files on disk: nothing runs after it."""


def fit_weights(
    dataset: DatasetCache, saved: Path, steps: int, kill_after: int | None = None
) -> dict[str, torch.Tensor]:
    training = dataset.recipe.training.model_copy(update={"steps": steps})
    torch.manual_seed(training.seed)
    network = Network(dataset.recipe)
    clock = Clock(training, 60.0)
    if kill_after is None:
        return fit(network, dataset, np.arange(len(dataset)), clock, saved=saved, listen=ignore_events)[0].state_dict()
    run = Run.start(network, dataset, np.arange(len(dataset)), clock, saved)
    for batch in run.batches():
        run.step(batch)
        if run.progress.step == kill_after:
            checkpoint.save(saved, run.progress, network, run.average, run.trainer.optimizers)
        if run.progress.step == kill_after + 2:
            raise Killed
    raise AssertionError("the run was over before it was killed")

"""A script for torchrun: processes that train together, and what each of them has at the end, as RANK.json."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from learning import dataset_of, recipe_for
from seehear.errors import TrainingError
from seehear.events import ignore_events
from seehear.learn.distributed import Workers, join_workers
from seehear.learn.loop import team
from seehear.learn.loop.fit import Clock, fit
from seehear.learn.model.network import Network


def average(workers: Workers) -> dict[str, Any]:
    """Gradients of 1 and 4, with weights of 0.75 and 0.25, of one weight in both processes, one in one and one in
    neither."""
    both, one, neither = (nn.Parameter(torch.zeros(2, 3)) for _ in range(3))
    both.grad = torch.full((2, 3), 1.0 if workers.rank == 0 else 4.0)
    one.grad = torch.full((2, 3), 8.0) if workers.rank else None
    loss = workers.average([both, one, neither], 10.0 * workers.rank, 0.25 if workers.rank else 0.75)
    gradients = {"both": both.grad, "one": one.grad, "neither": neither.grad}
    values = {name: None if found is None else found.flatten().tolist() for name, found in gradients.items()}
    return {"loss": loss} | values


def train(workers: Workers, folder: Path) -> dict[str, Any]:
    trainers: list[Any] = []
    ended = ""
    take = team.take_share

    def take_share(trainer: Any, *rest: Any) -> Any:
        trainers.append(trainer)
        return take(trainer, *rest)

    team.take_share = take_share  # type: ignore[assignment]
    try:
        if workers.helps:
            team.help_train(workers, torch.device("cpu"))
        else:
            with team.leading(workers):
                dataset = dataset_of(recipe_for("label", ("image",), steps=6), folder)
                clock = Clock(dataset.recipe.training, 60.0)
                rows = np.arange(len(dataset))
                fit(Network(dataset.recipe), dataset, rows, clock, saved=folder / "saved", listen=ignore_events)
                raise TrainingError("no bundle is made here")
    except TrainingError as error:
        ended = error.what
    weights = torch.cat([weight.flatten() for weight in trainers[-1].network.parameters()])
    return {"steps": len(trainers), "weights": weights.double().sum().item(), "ended": ended}


if __name__ == "__main__":
    with join_workers() as workers:
        found = {"rank": workers.rank, "size": workers.size} | average(workers) | train(workers, Path(sys.argv[1]))
    Path(sys.argv[1], f"{workers.rank}.json").write_text(json.dumps(found))

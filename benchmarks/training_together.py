"""Training speed of two processes of one thread each, as under torchrun, over that of one process with two threads.

python -m benchmarks.training_together RECIPE PICTURES CACHE SECONDS   measures one of them, for `speed_together`
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.data import Examples, Store
from benchmarks.results import Figure
from benchmarks.training_speed import open_pictures
from seehear.errors import TrainingError
from seehear.learn.data.cache import DatasetCache
from seehear.learn.distributed import join_workers
from seehear.learn.loop.fit import Clock, Run
from seehear.learn.loop.memory import keep_freed_memory
from seehear.learn.loop.team import help_train, leading
from seehear.learn.model.network import create_network
from seehear.recipe import Recipe

LEAST_RATIO = 0.8
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
CPU = torch.device("cpu")


def speed_together(recipe: Recipe, examples: Examples, store: Store, *, rounds: int, seconds: float) -> list[Figure]:
    """Both in turns, so that other load on the machine affects both."""
    pictures, folder = next(iter(examples.tests.values())), store.cache / "together"
    folder.mkdir(exist_ok=True)
    (folder / "recipe.json").write_text(recipe.model_dump_json())
    open_pictures(pictures, recipe, store.cache)  # reads them, for both
    arguments = [str(folder / "recipe.json"), str(pictures), str(store.cache), f"{seconds:g}"]
    turns = [(_run([sys.executable], 2, arguments), _run([*TORCHRUN], 1, arguments)) for _ in range(rounds)]
    return [
        Figure("training: one process with two threads", statistics.median(one for one, _ in turns), "pictures/s"),
        Figure(
            "training: two processes with one thread each", statistics.median(two for _, two in turns), "pictures/s"
        ),
        Figure(
            "training: two processes relative to one",
            statistics.median(two / one for one, two in turns),
            "times",
            at_least=LEAST_RATIO,
        ),
    ]


def _run(python: list[str], threads: int, arguments: list[str]) -> float:
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    command = [*python, "-m", "benchmarks.training_together", *arguments]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout.split()[-1])


def main() -> None:
    recipe, pictures = Recipe.model_validate_json(Path(sys.argv[1]).read_bytes()), Path(sys.argv[2])
    store_cache, seconds = Path(sys.argv[3]), float(sys.argv[4])
    with join_workers() as workers:
        try:
            if workers.helps:
                help_train(workers, CPU)
            with leading(workers):
                print(_measure(open_pictures(pictures, recipe, store_cache), recipe, seconds), flush=True)
                raise TrainingError("no model is made here")  # this ends the helper
        except TrainingError as ended:
            print(ended, file=sys.stderr)


def _measure(dataset: DatasetCache, recipe: Recipe, seconds: float) -> float:
    """Pictures per second, once the fastest precision and number of threads are known."""
    clock = Clock(recipe.training.model_copy(update={"steps": None}), seconds=1e6)
    run = Run.start(create_network(recipe, CPU), dataset, np.arange(len(dataset)), clock, Path("no-checkpoint"))
    run.team.share_steps()
    pictures, started_s = 0, 0.0
    with keep_freed_memory():
        for batch in run.batches():
            run.step(batch)
            if run.autotuner.chosen is None:
                continue
            if not started_s:
                started_s = time.monotonic()
                continue
            pictures += len(batch.present)
            if time.monotonic() - started_s > seconds:
                break
    return pictures / (time.monotonic() - started_s)


if __name__ == "__main__":
    main()

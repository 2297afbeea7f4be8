"""Recipes that are tried side by side on Ray, each by one task."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from seehear.cluster.following import Said, get_cause
from seehear.errors import SeehearError
from seehear.events import Listener, ignore_events
from seehear.learn.tries import Trial, Tried, TriesRunner, run_try
from seehear.table import RowProblem
from seehear.training import TrainingRequest, train_here

MOST_FAILURES = 20  # times that processes are replaced, before a training is given up


def run_tries(request: TrainingRequest, resources: tuple[int, float, float], said: Said) -> tuple[RowProblem, ...]:
    """On the cluster: plan, try the recipes, and measure the best -> the rows that could not be used.

    resources   how many recipes are tried at once, and the CPUs and GPUs of each
    """
    at_once, cpus, gpus = resources
    runner = TriesRunner(at_once, partial(_try_at_once, cpus=cpus, gpus=gpus))
    return train_here(request, said.put, runner)[1]


def _try_at_once(trial: Trial, _listen: Listener, *, cpus: float, gpus: float) -> Iterator[Tried]:
    """As they are done. A task whose process dies is repeated, and continues from its last checkpoint."""
    import ray

    kept = ray.put(trial)
    task = ray.remote(num_cpus=cpus, num_gpus=gpus, max_retries=MOST_FAILURES)(_try)
    waiting = [task.remote(kept, number) for number in range(len(trial.recipes))]
    while waiting:
        done, waiting = ray.wait(waiting)
        yield from _collect(ray, done)


def _collect(ray: Any, done: list[Any]) -> list[Tried]:
    try:
        return list(ray.get(done))
    except ray.exceptions.RayError as error:
        cause: SeehearError | None = get_cause(error)
        raise cause or error from None


def _try(trial: Trial, number: int) -> Tried:
    return run_try(trial, number, ignore_events)

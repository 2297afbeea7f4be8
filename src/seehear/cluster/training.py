"""Training on Ray: its library Train starts processes, which train as under torchrun, and replaces those that die."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from seehear.cluster.connection import check_address, check_workers, connect, cores, share_of_core
from seehear.cluster.following import Said, follow
from seehear.cluster.tries import MOST_FAILURES, run_tries
from seehear.errors import SeehearError, UsageError
from seehear.events import Listener
from seehear.files import check_writable, write_atomically
from seehear.folders import delete
from seehear.learn.distributed import LONGEST_WAIT, LostWorkerError
from seehear.learn.run_directory import discard_run, name_run_directory
from seehear.run_files import MANIFEST
from seehear.runtime.bundle import Bundle, read_bundle
from seehear.table import RowProblem
from seehear.training import TrainingRequest, train_here

PROBLEMS = "problems.json"
RESUME = "repeat the command with --resume to continue from the last checkpoint"


def train_on_ray(
    request: TrainingRequest, on: str, workers: int | None, gpus_per_worker: float, listen: Listener
) -> tuple[Bundle, tuple[RowProblem, ...]]:
    """Train, and write the model file -> the bundle, and the rows that could not be used.

    on               "ray" for this machine, or the address of a cluster
    workers          processes that train together, or that try recipes side by side; unless given, one for each core
                     of the cluster, or for each GPU that is asked for
    gpus_per_worker  0 to train on CPUs

    Data, model file and run directory must be reachable by the same names on every machine. Raises ClusterError if
    workers die again and again.
    """
    request = _check(request, on, workers, gpus_per_worker)
    try:
        with connect(on) as ray:
            if not request.resume and (folder := name_run_directory(request.out, request.cache)) is not None:
                discard_run(folder)  # whatever is there later is of this run
            tries = request.options.tries
            number = workers or _count_workers(ray, gpus_per_worker)
            number = number if tries is None else min(number, tries)
            resources = number, share_of_core(number, ray), gpus_per_worker
            run = _run if tries is None else run_tries
            problems = follow(ray, run, request, resources, listen=listen, hint=RESUME)
    finally:
        delete(_storage(request))  # here, as an error ends the process that made it
    return read_bundle(Path(str(request.out))), problems


def _storage(request: TrainingRequest) -> Path:
    """The folder of Ray Train, beside the model file."""
    return Path(f"{request.out}.ray")


def _check(request: TrainingRequest, on: str, workers: int | None, gpus_per_worker: float) -> TrainingRequest:
    """The request with names that mean the same everywhere."""
    check_address(on)
    check_workers(workers)
    if gpus_per_worker < 0:
        raise UsageError(f"--gpus-per-worker {gpus_per_worker:g}", allowed="0 or more, such as 1 or 0.5")
    if request.out is None:
        raise UsageError("training on Ray without a model file to write", hint="name one: out=...")
    check_writable(Path(request.out))
    absolute: dict[str, Any] = {}
    for name in ("data", "val", "unlabelled", "recipe", "start", "cache"):
        value = getattr(request, name)
        if isinstance(value, str | Path) and _exists(value):
            absolute[name] = Path(value).absolute()
    text = None if request.options.text is None else list(request.options.text)
    options = replace(request.options, text=text)
    return replace(request, **absolute, out=Path(request.out).absolute(), options=options)


def _exists(value: str | Path) -> bool:
    """False for the name of a pretrained encoder."""
    return os.path.exists(value)  # noqa: PTH110 - Path's raises


def _count_workers(ray: Any, gpus_per_worker: float) -> int:
    if gpus_per_worker:
        return max(1, int(ray.cluster_resources().get("GPU", 0) / gpus_per_worker))
    return cores(ray)


def _run(request: TrainingRequest, resources: tuple[int, float, float], said: Said) -> tuple[RowProblem, ...]:
    """On the cluster: start the workers, and wait for them -> the rows that could not be used."""
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    number, cpus, gpus = resources
    storage = _storage(request)
    found = storage / PROBLEMS
    per_worker = {"CPU": cpus} | ({"GPU": gpus} if gpus else {})
    storage.mkdir(exist_ok=True)
    TorchTrainer(
        _train,
        train_loop_config={"request": request, "said": said, "problems": found},
        torch_config=TorchConfig(timeout_s=int(LONGEST_WAIT.total_seconds())),
        scaling_config=ScalingConfig(num_workers=number, use_gpu=bool(gpus), resources_per_worker=per_worker),
        run_config=RunConfig(
            name="train", storage_path=str(storage), failure_config=FailureConfig(max_failures=MOST_FAILURES)
        ),
    ).fit()
    return tuple(RowProblem(**each) for each in json.loads(found.read_bytes())) if found.exists() else ()


def _train(config: dict[str, Any]) -> None:
    """In each worker. A lost worker is an error to Ray, which replaces it; any other error ends the training."""
    request, said = config["request"], config["said"]
    folder = name_run_directory(request.out, request.cache)
    if folder is not None and (folder / MANIFEST).exists():
        request = replace(request, resume=True)
    leads = os.environ.get("RANK") == "0"
    try:
        _, problems = train_here(request, said.put)
    except LostWorkerError:
        raise
    except SeehearError as error:
        if leads:
            said.put(error)
        return
    if leads:
        write_atomically(config["problems"], json.dumps([each.to_json() for each in problems]).encode())

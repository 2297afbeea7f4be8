"""Evaluation on Ray: workers that have loaded the model answer, and one process compares and measures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from seehear.cluster.connection import check_address, check_workers, connect, cores, share_of_core, use_one_core
from seehear.cluster.following import Said, follow
from seehear.datasets import open_labelled
from seehear.evaluation import evaluate_table
from seehear.events import Listener
from seehear.folders import temporary_folder
from seehear.measure.evaluate import Evaluation
from seehear.runtime.bundle import Bundle
from seehear.runtime.loading import Example
from seehear.runtime.options import DEFAULT, PredictOptions
from seehear.runtime.prediction import Prediction
from seehear.runtime.predictor import Predictor

CHUNK = 64  # examples that a worker answers at a time
HINT = "repeat the command"


@dataclass(frozen=True)
class EvaluationRequest:
    """What to evaluate on; `Recogniser.evaluate` says what the fields mean."""

    data: str | Path
    options: PredictOptions
    answer: str | None = None
    stress: bool = False
    unfamiliar: Sequence[str | Path] = ()
    report: str | Path | None = None
    workers: int | None = None


def evaluate_on_ray(bundle: Bundle, request: EvaluationRequest, on: str, listen: Listener) -> Evaluation:
    """As `Recogniser.evaluate`. Data and report must be reachable by the same names on every machine."""
    check_workers(request.workers)
    check_address(on)
    request = replace(
        request,
        data=Path(request.data).absolute(),
        unfamiliar=[Path(folder).absolute() for folder in request.unfamiliar],
        report=None if request.report is None else Path(request.report).absolute(),
    )
    with connect(on) as ray:
        number = request.workers or cores(ray)
        result: Evaluation = follow(
            ray, _run, bundle, request, number, share_of_core(number, ray), listen=listen, hint=HINT
        )
    return result


def _run(bundle: Bundle, request: EvaluationRequest, workers: int, cpus: float, said: Said) -> Evaluation:
    """On the cluster."""
    predictor = ClusterPredictor(bundle, workers, cpus)
    with temporary_folder() as workspace:
        table = open_labelled(request.data, request.answer or bundle.recipe.kind, None, workspace / "unpacked")
        return evaluate_table(
            predictor,
            table,
            request.options,
            report=None if request.report is None else Path(request.report),
            listen=said.put,
            stress=request.stress,
            unfamiliar=request.unfamiliar,
        )


class ClusterPredictor(Predictor):
    """Answers many examples with workers of a cluster, in order; a worker that dies is replaced."""

    def __init__(self, bundle: Bundle, workers: int, cpus: float) -> None:
        super().__init__(bundle)
        import ray

        kept = ray.put(bundle)
        worker = ray.remote(num_cpus=cpus, max_restarts=-1, max_task_retries=-1)(Worker)
        self._workers = [worker.remote(kept) for _ in range(workers)]

    def predict(self, examples: Iterable[Example], options: PredictOptions = DEFAULT) -> Iterator[Prediction]:
        """As `Predictor.predict`."""
        super().predict((), options)  # raises for the options
        return self._collect(iter(examples), options)

    def _collect(self, examples: Iterator[Example], options: PredictOptions) -> Iterator[Prediction]:
        """Each worker has two chunks, so that it need not wait for the next one."""
        import ray

        waiting: list[Any] = []
        turns = 0
        while True:
            while len(waiting) < 2 * len(self._workers) and (chunk := list(islice(examples, CHUNK))):
                waiting.append(self._workers[turns % len(self._workers)].answer.remote(chunk, options))
                turns += 1
            if not waiting:
                return
            yield from ray.get(waiting.pop(0))


class Worker:
    """Has the model, and answers chunks of examples."""

    def __init__(self, bundle: Bundle) -> None:
        use_one_core()
        self._predictor = Predictor(bundle)

    def answer(self, examples: Sequence[Example], options: PredictOptions) -> list[Prediction]:
        return list(self._predictor.predict(examples, options))

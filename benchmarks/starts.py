"""Pretrained encoders beside random weights: the same few examples, the same standard minutes, the same test examples.

python -m benchmarks.starts [NAMES] [--start auto] [--data ../shared/data] [--seed 0]
Each benchmark trains twice: from --start, to which the targets apply, and from random weights.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.accuracy import evaluate_model, figure, label_figures, promise_figures, train_model
from benchmarks.budget import Budget, Sitting, for_each, name_starts, parse_arguments
from benchmarks.data import (
    SPEAKERS,
    AbsentError,
    Examples,
    Store,
    cifar10_few,
    cifar10_near,
    cifar10_unlabelled,
    fsdd,
    pneumonia,
)
from benchmarks.out_of_distribution import near_figure
from benchmarks.results import Figure
from benchmarks.scenes import bccd, box_figures, camvid, mask_figures
from benchmarks.shifts import stress_figures
from benchmarks.speakers import leave_each_out
from benchmarks.spoken import grid, mboshi, speechocean
from seehear.api import Recogniser, load
from seehear.measure.evaluate import Evaluation
from seehear.planning.starts import NONE
from seehear.recipe import Recipe
from seehear.starts import STARTS, find_start, is_available

ERROR_LIMIT = 0.05  # at which the share of accepted answers is measured
CLIPS = 5  # of each digit, by all speakers together
REPEATS = 3


class Measured(NamedTuple):
    figures: list[Figure]
    recipe: Recipe


@dataclass(frozen=True)
class Run:
    """One of the two trainings of a benchmark. Its budget says what it starts from."""

    budget: Budget
    store: Store
    out: Path  # the model file without its suffix

    def train(self, examples: Examples) -> Recogniser:
        return train_model(examples, self.budget, ("image",), out=self.out.with_name(f"{self.out.name}.seehear"))


@dataclass(frozen=True)
class Task:
    """How to measure one training, its budget, and the overlap of its data with the encoders' training data."""

    measure: Callable[[Run], Measured]
    standard_minutes: float
    overlap: str
    sense: str = "image"


def measure(name: str, task: Task, store: Store, options: argparse.Namespace) -> None:
    if not any(is_available(start) for start in STARTS.values() if start.sense == task.sense):
        extras = dict.fromkeys(start.extra for start in STARTS.values() if start.sense == task.sense)
        raise AbsentError(f"no pretrained encoder for {task.sense}: pip install 'seehear[{next(iter(extras))}]'")
    sitting = Sitting.begun(f"starts-{name}", task.standard_minutes, options)
    ours, random = (
        task.measure(Run(replace(sitting.budget, start=start), store, store.cache / f"{sitting.name}-{start}"))
        for start in (options.start, NONE)
    )
    before = {each.what: each.value for each in random.figures}
    figures = [replace(each, from_random=before.get(each.what)) for each in ours.figures]
    start = name_starts(ours.recipe) if ours.recipe.starts else f"random weights (kept by --start {options.start})"
    trained_on = [find_start(name).trained_on for name in ours.recipe.starts.values()]
    seen = "; ".join([*trained_on, task.overlap]) if trained_on else ""
    note = f"{sitting.budget_note} each from {start} and from random weights"
    sitting.store(sitting.name, note, figures, start=start, seen=seen)


def _measure_labels(
    run: Run,
    prepare: Callable[[Store], Examples],
    *,
    accuracy: float | None = None,
    auroc: float | None = None,
    coverage: float | None = None,
    strong: float | None = None,
) -> Measured:
    """The numbers are targets. `strong` is for AUROC under strong corruptions; if None, not measured."""
    examples = prepare(run.store)
    model = run.train(examples)
    test = next(iter(examples.tests.values()))
    evaluation = evaluate_model(model, test, wrong_at_most=ERROR_LIMIT, stress=strong is not None)
    figures = list(label_figures(evaluation, accuracy=accuracy, auroc=auroc, coverage=coverage))
    if strong is not None:
        figures += stress_figures(evaluation, "auroc", strong_at_least=strong)
    return Measured(figures, model.recipe)


def _measure_positions(
    run: Run, prepare: Callable[[Store], Examples], figures: Callable[[Evaluation], Iterator[Figure]]
) -> Measured:
    """Boxes or masks; `figures` include the targets."""
    examples = prepare(run.store)
    model = run.train(examples)
    return Measured(list(figures(evaluate_model(model, next(iter(examples.tests.values()))))), model.recipe)


def _measure_near(run: Run, *, auroc: float) -> Measured:
    examples = cifar10_near(run.store)
    model = run.train(examples)
    known, unknown = examples.tests.values()
    accuracy = figure(evaluate_model(model, known), "accuracy", "accuracy on the known classes")
    return Measured([near_figure(model, "image", known, unknown, auroc), accuracy], model.recipe)


def _measure_speakers(run: Run, *, mean: float, worst: float) -> Measured:
    examples = {speaker: fsdd(run.store, speaker, CLIPS) for speaker in SPEAKERS}
    left_out = leave_each_out(examples, run.budget, run.out)
    return Measured(left_out.figures(mean, worst), left_out.recipe)


def _measure_transcripts(
    run: Run,
    prepare: Callable[[Store], Examples],
    *,
    errors: Callable[[Evaluation], Iterator[Figure]],
    known: bool = True,
    fewer: float | None = None,
) -> Measured:
    """`known`: whether the published recogniser knows the language. Then it is measured without training, too, on the
    same recordings, and the share of its errors that are gone is at least `fewer`."""
    examples = prepare(run.store)
    model = train_model(examples, run.budget, ("audio",), out=run.out.with_name(f"{run.out.name}.seehear"))
    test = next(iter(examples.tests.values()))
    evaluation = evaluate_model(model, test)
    figures = [*errors(evaluation), *promise_figures(evaluation)]
    for name in model.recipe.starts.values() if known else ():
        untrained = evaluate_model(load(name), test)
        figures.append(figure(untrained, "wer", f"{name} without training: word error rate"))
        gone = 1 - evaluation.metrics["wer"] / untrained.metrics["wer"]
        figures.append(Figure("errors of that which are gone", gone, "%", at_least=fewer))
    return Measured(figures, model.recipe)


def _error_figures(evaluation: Evaluation, *, wer: float | None = None, cer: float | None = None) -> Iterator[Figure]:
    yield figure(evaluation, "wer", "word error rate (wer)", at_most=wer)
    yield figure(evaluation, "cer", "character error rate (cer)", at_most=cer)


def _measure_first(run: Run, *, seconds: float) -> Measured:
    """The time of the command, from its start to its end with a saved model file; several times."""
    examples = cifar10_few(run.store)
    out = run.out.with_name(f"{run.out.name}.seehear")
    command = [sys.executable, "-m", "seehear", "train", str(examples.train), "--out", str(out)]
    command += ["--start", run.budget.start, "--seed", str(run.budget.seed), "--device", run.budget.device]
    extent = {"minutes": run.budget.minutes} if run.budget.steps is None else {"steps": run.budget.steps}
    for name, value in extent.items():
        command += [f"--{name}", f"{value:g}"]
    first_s, again_s = zip(*(_time_twice_s(command, out) for _ in range(REPEATS)), strict=True)
    model = load(out)
    accuracy = figure(evaluate_model(model, next(iter(examples.tests.values()))), "accuracy")
    what = f"from the command to a saved file, median of {REPEATS}"
    timed = [
        Figure(f"{what}: the first time", statistics.median(first_s), "s", at_most=seconds),
        Figure(f"{what}: again, with weights and traced graph from the cache", statistics.median(again_s), "s"),
    ]
    return Measured([*timed, accuracy], model.recipe)


def _time_twice_s(command: list[str], out: Path) -> tuple[float, float]:
    """With an empty cache folder, and once more."""
    with TemporaryDirectory() as cache:
        return _time_command_s(command, out, cache), _time_command_s(command, out, cache)


def _time_command_s(command: list[str], out: Path, cache: str) -> float:
    out.unlink(missing_ok=True)
    started_s = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env={**os.environ, "SEEHEAR_CACHE": cache})
    return time.perf_counter() - started_s


_PHOTOS = "includes CIFAR-10's classes, most of them as several finer classes; only deer are missing"
_X_RAYS = "no X-rays"
_CELLS = "no blood cells"
_SCENES = "includes cars, traffic lights and street signs, but no labelled pixels of street scenes"
_SPEECH = "includes many spoken English digits"
_LEARNERS = "includes speakers with accents from all over the web"
_COMMANDS = "includes spoken English, but hardly such commands"
_MBOSHI = "no Mboshi"

TASKS = {
    "cifar10-50": Task(partial(_measure_labels, prepare=cifar10_few, accuracy=0.77, coverage=0.35), 3, _PHOTOS),
    "cifar10-10": Task(partial(_measure_labels, prepare=partial(cifar10_few, count=10), accuracy=0.63), 1, _PHOTOS),
    "cifar10-10-unlabelled": Task(
        partial(_measure_labels, prepare=partial(cifar10_unlabelled, count=10, more=100)), 1, _PHOTOS
    ),
    "cifar10-near": Task(partial(_measure_near, auroc=0.85), 3, _PHOTOS),
    "first-recogniser": Task(partial(_measure_first, seconds=15.0), 0.1, _PHOTOS),
    "pneumonia": Task(partial(_measure_labels, prepare=pneumonia, auroc=0.99, strong=0.96), 3, _X_RAYS),
    "bccd-30": Task(
        partial(_measure_positions, prepare=partial(bccd, count=30), figures=partial(box_figures, map50=0.85)),
        5,
        _CELLS,
    ),
    "camvid-60": Task(
        partial(_measure_positions, prepare=partial(camvid, count=60), figures=partial(mask_figures, miou=0.60)),
        10,
        _SCENES,
    ),
    "camvid": Task(partial(_measure_positions, prepare=camvid, figures=partial(mask_figures, miou=0.72)), 18, _SCENES),
    "fsdd-speakers-5": Task(partial(_measure_speakers, mean=0.94, worst=0.88), 1, _SPEECH, "audio"),
    "speechocean": Task(
        partial(_measure_transcripts, prepare=speechocean, errors=partial(_error_figures, wer=0.32), fewer=0.35),
        30,
        _LEARNERS,
        "audio",
    ),
    "grid": Task(
        partial(_measure_transcripts, prepare=grid, errors=partial(_error_figures, wer=0.01)), 15, _COMMANDS, "audio"
    ),
    "mboshi": Task(
        partial(_measure_transcripts, prepare=mboshi, errors=partial(_error_figures, cer=0.17), known=False),
        30,
        _MBOSHI,
        "audio",
    ),
    "speechocean-100": Task(
        partial(
            _measure_transcripts, prepare=partial(speechocean, count=100), errors=partial(_error_figures), fewer=0.15
        ),
        5,
        _LEARNERS,
        "audio",
    ),
}


def main() -> None:
    options = parse_arguments("benchmarks.starts", __doc__, list(TASKS))
    if options.start == NONE:
        sys.exit("--start none is the comparison itself: leave it out, or name a pretrained encoder")
    for_each(options, lambda name, store: measure(name, TASKS[name], store, options))


if __name__ == "__main__":
    main()

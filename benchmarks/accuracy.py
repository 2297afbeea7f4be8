"""Accuracy, calibration and selective prediction after a fixed number of standard minutes.

python -m benchmarks.accuracy [NAMES] [--data ../shared/data] [--seed 0]
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.budget import Budget, Sitting, for_each, name_starts, parse_arguments
from benchmarks.data import SPEAKERS, Examples, Store, cifar10, cifar10_few, digits, fsdd, pneumonia
from benchmarks.out_of_distribution import ood_figures
from benchmarks.results import Figure
from benchmarks.shifts import stress_figures
from seehear.amounts import pluralise
from seehear.api import Recogniser, train
from seehear.events import Advanced, Event, Notice
from seehear.measure.evaluate import Evaluation
from seehear.recipe import Recipe
from seehear.senses.picture_corruptions import COMMON

SHOW_EVERY_S = 60.0
SENSE_WORDS = {"image": "sight", "audio": "hearing"}
SHARES = (
    *("accuracy", "wrong", "coverage", "accepted_error", "whole_coverage", "whole_error"),
    *("wer", "cer", "substitutions", "insertions", "deletions"),
    *("precision", "recall"),
    *("miou", "pixel_accuracy"),
)
TARGET_ECE = 0.03
TARGET_COVERAGE = 0.6  # of boxes, pixels and words, at the promised error limit
TARGET_SHARE_OF_ERROR = 0.5  # error with both senses, relative to the better single sense
TARGET_POINTS = 2.0  # how far one sense may fall behind a recogniser trained on it alone


@dataclass(frozen=True)
class Task:
    """A data set, its budget, and the targets for accuracy and area under the ROC curve.

    kept         target for `shift_metric` under corruptions, relative to uncorrupted examples
    common       whether only the 15 common corruptions count
    wrong_under  most errors among accepted answers under mild corruptions
    """

    prepare: Callable[..., Examples]  # of a Store
    standard_minutes: float
    senses: tuple[str, ...]
    own: str  # the data set it comes from
    accuracy: float | None = None
    auroc: float | None = None
    ece: float | None = None
    in_noise: bool = False
    shift_metric: str = "accuracy"
    kept: float | None = None
    common: bool = False
    wrong_under: float | None = None


TASKS = {
    "pneumonia": Task(
        pneumonia,
        3,
        ("image",),
        "pneumonia",
        accuracy=0.90,
        auroc=0.96,
        shift_metric="auroc",
        kept=0.95,
        wrong_under=0.05,
    ),
    "cifar10": Task(cifar10, 8, ("image",), "cifar10", accuracy=0.88, ece=TARGET_ECE, kept=0.80, common=True),
    "cifar10-few": Task(cifar10_few, 3, ("image",), "cifar10", accuracy=0.50),
    "fsdd": Task(fsdd, 3, ("audio",), "fsdd", accuracy=0.90, wrong_under=0.05),
    "digits": Task(digits, 3, ("image", "audio"), "digits", in_noise=True),
}


def train_model(
    examples: Examples, budget: Budget, senses: Sequence[str], *, out: Path, recipe: Recipe | None = None
) -> Recogniser:
    """Train one recogniser through the public API, into the model file `out`."""
    started_s = time.monotonic()
    resume = budget.resume and Path(f"{out}.run").exists()
    origin: dict[str, Any] = {"start": budget.start} if recipe is None else {"recipe": recipe}
    wanted = {"minutes": budget.minutes, "steps": budget.steps, "seed": budget.seed, **origin}
    own = {} if resume else wanted  # a resumed run keeps those it started with
    model = train(
        examples.train,
        out,
        val=examples.val,
        unlabelled=examples.unlabelled,
        senses=senses,
        device=budget.device,
        resume=resume,
        listen=Log(),
        **own,
    )
    for name, spec in model.recipe.senses.items():
        print(f"  {name}: {spec}")
    taken = (time.monotonic() - started_s) / 60
    trained = f"trained on {' + '.join(senses)} from {name_starts(model.recipe)}"
    print(f"  {trained} in {taken:.1f} of {budget.minutes:.1f} minutes", flush=True)
    return model


def evaluate_model(model: Recogniser, examples: Path, **how: Any) -> Evaluation:
    """Evaluate through the public API, and print which examples were left out."""
    evaluation = model.evaluate(examples, listen=Log(), **how)
    if evaluation.skipped:
        print(f"  left out {len(evaluation.skipped):,} of {examples}; the first: {evaluation.skipped[0]}", flush=True)
    return evaluation


def measure(name: str, task: Task, store: Store, options: argparse.Namespace) -> None:
    examples = task.prepare(store)
    sitting = Sitting.begun(name, task.standard_minutes, options)
    model = train_model(examples, sitting.budget, task.senses, out=store.cache / f"{name}.seehear")
    (test_name, test), *others = examples.tests.items()
    evaluation = evaluate_model(model, test, stress=True)
    figures = list(label_figures(evaluation, accuracy=task.accuracy, auroc=task.auroc, ece=task.ece))
    figures += stress_figures(
        evaluation,
        task.shift_metric,
        kept=task.kept,
        wrong_at_most=task.wrong_under,
        among=COMMON if task.common else None,
    )
    for other, place in others:
        again = evaluate_model(model, place)
        figures += [figure(again, metric, f"{metric} on {other}") for metric in ("accuracy", "auroc")]
    if len(task.senses) > 1:
        figures += _each_sense(model, examples, sitting.budget, evaluation, store)
    for sense in task.senses:
        figures += ood_figures(model, sense, test, store, own=task.own, in_noise=task.in_noise)
    sitting.record(f"evaluated on {evaluation.n:,} examples: {test_name}", figures, model.recipe)


def figure(
    evaluation: Evaluation,
    metric: str,
    what: str = "",
    *,
    at_least: float | None = None,
    at_most: float | None = None,
) -> Figure:
    unit = "%" if metric in SHARES or metric.startswith("iou:") else ""
    low, high = (None if math.isnan(end) else end for end in evaluation.intervals[metric])
    return Figure(what or metric, evaluation.metrics[metric], unit, low, high, at_least=at_least, at_most=at_most)


def promise_figures(evaluation: Evaluation, at_least: float | None = None) -> Iterator[Figure]:
    """The promised error limit, the share accepted at it, and the error among those accepted."""
    things, promised = pluralise(evaluation.item or "answer"), evaluation.wrong_at_most
    yield Figure(f"error limit promised for accepted {things}", promised or math.nan, "%")
    yield figure(evaluation, "coverage", f"{things} accepted at that limit", at_least=at_least)
    if evaluation.metrics["coverage"]:
        yield figure(evaluation, "accepted_error", f"error among accepted {things}", at_most=promised)


def label_figures(
    evaluation: Evaluation,
    *,
    accuracy: float | None = None,
    auroc: float | None = None,
    ece: float | None = None,
    coverage: float | None = None,
) -> Iterator[Figure]:
    """The figures of labels, with their targets; `coverage` is the least share accepted at the promised limit."""
    yield figure(evaluation, "accuracy", at_least=accuracy)
    yield figure(evaluation, "macro_f1")
    yield figure(evaluation, "auroc", at_least=auroc)
    yield figure(evaluation, "log_loss")
    yield figure(evaluation, "ece", "calibration error (ece)", at_most=ece)
    yield from promise_figures(evaluation, coverage)


def _each_sense(
    both: Recogniser, examples: Examples, budget: Budget, with_both: Evaluation, store: Store
) -> Iterator[Figure]:
    """With one sense withheld, compared with recognisers trained on the other alone, with the same budget."""
    test = next(iter(examples.tests.values()))
    errors = []
    for sense, word in SENSE_WORDS.items():
        alone = evaluate_model(both, test, senses=[sense])
        specialist = evaluate_model(train_model(examples, budget, (sense,), out=store.cache / f"{sense}.seehear"), test)
        yield figure(alone, "accuracy", f"accuracy with {word} only")
        yield figure(specialist, "accuracy", f"accuracy of a recogniser trained on {word} only")
        behind = 100 * (specialist.metrics["accuracy"] - alone.metrics["accuracy"])
        yield Figure(f"gap to it, with {word} only", behind, "points", at_most=TARGET_POINTS)
        errors += [alone.metrics["wrong"], specialist.metrics["wrong"]]
    share = with_both.metrics["wrong"] / max(min(errors), 1 / with_both.n)
    yield Figure(
        "error with both senses, relative to the better single sense", share, "%", at_most=TARGET_SHARE_OF_ERROR
    )


class Log:
    """A listener for a log: messages, and the progress of each task now and then."""

    def __init__(self) -> None:
        self.shown_s = time.monotonic()

    def __call__(self, event: Event) -> None:
        if isinstance(event, Notice):
            print(f"  {event.text}", file=sys.stderr, flush=True)
        elif isinstance(event, Advanced) and time.monotonic() - self.shown_s > SHOW_EVERY_S:
            self.shown_s = time.monotonic()
            print(f"  {event.task}: {event.done:,.0f} {event.note}", file=sys.stderr, flush=True)


def task_named(name: str) -> Task:
    """A task of TASKS, or one of them with another speaker held out: fsdd-lucas, digits-nicolas."""
    base, _, speaker = name.partition("-")
    if name in TASKS:
        return TASKS[name]
    return replace(TASKS[base], prepare=partial(TASKS[base].prepare, speaker=speaker))


def main() -> None:
    others = [f"{name}-{speaker}" for name in ("fsdd", "digits") for speaker in SPEAKERS[1:]]
    options = parse_arguments("benchmarks.accuracy", __doc__, list(TASKS), others)
    for_each(options, lambda name, store: measure(name, task_named(name), store, options))


if __name__ == "__main__":
    main()

"""Whether promises hold on real data: the coverage of prediction sets, the share of wrong answers, and calibration.

python -m benchmarks.guarantees [NAMES] [--data ../shared/data] [--minutes 1]
A recogniser answers test examples. These are divided at random, again and again: some of them calibrate it, as held-out
examples do in training, and the promises are checked on the others, and on the same ones under mild corruptions, about
which nothing is promised.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy import Log, train_model
from benchmarks.budget import Sitting, for_each, parse_arguments
from benchmarks.data import Examples, Store, cifar10_few, fsdd, pneumonia
from benchmarks.results import Figure
from seehear.answers import ANSWERS, Items
from seehear.answers.platt_scaling import calibration_error
from seehear.answers.prediction_sets import EVERY_CLASS, require_prediction_sets
from seehear.answers.selective import bound_risk
from seehear.api import Recogniser
from seehear.datasets import open_labelled
from seehear.evaluation import predict_table, select_part
from seehear.folders import temporary_folder
from seehear.measure.calibration import measure_calibration
from seehear.measure.thresholds import fit_coverage, to_risk_curve
from seehear.runtime.options import DEFAULT
from seehear.senses import SENSES
from seehear.senses.corruption import MILD, make_generator
from seehear.table import Table

Array = NDArray[Any]
LABEL = ANSWERS["label"]
SPLITS = 100
COVERAGE, WRONG = 0.9, 0.05
MOST_TESTED = 2000  # examples
CALIBRATING = 500  # of them at most, or else half
KEPT = 0.95  # share of the splits in which a coverage is to hold
KEPT_RISK = 0.9  # share of the splits in which a share of wrong answers is to hold
CORRUPTED = "under mild corruptions"


@dataclass(frozen=True)
class Task:
    """How to make the data, which sense it is for, and in how many standard minutes to train."""

    prepare: Callable[[Store], Examples]
    sense: str
    standard_minutes: float
    accepted: float | None = None


class Answered(NamedTuple):
    """n answers, in an array of objects, with their truths."""

    spec: Any
    answers: Array
    truths: Array

    def take(self, rows: Array) -> Answered:
        return Answered(self.spec, self.answers[rows], self.truths[rows])


class Checked(NamedTuple):
    """One split: the coverage and the mean size of sets; the share of accepted answers, and of those the wrong ones."""

    coverage: float
    size: float
    accepted: float
    wrong: float


def answer_test(model: Recogniser, examples: Examples, sense: str, seed: int) -> tuple[Answered, Answered]:
    """The answers to some of the main test set, as it is and with a mild corruption of each example."""
    with temporary_folder() as workspace:
        table = select_part(open_labelled(next(iter(examples.tests.values())), LABEL.name, None, workspace), Log())
        rows = np.random.default_rng(seed).permutation(len(table))[:MOST_TESTED]
        table = table.take(rows.tolist())
        truths = [LABEL.read(row.answer or "", model.recipe.answer) for row in table]
        answers = predict_table(model.predictor, table, truths, DEFAULT, Log()).answers
        corrupted = [predicted.answer for predicted in model.predictor.predict(_corrupt(table, sense, seed))]
    spec, truth = model.recipe.answer, to_objects(truths)
    return Answered(spec, to_objects(answers), truth), Answered(spec, to_objects(corrupted), truth)


def _corrupt(table: Table, sense: str, seed: int) -> Iterator[dict[str, Any]]:
    """The inputs of each row under one of the sense's corruptions, chosen at random."""
    random, corruptions = np.random.default_rng(seed), list(SENSES[sense].corruptions().items())
    for number, row in enumerate(table):
        name, corruption = corruptions[random.integers(len(corruptions))]
        yield {sense: corruption(SENSES[sense].read(row.inputs[sense]), MILD, make_generator(seed, number, name))}


def check(calibrating: Answered, new: Answered) -> Checked:
    """Calibrate the promises on some answers, as training does, and check them on others."""
    sets = require_prediction_sets(LABEL, new.spec)
    answers, truths = calibrating.answers.tolist(), calibrating.truths.tolist()
    curves = fit_coverage(LABEL, new.spec, answers, truths, np.arange(len(answers)), 0)
    threshold = curves[EVERY_CLASS].least_threshold(COVERAGE)
    if threshold is None:
        raise SystemExit(f"{len(answers)} answers cannot promise a coverage of {COVERAGE}")
    needed = sets.needed(new.answers.tolist(), new.truths.tolist(), new.spec)
    contained = needed.contained(np.full((len(new.answers), len(new.spec.classes)), threshold))
    sizes = [sets.build(answer, new.spec, {EVERY_CLASS: threshold}).size for answer in new.answers]
    confidence, right = _judge(calibrating)
    limit = to_risk_curve(bound_risk(Items.from_answers(confidence, right), np.arange(len(right)))).threshold(WRONG)
    confidence, right = _judge(new)
    accepted = confidence >= limit
    wrong = (accepted & ~right).sum() / max(int(accepted.sum()), 1)
    return Checked(float(contained.mean()), float(np.mean(sizes)), float(accepted.mean()), float(wrong))


def check_splits(answered: Answered, new: Answered, seed: int) -> list[Checked]:
    """Some answers calibrate; `new` has the answers to the same examples, of which the others are checked."""
    random, count = np.random.default_rng(seed), len(answered.answers)
    calibrating = min(CALIBRATING, count // 2)
    orders = (random.permutation(count) for _ in range(SPLITS))
    return [check(answered.take(order[:calibrating]), new.take(order[calibrating:])) for order in orders]


def to_figures(checked: Sequence[Checked], answered: Answered, accepted: float | None) -> list[Figure]:
    coverage, size, share, wrong = np.array(checked).T
    return [
        Figure(f"splits with a coverage of {COVERAGE:.0%}", float((coverage >= COVERAGE).mean()), "%", at_least=KEPT),
        Figure("mean coverage", float(coverage.mean()), "%"),
        Figure("mean number of classes in a set", float(size.mean())),
        Figure(f"answered at {WRONG:.0%} wrong at most, mean", float(share.mean()), "%", at_least=accepted),
        Figure("splits in which that is kept", float((wrong <= WRONG).mean()), "%", at_least=KEPT_RISK),
        Figure("splits in which nothing is answered", float((share == 0).mean()), "%"),
        *_accuracy_figures(answered),
    ]


def to_corrupted_figures(checked: Sequence[Checked], answered: Answered) -> list[Figure]:
    """What was promised without corruptions, with them."""
    coverage, size, share, wrong = np.array(checked).T
    figures = [
        Figure("mean coverage", float(coverage.mean()), "%"),
        Figure("mean number of classes in a set", float(size.mean())),
        Figure(f"answered at {WRONG:.0%} wrong at most, mean", float(share.mean()), "%"),
        Figure("of these wrong, mean", float(wrong.mean()), "%"),
        *_accuracy_figures(answered),
    ]
    return [replace(figure, what=f"{figure.what}, {CORRUPTED}") for figure in figures]


def _accuracy_figures(answered: Answered) -> list[Figure]:
    confidence, right = _judge(answered)
    chance = measure_calibration(right, confidence).chance
    return [
        Figure("accuracy", float(right.mean()), "%"),
        Figure("calibration error", calibration_error(right, confidence), at_most=chance),
    ]


def measure(name: str, task: Task, store: Store, options: argparse.Namespace) -> None:
    examples = task.prepare(store)
    sitting = Sitting.begun(f"guarantees-{name}", task.standard_minutes, options)
    model = train_model(examples, sitting.budget, (task.sense,), out=store.cache / f"{sitting.name}.seehear")
    clean, corrupted = answer_test(model, examples, task.sense, options.seed)
    figures = to_figures(check_splits(clean, clean, options.seed), clean, task.accepted)
    figures += to_corrupted_figures(check_splits(clean, corrupted, options.seed), corrupted)
    for figure in figures:
        print(f"  {figure.what}: {figure.measured} {figure.target}", flush=True)
    tested = len(clean.answers)
    note = f"{min(CALIBRATING, tested // 2)} of {tested:,} test examples calibrate, {SPLITS} times"
    sitting.record(note, figures, model.recipe)


def _judge(answered: Answered) -> tuple[Array, Array]:
    """The confidence (n,) of each answer, and whether it is right (n,)."""
    pairs = zip(answered.answers, answered.truths, strict=True)
    right = [set(answer.names) == set(truth.names) for answer, truth in pairs]
    return np.array([answer.confidence for answer in answered.answers]), np.array(right)


def to_objects(labels: Sequence[Any]) -> Array:
    array = np.empty(len(labels), object)
    array[:] = labels
    return array


TASKS = {
    "cifar10-50": Task(cifar10_few, "image", 3, accepted=0.35),
    "pneumonia": Task(pneumonia, "image", 3),
    "fsdd": Task(fsdd, "audio", 3),
}


def main() -> None:
    options = parse_arguments("benchmarks.guarantees", __doc__, list(TASKS))
    for_each(options, lambda name, store: measure(name, TASKS[name], store, options))


if __name__ == "__main__":
    main()

"""How well things are found in pictures after so many standard minutes.

python -m benchmarks.boxes [NAMES] [--data ../shared/data] [--seed 0]
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.accuracy import figure, taught
from benchmarks.budget import asked, budget
from benchmarks.data import AbsentError, Examples, Store
from benchmarks.machine import pace
from benchmarks.results import Figure, record
from seehear.api import Recogniser
from seehear.measure.evaluate import Evaluation

TIMED = 40  # pictures, asked one after the other


@dataclass(frozen=True)
class Task:
    """A set, its budget, and the mean average precision at an overlap of a half that is at least wished of it."""

    prepare: Callable[[Store], Examples]
    standard_minutes: float
    map50: float


def bccd(store: Store) -> Examples:
    """Blood cells. The train part teaches, and holds out a tenth of itself to calibrate; the val part judges.

    The set's test part is kept aside, so that figures are not those that others quote.
    """
    given = store.unpacked("bccd")

    def make(folder: Path) -> None:
        for part in ("train", "val"):
            names = (given / f"ImageSets/Main/{part}.txt").read_text(encoding="utf-8").split()
            for kind, extension in (("Annotations", "xml"), ("JPEGImages", "jpg")):
                (folder / part / kind).mkdir(parents=True)
                for name in names:
                    os.link(given / kind / f"{name}.{extension}", folder / part / kind / f"{name}.{extension}")

    made = store.made("bccd-parts", make)
    return Examples(made / "train", None, {"the val part, never learned from": made / "val"})


TASKS = {"bccd": Task(bccd, 15, map50=0.80)}


def measure(name: str, task: Task, store: Store, options: argparse.Namespace) -> None:
    examples = task.prepare(store)
    standard = task.standard_minutes * options.minutes_scale
    given, before = budget(name, standard, options)
    model = taught(examples, given, ("image",), out=store.cache / f"{name}.seehear")
    (judge, test), *_ = examples.tests.items()
    evaluation = model.evaluate(test)
    note = f"{standard:g} standard minutes; judged on {evaluation.n:,} pictures: {judge}; seed {given.seed}"
    figures = [*_figures(evaluation, task, model.recipe.wrong_at_most), _speed(model, test)]
    record(name, note, figures, before=before, after=pace(), keep=options.steps is None)


def _figures(evaluation: Evaluation, task: Task, wrong_at_most: float) -> Iterator[Figure]:
    yield figure(evaluation, "map50", "mean average precision at an overlap of a half (map50)", at_least=task.map50)
    yield figure(evaluation, "map", "the same over overlaps from 0.5 to 0.95 (map)")
    for metric in evaluation.metrics:
        if metric.startswith("map50:"):
            yield figure(evaluation, metric, metric.replace("map50:", "map50 of ", 1))
    yield figure(evaluation, "precision", "right, of the boxes told")
    yield figure(evaluation, "recall", "told, of the things that are there")
    yield figure(evaluation, "ece", "calibration error of the boxes told (ece)")
    yield figure(evaluation, "wrong", "pictures of which less than four fifths agree")
    yield figure(evaluation, "coverage", "pictures accepted without asking")
    if evaluation.metrics["coverage"]:
        yield figure(evaluation, "accepted_error", "error of the accepted pictures", at_most=wrong_at_most)


def _speed(model: Recogniser, folder: Path) -> Figure:
    """From file to boxes, one picture after the other."""
    pictures = sorted((folder / "JPEGImages").iterdir())[:TIMED]
    model.predict(pictures[0])
    started_s = time.perf_counter()
    for picture in pictures:
        model.predict(picture)
    return Figure("pictures a second", len(pictures) / (time.perf_counter() - started_s))


def main() -> None:
    options = asked("benchmarks.boxes", __doc__, list(TASKS))
    store = Store(options.data)
    for name in options.names:
        try:
            measure(name, TASKS[name], store, options)
        except AbsentError as absent:
            print(f"{name}: {absent}")


if __name__ == "__main__":
    main()

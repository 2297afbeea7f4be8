"""How well pictures are divided into what is on them after so many standard minutes.

python -m benchmarks.scenes [NAMES] [--data ../shared/data] [--seed 0]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.accuracy import figure, taught
from benchmarks.budget import asked, budget
from benchmarks.data import AbsentError, Examples, Store, write_table
from benchmarks.machine import pace
from benchmarks.results import Figure, record
from seehear.api import Recogniser
from seehear.measure.evaluate import Evaluation

TIMED = 40  # pictures, asked one after the other
WISHED_PER_S = 10.0


@dataclass(frozen=True)
class Task:
    """A set, its budget, and the mean intersection over union that is at least wished of it."""

    prepare: Callable[[Store], Examples]
    standard_minutes: float
    miou: float


def camvid(store: Store) -> Examples:
    """Its train part teaches, and holds out a tenth of itself to calibrate; its val part judges.

    The official test part is kept aside, so that figures are not those that papers quote.
    """
    given = store.unpacked("camvid")

    def make(folder: Path) -> None:
        for part in ("train", "val"):
            pictures = sorted((given / part / "images").iterdir())
            place = f"../camvid/{part}"
            rows = [
                {"image": f"{place}/images/{path.name}", "mask": f"{place}/masks/{path.stem}.png"} for path in pictures
            ]
            write_table(folder / f"{part}.csv", rows)

    made = store.made("camvid-tables", make)
    return Examples(made / "train.csv", None, {"the val part, never learned from": made / "val.csv"})


TASKS = {"camvid": Task(camvid, 30, miou=0.48)}


def measure(name: str, task: Task, store: Store, options: argparse.Namespace) -> None:
    examples = task.prepare(store)
    standard = task.standard_minutes * options.minutes_scale
    given, before = budget(name, standard, options)
    model = taught(examples, given, ("image",), out=store.cache / f"{name}.seehear")
    (judge, test), *_ = examples.tests.items()
    evaluation = model.evaluate(test)
    note = f"{standard:g} standard minutes; judged on {evaluation.n:,} pictures: {judge}; seed {given.seed}"
    figures = [*_figures(evaluation, task, model.recipe.wrong_at_most), _speed(model, store.unpacked(name))]
    record(name, note, figures, before=before, after=pace(), keep=options.steps is None)


def _figures(evaluation: Evaluation, task: Task, wrong_at_most: float) -> Iterator[Figure]:
    yield figure(evaluation, "miou", "mean intersection over union (miou)", at_least=task.miou)
    yield figure(evaluation, "pixel_accuracy", "pixels that are right")
    for metric in evaluation.metrics:
        if metric.startswith("iou:"):
            yield figure(evaluation, metric, metric.replace("iou:", "of ", 1))
    yield figure(evaluation, "wrong", "masks with too many wrong pixels")
    yield figure(evaluation, "coverage", "accepted without asking")
    if evaluation.metrics["coverage"]:
        yield figure(evaluation, "accepted_error", "error of the accepted masks", at_most=wrong_at_most)


def _speed(model: Recogniser, folder: Path) -> Figure:
    """From file to mask, one picture after the other."""
    pictures = sorted((folder / "val/images").iterdir())[:TIMED]
    model.predict(pictures[0])
    started_s = time.perf_counter()
    for picture in pictures:
        model.predict(picture)
    return Figure("pictures a second", len(pictures) / (time.perf_counter() - started_s), at_least=WISHED_PER_S)


def main() -> None:
    options = asked("benchmarks.scenes", __doc__, list(TASKS))
    store = Store(options.data)
    for name in options.names:
        try:
            measure(name, TASKS[name], store, options)
        except AbsentError as absent:
            print(f"{name}: {absent}")


if __name__ == "__main__":
    main()

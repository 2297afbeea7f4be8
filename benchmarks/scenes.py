"""How well pictures are divided into what is on them, and things found in them, after so many standard minutes.

python -m benchmarks.scenes [NAMES] [--beside d-fine segformer] [--data ../shared/data] [--seed 0]
After ours, from the same pictures in as many minutes: what networks of transformers learn that began as ours did.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.accuracy import WISHED_COVERAGE, evaluated, figure, promise_figures, taught
from benchmarks.budget import Sitting, asked, for_each
from benchmarks.data import Examples, Store, write_table
from benchmarks.hugging_face import NAMES, beside
from benchmarks.results import Figure
from benchmarks.shifts import under_shift
from seehear.api import Recogniser
from seehear.measure.evaluate import Evaluation

TIMED = 100  # pictures
SHIFTS = (
    *("brighter", "darker", "gamma", "less contrast", "defocus blur", "motion blur"),
    *("gaussian noise", "shot noise", "jpeg"),
)


@dataclass(frozen=True)
class Task:
    """A set and its budget; what is reported of it, beside what is wished; pictures a second that are wished; and the
    metric, with the share of it that is wished to be left where light, contrast, sharpness, noise and coding differ."""

    prepare: Callable[[Store], Examples]
    standard_minutes: float
    figures: Callable[[Evaluation], Iterator[Figure]]
    pictures: str  # where those are that are timed
    beside: tuple[str, ...]  # networks of others
    per_s: float | None = None
    shift_metric: str = "map50"
    kept: float | None = None


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


def measure(name: str, task: Task, store: Store, options: argparse.Namespace) -> None:
    examples = task.prepare(store)
    sitting = Sitting.begun(name, task.standard_minutes, options)
    model = taught(examples, sitting.budget, ("image",), out=store.cache / f"{name}.seehear")
    (judge, test), *_ = examples.tests.items()
    evaluation = evaluated(model, test, robustness=True)
    figures = list(task.figures(evaluation))
    figures += promise_figures(evaluation, WISHED_COVERAGE)
    figures += under_shift(evaluation, task.shift_metric, kept=task.kept, among=SHIFTS)
    figures.append(_speed(model, store.unpacked(name) / task.pictures, task))
    for network in (each for each in task.beside if each in options.beside):
        figures += beside(network, evaluation, model.recipe, examples, sitting.budget, store)
    sitting.record(f"judged on {evaluation.n:,} pictures: {judge}", figures)


def _of_masks(evaluation: Evaluation, *, miou: float) -> Iterator[Figure]:
    yield figure(evaluation, "miou", "mean intersection over union (miou)", at_least=miou)
    yield figure(evaluation, "pixel_accuracy", "pixels that are right")
    yield from _of_classes(evaluation, "iou:", "of ")
    yield figure(evaluation, "wrong", "masks with too many wrong pixels")
    yield figure(evaluation, "whole_coverage", "masks accepted as a whole")


def _of_classes(evaluation: Evaluation, prefix: str, what: str) -> Iterator[Figure]:
    """The metrics that each class has of its own."""
    for metric in evaluation.metrics:
        if metric.startswith(prefix):
            yield figure(evaluation, metric, metric.replace(prefix, what, 1))


def _of_boxes(evaluation: Evaluation, *, map50: float) -> Iterator[Figure]:
    yield figure(evaluation, "map50", "mean average precision at an overlap of a half (map50)", at_least=map50)
    yield figure(evaluation, "map", "the same over overlaps from 0.5 to 0.95 (map)")
    yield from _of_classes(evaluation, "map50:", "map50 of ")
    yield figure(evaluation, "precision", "right, of the boxes told")
    yield figure(evaluation, "recall", "told, of the things that are there")
    yield figure(evaluation, "ece", "calibration error of the boxes told (ece)")
    yield figure(evaluation, "wrong", "pictures of which less than four fifths agree")
    yield figure(evaluation, "whole_coverage", "pictures accepted as a whole")


TASKS = {
    "camvid": Task(
        camvid,
        30,
        partial(_of_masks, miou=0.48),
        "val/images",
        ("segformer",),
        per_s=10.0,
        shift_metric="miou",
        kept=0.85,
    ),
    "bccd": Task(bccd, 15, partial(_of_boxes, map50=0.80), "JPEGImages", ("yolos", "d-fine"), per_s=15.0),
}


def _speed(model: Recogniser, folder: Path, task: Task) -> Figure:
    """From files to answers, of a stream of pictures."""
    pictures = sorted(folder.iterdir())[:TIMED]
    model.predict(pictures[0])
    started_s = time.perf_counter()
    answers = sum(1 for _ in model.predict(pictures))
    return Figure("pictures a second", answers / (time.perf_counter() - started_s), at_least=task.per_s)


def main() -> None:
    options = asked("benchmarks.scenes", __doc__, list(TASKS), beside=list(NAMES))
    for_each(options, lambda name, store: measure(name, TASKS[name], store, options))


if __name__ == "__main__":
    main()

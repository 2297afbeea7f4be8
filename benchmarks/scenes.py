"""Semantic segmentation (mIoU) and object detection (mAP) after a fixed number of standard minutes.

python -m benchmarks.scenes [NAMES] [--compare-with d-fine segformer] [--data ../shared/data] [--seed 0]
Then, with --start none, transformer networks that also start from random weights, on the same pictures and budget.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.accuracy import TARGET_COVERAGE, evaluate_model, figure, promise_figures, train_model
from benchmarks.budget import Sitting, for_each, parse_arguments
from benchmarks.data import Examples, Store, draw, write_table
from benchmarks.hugging_face import NAMES, compare_with
from benchmarks.results import Figure
from benchmarks.shifts import stress_figures
from seehear.api import Recogniser
from seehear.measure.evaluate import Evaluation

TIMED = 100  # pictures
SHIFTS = (
    *("brightness", "darkness", "gamma", "contrast", "defocus blur", "motion blur"),
    *("gaussian noise", "shot noise", "jpeg compression"),
)


@dataclass(frozen=True)
class Task:
    """A data set, its budget, its figures with their targets, the target speed in pictures per second, and the metric
    with the share of it to retain under other light, contrast, sharpness, noise and compression."""

    prepare: Callable[[Store], Examples]
    standard_minutes: float
    figures: Callable[[Evaluation], Iterator[Figure]]
    pictures: str  # the folder of the pictures that are timed
    compare_with: tuple[str, ...]  # other networks
    per_s: float | None = None
    shift_metric: str = "map50"
    kept: float | None = None


def camvid(store: Store, count: int | None = None) -> Examples:
    """Train split, or `count` pictures of it: training, a tenth held out for calibration. Val split: evaluation.

    The official test split is not used, so figures are not comparable with published ones.
    """
    given = store.unpacked("camvid")

    def make(folder: Path) -> None:
        for part, wanted in (("train", count), ("val", None)):
            pictures = draw(sorted((given / part / "images").iterdir()), wanted)
            place = f"../camvid/{part}"
            rows = [
                {"image": f"{place}/images/{path.name}", "mask": f"{place}/masks/{path.stem}.png"} for path in pictures
            ]
            write_table(folder / f"{part}.csv", rows)

    made = store.made("camvid-tables" if count is None else f"camvid-{count}-tables", make)
    return Examples(made / "train.csv", None, {"the val part, never learned from": made / "val.csv"})


def bccd(store: Store, count: int | None = None) -> Examples:
    """Blood cells. Train split, or `count` of it: training, a tenth held out for calibration. Val split: evaluation.

    The test split is not used, so figures are not comparable with published ones.
    """
    given = store.unpacked("bccd")

    def make(folder: Path) -> None:
        for part, wanted in (("train", count), ("val", None)):
            names = draw((given / f"ImageSets/Main/{part}.txt").read_text(encoding="utf-8").split(), wanted)
            for kind, extension in (("Annotations", "xml"), ("JPEGImages", "jpg")):
                (folder / part / kind).mkdir(parents=True)
                for name in names:
                    os.link(given / kind / f"{name}.{extension}", folder / part / kind / f"{name}.{extension}")

    made = store.made("bccd-parts" if count is None else f"bccd-{count}-parts", make)
    return Examples(made / "train", None, {"the val part, never learned from": made / "val"})


def measure(name: str, task: Task, store: Store, options: argparse.Namespace) -> None:
    examples = task.prepare(store)
    sitting = Sitting.begun(name, task.standard_minutes, options)
    model = train_model(examples, sitting.budget, ("image",), out=store.cache / f"{name}.seehear")
    (test_name, test), *_ = examples.tests.items()
    evaluation = evaluate_model(model, test, stress=True)
    figures = list(task.figures(evaluation))
    figures += promise_figures(evaluation, TARGET_COVERAGE)
    figures += stress_figures(evaluation, task.shift_metric, kept=task.kept, among=SHIFTS)
    figures.append(_speed(model, store.unpacked(name) / task.pictures, task))
    if not model.recipe.starts:  # the others have random weights
        for network in (each for each in task.compare_with if each in options.compare_with):
            figures += compare_with(network, evaluation, model.recipe, examples, sitting.budget, store)
    sitting.record(f"evaluated on {evaluation.n:,} pictures: {test_name}", figures, model.recipe)


def mask_figures(evaluation: Evaluation, *, miou: float) -> Iterator[Figure]:
    yield figure(evaluation, "miou", "mean IoU (miou)", at_least=miou)
    yield figure(evaluation, "pixel_accuracy", "pixel accuracy")
    yield from _of_classes(evaluation, "iou:", "IoU of ")
    yield figure(evaluation, "wrong", "masks with too many wrong pixels")
    yield figure(evaluation, "whole_coverage", "masks accepted in full")


def _of_classes(evaluation: Evaluation, prefix: str, what: str) -> Iterator[Figure]:
    """Per-class metrics."""
    for metric in evaluation.metrics:
        if metric.startswith(prefix):
            yield figure(evaluation, metric, metric.replace(prefix, what, 1))


def box_figures(evaluation: Evaluation, *, map50: float) -> Iterator[Figure]:
    yield figure(evaluation, "map50", "mAP at IoU 0.5 (map50)", at_least=map50)
    yield figure(evaluation, "map", "mAP at IoU 0.5 to 0.95 (map)")
    yield from _of_classes(evaluation, "map50:", "map50 of ")
    yield figure(evaluation, "precision", "precision")
    yield figure(evaluation, "recall", "recall")
    yield figure(evaluation, "ece", "calibration error of the boxes (ece)")
    yield figure(evaluation, "wrong", "pictures with too many wrong boxes")
    yield figure(evaluation, "whole_coverage", "pictures accepted in full")


TASKS = {
    "camvid": Task(
        camvid,
        30,
        partial(mask_figures, miou=0.48),
        "val/images",
        ("segformer",),
        per_s=10.0,
        shift_metric="miou",
        kept=0.85,
    ),
    "bccd": Task(bccd, 15, partial(box_figures, map50=0.80), "JPEGImages", ("yolos", "d-fine"), per_s=15.0),
}


def _speed(model: Recogniser, folder: Path, task: Task) -> Figure:
    """Pictures per second from files to answers."""
    pictures = sorted(folder.iterdir())[:TIMED]
    model.predict(pictures[0])
    started_s = time.perf_counter()
    answers = sum(1 for _ in model.predict(pictures))
    return Figure("pictures per second", answers / (time.perf_counter() - started_s), at_least=task.per_s)


def main() -> None:
    options = parse_arguments("benchmarks.scenes", __doc__, list(TASKS), compare_with=list(NAMES))
    for_each(options, lambda name, store: measure(name, TASKS[name], store, options))


if __name__ == "__main__":
    main()

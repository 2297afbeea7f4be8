"""How well speech is written down after so many standard minutes, by speakers or in sentences never heard.

python -m benchmarks.transcripts [NAMES] [--data ../shared/data] [--seed 0]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.accuracy import Budget, figure, taught
from benchmarks.data import DATA, AbsentError, Examples, Store
from benchmarks.machine import pace
from benchmarks.results import Figure, record
from benchmarks.spoken import digit_strings, grid, mboshi, speechocean
from seehear.measure.evaluate import Evaluation


@dataclass(frozen=True)
class Task:
    """A set, its budget, and the errors per word (or per letter) that are at most wished of it."""

    prepare: Callable[[Store], Examples]
    standard_minutes: float
    wer: float | None = None
    cer: float | None = None


TASKS = {
    "strings": Task(digit_strings, 10, wer=0.10),
    "grid": Task(grid, 15, wer=0.03),
    "speechocean": Task(speechocean, 90, wer=0.65),
    "mboshi": Task(partial(mboshi, column="source_text"), 90, cer=0.35),
}


def measure(name: str, task: Task, store: Store, options: argparse.Namespace) -> None:
    examples = task.prepare(store)
    before = pace()
    standard = task.standard_minutes * options.minutes_scale
    budget = Budget(before.minutes(standard), options.steps, options.seed)
    print(f"\n{name}: {standard:g} standard minutes are {budget.minutes:.1f} here, at {before}", flush=True)
    model = taught(examples, budget, ("audio",), out=store.cache / f"{name}.seehear")
    (judge, test), *_ = examples.tests.items()
    evaluation = model.evaluate(test)
    note = f"{standard:g} standard minutes; judged on {evaluation.n:,} recordings: {judge}; seed {budget.seed}"
    figures = list(_figures(evaluation, task, model.recipe.wrong_at_most))
    record(name, note, figures, before=before, after=pace(), keep=options.steps is None)


def _figures(evaluation: Evaluation, task: Task, wrong_at_most: float) -> Iterator[Figure]:
    yield figure(evaluation, "wer", "word errors (wer)", at_most=task.wer)
    yield figure(evaluation, "cer", "letter errors (cer)", at_most=task.cer)
    for part in ("substitutions", "insertions", "deletions"):
        yield figure(evaluation, part, f"{part} per word")
    yield figure(evaluation, "wrong", "texts with any error")
    yield figure(evaluation, "coverage", "accepted without asking")
    if evaluation.metrics["coverage"]:
        yield figure(evaluation, "accepted_error", "error of the accepted texts", at_most=wrong_at_most)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.transcripts", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(TASKS))
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of the archives")
    parser.add_argument("--minutes-scale", type=float, default=1.0, help="of every budget")
    parser.add_argument("--steps", type=int, help="instead of minutes, to try it out: nothing is recorded")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if unknown := set(options.names) - {*TASKS}:
        parser.error(f"no {', '.join(sorted(unknown))}; there are {', '.join(TASKS)}")
    store = Store(options.data)
    for name in options.names or TASKS:
        try:
            measure(name, TASKS[name], store, options)
        except AbsentError as absent:
            print(f"{name}: {absent}")


if __name__ == "__main__":
    main()

"""How well speech is written down or translated after so many standard minutes, by speakers or sentences never heard.

python -m benchmarks.transcripts [NAMES] [--data ../shared/data] [--seed 0]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from benchmarks.accuracy import figure, taught
from benchmarks.budget import asked, budget
from benchmarks.data import AbsentError, Examples, Store
from benchmarks.machine import pace
from benchmarks.results import Figure, record
from benchmarks.spoken import digit_strings, grid, mboshi, speechocean
from seehear.measure.evaluate import Evaluation


@dataclass(frozen=True)
class Task:
    """A set, its budget, and the errors per word (or per letter) that are at most wished of it, or the least BLEU."""

    prepare: Callable[[Store], Examples]
    standard_minutes: float
    wer: float | None = None
    cer: float | None = None
    bleu: float | None = None


TASKS = {
    "strings": Task(digit_strings, 10, wer=0.10),
    "grid": Task(grid, 15, wer=0.03),
    "speechocean": Task(speechocean, 90, wer=0.65),
    "mboshi": Task(partial(mboshi, column="source_text"), 90, cer=0.35),
    "mboshi-french": Task(partial(mboshi, column="text"), 90, bleu=4.0),
}


def measure(name: str, task: Task, store: Store, options: argparse.Namespace) -> None:
    examples = task.prepare(store)
    standard = task.standard_minutes * options.minutes_scale
    given, before = budget(name, standard, options)
    model = taught(examples, given, ("audio",), out=store.cache / f"{name}.seehear")
    (judge, test), *_ = examples.tests.items()
    evaluation = model.evaluate(test)
    note = f"{standard:g} standard minutes; judged on {evaluation.n:,} recordings: {judge}; seed {given.seed}"
    figures = list(_figures(evaluation, task, model.recipe.wrong_at_most))
    record(name, note, figures, before=before, after=pace(), keep=options.steps is None)


def _figures(evaluation: Evaluation, task: Task, wrong_at_most: float) -> Iterator[Figure]:
    if task.bleu is not None:
        yield figure(evaluation, "bleu", "nearness in words (BLEU)", at_least=task.bleu)
        yield figure(evaluation, "chrf", "nearness in letters (chrF)")
    else:
        yield figure(evaluation, "wer", "word errors (wer)", at_most=task.wer)
        yield figure(evaluation, "cer", "letter errors (cer)", at_most=task.cer)
        for part in ("substitutions", "insertions", "deletions"):
            yield figure(evaluation, part, f"{part} per word")
    yield figure(evaluation, "wrong", "texts with any error")
    yield figure(evaluation, "coverage", "accepted without asking")
    if evaluation.metrics["coverage"]:
        yield figure(evaluation, "accepted_error", "error of the accepted texts", at_most=wrong_at_most)


def main() -> None:
    options = asked("benchmarks.transcripts", __doc__, list(TASKS))
    store = Store(options.data)
    for name in options.names:
        try:
            measure(name, TASKS[name], store, options)
        except AbsentError as absent:
            print(f"{name}: {absent}")


if __name__ == "__main__":
    main()

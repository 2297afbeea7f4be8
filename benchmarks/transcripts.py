"""Speech recognition (WER) and translation (BLEU) after a fixed budget, on unseen speakers or sentences.

python -m benchmarks.transcripts [NAMES] [--compare-with ctc sphinx] [--data ../shared/data] [--seed 0]
After ours, on the same recordings: PocketSphinx, and with --start none a tutorial's network trained for the same time
from random weights.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from benchmarks.accuracy import TARGET_COVERAGE, evaluate_model, figure, promise_figures, train_model
from benchmarks.budget import Budget, Sitting, for_each, parse_arguments
from benchmarks.ctc_tutorial import tutorial
from benchmarks.data import Examples, Store
from benchmarks.out_of_distribution import hallucination_figure
from benchmarks.results import Figure
from benchmarks.sphinx import GRAMMARS, PACKAGE, sphinx
from benchmarks.spoken import Spoken, digit_strings, grid, mboshi, recordings, speechocean
from seehear.answers import ANSWERS
from seehear.answers.text import Text
from seehear.measure.evaluate import Evaluation, evaluate
from seehear.senses.hearing.plan import RATE_HZ

CTC, SPHINX = BESIDE = ("ctc", "sphinx")


@dataclass(frozen=True)
class Task:
    """A data set, its budget, and its targets: the most errors per word (or per letter), or the least BLEU, and the
    least share of words accepted."""

    prepare: Callable[[Store], Examples]
    standard_minutes: float
    senses: tuple[str, ...] = ("audio",)
    wer: float | None = None
    cer: float | None = None
    bleu: float | None = None
    coverage: float | None = None
    english: bool = True


TASKS = {
    "strings": Task(digit_strings, 10, wer=0.10, coverage=TARGET_COVERAGE),
    "grid": Task(grid, 15, wer=0.03, coverage=TARGET_COVERAGE),
    "grid-lips": Task(grid, 60, senses=("lips",), wer=0.45),
    "speechocean": Task(speechocean, 90, wer=0.65),
    "mboshi": Task(partial(mboshi, column="source_text"), 90, cer=0.35, english=False),
    "mboshi-french": Task(partial(mboshi, column="text"), 90, bleu=4.0, english=False),
}


def measure(name: str, task: Task, store: Store, options: argparse.Namespace) -> None:
    examples = task.prepare(store)
    sitting = Sitting.begun(name, task.standard_minutes, options)
    model = train_model(examples, sitting.budget, task.senses, out=store.cache / f"{name}.seehear")
    (test_name, test), *_ = examples.tests.items()
    evaluation = evaluate_model(model, test)
    figures = list(_figures(evaluation, task))
    figures.append(hallucination_figure(model))
    if options.compare_with:
        test_set = recordings(test)
        if CTC in options.compare_with and not model.recipe.starts:
            figures += _tutorial(recordings(examples.train), test_set, sitting.budget, evaluation)
        if SPHINX in options.compare_with and task.english:
            figures += _sphinx(name, test_set, store)
    sitting.record(f"evaluated on {evaluation.n:,} recordings: {test_name}", figures, model.recipe)


def _figures(evaluation: Evaluation, task: Task) -> Iterator[Figure]:
    if task.bleu is not None:
        yield figure(evaluation, "bleu", "BLEU", at_least=task.bleu)
        yield figure(evaluation, "chrf", "chrF")
    else:
        yield figure(evaluation, "wer", "word error rate (wer)", at_most=task.wer)
        yield figure(evaluation, "cer", "character error rate (cer)", at_most=task.cer)
        for part in ("substitutions", "insertions", "deletions"):
            yield figure(evaluation, part, f"{part} per word")
    yield figure(evaluation, "wrong", "texts with at least one error")
    yield from promise_figures(evaluation, task.coverage)
    yield figure(evaluation, "whole_coverage", "texts accepted in full")
    if "age" in evaluation.groups:
        for who, group in sorted(evaluation.groups["age"].groups.items()):
            what = f"word error rate of {who} ({group.n} recordings)"
            yield Figure(what, group.metrics["wer"], "%", *group.intervals["wer"])
    if evaluation.speed and (factor := evaluation.speed.real_time_factor):
        yield Figure("real-time factor", factor)


def _tutorial(
    train: Sequence[Spoken], test_set: Sequence[Spoken], budget: Budget, ours: Evaluation
) -> Iterator[Figure]:
    """Its budget is for training alone, and its best epoch on the test set counts."""
    written = tutorial(train, test_set, budget.minutes * 60, steps=budget.steps, seed=budget.seed)
    epochs = [evaluate_texts(texts, test_set) for texts in written]
    best = min(epochs, key=lambda epoch: epoch.metrics["wer"])
    yield figure(epochs[-1], "wer", "tutorial network: word error rate")
    yield figure(best, "wer", f"the same at the best of its {len(epochs)} epochs on the test set")
    yield figure(best, "cer", "character error rate of that")
    yield Figure("word error rate, points below that", 100 * (best.metrics["wer"] - ours.metrics["wer"]), at_least=0.0)


def _sphinx(name: str, test_set: Sequence[Spoken], store: Store) -> Iterator[Figure]:
    python = store.environment("pocketsphinx", PACKAGE)
    sound_s = sum(len(spoken.samples) for spoken in test_set) / RATE_HZ
    guided = {"PocketSphinx with a grammar": GRAMMARS[name]} if name in GRAMMARS else {}
    for who, grammar in {"PocketSphinx": None, **guided}.items():
        transcribed = sphinx(python, test_set, grammar)
        yield figure(evaluate_texts(transcribed.texts, test_set), "wer", f"{who}: word error rate")
        yield Figure(f"{who}: real-time factor on one core", transcribed.seconds / sound_s)


def evaluate_texts(texts: Sequence[str], test_set: Sequence[Spoken]) -> Evaluation:
    """Our metrics for the texts of another recogniser."""
    answers = [Text.from_string(text) for text in texts]
    truths = [Text.from_string(spoken.text) for spoken in test_set]
    kind = ANSWERS["text"]
    spec = kind.plan([spoken.text for spoken in test_set], "text")
    return evaluate(kind, spec, answers, truths, accepted=[False] * len(answers))


def main() -> None:
    options = parse_arguments("benchmarks.transcripts", __doc__, list(TASKS), compare_with=BESIDE)
    for_each(options, lambda name, store: measure(name, TASKS[name], store, options))


if __name__ == "__main__":
    main()

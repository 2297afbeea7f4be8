"""Lip reading in noise: noisy sentences transcribed from sound and lips, and from sound alone.

python -m benchmarks.in_noise [--data ../shared/data] [--seed 0]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from benchmarks.accuracy import evaluate_model, figure, train_model
from benchmarks.budget import Budget, Sitting, parse_arguments
from benchmarks.data import AbsentError, Examples, Store
from benchmarks.results import Figure
from benchmarks.spoken import grid_in_noise
from seehear.api import Recogniser, plan
from seehear.measure.evaluate import Evaluation

NAME, STANDARD_MINUTES = "grid-noise", 60
SENSES = ("audio", "lips")
TARGET_SHARE_OF_ERROR = 0.5  # error with lips, relative to the better result with sound only


def measure(store: Store, options: argparse.Namespace) -> None:
    examples = grid_in_noise(store)
    sitting = Sitting.begun(NAME, STANDARD_MINUTES, options)
    model = train_model(examples, sitting.budget, SENSES, out=store.cache / f"{NAME}.seehear")
    alone = _train_on_sound_only(examples, sitting.budget, store)
    with_both = {condition: evaluate_model(model, test) for condition, test in examples.tests.items()}
    figures = [
        each
        for condition, test in examples.tests.items()
        for each in _figures(condition, with_both[condition], model, alone, test)
    ]
    sentences = next(iter(with_both.values())).n
    note = f"the same budget for each recogniser; evaluated on {sentences:,} sentences"
    sitting.record(note, figures, model.recipe)


def _train_on_sound_only(examples: Examples, given: Budget, store: Store) -> Recogniser:
    """Train on sound only, with the same budget and heavy noise augmentation as the recogniser with both senses."""
    recipe = plan(
        examples.train,
        val=examples.val,
        minutes=given.minutes,
        senses=["audio"],
        seed=given.seed,
        device=given.device,
        start=given.start,
    )
    audio = recipe.senses["audio"].model_copy(update={"heavy_noise": True})
    recipe = recipe.model_copy(update={"senses": {"audio": audio}})
    return train_model(examples, given, ("audio",), out=store.cache / f"{NAME}-audio.seehear", recipe=recipe)


def _figures(
    condition: str, with_both: Evaluation, both: Recogniser, alone: Recogniser, test: Path
) -> Iterator[Figure]:
    without_lips, specialist = evaluate_model(both, test, senses=["audio"]), evaluate_model(alone, test)
    yield figure(with_both, "wer", f"word error rate, {condition}: sound and lips")
    yield figure(without_lips, "wer", f"word error rate, {condition}: lips withheld")
    yield figure(specialist, "wer", f"word error rate, {condition}: a recogniser trained on sound only")
    yield figure(evaluate_model(both, test, senses=["lips"]), "wer", f"word error rate, {condition}: lips only")
    better = max(min(without_lips.metrics["wer"], specialist.metrics["wer"]), 1e-9)
    share = with_both.metrics["wer"] / better
    target = TARGET_SHARE_OF_ERROR if condition != "as recorded" else None
    yield Figure(f"relative to the better with sound only, {condition}", share, "%", at_most=target)


def main() -> None:
    options = parse_arguments("benchmarks.in_noise", __doc__, [NAME])
    try:
        measure(Store(options.data), options)
    except AbsentError as absent:
        print(f"{NAME}: {absent}")


if __name__ == "__main__":
    main()

"""What lips are worth where sound is drowned: sentences in noise, by sound and lips, and by sound alone.

python -m benchmarks.in_noise [--data ../shared/data] [--seed 0]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from benchmarks.accuracy import evaluated, figure, taught
from benchmarks.budget import Budget, Sitting, asked
from benchmarks.data import AbsentError, Examples, Store
from benchmarks.results import Figure
from benchmarks.spoken import grid_in_noise
from seehear.api import Recogniser, plan
from seehear.measure.evaluate import Evaluation

NAME, STANDARD_MINUTES = "grid-noise", 60
SENSES = ("audio", "lips")
WISHED_SHARE_OF_ERROR = 0.5  # with lips too, of the better one by sound alone


def measure(store: Store, options: argparse.Namespace) -> None:
    examples = grid_in_noise(store)
    sitting = Sitting.begun(NAME, STANDARD_MINUTES, options)
    model = taught(examples, sitting.budget, SENSES, out=store.cache / f"{NAME}.seehear")
    alone = _by_sound_alone(examples, sitting.budget, store)
    with_both = {judge: evaluated(model, test) for judge, test in examples.tests.items()}
    figures = [
        each for judge, test in examples.tests.items() for each in _figures(judge, with_both[judge], model, alone, test)
    ]
    sentences = next(iter(with_both.values())).n
    sitting.record(f"as many for each recogniser; judged on {sentences:,} sentences", figures)


def _by_sound_alone(examples: Examples, given: Budget, store: Store) -> Recogniser:
    """Taught in the same minutes, and from sound as drowned as the other's: else noise alone would be new to it."""
    recipe = plan(
        examples.train,
        val=examples.val,
        minutes=given.minutes,
        senses=["audio"],
        seed=given.seed,
        device=given.device,
    )
    drowned = recipe.senses["audio"].model_copy(update={"drowned": True})
    recipe = recipe.model_copy(update={"senses": {"audio": drowned}})
    return taught(examples, given, ("audio",), out=store.cache / f"{NAME}-audio.seehear", recipe=recipe)


def _figures(judge: str, with_both: Evaluation, both: Recogniser, alone: Recogniser, test: Path) -> Iterator[Figure]:
    heard, specialist = evaluated(both, test, senses=["audio"]), evaluated(alone, test)
    yield figure(with_both, "wer", f"word errors, {judge}, by sound and lips")
    yield figure(heard, "wer", f"word errors, {judge}, with lips withheld")
    yield figure(specialist, "wer", f"word errors, {judge}, of a recogniser taught by sound alone")
    yield figure(evaluated(both, test, senses=["lips"]), "wer", f"word errors, {judge}, by lips alone")
    better = max(min(heard.metrics["wer"], specialist.metrics["wer"]), 1e-9)
    share = with_both.metrics["wer"] / better
    wished = WISHED_SHARE_OF_ERROR if judge != "as recorded" else None
    yield Figure(f"of the better by sound alone, {judge}", share, "%", at_most=wished)


def main() -> None:
    options = asked("benchmarks.in_noise", __doc__, [NAME])
    try:
        measure(Store(options.data), options)
    except AbsentError as absent:
        print(f"{NAME}: {absent}")


if __name__ == "__main__":
    main()

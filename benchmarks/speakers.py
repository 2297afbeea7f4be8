"""Leave one speaker out: the accuracy on each speaker of the spoken digits in turn, its mean and its worst.

The result on a single speaker may be luck. Each recogniser trains for its full minutes without the speaker it is
tested on.

python -m benchmarks.speakers [--data ../shared/data] [--seed 0]
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.accuracy import TASKS, evaluate_model, figure, train_model
from benchmarks.budget import Budget, Sitting, for_each, parse_arguments
from benchmarks.data import SPEAKERS, Examples, Store, fsdd
from benchmarks.results import Figure
from benchmarks.shifts import accepted_error
from seehear.api import Recogniser
from seehear.measure.evaluate import Evaluation
from seehear.recipe import Recipe

NAME = "fsdd-speakers"
TARGET_MEAN, TARGET_WORST, TARGET_WRONG = 0.95, 0.88, 0.05


@dataclass(frozen=True)
class LeftOut:
    """The recogniser trained without each speaker, and its evaluation on that one."""

    models: Mapping[str, Recogniser]
    evaluations: Mapping[str, Evaluation]

    @property
    def recipe(self) -> Recipe:
        """Of one of them: all are planned for as many examples."""
        return next(iter(self.models.values())).recipe

    def figures(self, mean: float, worst: float) -> list[Figure]:
        """Accuracy and the share accepted; `mean` and `worst` are the targets."""
        own = [
            figure(evaluation, "accuracy", f"accuracy on the unseen speaker {speaker}")
            for speaker, evaluation in self.evaluations.items()
        ]
        shares = [each.value for each in own]
        coverage = [evaluation.metrics["coverage"] for evaluation in self.evaluations.values()]
        return [
            Figure("accuracy, mean over speakers", sum(shares) / len(shares), "%", at_least=mean),
            Figure("accuracy, worst speaker", min(shares), "%", at_least=worst),
            *own,
            Figure("accepted, mean over speakers", sum(coverage) / len(coverage), "%"),
        ]


def leave_each_out(examples: Mapping[str, Examples], budget: Budget, out: Path, *, stress: bool = False) -> LeftOut:
    """Train without each speaker in turn, each time for the whole budget. `out` begins the names of model files."""
    models, evaluations = {}, {}
    for speaker, own in examples.items():
        path = out.with_name(f"{out.name}-{speaker}.seehear")
        models[speaker] = train_model(own, budget, ("audio",), out=path)
        evaluations[speaker] = evaluate_model(models[speaker], next(iter(own.tests.values())), stress=stress)
    return LeftOut(models, evaluations)


def measure(name: str, store: Store, options: argparse.Namespace) -> None:
    sitting = Sitting.begun(name, TASKS["fsdd"].standard_minutes, options)
    examples = {speaker: fsdd(store, speaker) for speaker in SPEAKERS}
    left_out = leave_each_out(examples, sitting.budget, store.cache / name, stress=True)
    mild = [
        levels.mild
        for evaluation in left_out.evaluations.values()
        if evaluation.stress is not None
        for levels in evaluation.stress.curves.values()
    ]
    figures = [
        *left_out.figures(TARGET_MEAN, TARGET_WORST),
        Figure("error among accepted under mild corruptions", accepted_error(mild), "%", at_most=TARGET_WRONG),
    ]
    sitting.record(f"for each of {len(SPEAKERS)} speakers, tested on the one left out", figures, left_out.recipe)


def main() -> None:
    options = parse_arguments("benchmarks.speakers", __doc__, [NAME])
    for_each(options, lambda name, store: measure(name, store, options))


if __name__ == "__main__":
    main()

"""Leave one speaker out: the accuracy on each speaker of the spoken digits in turn, its mean and its worst.

The result on a single speaker may be luck. Each recogniser trains for its full minutes without the speaker it is
tested on.

python -m benchmarks.speakers [--data ../shared/data] [--seed 0]
"""

from __future__ import annotations

import argparse

from benchmarks.accuracy import TASKS, evaluate_model, figure, task_named, train_model
from benchmarks.budget import Sitting, for_each, parse_arguments
from benchmarks.data import SPEAKERS, Store
from benchmarks.results import Figure
from benchmarks.shifts import accepted_error

NAME = "fsdd-speakers"
TARGET_MEAN, TARGET_WORST, TARGET_WRONG = 0.95, 0.88, 0.05


def measure(name: str, store: Store, options: argparse.Namespace) -> None:
    task = TASKS["fsdd"]
    sitting = Sitting.begun(name, task.standard_minutes, options)
    own: list[Figure] = []
    coverage: list[float] = []
    mild = []
    for speaker in SPEAKERS:
        examples = task_named("fsdd" if speaker == SPEAKERS[0] else f"fsdd-{speaker}").prepare(store)
        model = train_model(examples, sitting.budget, task.senses, out=store.cache / f"{name}-{speaker}.seehear")
        evaluation = evaluate_model(model, next(iter(examples.tests.values())), robustness=True)
        own.append(figure(evaluation, "accuracy", f"accuracy on the unseen speaker {speaker}"))
        coverage.append(evaluation.metrics["coverage"])
        if evaluation.robustness is not None:
            mild += [levels.mild for levels in evaluation.robustness.corruptions.values()]
    shares = [each.value for each in own]
    figures = [
        Figure("accuracy, mean over speakers", sum(shares) / len(shares), "%", at_least=TARGET_MEAN),
        Figure("accuracy, worst speaker", min(shares), "%", at_least=TARGET_WORST),
        *own,
        Figure("accepted, mean over speakers", sum(coverage) / len(coverage), "%"),
        Figure("error among accepted under mild corruptions", accepted_error(mild), "%", at_most=TARGET_WRONG),
    ]
    sitting.record(f"for each of {len(SPEAKERS)} speakers, tested on the one left out", figures)


def main() -> None:
    options = parse_arguments("benchmarks.speakers", __doc__, [NAME])
    for_each(options, lambda name, store: measure(name, store, options))


if __name__ == "__main__":
    main()

"""Each speaker of the spoken digits left out in turn: how good it is for the mean of them, and for the worst.

One speaker alone may be lucky. Every recogniser has its own minutes; what judges was never heard by it.

python -m benchmarks.speakers [--data ../shared/data] [--seed 0]
"""

from __future__ import annotations

import argparse

from benchmarks.accuracy import TASKS, evaluated, figure, task_named, taught
from benchmarks.budget import Sitting, asked, for_each
from benchmarks.data import SPEAKERS, Store
from benchmarks.results import Figure
from benchmarks.shifts import accepted_error

NAME = "fsdd-speakers"
WISHED_MEAN, WISHED_WORST, WISHED_WRONG = 0.95, 0.88, 0.05


def measure(name: str, store: Store, options: argparse.Namespace) -> None:
    task = TASKS["fsdd"]
    sitting = Sitting.begun(name, task.standard_minutes, options)
    own: list[Figure] = []
    coverage: list[float] = []
    mild = []
    for speaker in SPEAKERS:
        examples = task_named("fsdd" if speaker == SPEAKERS[0] else f"fsdd-{speaker}").prepare(store)
        model = taught(examples, sitting.budget, task.senses, out=store.cache / f"{name}-{speaker}.seehear")
        evaluation = evaluated(model, next(iter(examples.tests.values())), shifted=True)
        own.append(figure(evaluation, "accuracy", f"accuracy on {speaker}, never heard"))
        coverage.append(evaluation.metrics["coverage"])
        if evaluation.shifted is not None:
            mild += [levels.mild for levels in evaluation.shifted.corruptions.values()]
    shares = [each.value for each in own]
    figures = [
        Figure("accuracy, mean of the speakers", sum(shares) / len(shares), "%", at_least=WISHED_MEAN),
        Figure("accuracy, the worst of the speakers", min(shares), "%", at_least=WISHED_WORST),
        *own,
        Figure("accepted, mean of the speakers", sum(coverage) / len(coverage), "%"),
        Figure("error of the accepted under mild corruptions", accepted_error(mild), "%", at_most=WISHED_WRONG),
    ]
    sitting.record(f"for each of {len(SPEAKERS)} speakers, judged on the one who is never heard", figures)


def main() -> None:
    options = asked("benchmarks.speakers", __doc__, [NAME])
    for_each(options, lambda name, store: measure(name, store, options))


if __name__ == "__main__":
    main()

"""Speed, size and memory, as ratios within one run, because machines differ and are shared.

python -m benchmarks.speed [PARTS] [--data ../shared/data]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.data import DATA, AbsentError, Examples, Store, cifar10, cifar10_few
from benchmarks.footprint import importing, installing, memory_of_predicting, memory_of_training
from benchmarks.machine import pace
from benchmarks.predicting_speed import predicting_speed
from benchmarks.results import Figure, record
from benchmarks.training_speed import training_speed
from benchmarks.training_together import speed_together
from seehear.api import load, plan, train
from seehear.planning.starts import NONE
from seehear.recipe import Recipe

STANDARD_MINUTES = 8.0
NOTE = f"the network, where there is one, is what all of CIFAR-10 gets in {STANDARD_MINUTES:g} standard minutes"


@dataclass(frozen=True)
class Extent:
    """How long to measure."""

    rounds: int = 5
    seconds: float = 12.0
    steps: int = 180  # of training, to measure its memory: about one epoch of the 45,000 training pictures
    files: int = 100_000


TRIED = Extent(rounds=1, seconds=1.0, steps=2, files=500)


@dataclass(frozen=True)
class Subject:
    """The network that all parts measure: the one that CIFAR-10 gets in STANDARD_MINUTES."""

    store: Store
    minutes: float

    @cached_property
    def examples(self) -> Examples:
        return cifar10(self.store)

    @cached_property
    def recipe(self) -> Recipe:
        return plan(self.examples.train, minutes=self.minutes, start=NONE)

    @cached_property
    def saved(self) -> Path:
        """The network as a model file, trained for two steps: its speed does not depend on its weights."""
        path = self.store.cache / "speed.seehear"
        train(cifar10_few(self.store).train, path, recipe=self.recipe, steps=2)
        return path

    @cached_property
    def pictures(self) -> list[Path]:
        return sorted(next(iter(self.examples.tests.values())).glob("*/*.jpg"))


Part = Callable[[Subject, Extent], list[Figure]]


def _training(subject: Subject, extent: Extent) -> list[Figure]:
    return training_speed(subject.recipe, subject.examples, subject.store, rounds=extent.rounds, seconds=extent.seconds)


def _together(subject: Subject, extent: Extent) -> list[Figure]:
    return speed_together(subject.recipe, subject.examples, subject.store, rounds=extent.rounds, seconds=extent.seconds)


def _predicting(subject: Subject, extent: Extent) -> list[Figure]:
    model = load(subject.saved)
    return predicting_speed(model, subject.saved, subject.pictures, rounds=extent.rounds)


def _memory(subject: Subject, extent: Extent) -> list[Figure]:
    return [
        *memory_of_training(subject.examples, subject.minutes, extent.steps),
        *memory_of_predicting(subject.saved, subject.pictures, subject.store, extent.files),
    ]


PARTS: dict[str, Part] = {
    "training": _training,
    "together": _together,
    "predicting": _predicting,
    "memory": _memory,
    "import": lambda _subject, _extent: importing(),
    "installation": lambda subject, _extent: installing(subject.store),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all by default")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of the archives")
    parser.add_argument("--try", dest="tried", action="store_true", help="briefly: nothing is recorded")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    for name in options.parts or PARTS:
        before = pace()
        subject = Subject(Store(options.data), before.minutes(STANDARD_MINUTES))
        try:
            figures = PARTS[name](subject, TRIED if options.tried else Extent())
        except AbsentError as absent:
            print(f"{name}: {absent}")
            continue
        record(f"speed-{name}", NOTE, figures, before=before, after=pace(), keep=not options.tried)


if __name__ == "__main__":
    main()

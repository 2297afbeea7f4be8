"""How rare false alarms of drift are, and after how many answers a change is found.

    python -m benchmarks.drift simulated
    python -m benchmarks.drift cifar10

simulated   answers with five numbers and ten classes, which move by what is said
cifar10     pictures of CIFAR-10, clean and then mildly corrupted, answered by a pretrained encoder that was hardly
            fine-tuned; many random orders of the same pictures
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy import Log
from benchmarks.data import DATA, Store, cifar10_few
from benchmarks.machine import pace
from benchmarks.results import Figure, record
from seehear import api
from seehear.drift.answers import Compared, RecordedAnswer, compare_answer
from seehear.drift.followed import FollowedClasses, FollowedValues, UsualValues
from seehear.drift.report import CLASS
from seehear.drift.watch import PER_FALSE_ALARM, DriftWatch
from seehear.senses import SENSES
from seehear.senses.corruption import MILD, make_generator

NUMBERS, CLASSES = 5, 10
STATISTICS = NUMBERS + 1
STILL, SHORT, MANY = 10, 3000, 100  # streams of PER_FALSE_ALARM answers without a change; of SHORT ones, so many
STREAMS = 20  # with one
WITHIN, DREAM = 500, 200  # answers after which a mild change should be found
AFTER = 1000  # answers with a change
KEPT = 0.9  # share of the streams in which it should be found
LEARNED = 300  # pictures of each class, of which a tenth is held out
CLEAN, CORRUPTED = 1500, 500
CORRUPTIONS = ("darkness", "contrast", "defocus blur", "gaussian noise", "jpeg compression")

Array = NDArray[Any]
Random = np.random.Generator


@dataclass(frozen=True)
class Inputs:
    """What answers are drawn from.

    moved      standard deviations by which the first number has moved
    of         the share of inputs in which it has
    frequency  of the first class; the others share the rest
    alike      how many inputs in a row are the same
    """

    moved: float = 0.0
    of: float = 1.0
    frequency: float = 1 / CLASSES
    alike: int = 1

    def draw(self, random: Random, count: int) -> tuple[Array, Array]:
        """The numbers (count, NUMBERS), correlated, and the class of each (count,)."""
        different = -(-count // self.alike)
        numbers = random.normal(size=(different, NUMBERS)) * 0.8 + random.normal(size=(different, 1)) * 0.6
        numbers[:, 0] += self.moved * (random.random(different) < self.of)
        chances = [self.frequency, *[(1 - self.frequency) / (CLASSES - 1)] * (CLASSES - 1)]
        classes = random.choice(CLASSES, different, p=chances)
        return numbers.repeat(self.alike, 0)[:count], classes.repeat(self.alike)[:count]


def watch(
    random: Random, streams: int, usual: int, inputs: Iterable[tuple[Inputs, int]], per_false_alarm: int
) -> Iterator[tuple[int, int]]:
    """Stream and answer of each alarm in so many streams, each with this many usual examples of its own.

    All streams are watched at once, as further numbers and classes of one stream: that takes a fifth of the time.
    """
    drawn = [Inputs().draw(random, usual) for _ in range(streams)]
    known = [
        UsualValues(f"{stream} {i}", "", "", row)
        for stream, (numbers, _) in enumerate(drawn)
        for i, row in enumerate(numbers.T.tolist())
    ]
    most = per_false_alarm * STATISTICS
    values = FollowedValues(known, most)
    counts = {
        f"{stream} {i}": int((classes == i).sum()) for stream, (_, classes) in enumerate(drawn) for i in range(CLASSES)
    }
    named = FollowedClasses(counts, usual, most / streams)  # each stream has limits of its own
    number = 0
    for source, count in inputs:
        ahead = [source.draw(random, count) for _ in range(streams)]
        numbers = np.concatenate([each for each, _ in ahead], 1)  # (count, streams * NUMBERS)
        classes = np.stack([each for _, each in ahead], 1)  # (count, streams)
        for row, indices in zip(numbers.tolist(), classes.tolist(), strict=True):
            number += 1
            alarms = [
                *values.add(number, {each.name: value for each, value in zip(known, row, strict=True)}),
                *named.add(number, [f"{stream} {index}" for stream, index in enumerate(indices)]),
            ]
            yield from ((int(alarm.statistic.removeprefix(CLASS).split()[0]), number) for alarm in alarms)


def count_false(what: str, usual: int, streams: int, inputs: Inputs, seed: int, per_false_alarm: int) -> Figure:
    """The mean number of alarms without a change, in as many answers as one is allowed in, with its interval."""
    alarms = list(watch(np.random.default_rng(seed), streams, usual, [(inputs, per_false_alarm)], per_false_alarm))
    counts = np.bincount([stream for stream, _ in alarms], minlength=streams)
    mean, margin = float(counts.mean()), 1.96 * float(counts.std(ddof=1)) / np.sqrt(streams)
    return Figure(
        what, mean, low=max(mean - margin, 0.0), high=mean + margin, at_most=1 if inputs == Inputs() else None
    )


def measure_delays(usual: int, before: int, inputs: Inputs, seed: int) -> list[float]:
    """The answers from the change to the first alarm after it, in each stream; infinity if there is none."""
    found: list[list[int]] = [[] for _ in range(STREAMS)]
    changing = [(Inputs(), before), (inputs, AFTER)]
    for stream, number in watch(np.random.default_rng(seed), STREAMS, usual, changing, PER_FALSE_ALARM):
        found[stream].append(number)
    return [to_delay(each, before) for each in found]


def to_delay(found: Iterable[int], before: int) -> float:
    """found: the answer of each alarm, in order."""
    return next((float(number - before) for number in found if number > before), float("inf"))


def to_figures(what: str, delays: Sequence[float], longest: int, *, mild: bool = True) -> Iterator[Figure]:
    """The median, or the length of the streams where more than half of the changes were not found."""
    found = float(np.mean(np.array(delays) <= WITHIN))
    yield Figure(f"{what}: found within {WITHIN}", found, "%", at_least=KEPT if mild else None)
    yield Figure(f"{what}: median", min(float(np.median(delays)), longest), "answers", at_most=DREAM if mild else None)


def measure_simulated(seed: int) -> list[Figure]:
    settings = ((100, STILL, PER_FALSE_ALARM), (1000, STILL, PER_FALSE_ALARM), (1000, MANY, SHORT))
    figures = [
        count_false(f"false alarms in {per:,} answers, {usual:,} usual examples", usual, streams, Inputs(), seed, per)
        for usual, streams, per in settings
    ]
    alike = "false alarms where one is allowed, each input 5 times in a row"
    figures.append(count_false(alike, 1000, STREAMS, Inputs(alike=5), seed, 1000))
    changes = {
        "moved by 0.5 sd": Inputs(moved=0.5),
        "a tenth moved by 3 sd": Inputs(moved=3, of=0.1),
        "class from 10 to 20 %": Inputs(frequency=0.2),
    }
    for (what, inputs), usual, before in product(changes.items(), (100, 300, 1000), (0, 1000)):
        delays = measure_delays(usual, before, inputs, seed)
        when = f"{usual:,} usual, {f'after {before:,} answers' if before else 'from the start'}"
        figures += to_figures(f"{what}, {when}", delays, AFTER, mild=inputs.moved == 0.5)
        print(f"  {what}, {when}: median {np.median(delays):g}", flush=True)
    return figures


def measure_cifar10(store: Store, seed: int) -> list[Figure]:
    """Watch clean pictures, then corrupted ones, in STREAMS random orders."""
    examples = cifar10_few(store, LEARNED)
    out = store.cache / "drift-cifar10.seehear"
    model = api.load(out) if out.exists() else api.train(examples.train, out, steps=1, seed=seed, listen=Log())
    files = sorted(next(iter(examples.tests.values())).rglob("*.jpg"))
    random = np.random.default_rng(seed)
    chosen = [files[place] for place in random.permutation(len(files))[: CLEAN + CORRUPTED]]
    clean = _compare(model, chosen[:CLEAN])
    corrupted = {name: _compare(model, list(_corrupt(chosen[CLEAN:], name, seed))) for name in CORRUPTIONS}
    figures: list[Figure] = []
    false = 0
    for name, changed in corrupted.items():
        delays = []
        for _ in range(STREAMS):
            before, after = (_shuffle(random, each) for each in (clean, changed))
            drift = DriftWatch(model.recipe)
            alarms = [alarm for answer in (*before[: CLEAN // 2], *after) for alarm in drift.add(answer)]
            false += sum(alarm.found <= CLEAN // 2 for alarm in alarms)
            delays.append(to_delay([alarm.found for alarm in alarms], CLEAN // 2))
        figures += to_figures(f"mild {name}", delays, CORRUPTED)
        print(f"  mild {name}: median {np.median(delays):g}", flush=True)
    watched = STREAMS * len(CORRUPTIONS) * (CLEAN // 2)
    in_all = false / watched * PER_FALSE_ALARM
    return [Figure(f"false alarms in {PER_FALSE_ALARM:,} clean pictures", in_all, at_most=1), *figures]


def _compare(model: api.Recogniser, inputs: Sequence[Any]) -> list[Compared]:
    told = (
        compare_answer(RecordedAnswer(answer.to_json(), ""), model.recipe) for answer in model.predictor.predict(inputs)
    )
    return [each for each in told if each is not None]


def _corrupt(files: Sequence[Path], name: str, seed: int) -> Iterator[Array]:
    sight = SENSES["image"]
    for number, file in enumerate(files):
        yield sight.corruptions()[name](sight.read(file), MILD, make_generator(seed, number, name))


def _shuffle(random: Random, answers: Sequence[Compared]) -> list[Compared]:
    return [answers[place] for place in random.permutation(len(answers))]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drift", description=__doc__)
    parser.add_argument("name", choices=("simulated", "cifar10"))
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of the archives")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    before = pace()
    if options.name == "simulated":
        figures = measure_simulated(options.seed)
        note = (
            f"{STREAMS} streams for each change; without one, {STILL} of {PER_FALSE_ALARM:,} answers and {MANY} of "
            f"{SHORT:,}, in each of which one false alarm is allowed"
        )
    else:
        figures = measure_cifar10(Store(options.data), options.seed)
        note = (
            f"{LEARNED} pictures of each class; {STREAMS} orders of {CLEAN // 2} clean and {CORRUPTED} corrupted ones"
        )
    record(f"drift-{options.name}", note, figures, before=before, after=pace())


if __name__ == "__main__":
    main()

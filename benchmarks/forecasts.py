"""Whether a learning curve forecasts what more examples bring: those that were held back are added.

    python -m benchmarks.forecasts photos|x-rays [--draws 20]

Some examples are drawn, their learning curve is measured as in `seehear check --deep`, and its forecasts are compared
with heads that also learn from as many of the others as it speaks of; the rest tests them. All heads are fitted to the
same features, which are computed once.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy import Log
from benchmarks.data import DATA, SEED, Store, list_pictures, write_table
from benchmarks.machine import pace
from benchmarks.results import Figure, record
from seehear.check.deep import predict_out_of_fold
from seehear.datasets import open_labelled
from seehear.events import ignore_events
from seehear.learn.learning_curve import HeadFitter, measure_learning_curve
from seehear.learn.out_of_fold import OutOfFoldAnswers
from seehear.measure.learning_curve import Advice
from seehear.measure.power_law import Forecast

POOL = 3000  # examples, of which some are present
PRESENT = (150, 400)
DRAWS = 20  # of each number
ADDITIONS = 8  # of examples that a forecast speaks of: a forecast is of what they bring on average
TARGET_INSIDE = 0.9
SETS = {"photos": "cifar10", "x-rays": "pneumonia"}

Rows = NDArray[np.int64]


class Checked(NamedTuple):
    """A forecast, and what was measured."""

    forecast: Forecast
    measured: float

    @property
    def inside(self) -> bool:
        return self.forecast.low <= self.measured <= self.forecast.high


class Draw(NamedTuple):
    """The forecasts for one draw of the present examples.

    metric  with more examples of all classes
    gain    from these
    own     from more examples of the class that is said to help most
    """

    metric: Checked
    gain: Checked
    own: Checked


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.forecasts", description=__doc__)
    parser.add_argument("data_set", choices=SETS)
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--data", type=Path, default=DATA)
    options = parser.parse_args()
    before = pace()
    with TemporaryDirectory() as folder:
        found = encode(Store(options.data), SETS[options.data_set], Path(folder))
        figures = [figure for present in PRESENT for figure in measure(found, present, options.draws)]
    note = f"{options.draws} draws of the present examples from {len(found.rows):,}, of which the others test"
    record(f"forecasts-{options.data_set}", note, figures, before=before, after=pace(), keep=options.draws >= DRAWS)


def encode(store: Store, name: str, folder: Path) -> OutOfFoldAnswers:
    """The features of random pictures of a set."""
    pictures = list_pictures(store, name)
    chosen = np.random.default_rng(SEED).permutation(len(pictures))[:POOL].tolist()
    rows = [{"image": str(pictures[place][0].resolve()), "label": pictures[place][1]} for place in chosen]
    write_table(folder / "examples.csv", rows)
    table = open_labelled(folder / "examples.csv", "label", None, folder / "unpacked")
    return predict_out_of_fold(table, None, folder, Log())


def measure(found: OutOfFoldAnswers, present: int, draws: int) -> Iterator[Figure]:
    checked = [check(found, present, seed) for seed in range(draws)]
    for what, name in (
        ("accuracy with more of all", "metric"),
        ("gain from more of all", "gain"),
        ("gain from more of the class that helps most", "own"),
    ):
        own: list[Checked] = [getattr(each, name) for each in checked]
        about = f"{present} examples: {what}"
        inside = float(np.mean([each.inside for each in own]))
        yield Figure(f"{about}, forecasts whose interval holds it", inside, "%", at_least=TARGET_INSIDE)
        yield Figure(f"{about}, forecast on average", _mean([each.forecast.value for each in own]), "%")
        yield Figure(f"{about}, measured on average", _mean([each.measured for each in own]), "%")
        yield Figure(f"{about}, mean width", _mean([each.forecast.high - each.forecast.low for each in own]), "%")


def check(found: OutOfFoldAnswers, present: int, seed: int) -> Draw:
    """The forecasts for some rows, and what the rows that they speak of bring."""
    order = np.random.default_rng(seed).permutation(len(found.rows))
    rows, others = order[:present], order[present:]
    curve = measure_learning_curve(found, ignore_events, rows)
    if curve is None or found.frozen is None:
        raise SystemExit("there is no learning curve: no pretrained encoder is installed, or the examples are too few")
    advised, of_all = curve.advise()[0], curve.advise()[-1]
    tester = _Tester(found, HeadFitter(found.network, found.dataset, found.frozen), rows, others)
    plain, more, own = tester.measure(()), tester.average(of_all, seed), tester.average(advised, seed)
    return Draw(
        Checked(curve.forecast(present + of_all.more), more),
        Checked(of_all.gain, more - plain),
        Checked(advised.gain, own - plain),
    )


class _Tester:
    """Tests heads that learn from the present rows and some others. Half of the others test, whatever is added."""

    def __init__(self, found: OutOfFoldAnswers, fitter: HeadFitter, present: Rows, others: Rows) -> None:
        self._found, self._fitter, self._present = found, fitter, present
        self._spare, self._test = others[: len(others) // 2], others[len(others) // 2 :]

    def average(self, advice: Advice, seed: int) -> float:
        """The mean of the headline metric with as many further rows as an advice speaks of, drawn again and again."""
        cells, kind = self._found.dataset.table.answers(), self._found.dataset.kind
        fits = [row for row in self._spare.tolist() if advice.of in ("", kind.stratum(cells[row]))]
        random = np.random.default_rng(seed)
        return _mean([self.measure(random.permutation(fits)[: advice.more]) for _ in range(ADDITIONS)])

    def measure(self, more: Rows | Sequence[int]) -> float:
        """The headline metric with more rows."""
        kind, spec = self._found.dataset.kind, self._found.dataset.recipe.answer
        answers = self._fitter.answer(np.array([*self._present, *more]), self._test)
        truths: list[Any] = [self._found.truths[row] for row in answers]
        compared = kind.compare(list(answers.values()), truths, spec)
        return float(kind.metrics(compared, spec)[kind.headline(spec).metric])


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


if __name__ == "__main__":
    main()

"""Wrong labels that `seehear check --deep` finds among correct ones; beside cleanlab, if it is installed.

    python -m benchmarks.label_errors photos|x-rays|digits [--count 3000] [--draws 3] [--minutes 10]

5 % of the labels are replaced by random other ones. cleanlab judges the same predictions.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy import Log
from benchmarks.data import DATA, Store, list_pictures, list_sounds, write_table
from benchmarks.machine import pace
from benchmarks.results import Figure, record
from seehear.answers.label_noise import LIKELIER, estimate_label_noise
from seehear.check.deep import predict_out_of_fold
from seehear.datasets import open_labelled

WRONG = 0.05  # share of the labels that are replaced
RECALL = 0.7  # of the wrong labels, at which precision is compared

Array = NDArray[Any]


class Judged(NamedTuple):
    """Labels in the data, of which some were replaced, and what a model that has not learned from them says.

    probabilities  (n, C)
    given          (n,) the class in the data
    true           (n,) the class before some were replaced
    """

    probabilities: Array
    given: Array
    true: Array

    @property
    def wrong(self) -> Array:
        replaced: Array = self.given != self.true
        return replaced


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.label_errors", description=__doc__)
    parser.add_argument("data_set", choices=EXAMPLES)
    parser.add_argument("--count", type=int, default=3000, help="examples, at most")
    parser.add_argument("--draws", type=int, default=3, help="how often other labels are replaced")
    parser.add_argument("--minutes", type=float, help="standard minutes of training; only heads are fitted by default")
    parser.add_argument("--data", type=Path, default=DATA)
    options = parser.parse_args()
    before, examples = pace(), EXAMPLES[options.data_set](Store(options.data))
    judged = [judge(examples, options.count, options.minutes, seed) for seed in range(options.draws)]
    note = f"{len(judged[0].given):,} examples, {options.draws} times with {WRONG:.0%} of the labels replaced"
    trained = "" if options.minutes is None else "-trained"
    record(f"label-errors-{options.data_set}{trained}", note, list(compare(judged)), before=before, after=pace())


def judge(examples: Sequence[tuple[Path, str]], count: int, minutes: float | None, seed: int) -> Judged:
    """Replace labels at random, and predict every example by a model that has not learned from it."""
    random = np.random.default_rng(seed)
    chosen = [examples[place] for place in random.permutation(len(examples))[:count].tolist()]
    classes = sorted({label for _, label in chosen})
    true = np.array([classes.index(label) for _, label in chosen])
    given = true.copy()
    replaced = random.choice(len(true), round(WRONG * len(true)), replace=False)
    given[replaced] = (true[replaced] + random.integers(1, len(classes), len(replaced))) % len(classes)
    with TemporaryDirectory() as folder:
        sense = "audio" if chosen[0][0].suffix in (".wav", ".ogg", ".flac") else "image"
        rows = [
            {sense: str(file.resolve()), "label": classes[label]}
            for (file, _), label in zip(chosen, given.tolist(), strict=True)
        ]
        write_table(Path(folder) / "examples.csv", rows)
        table = open_labelled(Path(folder) / "examples.csv", "label", None, Path(folder) / "unpacked")
        found = predict_out_of_fold(table, minutes, Path(folder), Log())
    spec: Any = found.dataset.recipe.answer
    order = [spec.index[name] for name in classes]
    probabilities = np.array([answer.probabilities for answer in found.answers])[:, order]
    return Judged(probabilities, given[found.rows], true[found.rows])


def compare(judged: Sequence[Judged]) -> Iterator[Figure]:
    """Means over the draws."""
    accuracy = [np.mean(each.probabilities.argmax(1) == each.true) for each in judged]
    yield Figure("accuracy of the models, against the true labels", float(np.mean(accuracy)), "%")
    for name, score in SCORES.items():
        found = [measure_precision(score(each), each.wrong) for each in judged]
        target = 0.85 if name == "ours" else None
        what = f"precision with {RECALL:.0%} of the wrong labels found, {name}"
        yield Figure(what, float(np.mean(found)), "%", at_least=target)
    for name, suspect in LISTS.items():
        listed = [suspect(each) for each in judged]
        right = [np.mean(each.wrong[rows]) for each, rows in zip(judged, listed, strict=True)]
        recall = [np.mean(rows[each.wrong]) for each, rows in zip(judged, listed, strict=True)]
        yield Figure(f"share of the examples listed, {name}", float(np.mean([rows.mean() for rows in listed])), "%")
        yield Figure(f"precision of the list, {name}", float(np.mean(right)), "%")
        yield Figure(f"recall of the list, {name}", float(np.mean(recall)), "%")


def measure_precision(score: Array, wrong: Array) -> float:
    """The precision of the highest scores (n,), as many as are needed to find RECALL of the wrong labels."""
    found = np.cumsum(wrong[np.argsort(-score, kind="stable")])
    needed = int(np.searchsorted(found, np.ceil(RECALL * wrong.sum()))) + 1
    return float(found[needed - 1] / needed)


def _estimate_wrong(judged: Judged) -> Array:
    return estimate_label_noise(np.log(judged.probabilities + 1e-12), judged.given).wrong


def _score_by_cleanlab(judged: Judged, method: str) -> Array:
    from cleanlab.rank import get_label_quality_scores

    quality: Array = get_label_quality_scores(judged.given, judged.probabilities, method=method)
    return -quality


def _list_by_cleanlab(judged: Judged) -> Array:
    from cleanlab.filter import find_label_issues

    issues: Array = find_label_issues(judged.given, judged.probabilities)
    return issues


EXAMPLES: Mapping[str, Callable[[Store], list[tuple[Path, str]]]] = {
    "photos": lambda store: list_pictures(store, "cifar10"),
    "x-rays": lambda store: list_pictures(store, "pneumonia"),
    "digits": list_sounds,
}
SCORES: dict[str, Callable[[Judged], Array]] = {"ours": _estimate_wrong}
LISTS: dict[str, Callable[[Judged], Array]] = {"ours": lambda judged: _estimate_wrong(judged) > LIKELIER}
if find_spec("cleanlab") is not None:
    for method in ("self_confidence", "normalized_margin"):
        SCORES[f"by cleanlab's {method}"] = partial(_score_by_cleanlab, method=method)
    LISTS["cleanlab's"] = _list_by_cleanlab

if __name__ == "__main__":
    main()

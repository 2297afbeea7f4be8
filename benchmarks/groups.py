"""How often a group that is served worse is found, and how often one is claimed that is not.

Answers are drawn, so that the truth is known: one group of 150 examples has 8 points more wrong answers than the
others, or as many.

python -m benchmarks.groups
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import pace
from benchmarks.results import Figure, record
from seehear.measure.worse_groups import DEFICIT, compare_groups

NAME = "groups"
TRIALS = 1000
SIZES = ((150, 850), (150, 300, 500, 400), (150, *7 * (120,)))
WRONG = (0.05, 0.1, 0.2)  # of the answers to the other groups
PER_PERSON, SPREAD = (
    10,
    0.8,
)  # examples, and the standard deviation of the logarithm of people's shares of wrong answers
TARGET_FOUND, TARGET_CLAIMED = 0.8, 0.1

Array = NDArray[Any]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.groups", description=__doc__)
    parser.add_argument("--data", help="not read: answers are drawn")
    parser.add_argument("--trials", type=int, default=TRIALS)
    options = parser.parse_args()
    before = pace()
    figures = [*measure(options.trials)]
    note = f"drawn answers, {options.trials:,} times for each figure; one of the groups has 150 examples"
    record(NAME, note, figures, before=before, after=pace(), keep=options.trials >= TRIALS)


def measure(trials: int) -> Iterator[Figure]:
    random = np.random.default_rng(0)
    for wrong in WRONG:
        for sizes in SIZES:
            setting = f"{len(sizes)} groups, {sum(sizes):,} examples, {100 * wrong:g} % wrong"
            found, claimed = find(random, sizes, wrong, trials), claim(random, sizes, wrong, trials)
            yield Figure(f"8 points found: {setting}", found, "%", at_least=TARGET_FOUND)
            yield Figure(f"nothing there, claimed: {setting}", claimed, "%", at_most=TARGET_CLAIMED)
    people = f"people with {PER_PERSON} examples each"
    share = claim(random, SIZES[1], WRONG[1], trials, people=True)
    yield Figure(f"nothing there, claimed: {people}", share, "%", at_most=TARGET_CLAIMED)


def find(random: np.random.Generator, sizes: Sequence[int], wrong: float, trials: int) -> float:
    """How often the first group is found to be worse, which it is."""
    shares = [wrong + DEFICIT, *[wrong] * (len(sizes) - 1)]
    groups = make_groups(sizes)
    alone = np.arange(sum(sizes))
    found = [
        compare_groups(random.random(sum(sizes)) < np.repeat(shares, sizes), groups, alone)["0"].worse
        for _ in range(trials)
    ]
    return float(np.mean(found))


def claim(
    random: np.random.Generator, sizes: Sequence[int], wrong: float, trials: int, *, people: bool = False
) -> float:
    """How often any group is said to be worse, although none is."""
    person = np.arange(sum(sizes)) // (PER_PERSON if people else 1)
    spread = SPREAD if people else 0.0
    claimed = []
    for _ in range(trials):
        shares = wrong * np.exp(random.normal(0, spread, person[-1] + 1) - spread**2 / 2)
        drawn = random.random(len(person)) < shares[person]
        claimed.append(any(each.worse for each in compare_groups(drawn, make_groups(sizes), person).values()))
    return float(np.mean(claimed))


def make_groups(sizes: Sequence[int]) -> dict[str, Array]:
    """The rows of each group, one group after the other."""
    return {str(number): rows for number, rows in enumerate(np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1]))}


if __name__ == "__main__":
    main()

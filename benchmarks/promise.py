"""Whether promised error limits hold: simulated recognisers whose true error rates are known.

python -m benchmarks.promise [--runs 400] [--against plain]
Each run samples held-out examples, promises the error limit they support, and compares it with the true error among
accepted items.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.answers.items import Items
from seehear.answers.selective import RiskBounds, bound_risk, choose_target_risk

Array = NDArray[Any]
Random = np.random.Generator

# The distribution of confidences, and the true error rate at each confidence.
SCORERS: dict[str, tuple[Callable[[Random, int], Array], Callable[[Array], Array]]] = {
    "photos": (lambda random, n: random.beta(2.2, 0.55, n), lambda sure: 1 - sure),
    "calibrated": (lambda random, n: random.beta(8, 1, n), lambda sure: 1 - sure),
    "hard": (lambda random, n: random.beta(3, 1.5, n), lambda sure: 1 - sure),
    "overconfident": (lambda random, n: random.beta(8, 1, n), lambda sure: np.minimum(1, 2 * (1 - sure))),
    "noisy": (lambda random, n: random.beta(8, 1, n), lambda sure: 0.02 + 0.98 * (1 - sure)),
    "easy": (lambda random, n: random.beta(60, 1, n), lambda sure: 1 - sure),
}
RARE, ALL_WRONG = 0.05, 50.0  # share of outlier clusters, and their odds ratio
EVERYBODY = 20_000  # clusters that define the true error


@dataclass(frozen=True)
class Scenario:
    """Clusters of about `size` items, each standing for `weight` identical ones, such as pixels.

    alike   standard deviation of the log odds of an error between clusters; "rare": everything is wrong in one
            cluster of 20
    """

    scorer: str
    clusters: int
    size: int = 1
    weight: int = 1
    alike: float | str = 0.0

    def draw(self, random: Random) -> tuple[Items, Array]:
        """Items, and the probability (clusters, K) that each is wrong."""
        sizes = 1 + random.poisson(self.size - 1, self.clusters)
        there = np.arange(sizes.max()) < sizes[:, None]
        draw, error = SCORERS[self.scorer]
        sure = draw(random, there.size).reshape(there.shape)
        odds = np.clip(error(sure), 1e-9, 1 - 1e-9)
        odds = odds / (1 - odds) * self._factors(random)[:, None]
        chance = odds / (1 + odds)
        number = there * self.weight
        return Items(sure, number, random.binomial(number, chance), np.zeros(there.shape, bool)), chance

    def _factors(self, random: Random) -> Array:
        if self.alike == "rare":
            return np.where(random.random(self.clusters) < RARE, ALL_WRONG, 1.0)
        return np.exp(random.normal(0.0, float(self.alike), self.clusters))


@dataclass(frozen=True)
class Coverage:
    """Over many runs: share of broken promises, their mean excess, mean promised limit, mean coverage."""

    broken: float
    excess: float
    promised: float
    accepted: float


@dataclass(frozen=True)
class Simulation:
    """Of one scenario: the bounds of each run, and the truth as `_truth` gives it."""

    bounds: list[RiskBounds]
    sure: Array
    wrong_above: Array

    def judge(self, asked: float | None = None) -> Coverage:
        """Promise `asked` in each run, or else the achievable limit."""
        found = []
        for bounds in self.bounds:
            promise = asked or choose_target_risk(bounds)
            good = bounds.wrong <= promise
            accepted = np.searchsorted(-self.sure, -bounds.confidence[good].min(initial=2.0), side="right")
            wrong = self.wrong_above[accepted - 1] if accepted else 0.0
            found.append((wrong > promise, wrong - promise, promise, bounds.accepted[good].max(initial=0.0)))
        broken, excess, promises, shares = np.array(found, np.float64).T
        worse = excess[broken > 0]
        return Coverage(broken.mean(), worse.mean() if worse.size else 0.0, promises.mean(), shares.mean())


def simulate(scenario: Scenario, *, runs: int, clustered: bool = True, seed: int = 0) -> Simulation:
    """If not `clustered`, treat items as independent."""
    random = np.random.default_rng(seed)
    sure, wrong_above = _truth(replace(scenario, clusters=EVERYBODY), random)
    drawn = [scenario.draw(random)[0] for _ in range(runs)]
    clusters = np.arange(scenario.clusters)
    bounds = [bound_risk(items, clusters) if clustered else bound_risk(*_alone(items)) for items in drawn]
    return Simulation(bounds, sure, wrong_above)


def _truth(everybody: Scenario, random: Random) -> tuple[Array, Array]:
    """Confidences in descending order, and the true error of all items at least as confident."""
    items, chance = everybody.draw(random)
    order = np.argsort(-items.confidence, axis=None)
    number = items.number.ravel()[order]
    wrong = (number * chance.ravel()[order]).cumsum() / np.maximum(number.cumsum(), 1)
    return items.confidence.ravel()[order], wrong


def _alone(items: Items) -> tuple[Items, Array]:
    """Treat every item as its own cluster, as if all were independent."""
    alone = Items(*(array.reshape(-1, 1) for array in items))
    return alone, np.arange(len(alone.number))


def scenarios() -> list[tuple[str, Scenario]]:
    """The named scenarios of docs/decisions/004-accepted.md."""
    alone = [("answers", Scenario(scorer, n)) for scorer, n in product(SCORERS, (20, 50, 200, 2000))]
    sizes = {"words of 4": (4, 1), "boxes of 12": (12, 1), "pixels": (30, 1000)}
    alike: tuple[float | str, ...] = (1.0, 2.0, "rare")
    together = [
        (name, Scenario(scorer, n, *sizes[name], alike=how))
        for name, how, scorer, n in product(sizes, alike, ("calibrated", "overconfident", "noisy"), (20, 50, 200))
    ]
    return alone + together


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.promise", description=__doc__)
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--against", choices=["plain"], help="items of one cluster count as independent")
    options = parser.parse_args()
    print("| items | differ | scorer | clusters | broken | by points | promised | accepted |\n" + "|---" * 8 + "|")
    for name, scenario in scenarios():
        got = simulate(scenario, runs=options.runs, clustered=options.against is None).judge()
        figures = f"{got.broken:.1%} | {100 * got.excess:.1f} | {got.promised:.1%} | {got.accepted:.0%}"
        print(f"| {name} | {scenario.alike} | {scenario.scorer} | {scenario.clusters} | {figures} |", flush=True)


if __name__ == "__main__":
    main()

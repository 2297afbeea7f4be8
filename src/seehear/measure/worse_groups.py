"""Tests whether a group gets more wrong answers than all others, with a correction for the number of groups."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seehear.measure.multiplicity import adjust_by_maximum

Array = NDArray[Any]
MIN_EXAMPLES = 5  # smaller groups are only counted
LEVEL = 0.1  # of evaluations without a difference, at most 1 in 10 claims one, for any number of groups
DEFICIT, POWER = 0.08, 0.8  # groups in which DEFICIT would be found less often than POWER are called small
FEWEST_LEFT = 0.1  # where there are too few others, the number of examples is no longer increased
PERMUTATIONS = 1999
MIN_PERMUTATIONS = 199
WHOLE = -1  # the stratum of people who are in one group; that of the others has their number
MAX_PERMUTED = 5_000_000  # labels; bounds the time on large tables


class Compared(NamedTuple):
    """A group compared with all examples of other groups.

    n         its examples
    wrong     the share of its answers that is wrong
    others    that of the others
    p_value   of the higher share of wrong answers, adjusted for all groups
    """

    n: int
    wrong: float
    others: float
    p_value: float

    @property
    def worse(self) -> bool:
        return self.p_value <= LEVEL

    def adjust(self, tests: int) -> Compared:
        """A copy with the p-value adjusted for this number of columns (Bonferroni)."""
        return self._replace(p_value=min(1.0, tests * self.p_value))

    def to_json(self) -> dict[str, Any]:
        return {"wrong": self.others, "p_value": self.p_value, "worse": self.worse}


class Units(NamedTuple):
    """The units that are permuted: examples, or people whose examples are all in one group, each with its sums.

    stratum   (E,) labels are permuted among units of one stratum
    """

    size: Array
    wrong: Array
    label: Array
    stratum: Array


def compare_groups(wrong: Array, groups: Mapping[str, Array], person: Array) -> dict[str, Compared]:
    """Compare each group of at least MIN_EXAMPLES examples with the others, by permuting labels; {} for less than two.

    wrong    (n,) bool
    groups   the rows of each group by its name
    person   (n,) of each example, whose answers are right or wrong together

    Labels are permuted among people, if each is in one group, and among the examples of a person who is in several
    (noise, light). If groups do not matter, that changes nothing, so that the p-values of a single group are exact
    (Lehmann & Romano 2005, 15.2). They are one-sided, and adjusted by the step-down maximum over groups.
    """
    tested = {name: rows for name, rows in groups.items() if len(rows) >= MIN_EXAMPLES}
    if len(tested) < 2:
        return {}
    rows = np.concatenate([*tested.values()])
    label = np.repeat(np.arange(len(tested)), [*map(len, tested.values())])
    units = _make_units(wrong[rows].astype(np.float64), label, np.unique(person[rows], return_inverse=True)[1])
    excess, others = _find_excess(*_sum_up(units, units.label, len(tested)))
    by_chance, _ = _find_excess(*_draw_sums(units, len(tested)))
    spread = by_chance.std(0)
    spread[spread == 0] = np.inf
    p_values = adjust_by_maximum(excess / spread, by_chance / spread)
    return {
        name: Compared(len(tested[name]), float(other + more), float(other), float(p_value))
        for name, other, more, p_value in zip(tested, others, excess, p_values, strict=True)
    }


def count_needed(wrong: float, groups: int, others: int) -> int:
    """About how many examples of a group show, in POWER of cases, that DEFICIT more of its answers are wrong.

    wrong    the share of wrong answers of the others
    others   their number

    The usual formula for two shares (Fleiss et al. 2003, 4.2), at LEVEL divided by the number of groups.
    """
    higher = min(1.0, wrong + DEFICIT)
    normal = NormalDist().inv_cdf
    claimed, missed = normal(1 - LEVEL / groups), normal(POWER)
    spread = claimed * math.sqrt(wrong * (1 - wrong)) + missed * math.sqrt(higher * (1 - higher))
    among_many = (spread / DEFICIT) ** 2
    return math.ceil(among_many / max(1 - among_many / others, FEWEST_LEFT))


def _make_units(wrong: Array, label: Array, person: Array) -> Units:
    """Units (E,) in the order of their strata."""
    first = np.full(person.max() + 1, -1)
    first[person[::-1]] = label[::-1]
    mixed = np.bincount(person, label != first[person]) > 0  # by person
    alone = mixed[person]
    people = np.flatnonzero(~mixed & (np.bincount(person, minlength=len(mixed)) > 0))
    whole = np.bincount(person, minlength=len(mixed))[people], np.bincount(person, wrong, len(mixed))[people]
    stratum = np.concatenate([np.full(len(people), WHOLE), person[alone]])
    order = np.argsort(stratum, kind="stable")
    return Units(
        np.concatenate([whole[0], np.ones(alone.sum())])[order],
        np.concatenate([whole[1], wrong[alone]])[order],
        np.concatenate([first[people], label[alone]])[order],
        stratum[order],
    )


def _permute(units: Units, random: np.random.Generator) -> Array:
    if units.stratum[0] == units.stratum[-1]:
        return random.permutation(units.label)
    return units.label[np.lexsort((random.random(len(units.label)), units.stratum))]


def _draw_sums(units: Units, groups: int) -> tuple[Array, Array]:
    """The examples (times, groups) of each group, and its wrong answers, with permuted labels.

    For single examples, the numbers of wrong answers are drawn at once: their distribution is hypergeometric.
    """
    random = np.random.default_rng(0)
    if units.stratum[-1] == WHOLE and (units.size == 1).all():
        size = np.bincount(units.label, minlength=groups)
        return size, random.multivariate_hypergeometric(size, int(units.wrong.sum()), PERMUTATIONS)
    times = int(np.clip(MAX_PERMUTED // len(units.size), MIN_PERMUTATIONS, PERMUTATIONS))
    sums = [_sum_up(units, _permute(units, random), groups) for _ in range(times)]
    return np.array([size for size, _ in sums]), np.array([wrong for _, wrong in sums])


def _sum_up(units: Units, label: Array, groups: int) -> tuple[Array, Array]:
    """The examples (groups,) of each group, and its wrong answers."""
    return np.bincount(label, units.size, groups), np.bincount(label, units.wrong, groups)


def _find_excess(size: Array, wrong: Array) -> tuple[Array, Array]:
    """How much higher each group's share of wrong answers is than that of the others, and the latter.

    size, wrong   (..., groups) the examples, and their wrong answers
    """
    others = (wrong.sum(-1, keepdims=True) - wrong) / (size.sum(-1, keepdims=True) - size)
    return wrong / size - others, others

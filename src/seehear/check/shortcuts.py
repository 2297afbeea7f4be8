"""Shortcuts: facts about how examples were made that give the answer away, so that a model may learn those instead.

For each fact and class, the values that are more frequent in the class are found on four fifths of the examples. On
the rest we count how often they give the class away. Permuted answers show how much of that is chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seehear.check.examined import ExaminedSense, ExaminedTable
from seehear.check.finding import Finding
from seehear.table.groups import RECORDING, connect_groups, is_group, singular

Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]

FOLDS = 5
BINS = 16  # of equal counts, for numbers
MOST_VALUES = 40  # of a word, beyond which it names examples rather than how they were made
FEWEST = 8  # examples of a class, and of the others, that tell a shortcut from chance
GIVEN_AWAY = 0.5  # informedness: the share of a class that is recognised, less that of the others taken for it
PERMUTATIONS = 99  # none may give as much away: p = 0.01 for all facts and classes together
MOST_ROWS = 4_000  # that are looked at
PLACES = {"site", "hospital", "clinic", "location", "place", "study", "session", "scene", "drive", "sequence"}


class Fact(NamedTuple):
    """A property of all rows: codes (rows,) of its value, -1 where a row has none, and each value in words.

    bounds  (values, 2) of a number in bins, the least and the greatest of each
    """

    name: str
    codes: Indices
    values: Sequence[str]
    bounds: NDArray[np.float64] | None = None

    def describe(self, chosen: Indices) -> str:
        """Describe the first three values of some codes; neighbouring bins are one range."""
        words = ["none" if code < 0 else self.values[code] for code in chosen.tolist()]
        if self.bounds is not None:
            own = np.sort(chosen[chosen >= 0])
            runs = [run for run in np.split(own, np.flatnonzero(np.diff(own) > 1) + 1) if len(run)]
            words = ["none"] * bool((chosen < 0).any())
            words += [_describe_range(float(self.bounds[run[0], 0]), float(self.bounds[run[-1], 1])) for run in runs]
        return " or ".join(words[:3]) + (" and others" if len(words) > 3 else "")


class Shortcut(NamedTuple):
    """A fact that gives a class away, and how much (informedness, 0 to 1)."""

    fact: int
    label: int
    given_away: float


def find_shortcuts(examined: ExaminedTable) -> Iterator[Finding]:
    """Make one finding for each fact that gives a class away."""
    classes, names = examined.classes
    rows = _choose_rows(examined)
    facts = [fact for fact in list_facts(examined) if len(np.unique(fact.codes[rows])) > 1]
    if len(names) < 2 or not facts:
        return
    found = search_shortcuts(np.stack([fact.codes[rows] for fact in facts]), classes[rows], len(names))
    best = {each.fact: each for each in sorted(found, key=lambda each: each.given_away)}
    for place in sorted(best):
        yield _report(facts[place], classes, names, best[place])


def search_shortcuts(facts: Indices, classes: Indices, count: int, *, seed: int = 0) -> list[Shortcut]:
    """facts (F, n) codes, -1 for no value; classes (n,) codes below `count` -> all shortcuts that are not chance."""
    rng = np.random.default_rng(seed)
    folds = rng.permutation(len(classes)) % FOLDS
    given_away = _measure_all(facts, classes, count, folds)  # (F, count)
    if given_away.max() < GIVEN_AWAY:
        return []
    by_chance = max(
        float(_measure_all(facts, rng.permutation(classes), count, folds).max()) for _ in range(PERMUTATIONS)
    )
    place, label = np.nonzero(given_away >= max(GIVEN_AWAY, np.nextafter(by_chance, 2)))
    return [Shortcut(f, c, float(given_away[f, c])) for f, c in zip(place.tolist(), label.tolist(), strict=True)]


def _measure_all(facts: Indices, classes: Indices, count: int, folds: Indices) -> NDArray[np.float64]:
    """(F, count) how much each fact gives each class away on held-out folds; 0 for classes that are too small."""
    return np.stack([_measure(codes, classes, count, folds) for codes in facts])


def _measure(codes: Indices, classes: Indices, count: int, folds: Indices) -> NDArray[np.float64]:
    values = int(codes.max()) + 2  # the first is for rows without a value
    flat = (folds * values + codes + 1) * count + classes
    table = np.bincount(flat, minlength=FOLDS * values * count).reshape(FOLDS, values, count).astype(np.float64)
    sizes = table.sum((0, 1))  # (count,)
    counted = table.sum(0) - table  # (FOLDS, values, count): on the other folds
    share = counted / np.maximum(counted.sum(2, keepdims=True), 1)
    typical = share > counted.sum(1, keepdims=True) / np.maximum(counted.sum((1, 2))[:, None, None], 1)
    right = (table * typical).sum((0, 1))
    taken = (table.sum(2, keepdims=True) * typical).sum((0, 1))  # of any class, taken for this one
    others = sizes.sum() - sizes
    informedness = right / np.maximum(sizes, 1) - (taken - right) / np.maximum(others, 1)
    return np.where((sizes >= FEWEST) & (others >= FEWEST), informedness, 0.0)


def list_facts(examined: ExaminedTable) -> list[Fact]:
    """List what is known about every example without its contents: facts of its file, and the columns of the table."""
    facts = [fact for each in examined.senses.values() for fact in _list_file_facts(each)]
    for heading in examined.table.metadata:
        if heading != RECORDING and (not is_group(heading) or singular(heading) in PLACES):
            codes, values = examined.table.encode_column(heading)
            if 1 < len(values) <= min(MOST_VALUES, len(codes) // 2):
                facts.append(Fact(f"the column {heading!r}", codes, values))
    return facts


def _list_file_facts(each: ExaminedSense) -> Iterator[Fact]:
    if each.sense.examiner is None:
        return
    for name, words in each.sense.examiner.telltales.items():
        if name in each.measures:
            codes, bounds = _bin(each.measures[name])
            values = [_describe_range(low, high) for low, high in bounds.tolist()]
            yield Fact(f"the {words}", np.append(codes, -1)[each.codes], values, bounds)
    traits = dict.fromkeys(name for found in each.examinations if found for name in found.traits)
    for name in traits:
        numbers: dict[str, int] = {}
        own = [found.traits.get(name) if found else None for found in each.examinations]
        codes = np.array([-1 if word is None else numbers.setdefault(word, len(numbers)) for word in own], np.int64)
        if len(numbers) <= MOST_VALUES:
            yield Fact(f"the {name}", np.append(codes, -1)[each.codes], list(numbers))


def _bin(values: NDArray[np.float64]) -> tuple[Indices, NDArray[np.float64]]:
    """(codes (n,), bounds (bins, 2)): numbers in bins of equal counts; -1 for nan. Equal numbers share a bin."""
    known = values[np.isfinite(values)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1])) if len(known) else np.zeros(0)
    codes = np.where(np.isfinite(values), np.searchsorted(edges, values, side="left"), -1)
    filled = np.unique(codes[codes >= 0])
    bounds = [(values[codes == code].min(), values[codes == code].max()) for code in filled.tolist()]
    codes = np.where(codes >= 0, np.searchsorted(filled, codes), -1)
    return codes, np.array(bounds, np.float64).reshape(-1, 2)


def _describe_range(low: float, high: float) -> str:
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"


def _choose_rows(examined: ExaminedTable) -> Indices:
    """Choose at most MOST_ROWS rows. If all examples of a person have one class, they are not independent: only one of
    them is chosen."""
    people = [
        examined.table.encode_column(heading)[0]
        for heading in examined.table.metadata
        if is_group(heading) and singular(heading) not in PLACES
    ]
    rows = np.arange(len(examined.table))
    if people:
        groups, classes = connect_groups(people, len(rows)), examined.classes[0]
        pairs = np.unique(np.stack([groups, classes]), axis=1).shape[1]
        if pairs <= 1.1 * (groups.max(initial=0) + 1):
            rows = np.sort(np.unique(groups, return_index=True)[1])
    if len(rows) > MOST_ROWS:
        rows = np.sort(np.random.default_rng(0).choice(rows, MOST_ROWS, replace=False))
    return rows


def _report(fact: Fact, classes: Indices, names: Sequence[str], found: Shortcut) -> Finding:
    own = classes == found.label
    in_class, in_others = (
        np.bincount(fact.codes[mask] + 1, minlength=len(fact.values) + 1) / mask.sum() for mask in (own, ~own)
    )
    typical = np.flatnonzero(in_class > in_others)
    typical = typical[np.argsort(-(in_class - in_others)[typical], kind="stable")]
    shares = float(in_class[typical].sum()), float(in_others[typical].sum())
    return Finding(
        "shortcut",
        "problem",
        f"{fact.name} gives {names[found.label]!r} away: it is {fact.describe(typical - 1)} in {shares[0]:.0%} of its "
        f"examples and in {shares[1]:.0%} of the others; a model may learn that instead",
        figures={"informedness": round(found.given_away, 3), "in_class": shares[0], "in_others": shares[1]},
    )

"""Finds classes with too few examples, in the whole table and in each part."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from seehear.amounts import format_count
from seehear.check.examined import ExaminedTable
from seehear.check.finding import Finding

FEWEST = 10  # examples of a class; fewer are not enough to learn it or to measure it
IMBALANCE = 10  # times as many examples of one class as of another
NAMED = 5  # classes in a sentence


def count_classes(examined: ExaminedTable) -> Iterator[Finding]:
    """Report how many examples each class has, and classes that are too small, missing in a part, or outnumbered."""
    codes, names = examined.classes
    if names in ([], [""]):
        return
    counts = np.bincount(codes, minlength=len(names))
    figures = {name: int(count) for name, count in zip(names, counts, strict=True)}
    yield Finding("classes", "note", _describe(figures), figures=figures)
    small = {name: count for name, count in figures.items() if count < FEWEST}
    if small:
        yield Finding(
            "small classes",
            "warning",
            f"{format_count(len(small), 'class')} with fewer than {FEWEST} examples: {_list(small)}; "
            "add examples, or merge them with others",
            figures=small,
        )
    least, most = min(figures, key=figures.__getitem__), max(figures, key=figures.__getitem__)
    if figures[most] >= IMBALANCE * figures[least] and figures[least]:
        times = figures[most] / figures[least]
        yield Finding(
            "imbalance",
            "warning",
            f"{most!r} has {times:,.0f} times as many examples as {least!r}: a model that never answers {least!r} "
            "would still be right most of the time",
            figures={"times": times},
        )
    yield from _compare_parts(examined)


def _compare_parts(examined: ExaminedTable) -> Iterator[Finding]:
    codes, names = examined.classes
    parts = np.array(examined.parts)
    for part in examined.table.parts:
        own = np.bincount(codes[parts == part], minlength=len(names))
        missing = {name: 0 for name, count in zip(names, own, strict=True) if not count}
        if missing:
            yield Finding(
                f"classes missing in {part}",
                "warning" if part != "train" else "problem",
                f"the part {part!r} has no example of {_list(missing)}",
                figures=missing,
            )


def _describe(figures: dict[str, int]) -> str:
    return f"{format_count(len(figures), 'class')}: {_list(figures)}"


def _list(figures: dict[str, int]) -> str:
    """Names with their counts, those with the fewest examples first."""
    ordered = sorted(figures.items(), key=lambda item: item[1])
    named = [f"{name!r}" + (f" ({count:,})" if count else "") for name, count in ordered[:NAMED]]
    more = len(ordered) - len(named)
    return ", ".join(named) + (f" and {more:,} more" if more else "")

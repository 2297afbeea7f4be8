"""Counts of recognised and falsely found classes, for true and false positive rates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from numpy.typing import NDArray

Array = NDArray[Any]


class ClassCounts(NamedTuple):
    """Counts (n, C) by example and class, whose sums make rates: of examples, objects or pixels.

    hits, positives           of those that are of the class, how many were recognised
    false_alarms, negatives   of those that are not, how many were taken for it; 0 where these cannot be counted
    """

    hits: Array
    positives: Array
    false_alarms: Array
    negatives: Array


@dataclass(frozen=True)
class ClassRates:
    """Classes that are recognised, missed or falsely found.

    names   (spec) -> the classes
    count   (compared, spec) -> ClassCounts, from the output of `compare`
    """

    names: Callable[[Any], Sequence[str]]
    count: Callable[[Mapping[str, Array], Any], ClassCounts]

"""How good a model is, in words: as a number of 100 where it is a share, with the interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from seehear.answers import ANSWERS
from seehear.recipe import Recipe

_SHARES = {
    "accuracy": "of 100 answers are right",
    "wrong": "of 100 answers are wrong",
    "wer": "of 100 words are wrong",
    "map50": "of 100 in mean average precision (mAP50)",
    "miou": "of 100 in mean overlap (mIoU)",
}
_NUMBERS = {"mae": "in mean absolute error (MAE)", "bleu": "in BLEU"}


class Quality(NamedTuple):
    """A measured value: "90", "of 100 answers are right", and its interval, "79 to 96" or ""."""

    number: str
    unit: str
    interval: str = ""

    def __str__(self) -> str:
        return f"{self.number} {self.unit}" + (f" ({self.interval})" if self.interval else "")


def describe_quality(
    metric: str, value: float | None, interval: Sequence[float | None] | None = None
) -> Quality | None:
    """None if the value is unknown."""
    if value is None or not math.isfinite(value):
        return None
    write = _to_hundredths if metric in _SHARES else "{:.3g}".format
    unit = _SHARES.get(metric) or _NUMBERS.get(metric) or f"in {metric.replace('_', ' ')}"
    ends = [end for end in interval or () if end is not None and math.isfinite(end)]
    return Quality(write(value), unit, " to ".join(map(write, ends)) if len(ends) == 2 else "")


def quality_of_figures(figures: Mapping[str, Any]) -> Quality | None:
    """From the figures of a version; None if it was not measured."""
    metric = figures["metric"]
    return None if metric is None else describe_quality(metric, figures["value"], figures["interval"])


def quality_of_recipe(recipe: Recipe, results: Mapping[str, Any]) -> Quality | None:
    """From a recipe and its results for one set of senses."""
    metric = ANSWERS[recipe.kind].headline(recipe.answer).metric
    return describe_quality(metric, results["metrics"].get(metric), results["intervals"].get(metric))


def is_share(metric: str) -> bool:
    """Whether it is from 0 to 1, as a rule; a word error rate can be more."""
    return metric in _SHARES


def _to_hundredths(share: float) -> str:
    return f"{100 * share:.0f}"

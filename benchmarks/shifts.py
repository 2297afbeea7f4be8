"""Robustness: how much of a figure is kept under the corruptions of `evaluate --robustness`."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from benchmarks.results import Figure
from seehear.measure.evaluate import Evaluation
from seehear.measure.groups import Group
from seehear.measure.robustness import Robustness

PLAIN = ("auroc", "mae")  # metrics that are not shares


def under_shift(
    evaluation: Evaluation,
    metric: str,
    *,
    kept: float | None = None,
    wrong_at_most: float | None = None,
    among: Collection[str] | None = None,
) -> Iterator[Figure]:
    """Clean, a little and much worse, and what is left, of a metric; then what is worth of "I don't know" there.

    kept           of the metric, over clean, which is wished
    wrong_at_most  of what is accepted where examples are a little worse
    among          the corruptions that count; None for all
    """
    if evaluation.robustness is None:
        raise ValueError("evaluated without robustness=True")
    robustness = evaluation.robustness if among is None else evaluation.robustness.select(among)
    of = f"of {len(robustness.corruptions)} corruptions"
    unit = "" if metric in PLAIN else "%"
    mild, strong = robustness.mean(metric)
    clean = robustness.clean.metrics[metric]
    yield Figure(f"{metric} of the {robustness.clean.n:,} that are made worse, as they are", clean, unit)
    yield Figure(f"{metric}, mean {of}, mild", mild, unit)
    yield Figure(f"{metric}, mean {of}, strong", strong, unit)
    yield Figure(f"{metric}, kept over clean", robustness.retained(metric), "%", at_least=kept)
    worst, levels = next(iter(robustness.corruptions.items()))
    yield Figure(f"{metric} under the worst, strong: {worst}", levels.strong.metrics[metric], unit)
    yield from believed(robustness, wrong_at_most)


def believed(robustness: Robustness, wrong_at_most: float | None) -> Iterator[Figure]:
    """The share accepted and the share of those that is wrong, over all corruptions together."""
    for level, groups in (
        ("mild", [levels.mild for levels in robustness.corruptions.values()]),
        ("strong", [levels.strong for levels in robustness.corruptions.values()]),
    ):
        wish = wrong_at_most if level == "mild" else None
        yield Figure(f"accepted under {level} corruptions", _pooled(groups, "coverage"), "%")
        yield Figure(f"error of the accepted under {level} corruptions", accepted_error(groups), "%", at_most=wish)


def accepted_error(groups: Collection[Group]) -> float:
    """The share of wrong ones among all accepted of several groups; 0 where none is accepted."""
    accepted = sum(_accepted(group) for group in groups)
    wrong = sum(group.metrics["accepted_error"] * _accepted(group) for group in groups if _accepted(group))
    return wrong / accepted if accepted else 0.0


def _accepted(group: Group) -> float:
    return group.n * group.metrics.get("coverage", 0.0)


def _pooled(groups: Collection[Group], metric: str) -> float:
    return sum(group.n * group.metrics.get(metric, 0.0) for group in groups) / sum(group.n for group in groups)

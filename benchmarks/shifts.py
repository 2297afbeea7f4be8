"""Robustness figures: a metric under the corruptions of `evaluate --stress`, relative to clean examples."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from benchmarks.results import Figure
from seehear.measure.evaluate import Evaluation
from seehear.measure.groups import Group
from seehear.measure.stress import Stress

PLAIN = ("auroc", "mae")  # metrics that are not shares


def stress_figures(
    evaluation: Evaluation,
    metric: str,
    *,
    kept: float | None = None,
    strong_at_least: float | None = None,
    wrong_at_most: float | None = None,
    among: Collection[str] | None = None,
) -> Iterator[Figure]:
    """A metric on clean, mildly and strongly corrupted examples, then acceptance and errors among accepted answers.

    kept             target for the metric relative to clean
    strong_at_least  target for its mean over strong corruptions
    wrong_at_most    target for errors among accepted answers under mild corruptions
    among            the corruptions to include; None for all
    """
    if evaluation.stress is None:
        raise ValueError("evaluated without stress=True")
    stress = evaluation.stress if among is None else evaluation.stress.select(among)
    of = f"of {len(stress.curves)} corruptions"
    unit = "" if metric in PLAIN else "%"
    mild, strong = stress.mean(metric)
    clean = stress.clean.metrics[metric]
    yield Figure(f"{metric} on {stress.clean.n:,} uncorrupted examples", clean, unit)
    yield Figure(f"{metric}, mean {of}, mild", mild, unit)
    yield Figure(f"{metric}, mean {of}, strong", strong, unit, at_least=strong_at_least)
    yield Figure(f"{metric}, corrupted relative to clean", stress.retained(metric), "%", at_least=kept)
    worst, levels = next(iter(stress.curves.items()))
    yield Figure(f"{metric} under the worst strong corruption: {worst}", levels.strong.metrics[metric], unit)
    yield from acceptance_figures(stress, wrong_at_most)


def acceptance_figures(stress: Stress, wrong_at_most: float | None) -> Iterator[Figure]:
    """The share accepted, and the errors among those accepted, pooled over all corruptions."""
    for level, groups in (
        ("mild", [levels.mild for levels in stress.curves.values()]),
        ("strong", [levels.strong for levels in stress.curves.values()]),
    ):
        target = wrong_at_most if level == "mild" else None
        yield Figure(f"accepted under {level} corruptions", _pooled(groups, "coverage"), "%")
        yield Figure(f"error among accepted under {level} corruptions", accepted_error(groups), "%", at_most=target)


def accepted_error(groups: Collection[Group]) -> float:
    """Errors among all accepted answers of several groups; 0 if none is accepted."""
    accepted = sum(_accepted(group) for group in groups)
    wrong = sum(group.metrics["accepted_error"] * _accepted(group) for group in groups if _accepted(group))
    return wrong / accepted if accepted else 0.0


def _accepted(group: Group) -> float:
    return group.n * group.metrics.get("coverage", 0.0)


def _pooled(groups: Collection[Group], metric: str) -> float:
    return sum(group.n * group.metrics.get(metric, 0.0) for group in groups) / sum(group.n for group in groups)

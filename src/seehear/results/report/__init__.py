"""Writes the report of an evaluation: one HTML page that needs no other file, and its pictures beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from seehear.amounts import pluralise
from seehear.answers import AnyKind
from seehear.files import write_atomically
from seehear.measure.evaluate import Evaluation
from seehear.measure.groups import Group, Grouping
from seehear.measure.scored_answers import SHARES
from seehear.results.report.embedding import EmbeddedImage, embed, render
from seehear.results.report.plots import Mistake, plot_reliability, plot_risk_coverage, tile_mistakes, tile_named
from seehear.results.report.stress_plots import plot_stress

__all__ = ["Mistake", "write_report"]

MAX_SKIPPED = 500  # rows that the page lists; the JSON has them all


class GroupRow(NamedTuple):
    """One group. The positions of the bar are percentages of the width of its cell."""

    name: str
    n: int
    cells: tuple[tuple[str, str], ...]  # (value, interval) of the headline and of SHARES
    low: float
    width: float
    value: float
    overall: float


def write_report(
    folder: str | Path,
    evaluation: Evaluation,
    kind: AnyKind,
    spec: Any,
    mistakes: Sequence[Mistake],
    corrupted: Mapping[str, Image.Image] | None = None,
) -> Path:
    """Write index.html and its pictures; returns the path of the page.

    The page embeds copies of the pictures, so it can be sent on its own.

    mistakes   in the order in which the page shows them; `Evaluation.worst` finds their rows
    corrupted  pictures of one example by the names of corruptions
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    images = {name: embed(picture, name) for name, picture in _draw(evaluation, kind, spec, mistakes, corrupted)}
    for name, image in images.items():
        write_atomically(folder / name, image.file)
    page = folder / "index.html"
    write_atomically(page, _render(evaluation, spec, mistakes, images).encode("utf-8", "replace"))
    return page


def _draw(
    evaluation: Evaluation,
    kind: AnyKind,
    spec: Any,
    mistakes: Sequence[Mistake],
    corrupted: Mapping[str, Image.Image] | None,
) -> list[tuple[str, Image.Image]]:
    scored = evaluation.scored
    pictures = [
        ("answers.png", kind.draw(scored.compared, spec)),
        ("reliability.png", plot_reliability(scored.confidence, scored.right)),
        ("risk-coverage.png", plot_risk_coverage(scored.items, coverage=evaluation.metrics["coverage"])),
    ]
    if mistakes:
        pictures.append(("mistakes.jpg", tile_mistakes(mistakes)))
    if evaluation.stress is not None:
        pictures.append(("stress.png", plot_stress(evaluation.stress)))
    if corrupted:
        pictures.append(("corruptions.jpg", tile_named(corrupted)))
    return pictures


def _render(evaluation: Evaluation, spec: Any, mistakes: Sequence[Mistake], images: Mapping[str, EmbeddedImage]) -> str:
    return render(
        "report.html",
        evaluation=evaluation,
        spec=str(spec),
        cards=_headline_cards(evaluation),
        groups=[
            (grouping, _group_rows(grouping, evaluation.metrics["wrong"])) for grouping in evaluation.groups.values()
        ],
        differences=[(column, text) for column, g in evaluation.groups.items() for text in g.differences()],
        mistakes=mistakes,
        images=images,
        max_skipped=MAX_SKIPPED,
    )


def _headline_cards(evaluation: Evaluation) -> list[tuple[str, str, str]]:
    """(value, label, interval) of each of SHARES that is defined."""
    things = pluralise(evaluation.item) if evaluation.item else "answers"
    labels = ("of the answers are wrong", f"of the {things} are accepted", "of the accepted are wrong")
    return [
        (value, label, interval)
        for share, label in zip(SHARES, labels, strict=True)
        if not math.isnan(evaluation.metrics[share])
        for value, interval in [evaluation.format_share(share)]
    ]


def _group_rows(grouping: Grouping, overall: float) -> list[GroupRow]:
    """`overall` is the share of wrong answers among all examples."""
    groups = grouping.listed()
    highest = max(overall, *(group.intervals["wrong"][1] for group in groups.values()))
    return [_group_row(name, group, grouping.headline, overall, highest) for name, group in groups.items()]


def _group_row(name: str, group: Group, headline: str, overall: float, highest: float) -> GroupRow:
    low, high = group.intervals["wrong"]
    low, width, value, overall = (
        round(100 * share / highest, 1) for share in (low, high - low, group.metrics["wrong"], overall)
    )
    return GroupRow(name, group.n, tuple(map(group.format, (headline, *SHARES))), low, width, value, overall)

"""The part of a check that trains: which answers are probably wrong, and how much more examples would help."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from seehear.answers import ANSWERS
from seehear.check.finding import Finding
from seehear.check.report import CheckReport
from seehear.check.suspects import report_suspects
from seehear.errors import DataError
from seehear.events import Listener
from seehear.table import Table

if TYPE_CHECKING:
    from seehear.learn.out_of_fold import OutOfFoldAnswers
    from seehear.measure.learning_curve import LearningCurve

UNSUSPECTED = "wrong answers that no duplicate contradicts"
NOT_MEASURED = (
    "how much more examples would help: there are too few, or no pretrained encoder suits this kind of answer"
)


def look_deeper(
    table: Table, report: CheckReport, minutes: float | None, workspace: Path, listen: Listener
) -> CheckReport:
    """The report, with what models find that predict examples on which they were not trained.

    minutes  time for training networks. By default, only heads are fitted to a pretrained encoder, if they can be;
             otherwise the time is chosen from the data

    Raises DataError for data without answers, and for too few examples.
    """
    from seehear.learn.learning_curve import measure_learning_curve

    found = predict_out_of_fold(table, minutes, workspace, listen)
    kind, spec = found.dataset.kind, found.dataset.recipe.answer
    suspects = report_suspects(table, found.rows.tolist(), kind, spec, found.answers, found.truths)
    curve = measure_learning_curve(found, listen)
    deeper = report.with_findings([*suspects, *([] if curve is None else [report_curve(curve)])])
    left = [each for each in deeper.not_looked_for if each != UNSUSPECTED]
    return replace(deeper, not_looked_for=(*left, *([] if curve else [NOT_MEASURED])))


def predict_out_of_fold(table: Table, minutes: float | None, workspace: Path, listen: Listener) -> OutOfFoldAnswers:
    """Plan a recogniser, and answer every example by one that was not trained on it. See `look_deeper`."""
    from seehear.learn.known_language import choose_decoder
    from seehear.learn.loop.machine import choose_device
    from seehear.learn.loop.timing import measure_machine
    from seehear.learn.out_of_fold import answer_out_of_fold
    from seehear.planning.options import TrainOptions
    from seehear.planning.plan import plan_recipe

    if table.kind is None:
        raise DataError("there are no answers to check", where=str(table.root), hint="check it without --deep")
    device = choose_device("auto")
    recipe = plan_recipe(
        table, TrainOptions(minutes, start=_choose_start(table)), partial(measure_machine, device), choose_decoder
    )
    return answer_out_of_fold(table, recipe, workspace / "deep", device, listen, heads_suffice=minutes is None)


def _choose_start(table: Table) -> str | None:
    """The pretrained encoder to use even if there is little time; None to plan as for training.

    Only heads are fitted to its features, which takes seconds, and not every head can be.
    """
    from seehear.planning.starts import choose_starts

    kind = ANSWERS[table.kind or ""]
    fitting = [start for start in choose_starts(None, table.senses, kind).candidates if start.sense in table.senses]
    heads_alone = len(table.senses) == 1 and kind.spatial is None and kind.decoding is None
    return fitting[0].name if fitting and heads_alone else None


def report_curve(curve: LearningCurve) -> Finding:
    """Turn the advice into a finding."""
    figures = {
        f"gain from {each.more} more{f' of {each.of!r}' if each.of else ''}": round(each.gain.value, 4)
        for each in curve.advise()
    }
    return Finding("more examples", "note", "; ".join(curve.describe()), figures=figures)

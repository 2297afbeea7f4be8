"""Compares two models: both answer the same rows of a table, on which neither was trained."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from seehear.amounts import format_count
from seehear.answers import ANSWERS
from seehear.errors import DataError, InputError, UsageError
from seehear.evaluation import draw_row, predict_table, select_inputs, select_part
from seehear.events import Listener, Notice, Skipped
from seehear.measure.changes import find_changes
from seehear.measure.clusters import find_clusters
from seehear.measure.comparison import PairedComparison, compare_answers, find_flips, measure_loss
from seehear.measure.cost import Cost
from seehear.measure.noninferiority import check_tolerance
from seehear.measure.scored_answers import ScoredAnswers
from seehear.recipe import Recipe
from seehear.runtime.options import DEFAULT
from seehear.runtime.predictor import Predictor
from seehear.sampling import take_evenly
from seehear.table import Row, RowProblem, Table, find_overlap, find_rows_with_shared_files

Models = tuple[Predictor, Predictor]
Names = tuple[str, str]
MOST_SHOWN = 48  # flips in a report
MOST_TIMED = 20  # examples, each answered alone by both models


def compare_on_table(
    models: Models,
    names: Names,
    table: Table,
    learned: Sequence[Table] | None,
    listen: Listener,
    tolerate: float | None = None,
    report: Path | None = None,
) -> PairedComparison:
    """Compare on the part 'test' of a table, or else on 'val', or else on all of it.

    learned   what the models learned from: rows with one of its files are left out, as are those with a file of the
              table's own part 'train'; None if the table is known to have no such rows
    tolerate  the loss that is tolerated, as a share of one
    report    a folder for a page that shows the examples with another outcome

    The models must have passed `check_comparable`. Raises DataError if no row is left.
    """
    if tolerate is not None:
        check_tolerance(tolerate)  # fails before the work, not after it
    table, left_out = _leave_out_learned(table, learned, listen)
    truths, unknown = _read_truths(models, names, table)
    listen(Skipped(unknown))
    rows = [row for row, truth in enumerate(truths) if truth is not None]
    if not rows:
        hint = " ".join([*left_out, *(str(problem) for problem in unknown[:1])])
        raise DataError("there is nothing to compare on", where=str(table.root), hint=hint)
    table, known = table.take(rows), [truth for truth in truths if truth is not None]
    predicted = [
        predict_table(model, table, [truth[side] for truth in known], DEFAULT, listen)
        for side, model in enumerate(models)
    ]
    unanswered = [problem for each in predicted for problem in each.problems]
    listen(Skipped(unanswered))
    both = [None not in pair for pair in zip(*(each.answers for each in predicted), strict=True)]
    if not any(both):
        raise DataError("no example could be answered by both models", where=str(table.root))
    left_out += _count(len(truths) - len(rows), "whose answer one of the models does not know")
    left_out += _count(both.count(False), "that one of the models could not answer")
    answers = [[answer if ok else None for answer, ok in zip(each.answers, both, strict=True)] for each in predicted]
    accepted = [each.accepted for each in predicted]
    found = _compare(models, names, table, known, answers, accepted, tolerate)
    found = replace(found, costs=_measure_costs(models, table), left_out=tuple(left_out))
    if report is not None:
        _write_report(report, found, table, models[1].recipe)
    return found


def check_comparable(models: Models, names: Names) -> None:
    """Raises UsageError if the answers of two models differ in kind, or in the metric to quote."""
    first, second = (model.recipe for model in models)
    if first.kind != second.kind:
        raise UsageError(
            f"cannot be compared: {names[0]} answers with {first.kind}, {names[1]} with {second.kind}",
            allowed="two models with the same kind of answer",
        )
    one, other = (ANSWERS[recipe.kind].headline(recipe.answer).metric for recipe in (first, second))
    if one != other:
        raise UsageError(
            f"cannot be compared: {names[0]} is measured by {one}, {names[1]} by {other}",
            allowed="two models of the same task",
        )


def _leave_out_learned(table: Table, learned: Sequence[Table] | None, listen: Listener) -> tuple[Table, list[str]]:
    """The rows to compare on, and a sentence on those with files that a model learned from."""
    selected = select_part(table, listen)
    if "train" in table.parts and selected is not table:
        learned = [table.part("train"), *(learned or ())]
    elif learned is not None and not learned:
        listen(Notice("model files do not say which examples they learned from: name these with --trained-on"))
    seen = np.zeros(len(selected), np.bool_)
    for each in learned or ():
        seen |= find_rows_with_shared_files(each, selected)
        for sentence in find_overlap(each, selected).describe(
            "what a model learned from", "the examples to compare on"
        ):
            listen(Notice(sentence))
    return selected.take(np.flatnonzero(~seen)), _count(int(seen.sum()), "with a file that a model learned from")


def _count(number: int, which: str) -> list[str]:
    return [f"Left out: {format_count(number, 'example')} {which}."] if number else []


def _read_truths(models: Models, names: Names, table: Table) -> tuple[list[tuple[Any, Any] | None], list[RowProblem]]:
    """The truth of each row as each model reads it; None, and a problem, if one of them cannot."""
    truths: list[tuple[Any, Any] | None] = []
    problems = []
    kind = ANSWERS[models[0].recipe.kind]
    for row in table:
        read: list[Any] = []
        for model, name in zip(models, names, strict=True):
            try:
                read.append(kind.read(row.answer or "", model.recipe.answer))
            except InputError as error:
                problems.append(RowProblem.of(error, f"{row.key}, {name}"))
                break
        truths.append((read[0], read[1]) if len(read) == len(models) else None)
    return truths, problems


def _compare(
    models: Models,
    names: Names,
    table: Table,
    truths: Sequence[tuple[Any, Any]],
    answers: Sequence[Sequence[Any]],
    accepted: Sequence[Sequence[bool]],
    tolerate: float | None,
) -> PairedComparison:
    kind = ANSWERS[models[0].recipe.kind]
    specs = (models[0].recipe.answer, models[1].recipe.answer)
    one, other = (
        ScoredAnswers.of(kind, specs[side], answers[side], [truth[side] for truth in truths]).accept(accepted[side])
        for side in (0, 1)
    )
    columns = {name: table.metadata_column(name) for name in table.metadata}
    columns = {name: [cells[row] for row in one.row] for name, cells in columns.items()}
    clusters = find_clusters(len(one), columns)
    cells = table.answers()
    classes = {kind.name: [kind.stratum(cells[row]) for row in one.row]}
    metrics, difference, verdict = compare_answers(kind, specs, (one, other), clusters)
    keys = [row.key for row in table]
    return PairedComparison(
        answer=kind.name,
        headline=kind.headline(specs[0]),
        n=len(one),
        names=names,
        metrics=metrics,
        difference=difference,
        verdict=verdict,
        resampled=clusters.description,
        flips=find_flips((one, other), keys, [truth[0] for truth in truths], (answers[0], answers[1])),
        changes=find_changes((one.right, other.right), classes | columns, clusters.code),
        loss=None if tolerate is None else measure_loss(kind, specs, (one, other), clusters, tolerate),
    )


def _write_report(folder: Path, found: PairedComparison, table: Table, recipe: Recipe) -> None:
    from seehear.results.report.comparison import write_comparison

    pictures = [draw_row(table[flip.row], recipe) for flip in found.flips[:MOST_SHOWN]]
    write_comparison(folder, found, pictures)


def _measure_costs(models: Models, table: Table) -> tuple[Cost, Cost]:
    """Both answer the same examples in turn, so that caching helps both equally."""
    rows = [table[int(row)] for row in take_evenly(np.arange(len(table)), MOST_TIMED)]
    seconds = [[_time(model, row) for model in models] for row in [rows[0], *rows]]  # the first again: it is slow
    first, second = np.median(seconds[1:], axis=0)
    return Cost(float(first), models[0].size_bytes), Cost(float(second), models[1].size_bytes)


def _time(model: Predictor, row: Row) -> float:
    start_s = time.perf_counter()
    model.predict_one(select_inputs(row, model.recipe))
    return time.perf_counter() - start_s

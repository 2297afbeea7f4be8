"""Evaluates a recogniser on a table: predicts every row and compares with its answer."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seehear.amounts import format_count
from seehear.answers import ANSWERS
from seehear.answers.prediction_sets import PredictionSet
from seehear.errors import DataError, InputError
from seehear.events import Advanced, Finished, Listener, Notice, Started
from seehear.measure.calibration import measure_calibration
from seehear.measure.evaluate import Evaluation, evaluate
from seehear.measure.set_coverage import MadeSet, SetCoverage, measure_sets
from seehear.measure.speed import Speed
from seehear.media import Input
from seehear.recipe import Recipe
from seehear.runtime.distribution_shift import ShiftDetector
from seehear.runtime.options import PredictOptions
from seehear.runtime.prediction import Prediction
from seehear.runtime.predictor import Predictor
from seehear.senses import SENSES
from seehear.stress import draw_corruptions, find_corruptions, measure_stress
from seehear.table import Row, RowProblem, Table, find_overlap
from seehear.table.group_counts import count_groups

if TYPE_CHECKING:
    from PIL.Image import Image

TASK = "evaluating"
PROGRESS_EVERY = 32  # examples
MAX_MISTAKES = 24  # in a report


def evaluate_table(
    predictor: Predictor,
    table: Table,
    options: PredictOptions,
    *,
    report: Path | None,
    listen: Listener,
    stress: bool = False,
    unfamiliar: Sequence[str | Path] = (),
) -> Evaluation:
    """Evaluate on the part 'test' of a table, or else on 'val', or else on all of it.

    report      a folder for the report
    stress      also measure under corruptions and without each sense
    unfamiliar  folders of inputs unlike the training data, for the stress test, which they imply

    Raises DataError if no row has an answer that can be read.
    """
    stress = stress or bool(unfamiliar)
    recipe = predictor.recipe
    if stress:
        find_corruptions(predictor, options.senses)  # fails before the work, not after it
    table = select_part(table, listen)
    truths, problems, rows = _read_truths(table, recipe)
    if not rows:
        raise DataError("no row has a usable answer", where=str(table.root), hint=str(problems[0]) if problems else "")
    table = table.take(rows)
    if report is not None:
        report.mkdir(parents=True, exist_ok=True)  # fails before the work, not after it
    predicted = predict_table(predictor, table, truths, options, listen)
    result = evaluate(
        ANSWERS[recipe.kind],
        recipe.answer,
        predicted.answers,
        truths,
        accepted=predicted.accepted,
        skipped=(*table.problems, *problems, *predicted.problems),
        metadata={name: table.metadata_column(name) for name in table.metadata},
    )
    result = replace(
        result,
        calibration=measure_calibration(result.scored.right, result.scored.confidence),
        sets=_measure_sets(predictor, options, table, predicted, truths, result),
        speed=predicted.speed,
        wrong_at_most=predictor.error_limit(options),
        rejection_reason=predictor.nothing_accepted(options),
        distribution_shift=predicted.distribution_shift,
        groups_seen=count_groups(table),
        fairness=str(recipe.fairness or ""),
        robustness=str(recipe.robustness or ""),
    )
    corrupted: Mapping[str, Image] = {}
    if stress:
        examples = predicted.answered_examples(table, truths)
        result = replace(result, stress=measure_stress(predictor, examples, options, unfamiliar, listen))
        if report is not None:
            corrupted = draw_corruptions(predictor, examples[0][0], options.senses)
    if report is not None:
        _write_report(report, result, predictor, table, predicted, truths, corrupted)
    return result


@dataclass(frozen=True)
class TableAnswers:
    """The answer to each row; None, and an entry in `problems`, if it cannot be compared with the truth.

    used  the senses that each answer is based on
    sets  the prediction set of each answer; None if none was asked for
    """

    answers: list[Any]
    accepted: list[bool]
    used: list[tuple[str, ...]]
    problems: list[RowProblem]
    speed: Speed
    distribution_shift: tuple[str, ...]
    sets: list[PredictionSet | None]

    def answered_examples(self, table: Table, truths: Sequence[Any]) -> list[tuple[dict[str, Input], Any]]:
        """The inputs that were used, and the truth, of every row with an answer."""
        return [
            ({name: source for name, source in table[row].inputs.items() if name in self.used[row]}, truths[row])
            for row, answer in enumerate(self.answers)
            if answer is not None
        ]


def predict_table(
    predictor: Predictor, table: Table, truths: Sequence[Any], options: PredictOptions, listen: Listener
) -> TableAnswers:
    recipe = predictor.recipe
    answers: list[Any] = []
    accepted: list[bool] = []
    used: list[tuple[str, ...]] = []
    sets: list[PredictionSet | None] = []
    problems: list[RowProblem] = []
    duration_s = 0.0
    detector = ShiftDetector(recipe)
    listen(Started(TASK, len(table), "examples"))
    started_s = time.perf_counter()
    predictions = predictor.predict((select_inputs(row, recipe) for row in table), options)
    for number, prediction in enumerate(predictions):
        problem = _find_problem(prediction, truths[number], recipe)
        problems += [problem] if problem else []
        answers.append(None if problem else prediction.answer)
        accepted.append(prediction.whole_accepted)
        used.append(prediction.used)
        sets.append(prediction.prediction_set)
        detector.count(prediction)
        duration_s += prediction.duration_s
        if number % PROGRESS_EVERY == 0:
            listen(Advanced(TASK, number))
    speed = Speed(len(table), time.perf_counter() - started_s, duration_s)
    listen(Finished(TASK, format_count(len(table), "example")))
    return TableAnswers(answers, accepted, used, problems, speed, tuple(detector.describe()), sets)


def _measure_sets(
    predictor: Predictor,
    options: PredictOptions,
    table: Table,
    predicted: TableAnswers,
    truths: Sequence[Any],
    result: Evaluation,
) -> SetCoverage | None:
    """The coverage of the prediction sets that were asked for."""
    if (coverage := predictor.coverage(options)) is None:
        return None
    rows, clusters = result.scored.row.tolist(), result.scored.cluster.tolist()
    made = [
        MadeSet(predicted.answers[row], truths[row], own, coverage.thresholds(predicted.used[row]), cluster)
        for row, cluster in zip(rows, clusters, strict=True)
        if (own := predicted.sets[row]) is not None
    ]
    if not made:
        return None
    recipe, column = predictor.recipe, coverage.each_group if coverage.each_group in table.metadata else ""
    every = table.metadata_column(column) if column else []
    cells = [every[row] for row in rows if predicted.sets[row] is not None] if column else []
    return measure_sets(ANSWERS[recipe.kind], recipe.answer, made, coverage.share, column, cells)


def select_part(table: Table, listen: Listener) -> Table:
    """The part 'test', or else 'val', or else all; reports what it has in common with the part 'train'."""
    for part, note in (("test", ""), ("val", ", which may have calibrated the model")):
        if part in table.parts:
            selected = table.part(part)
            listen(Notice(f"evaluating on the part '{part}'{note}"))
            if "train" in table.parts:
                for sentence in find_overlap(table.part("train"), selected).describe("'train'", f"'{part}'"):
                    listen(Notice(sentence))
            return selected
    return table


def _find_problem(prediction: Prediction, truth: Any, recipe: Recipe) -> RowProblem | None:
    """Why an answer cannot be compared with the truth: there is none, or the truth cannot belong to the example."""
    if prediction.answer is None:
        return _unanswered(prediction)
    try:
        ANSWERS[recipe.kind].check(prediction.answer, truth, prediction.duration_s)
    except InputError as error:
        return RowProblem.of(error, prediction.input)
    return None


def _unanswered(prediction: Prediction) -> RowProblem:
    reasons = dict.fromkeys(str(error.at("")) for error in prediction.errors)
    return RowProblem(prediction.input, " ".join(reasons))


def select_inputs(row: Row, recipe: Recipe) -> dict[str, Input]:
    """The inputs of a row for the senses of the recogniser."""
    return {name: source for name, source in row.inputs.items() if name in recipe.senses}


def _read_truths(table: Table, recipe: Recipe) -> tuple[list[Any], list[RowProblem], list[int]]:
    """The truths that can be read, the problems of the others, and the rows of the former."""
    kind = ANSWERS[recipe.kind]
    truths, problems, rows = [], [], []
    for number, row in enumerate(table):
        try:
            truths.append(kind.read(row.answer or "", recipe.answer))
            rows.append(number)
        except InputError as error:
            problems.append(RowProblem.of(error, row.key))
    return truths, problems, rows


def _write_report(
    folder: Path,
    result: Evaluation,
    predictor: Predictor,
    table: Table,
    predicted: TableAnswers,
    truths: Sequence[Any],
    corrupted: Mapping[str, Image],
) -> None:
    from seehear.results.report import Mistake, write_report

    recipe = predictor.recipe
    kind = ANSWERS[recipe.kind]
    mistakes = []
    for row in result.worst(MAX_MISTAKES):
        picture, answer, truth = draw_row(table[row], recipe), predicted.answers[row], truths[row]
        pictures = (picture,) if kind.spatial is None else (answer.draw_on(picture), truth.draw_on(picture))
        mistakes.append(Mistake(table[row].key, pictures, answer, truth))
    write_report(folder, result, kind, recipe.answer, mistakes, corrupted)


def draw_row(row: Row, recipe: Recipe) -> Image:
    """The picture of a row's first input that can be read."""
    *others, last = select_inputs(row, recipe).items()
    for name, source in others:
        with suppress(InputError):
            return _draw_input(name, source)
    return _draw_input(*last)


def _draw_input(sense: str, source: Input) -> Image:
    picture: Image = SENSES[sense].draw(SENSES[sense].read(source))
    return picture

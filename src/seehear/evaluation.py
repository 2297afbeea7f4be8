"""Asking a recogniser every row of a table and comparing with the truth."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seehear.amounts import counted
from seehear.answers import ANSWERS
from seehear.errors import DataError, InputError
from seehear.events import Advanced, Finished, Listener, Said, Started
from seehear.measure.evaluate import Evaluation, evaluate
from seehear.measure.speed import Speed
from seehear.media import Input
from seehear.recipe import Recipe
from seehear.robustness import draw_corruptions, find_corruptions, measure_robustness
from seehear.runtime.distribution_shift import ShiftDetector
from seehear.runtime.prediction import Prediction
from seehear.runtime.predictor import Predictor
from seehear.senses import SENSES
from seehear.table import Row, RowProblem, Table, find_overlap
from seehear.table.group_counts import count_groups

TASK = "evaluating"
TOLD_EVERY = 32
MOST_SHOWN = 24  # mistakes in a report


def evaluate_table(
    recogniser: Predictor,
    table: Table,
    how: Mapping[str, Any],
    *,
    report: Path | None,
    listen: Listener,
    robustness: bool = False,
) -> Evaluation:
    """Asks as `how` says, the keywords of `predict`; with `robustness` again under corruptions.

    Raises DataError where no row has both an answer and something to perceive.
    """
    recipe = recogniser.recipe
    if robustness:
        find_corruptions(recogniser, how.get("senses"))  # refused before the work is done, rather than after it
    table = _part_to_judge_by(table, listen)
    truths, problems, keep = _truths(table, recipe)
    if not keep:
        raise DataError("no row can be judged", where=str(table.root), hint=str(problems[0]) if problems else "")
    table = table.take(keep)
    if report is not None:
        report.mkdir(parents=True, exist_ok=True)  # refused before the work is done, rather than after it
    asked = _asked(recogniser, table, truths, how, listen)
    result = evaluate(
        ANSWERS[recipe.kind],
        recipe.answer,
        asked.answers,
        truths,
        accepted=asked.accepted,
        skipped=(*table.problems, *problems, *asked.problems),
        metadata={name: table.metadata_column(name) for name in table.metadata},
    )
    senses, wrong_at_most = how.get("senses"), how.get("wrong_at_most")
    result = replace(
        result,
        speed=asked.speed,
        wrong_at_most=recogniser.promised(senses, wrong_at_most),
        unvouched=recogniser.unvouched(senses, wrong_at_most),
        distribution_shift=asked.distribution_shift,
        groups_seen=count_groups(table),
    )
    if robustness:
        result = replace(result, robustness=measure_robustness(recogniser, asked.judgeable(table, truths), how, listen))
    if report is not None:
        _write_report(report, result, recogniser, table, asked, truths, how.get("senses"))
    return result


@dataclass(frozen=True)
class Asked:
    """What was answered to each row; None where that cannot be compared with the truth, and then in `problems`.

    used  the senses that each answer rests on
    """

    answers: list[Any]
    accepted: list[bool]
    used: list[tuple[str, ...]]
    problems: list[RowProblem]
    speed: Speed
    distribution_shift: tuple[str, ...]

    def judgeable(self, table: Table, truths: Sequence[Any]) -> list[tuple[dict[str, Input], Any]]:
        """What was read of each row that could be judged, and its truth."""
        return [
            ({name: source for name, source in table[place].inputs.items() if name in self.used[place]}, truths[place])
            for place, answer in enumerate(self.answers)
            if answer is not None
        ]


def _asked(
    recogniser: Predictor, table: Table, truths: Sequence[Any], how: Mapping[str, Any], listen: Listener
) -> Asked:
    recipe = recogniser.recipe
    answers: list[Any] = []
    accepted: list[bool] = []
    used: list[tuple[str, ...]] = []
    problems: list[RowProblem] = []
    lasts_s = 0.0
    differences = ShiftDetector(recipe)
    listen(Started(TASK, len(table), "examples"))
    started_s = time.perf_counter()
    predictions = recogniser.predict((_known(row, recipe) for row in table), **how)
    for number, prediction in enumerate(predictions):
        problem = _problem(prediction, truths[number], recipe)
        problems += [problem] if problem else []
        answers.append(None if problem else prediction.answer)
        accepted.append(prediction.whole_accepted)
        used.append(prediction.used)
        differences.count(prediction)
        lasts_s += prediction.lasts_s
        if number % TOLD_EVERY == 0:
            listen(Advanced(TASK, number))
    speed = Speed(len(table), time.perf_counter() - started_s, lasts_s)
    listen(Finished(TASK, counted(len(table), "example")))
    return Asked(answers, accepted, used, problems, speed, tuple(differences.said()))


def _part_to_judge_by(table: Table, listen: Listener) -> Table:
    """The part test, else val, else all. What it shares with the part train is said."""
    for part, note in (("test", ""), ("val", ", which may have calibrated it")):
        if part in table.parts:
            held_out = table.part(part)
            common = (
                find_overlap(table.part("train"), held_out).describe("'train'", f"'{part}'")
                if "train" in table.parts
                else []
            )
            for sentence in (f"measuring by the part '{part}'{note}", *common):
                listen(Said(sentence))
            return held_out
    return table


def _problem(prediction: Prediction, truth: Any, recipe: Recipe) -> RowProblem | None:
    """Why an answer cannot be compared with the truth: there is none, or the truth is not of that example."""
    if prediction.answer is None:
        return RowProblem(prediction.input, prediction.error.removeprefix(f"{prediction.input}: "))
    try:
        ANSWERS[recipe.kind].check(prediction.answer, truth, prediction.lasts_s)
    except InputError as error:
        return RowProblem.of(error, prediction.input)
    return None


def _known(row: Row, recipe: Recipe) -> dict[str, Input]:
    """What a row has for the recogniser's own senses."""
    return {name: source for name, source in row.inputs.items() if name in recipe.senses}


def _truths(table: Table, recipe: Recipe) -> tuple[list[Any], list[RowProblem], list[int]]:
    """The readable truths, the problems of the others, and the positions of the readable."""
    kind = ANSWERS[recipe.kind]
    truths, problems, keep = [], [], []
    for position, row in enumerate(table):
        try:
            truths.append(kind.read(row.answer or "", recipe.answer))
            keep.append(position)
        except InputError as error:
            problems.append(RowProblem.of(error, row.key))
    return truths, problems, keep


def _write_report(
    folder: Path,
    result: Evaluation,
    recogniser: Predictor,
    table: Table,
    asked: Asked,
    truths: Sequence[Any],
    senses: Sequence[str] | None,
) -> None:
    from seehear.measure.pictures import Mistake
    from seehear.measure.report import write_report

    recipe = recogniser.recipe
    kind = ANSWERS[recipe.kind]
    worst = []
    for place in result.worst(MOST_SHOWN):
        picture, answer, truth = _picture(table[place], recipe), asked.answers[place], truths[place]
        pictures = (picture,) if kind.output_stride_px is None else (answer.draw_on(picture), truth.draw_on(picture))
        worst.append(Mistake(table[place].key, pictures, answer, truth))
    samples = draw_corruptions(recogniser, asked.judgeable(table, truths)[0][0], senses) if result.robustness else {}
    write_report(folder, result, kind, recipe.answer, worst, samples)


def _picture(row: Row, recipe: Recipe) -> Any:
    """The picture of an example that was answered: of the first of the recogniser's senses that can be read."""
    *others, last = _known(row, recipe).items()
    for name, source in others:
        with suppress(InputError):
            return SENSES[name].draw(SENSES[name].read(source))
    name, source = last
    return SENSES[name].draw(SENSES[name].read(source))

"""Compares answers with reference examples, and raises alarms if they differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

from seehear.amounts import pluralise
from seehear.drift.answers import (
    CONFIDENCE,
    UNFAMILIARITY,
    Compared,
    comes_from,
    compare_answer,
    name_statistic,
    read_answers,
)
from seehear.drift.followed import FollowedClasses, FollowedValues, UsualValues
from seehear.drift.ranks import SEED
from seehear.drift.report import CLASSES, Alarm, Drift
from seehear.errors import UsageError
from seehear.recipe import Recipe
from seehear.runtime.predictor import Predictor
from seehear.senses import SENSES

PER_FALSE_ALARM = 30_000  # answers: a month with 1,000 a day
FEWEST = 30  # reference examples


def watch_drift(
    predictor: Predictor,
    sources: Sequence[str | Path],
    *,
    per_false_alarm: int = PER_FALSE_ALARM,
    every: int = 1,
    any_order: bool = False,
    model_sha256: str = "",
) -> Drift:
    """Compare answers, or the files of a folder, with the reference examples in the model file.

    sources          files of answers in the order in which they were given: what `predict --json` prints, or audit
                     logs; or folders, whose files have no order
    per_false_alarm  at most one false alarm in this many answers, on average
    every            compare only every nth answer, if consecutive inputs are alike
    any_order        the order of the answers means nothing: shuffle them
    model_sha256     hash of the model file: answers of other models, according to an audit log, are left out

    Raises UsageError for a model file without reference values and for sources without an answer to compare, and
    DataError for a file without answers.
    """
    if every < 1:
        raise UsageError(f"one of {every} answers", allowed="one of 1 or more")
    watch, paths = DriftWatch(predictor.recipe, per_false_alarm), [Path(source) for source in sources]
    ordered = not any_order and not any(path.is_dir() for path in paths)
    answers: list[Compared] = []
    left_out = other_models = 0
    for recorded in read_answers(paths, predictor):
        if not comes_from(recorded, model_sha256):
            other_models += 1
        elif (answer := compare_answer(recorded, predictor.recipe)) is None:
            left_out += 1
        else:
            answers.append(answer)
    if not answers:
        raise _make_nothing_error(paths, left_out, other_models)
    answers = answers[::every]
    if not ordered:
        Random(SEED).shuffle(answers)
    alarms = tuple(alarm for answer in answers for alarm in watch.add(answer))
    return Drift(
        alarms=alarms,
        answers=len(answers),
        left_out=left_out,
        other_models=other_models,
        compared_with=watch.compared_with,
        per_false_alarm=per_false_alarm,
        ordered=ordered,
        alike=watch.correlate_neighbours(),
    )


class DriftWatch:
    """Monitors all statistics of one model's answers. Memory grows by a few numbers with each answer.

    The allowed rate of false alarms is divided evenly among the statistics, and the share of the classes among the
    classes, so it holds regardless of how they depend on each other.
    """

    def __init__(self, recipe: Recipe, per_false_alarm: int = PER_FALSE_ALARM) -> None:
        """Raises UsageError for a recipe without reference values, or a false alarm in less than one answer."""
        if per_false_alarm < 1:
            raise UsageError(f"one false alarm in {per_false_alarm} answers", allowed="in 1 or more")
        usual = [each for each in _list_usual(recipe) if len(each.values) >= FEWEST]
        classes, answers = recipe.usual.classes, len(recipe.usual.confidence)
        self.compared_with = {each.name: len(each.values) for each in usual}
        if classes and answers >= FEWEST:
            self.compared_with[CLASSES] = answers
        if not self.compared_with:
            what = "the model file has no reference values to compare with"
            why = f"it was trained with an earlier seehear, or with fewer than {FEWEST} examples"
            raise UsageError(what, hint=f"{why}: train it again")
        most = per_false_alarm * len(self.compared_with)
        self._values = FollowedValues(usual, most)
        self._classes = FollowedClasses(classes, answers, most) if CLASSES in self.compared_with else None
        self._places: list[tuple[str, str]] = []  # where and when each answer was given

    def add(self, answer: Compared) -> Iterator[Alarm]:
        """Yield the alarms that this answer raises: at most one for each statistic over all answers."""
        self._places.append((answer.where, answer.at))
        for alarm in list(self._compare(answer, len(self._places))):
            where, at = self._places[alarm.since - 1]
            yield replace(alarm, where=where, at=at)

    def correlate_neighbours(self) -> float:
        """How alike consecutive answers are: see `FollowedValues.correlate_neighbours`."""
        return self._values.correlate_neighbours()

    def _compare(self, answer: Compared, number: int) -> Iterator[Alarm]:
        yield from self._values.add(number, answer.values)
        if self._classes is not None and answer.names is not None:
            yield from self._classes.add(number, answer.names)


def _list_usual(recipe: Recipe) -> Iterator[UsualValues]:
    usual = recipe.usual
    for sense, scores in usual.unfamiliarity.items():
        things = pluralise(SENSES[sense].noun)
        more, less = (f"{things} are {how} like the training data" for how in ("more", "less"))
        yield UsualValues(name_statistic(sense, UNFAMILIARITY), more, less, scores)
    for sense, measured in usual.measured.items():
        things = pluralise(SENSES[sense].noun)
        for name, values in measured.items():
            if (known := SENSES[sense].statistics.get(name)) is not None:
                said = f"{things} are {known.lower}", f"{things} are {known.higher}"
                yield UsualValues(name_statistic(sense, name), *said, values)
    yield UsualValues(CONFIDENCE, "answers are less sure", "answers are more sure", usual.confidence)
    for name, values in usual.answers.items():
        yield UsualValues(name, f"the {name} is lower", f"the {name} is higher", values)


def _make_nothing_error(paths: Sequence[Path], left_out: int, other_models: int) -> UsageError:
    where = ", ".join(map(str, paths))
    if other_models:
        what = f"all {other_models:,} answers are of other models"
        return UsageError(what, where=where, hint="name the model file that gave them")
    if left_out:
        what = f"none of {left_out:,} answers has the unfamiliarity of its input"
        hint = "an earlier seehear wrote them, or their inputs could not be read or were answered in parts"
        return UsageError(what, where=where, hint=hint)
    return UsageError("there are no answers", where=where, hint="see `seehear predict --json` and `--log`")

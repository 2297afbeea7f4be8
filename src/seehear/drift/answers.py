"""Reads answers from what `predict --json` prints, predictions.jsonl or audit logs, or answers a folder now."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from seehear.answers import ANSWERS
from seehear.audit.entries import BEGINNING, MOST_LINE_BYTES
from seehear.audit.segments import find_segments, log_of
from seehear.errors import DataError, UsageError
from seehear.inputs import gather, is_folder
from seehear.recipe import Recipe
from seehear.runtime.answer_log import ANSWER
from seehear.runtime.predictor import Predictor
from seehear.strict_json import from_json

UNFAMILIARITY, CONFIDENCE = "unfamiliarity", "confidence"
ALLOWED = "what `seehear predict --json` prints, its predictions.jsonl, or an audit log"
MOST_JSON_BYTES = 64 << 20  # of one line of a file that is no audit log


class RecordedAnswer(NamedTuple):
    """One answer as it was recorded.

    members   by name, as in `predict --json` or in an audit log
    where     its file and line, or its input
    """

    members: Mapping[str, Any]
    where: str


class Compared(NamedTuple):
    """The parts of one answer that are compared.

    values   by statistic
    names    the classes that it names; None if it does not say
    """

    values: Mapping[str, float]
    names: Sequence[str] | None
    where: str
    at: str


def read_answers(sources: Iterable[Path], predictor: Predictor) -> Iterator[RecordedAnswer]:
    """Read the sources in order, and all files of an audit log once. Raises DataError for a file without answers."""
    logs: set[Path] = set()
    for source in sources:
        if is_folder(source):
            yield from _answer_folder(source, predictor)
        elif not _is_log(source):
            yield from _read_file(source)
        elif (log := log_of(source)) not in logs:
            logs.add(log)
            for segment in find_segments(log).values():
                yield from _read_log(segment)


def comes_from(recorded: RecordedAnswer, model_sha256: str) -> bool:
    """Whether an answer may come from this model. Only an audit log says which model gave it."""
    return not model_sha256 or recorded.members.get("model", model_sha256) == model_sha256


def compare_answer(recorded: RecordedAnswer, recipe: Recipe) -> Compared | None:
    """None for an answer that was recorded without its unfamiliarity."""
    scores = _read_numbers(recorded.members.get("unfamiliarity"))
    if not scores:
        return None
    values = {name_statistic(sense, UNFAMILIARITY): score for sense, score in scores.items()}
    for sense, measured in _read_members(recorded.members.get("measured")).items():
        values |= {name_statistic(sense, name): value for name, value in _read_numbers(measured).items()}
    names = None
    if scores.keys() == recipe.senses.keys():  # with fewer senses, it is less sure
        kind, answer = ANSWERS[recipe.kind], recorded.members.get("answer")
        values |= _read_numbers({CONFIDENCE: recorded.members.get(CONFIDENCE), **kind.read_numbers(answer)})
        names = kind.read_classes(answer, recipe.answer)
    return Compared(values, names, recorded.where, str(recorded.members.get("at", "")))


def name_statistic(sense: str, statistic: str) -> str:
    return f"{sense} {statistic}"


def _answer_folder(folder: Path, predictor: Predictor) -> Iterator[RecordedAnswer]:
    for prediction in predictor.predict(gather([folder], tuple(predictor.recipe.senses))):
        yield RecordedAnswer(prediction.to_json(), prediction.input)


def _is_log(path: Path) -> bool:
    """Raises UsageError for a file that cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(BEGINNING)) == BEGINNING
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror or error}", where=str(path), allowed=ALLOWED) from None


def _read_file(path: Path) -> Iterator[RecordedAnswer]:
    """Raises DataError for a line that holds no answer."""
    with path.open("rb") as file:
        number = 0
        while line := file.readline(MOST_JSON_BYTES):
            number += 1
            yield RecordedAnswer(_parse(line, f"{path}, line {number:,}"), f"{path.name}, line {number:,}")


def _read_log(segment: Path) -> Iterator[RecordedAnswer]:
    """The answers in one file of an audit log; `seehear log verify` says whether it is intact."""
    with segment.open("rb") as file:
        number = 0
        while line := file.readline(MOST_LINE_BYTES + 1):
            number += 1
            try:
                entry = from_json(line)
            except ValueError:  # a crash cut it off
                continue
            if _read_members(entry).get("event") == ANSWER:
                yield RecordedAnswer(entry, f"{segment.name}, line {number:,}")


def _parse(line: bytes, where: str) -> Mapping[str, Any]:
    try:
        members = from_json(line)
    except ValueError as error:
        raise DataError(f"it holds no answer: {error}", where=where, allowed=ALLOWED) from None
    if not isinstance(members, dict) or "confidence" not in members:
        raise DataError("it holds no answer", where=where, allowed=ALLOWED)
    return members


def _read_members(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _read_numbers(value: Any) -> dict[str, float]:
    """Keep only finite numbers."""
    return {
        name: float(each)
        for name, each in _read_members(value).items()
        if isinstance(each, int | float) and math.isfinite(each)
    }

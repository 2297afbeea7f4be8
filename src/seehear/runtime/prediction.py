"""The answer to one input: what it is, how confident, and whether to accept it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seehear.amounts import format_probability, pluralise
from seehear.answers import Answer, ItemCount
from seehear.answers.prediction_sets import PredictionSet
from seehear.errors import SeehearError
from seehear.recipe import keep_digits


@dataclass(frozen=True)
class ExampleSource:
    """Where an example came from. Everything but the name is empty for an example in memory.

    name      what results and errors call it
    paths     the files that were read
    span_s    the part that was read of a recording or video: start and end in seconds; None for all of it
    table     the table that named the files
    row       the row of that table
    """

    name: str
    paths: tuple[Path, ...] = ()
    span_s: tuple[float, float] | None = None
    table: Path | None = None
    row: str = ""

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Prediction:
    """The answer to one input.

    accepted         False if nothing in the answer should be trusted; `reason` says why. An answer made of boxes, words
                     or pixels is accepted as soon as one of them is: each says so for itself, and `items` counts them
    whole_accepted   the answer is accepted as a whole, with nothing missing
    unfamiliar       the input is unlike the training data, which is then among the reasons
    used             the senses that the answer is based on
    errors           why the input could not be read: all of it, and then there is no answer, or one of its senses
    duration_s       the input's length in seconds; 0 for an image
    hint             how to get a better answer, if there is a way
    measured         by sense, the input statistics that the recipe has a usual range for
    unfamiliarity    by sense, how unlike the training data the input is: the score that its threshold is for
    parts            whether it was answered in several parts, the most unfamiliar of which counts
    time_s           the time of a video frame, in seconds from the start; None for any other input
    prediction_set   what may be true, with the coverage that was asked for; None if none was. It says nothing about an
                     input that is `unfamiliar`
    """

    source: ExampleSource
    answer: Answer | None
    confidence: float
    accepted: bool
    alternatives: tuple[tuple[Any, float], ...] = ()
    reason: str = ""
    used: tuple[str, ...] = ()
    errors: tuple[SeehearError, ...] = ()
    duration_s: float = 0.0
    hint: str = ""
    measured: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    unfamiliarity: Mapping[str, float] = field(default_factory=dict)
    parts: bool = False
    time_s: float | None = None
    whole_accepted: bool = False
    unfamiliar: bool = False
    prediction_set: PredictionSet | None = None

    @classmethod
    def failed(cls, source: ExampleSource, *errors: SeehearError) -> Prediction:
        """No answer, and why. Errors without a location get the source's name."""
        named = tuple(error if error.where else error.at(source.name) for error in errors)
        return cls(source, None, 0.0, False, reason="it could not be answered", errors=named)

    @property
    def input(self) -> str:
        """The name of the source."""
        return self.source.name

    @property
    def error(self) -> str:
        """All errors in one line; "" if there are none."""
        return " ".join(dict.fromkeys(map(str, self.errors)))

    @property
    def items(self) -> ItemCount | None:
        """How many boxes, words or pixels are accepted; None for an answer that is accepted only as a whole."""
        counted: ItemCount | None = getattr(self.answer, "items", None)
        return counted

    @property
    def where(self) -> str:
        """The name of the source, and the time of a video frame."""
        return self.input if self.time_s is None else f"{self.input} at {self.time_s:.2f} s"

    def to_json(self) -> dict[str, Any]:
        members: dict[str, Any] = {
            "input": self.input,
            **({} if self.time_s is None else {"time_s": round(self.time_s, 3)}),
            "answer": None if self.answer is None else self.answer.to_json(),
            "confidence": self.confidence,
            "accepted": self.accepted,
            **self._items_to_json(),
            "alternatives": [{"answer": _plain(other), "confidence": p} for other, p in self.alternatives],
            **({} if self.prediction_set is None else {"prediction_set": self.prediction_set.to_json()}),
            "reason": self.reason,
            "used": list(self.used),
            **self.compared_to_json(),
        }
        return members | {name: text for name in ("error", "hint") if (text := getattr(self, name))}

    def compared_to_json(self) -> dict[str, Any]:
        """What drift detection compares: unfamiliarity and input statistics; {} if only parts have them."""
        if self.parts:
            return {}
        scores = {sense: keep_digits(score) for sense, score in self.unfamiliarity.items()}
        measured = {
            sense: {name: keep_digits(value) for name, value in values.items()}
            for sense, values in self.measured.items()
            if values
        }
        return ({"unfamiliarity": scores} if scores else {}) | ({"measured": measured} if measured else {})

    def describe(self) -> str:
        """The answer in one line, without the name of its input."""
        if self.answer is None:
            return self.reason
        answer = f"{self.answer.to_marked_text()} ({self._confidence()})"
        said = answer if self.accepted else f"I don't know; perhaps {answer}: {self.reason}"
        return said if self.prediction_set is None else f"{said}; set: {self.prediction_set}"

    def __str__(self) -> str:
        return self.error if self.answer is None else f"{self.where}: {self.describe()}"

    def _items_to_json(self) -> dict[str, Any]:
        if self.items is None:
            return {}
        counts = {"what": self.items.noun, "accepted": self.items.accepted, "of": self.items.of}
        return {"items": counts, "whole_accepted": self.whole_accepted}

    def _confidence(self) -> str:
        """The confidence in the whole answer; if only some of its items are accepted, how many."""
        if self.items is None or not self.accepted or self.whole_accepted:
            return f"{format_probability(self.confidence)} sure"
        return f"{self.items.accepted:,} of {self.items.of:,} {pluralise(self.items.noun)} accepted"


def _plain(answer: Any) -> Any:
    return answer.to_json() if hasattr(answer, "to_json") else answer

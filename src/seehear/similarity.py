"""Finds similar inputs: orders them by the cosine similarity of their embedding to a query's."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seehear.amounts import format_count
from seehear.errors import SeehearError, UsageError
from seehear.events import Advanced, Finished, Listener, Started
from seehear.runtime.loading import Example
from seehear.runtime.prediction import ExampleSource
from seehear.runtime.predictor import Embedding, Predictor
from seehear.senses import Array

TASK = "comparing"
PROGRESS_EVERY = 16  # inputs


@dataclass(frozen=True)
class Similar:
    """An input and its similarity to the query.

    similarity   cosine, -1 to 1; None for an input that cannot be read
    errors       why the input, or one of its senses, cannot be read
    """

    source: ExampleSource
    similarity: float | None
    errors: tuple[SeehearError, ...] = ()

    @property
    def input(self) -> str:
        """The name of the source."""
        return self.source.name

    @property
    def error(self) -> str:
        """All errors in one line; "" if there are none."""
        return " ".join(dict.fromkeys(str(each if each.where else each.at(self.input)) for each in self.errors))

    def to_json(self) -> dict[str, Any]:
        return {"input": self.input, "similarity": self.similarity} | ({"error": self.error} if self.errors else {})

    def __str__(self) -> str:
        return self.error if self.similarity is None else f"{self.input}: {self.similarity:.3f}"


def find_similar(
    predictor: Predictor, query: Example, inputs: Iterable[Example], top: int, listen: Listener
) -> list[Similar]:
    """The `top` inputs that are most similar to the query, best first, then those that cannot be read.

    The query itself is left out. Raises UsageError if `top` is less than 1, and its own error if the query cannot be
    read.
    """
    if top < 1:
        raise UsageError(f"top is {top}", allowed="1 or more: how many inputs to find")
    (asked,) = predictor.embed([query])
    if asked.vector is None:
        error = asked.errors[0]
        raise error if error.where else error.at(asked.source.name)
    failed: list[Similar] = []
    compared = _compare(predictor, asked, asked.vector, inputs, failed, listen)
    best = heapq.nlargest(top, compared, key=lambda each: each.similarity or 0.0)
    return best + failed


def _compare(
    predictor: Predictor,
    query: Embedding,
    vector: Array,
    inputs: Iterable[Example],
    failed: list[Similar],
    listen: Listener,
) -> Iterator[Similar]:
    """Yields each input that can be read; appends the others to `failed`."""
    own, number = _identify(query), 0
    listen(Started(TASK, None, "inputs"))
    for number, found in enumerate(predictor.embed(inputs), 1):
        if found.vector is None:
            failed.append(Similar(found.source, None, found.errors))
        elif not own or _identify(found) != own:
            yield Similar(found.source, float(found.vector @ vector), found.errors)
        if number % PROGRESS_EVERY == 0:
            listen(Advanced(TASK, number))
    listen(Finished(TASK, format_count(number, "input")))


def _identify(example: Embedding) -> tuple[object, ...]:
    """The files of an input and the part that was read; () for an input in memory."""
    files = tuple(Path(path).resolve() for path in example.source.paths)
    return (*files, example.source.span_s) if files else ()

"""Stretches of recordings: each part of a long recording that somebody marked is an example with a span."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from seehear.errors import InputError, UsageError
from seehear.media import Excerpt, format_span
from seehear.projects.adding import find_sense
from seehear.projects.columns import find_answer_column, read_senses
from seehear.projects.content_store import StoredFile
from seehear.projects.editing import check_new_answers
from seehear.projects.examples import Added, Example, NewExample, Span, read_examples
from seehear.projects.fields import PRESENT, Edit
from seehear.projects.schema import examples, inputs
from seehear.senses import SENSES

if TYPE_CHECKING:
    from seehear.projects.project import Project

SHORTEST_S = 0.05
MOST_STRETCHES = 2000  # at once
_TIMED = ("recording", "video")  # media with time


class Stretch(NamedTuple):
    """A part of a recording, in seconds, with its answer if that is known."""

    start_s: float
    end_s: float
    answer: str | None = None

    @property
    def span_s(self) -> Span:
        return self.start_s, self.end_s


class Recordings:
    """The recordings and videos of a project, as `project.recordings`. Every method is one transaction."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def stretches(self, number: int) -> Sequence[Example]:
        """The examples that are a part of the same recording as an example, in the order of their times."""
        example = self._project.example(number)
        hashes = [file.sha256 for file in _timed(example).values()]
        with self._project.database.reading() as connection:
            select = (
                sa.select(examples.c.id)
                .join_from(examples, inputs, inputs.c.example_id == examples.c.id)
                .where(inputs.c.sha256.in_(hashes), examples.c.start_s.is_not(None), ~examples.c.removed)
                .distinct()
            )
            found = read_examples(connection, list(connection.execute(select).scalars()))
        return sorted((each for each in found if each.inputs == example.inputs), key=lambda each: each.span_s or ())

    def mark(self, number: int, stretches: Sequence[Stretch]) -> Added:
        """Add stretches of the recording of an example, as one change; they get its group and part.

        Raises UsageError for a span or an answer that is not allowed, InputError for one beyond its end.
        """
        example = self._project.example(number)
        self._check(example, stretches)
        return self._add(example, stretches, "", [])

    def move(self, number: int, to: Stretch) -> int:
        """Replace an example that is a stretch by another of the same recording. Returns the id of the new example.

        Raises ConflictError if somebody else removed it, UsageError if the new one is there already.
        """
        example = self._project.example(number)
        if example.span_s is None:
            raise UsageError(f"example {number} is a whole recording", hint="mark a stretch of it instead")
        if to.span_s == example.span_s:
            raise UsageError("the times are the same as before", where=f"example {number}")
        self._check(example, [to])
        detail = f"instead of {format_span(*example.span_s)}"
        added = self._add(example, [to], detail, [Edit("present", number, "", PRESENT, None)])
        return added.ids[0] if added.ids else added.known[0]

    def add(self, blocks: Iterable[bytes], name: str, stretches: Sequence[Stretch], *, group: str = "") -> Added:
        """Add one new recording, whose content comes in blocks: each of its stretches is an example.

        Raises UsageError and InputError as `mark` does, also if it is no recording.
        """
        project = self._project
        with project.store.staging() as staging:
            file = staging.write(blocks, name)
            with project.database.reading() as connection:
                sense = find_sense(file.medium, read_senses(connection))
            if file.medium not in _TIMED or sense is None:
                raise UsageError(f"{name!r} is not a recording", allowed="a wav file, or another recording")
            _check_stretches(name, {sense: staging.path(file)}, stretches)
            staging.flush()
            with project.database.writing() as connection:
                new = _with_answers(connection, NewExample(name, {sense: file}, group=group), stretches)
                return _refuse_problems(project.add_within(connection, staging, new, f"of {name}"))

    def _check(self, example: Example, stretches: Sequence[Stretch]) -> None:
        paths = {sense: self._project.path(file) for sense, file in _timed(example).items()}
        _check_stretches(example.name, paths, stretches)

    def _add(self, of: Example, stretches: Sequence[Stretch], detail: str, edits: Sequence[Edit]) -> Added:
        project = self._project
        with project.store.staging() as staging, project.database.writing() as connection:
            pattern = NewExample(of.name, of.inputs, part=of.part, group=of.group, metadata=of.metadata)
            new = _with_answers(connection, pattern, stretches)
            spans = ", ".join(format_span(*each.span_s) for each in stretches[:3])
            what = f"of {of.name} {spans} {detail}".rstrip()
            return _refuse_problems(project.add_within(connection, staging, new, what, edits))


def _timed(example: Example) -> dict[str, StoredFile]:
    """The inputs of an example that last. Raises UsageError if it has none."""
    found = {sense: file for sense, file in example.inputs.items() if file.medium in _TIMED}
    if not found:
        raise UsageError(f"example {example.id} is no recording", allowed="recordings and videos")
    return found


def _with_answers(connection: Connection, pattern: NewExample, stretches: Sequence[Stretch]) -> list[NewExample]:
    column = find_answer_column(connection)
    return [replace(pattern, span_s=each.span_s, answers=check_new_answers(column, each.answer)) for each in stretches]


def _check_stretches(name: str, paths: Mapping[str, Path], stretches: Sequence[Stretch]) -> None:
    """Each stretch is allowed, and can be read."""
    if not 0 < len(stretches) <= MOST_STRETCHES:
        raise UsageError(f"{len(stretches)} stretches", where=name, allowed=f"1 to {MOST_STRETCHES:,} at once")
    for each in stretches:
        _check_span(name, each)
        for sense, path in paths.items():
            try:
                SENSES[sense].read(Excerpt(path, *each.span_s))
            except InputError as error:
                raise error.at(name) from None


def _check_span(name: str, stretch: Stretch) -> None:
    start_s, end_s = stretch.span_s
    if not (math.isfinite(start_s) and math.isfinite(end_s) and start_s >= 0 and start_s + SHORTEST_S <= end_s):
        raise UsageError(
            f"a stretch from {start_s:g} s to {end_s:g} s",
            where=name,
            allowed=f"an end at least {SHORTEST_S:g} s after the beginning, which is 0 or more",
        )


def _refuse_problems(added: Added) -> Added:
    """Raises UsageError for a stretch that is there already with another answer."""
    for problem in added.problems:
        raise UsageError(str(problem))
    return added

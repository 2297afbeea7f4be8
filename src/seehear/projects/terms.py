"""The terms of a project: words and names to expect in its transcripts, such as those of drugs or people."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy.engine import Connection

from seehear.answers import ANSWERS
from seehear.errors import UsageError
from seehear.projects.columns import find_answer_column, read_setting
from seehear.projects.editing import check_cell, require_column, set_settings
from seehear.projects.history import shorten
from seehear.recipe import Recipe

if TYPE_CHECKING:
    from seehear.projects.project import Project

TERMS = "terms"  # a setting
MOST_TERMS, LONGEST_TERM = 500, 100  # characters


class Terms:
    """The terms of a project, as `project.terms`. Its versions expect them when a server asks them."""

    def __init__(self, project: Project) -> None:
        self._project = project

    def list(self) -> Sequence[str]:
        """The terms in alphabetical order."""
        with self._project.database.reading() as connection:
            return _read(connection)

    def add(self, term: str) -> int | None:
        """Returns the id of the change; None if it is a term already.

        Raises UsageError for what cannot be a term, and for a project whose answers are not made of words.
        """
        term = " ".join(check_cell(term).split())
        if len(term) > LONGEST_TERM:
            raise UsageError(f"a term of {len(term):,} characters: {shorten(term)}", allowed=f"{LONGEST_TERM}")
        with self._project.database.writing() as connection:
            require_column(find_answer_column(connection)).kind.require_decoding("terms")
            terms = _read(connection)
            if len(terms) >= MOST_TERMS and term not in terms:
                raise UsageError(f"{len(terms):,} terms, and one more", allowed=f"{MOST_TERMS:,}")
            what = f"made {shorten(term)} a term"
            return set_settings(connection, self._project.who, {TERMS: sorted({*terms, term})}, what)

    def remove(self, term: str) -> int | None:
        """Returns the id of the change; None if there is no such term."""
        with self._project.database.writing() as connection:
            left = [each for each in _read(connection) if each != term]
            what = f"removed the term {shorten(term)}"
            return set_settings(connection, self._project.who, {TERMS: left or None}, what)


def expect_terms(recipe: Recipe, terms: Sequence[str]) -> Recipe:
    """The recipe of a recogniser that expects these terms, but for those that it cannot write: it was trained on other
    letters. Answers that are not made of words are left as they are."""
    decoding = ANSWERS[recipe.kind].decoding
    if decoding is None or not terms:
        return recipe
    expect = partial(decoding.with_hotwords, recipe.answer)
    written = _find_writable(expect, [], terms)
    return recipe.model_copy(update={"answer": expect(written)}) if written else recipe


def _find_writable(expect: Callable[[Sequence[str]], Any], known: Sequence[str], terms: Sequence[str]) -> Sequence[str]:
    """`known` and those of the terms that can be expected with it. Most can: the others are found by halving."""
    try:
        expect([*known, *terms])
    except UsageError:
        if len(terms) == 1:
            return known
        middle = len(terms) // 2
        return _find_writable(expect, _find_writable(expect, known, terms[:middle]), terms[middle:])
    return [*known, *terms]


def find_new_words(before: str, after: str) -> Sequence[str]:
    """The words that somebody wrote who corrected a transcript, each once, without the punctuation around them."""
    known = {_bare(word).lower() for word in before.split()}
    return list(dict.fromkeys(bare for word in after.split() if (bare := _bare(word)) and bare.lower() not in known))


def _bare(word: str) -> str:
    return word.strip(".,;:!?()[]{}\"'“”„‘’«»…")


def _read(connection: Connection) -> list[str]:
    found: list[str] = json.loads(read_setting(connection, TERMS) or "[]")
    return found

"""Terms: words that a project expects in its transcripts, and the recognisers that expect them."""

from __future__ import annotations

from pathlib import Path

import pytest

import scribe
import tiny
from seehear.errors import UsageError
from seehear.projects import Project
from seehear.projects.terms import expect_terms, find_new_words


def test_terms_are_added_removed_and_changed_back(tmp_path: Path) -> None:
    with Project.create("Notes", answer="text", home=tmp_path, who="anna") as project:
        assert project.terms.list() == []
        assert project.terms.add("  Kaltenbach ") and project.terms.add("a  b")
        assert project.terms.list() == ["Kaltenbach", "a b"]
        assert project.terms.add("a b") is None and project.terms.remove("c") is None
        assert project.history()[0].what == "made 'a b' a term"
        project.terms.remove("a b")
        project.undo()
        assert project.terms.list() == ["Kaltenbach", "a b"]
        for wrong in ("", "x" * 101):
            with pytest.raises(UsageError):
                project.terms.add(wrong)


def test_only_transcripts_have_terms(tmp_path: Path) -> None:
    with (
        Project.create("Boards", answer="label", home=tmp_path) as project,
        pytest.raises(UsageError, match="not made of words"),
    ):
        project.terms.add("knot")
    recipe = tiny.recipe()
    assert expect_terms(recipe, ["knot"]) is recipe


def test_a_recogniser_expects_the_terms_that_it_can_write() -> None:
    expecting = expect_terms(scribe.recipe(), ["ab ba", "xyz", "b"])
    assert expecting.answer.hotwords == ("ab ba", "b")  # type: ignore[attr-defined]
    assert expect_terms(scribe.recipe(), ["xyz"]).answer == scribe.recipe().answer


def test_new_words_are_those_that_the_correction_has_and_the_answer_had_not() -> None:
    corrected = "Take 2 tablets, Dr. Kaltenbach: Kaltenbach!"
    assert find_new_words("take two tablets", corrected) == ["2", "Dr", "Kaltenbach"]
    assert find_new_words("a b", "b a … a") == []

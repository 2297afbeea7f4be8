"""The check of a project's examples, and corrections as one change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from doubtful_project import doubtful_project
from made_projects import make_dark_and_bright, make_project
from seehear.check import CheckReport, Finding
from seehear.errors import ConflictError, DataError, UsageError
from seehear.projects import Project


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with doubtful_project(tmp_path) as made:
        yield made


def find(report: CheckReport, kind: str) -> Finding:
    return next(each for each in report.findings if each.kind == kind)


def test_examples_are_named_as_people_named_them(project: Project) -> None:
    checked = project.check()
    (concern,) = find(checked.report, "duplicates").concerns
    assert (concern.where, checked.example_of(concern)) == ("a-small.png", 4)
    assert concern.reason == "nearly the same as a.png"
    shown = next(each for each in checked.to_json()["findings"] if each["kind"] == "duplicates")
    assert shown["concerns"][0]["example"] == 4


def test_a_correction_is_one_change_that_can_be_undone(project: Project) -> None:
    checked = project.check()
    change = project.correct(checked, find(checked.report, "duplicates"))
    assert change is not None
    assert project.find() == [1, 2, 3, 5]
    assert project.history()[0].what == "removed 1 example (duplicates)"
    project.undo(change)
    assert project.find() == [1, 2, 3, 4, 5]


def test_a_correction_overwrites_nobodys_work(project: Project) -> None:
    checked = project.check()
    project.as_person("ben").remove([4])
    with pytest.raises(ConflictError, match="ben removed 1 example"):
        project.correct(checked, find(checked.report, "duplicates"))


def test_what_only_a_person_can_tell_is_not_corrected(project: Project) -> None:
    checked = project.check()
    with pytest.raises(UsageError, match="nothing of 'small classes' can be corrected here"):
        project.correct(checked, find(checked.report, "small classes"))


def test_versions_in_what_is_held_out_are_leaks_also_before_their_part_is_decided(project: Project) -> None:
    project.set_part([1], "val")
    leaked = find(project.check().report, "leaks between parts")
    assert [each.where for each in leaked.concerns] == ["a-small.png"]


def test_a_project_without_answers_has_nothing_to_check(tmp_path: Path) -> None:
    with make_project(tmp_path) as empty, pytest.raises(DataError, match="there is nothing to check yet"):
        empty.check()


def test_nothing_wrong_is_found_in_pictures_that_differ(tmp_path: Path) -> None:
    with make_dark_and_bright(tmp_path / "home") as made:
        assert "duplicates" not in {each.kind for each in made.check().report.findings}

"""`seehear project`: training jobs, versions and kept answers from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from made_projects import make_project
from pretended_training import hold_jobs
from seehear.cli import run
from seehear.projects import Project


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A home with the project boards, whose jobs get no process."""
    hold_jobs(monkeypatch)
    make_project(tmp_path / "home").close()
    return str(tmp_path / "home")


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["project", *arguments]) == 0
    return capsys.readouterr().out


def test_jobs_are_asked_for_listed_and_cancelled(home: str, capsys: pytest.CaptureFixture[str]) -> None:
    asked = json.loads(call(capsys, "train", "boards", "--no-wait", "--steps", "5", "--home", home, "--json"))
    assert (asked["id"], asked["state"], asked["options"]) == (1, "waiting", {"steps": 5})
    assert call(capsys, "jobs", "boards", "--home", home) == "job 1: waiting\n"
    assert call(capsys, "cancel", "boards", "1", "--home", home) == "job 1: cancelled\n"
    assert run(["project", "cancel", "boards", "1", "--home", home]) == 2
    assert "job 1 is cancelled. Allowed: a job that is waiting or running" in capsys.readouterr().err
    assert call(capsys, "resume", "boards", "1", "--home", home) == "job 1: waiting\n"


def test_a_training_takes_promises_fairness_and_robustness(home: str, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ("--coverage", "90%", "--each-class", "--fair", "site", "--robust")
    asked = json.loads(call(capsys, "train", "boards", "--no-wait", *flags, "--home", home, "--json"))
    assert asked["options"] == {"coverage": 0.9, "each_class": True, "fair": "site", "robust": True}
    assert run(["project", "train", "boards", "--no-wait", "--each-class", "--home", home]) == 2
    assert "each_class without a coverage" in capsys.readouterr().err


def test_what_is_not_there_is_refused_with_what_is(home: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["project", "promote", "boards", "3", "--home", home]) == 2
    assert "there is no version 3" in capsys.readouterr().err
    assert run(["project", "rollback", "boards", "--home", home]) == 2
    assert "no version answered before this one" in capsys.readouterr().err
    assert run(["project", "versions", "planks", "--home", home]) == 2
    assert "there is no project 'planks'. Allowed: boards" in capsys.readouterr().err
    assert run(["project", "review", "boards", "4", "--skip", "--home", home]) == 2
    assert "there is no kept answer 4" in capsys.readouterr().err
    assert run(["project", "review", "boards", "4", "--skip", "--none", "--home", home]) == 2
    assert "both --none and --skip" in capsys.readouterr().err


def test_keeping_is_off_until_it_is_asked_for(home: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "keep", "boards", "--home", home) == "nothing is kept; 0 answers to review, 0 deleted\n"
    shown = call(capsys, "keep", "boards", "--days", "30", "--home", home, "--who", "ben")
    assert shown == "answers are kept for 30 days; 0 answers to review, 0 deleted\n"
    with Project.open("boards", home=home) as project:
        assert project.history()[0].who == "ben"
    assert json.loads(call(capsys, "review", "boards", "--home", home, "--json")) == []
    assert "nothing is kept" in call(capsys, "keep", "boards", "--off", "--home", home)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["versions", "boards"], "No versions yet. Train one: seehear project train boards"),
        (["jobs", "boards"], "No trainings yet. Start one: seehear project train boards"),
        (["review", "boards"], "Nothing to review: no kept answer waits. Keep answers: seehear project keep boards"),
        (["show", "boards", "--all"], "No such examples in boards"),
        (["log", "boards", "--example", "7"], "No changes of example 7"),
    ],
)
def test_a_list_says_so_when_it_is_empty(
    home: str, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert run(["project", *arguments, "--home", home]) == 0
    captured = capsys.readouterr()
    assert (captured.out, words in captured.err) == ("", True)
    assert call(capsys, *arguments, "--home", home, "--json") in ("", "[]\n")


def test_undoing_much_needs_a_yes(home: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["project", "undo", "boards", "1", "--home", home]) == 2
    assert "undoing this removes the kind of answer, on which 0 answers depend. Next: add --yes" in (
        capsys.readouterr().err
    )
    assert "undid: made the project" in call(capsys, "undo", "boards", "1", "--yes", "--home", home)


def test_terms_are_listed_added_and_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Project.create("Notes", answer="text", home=tmp_path).close()
    home = str(tmp_path)
    assert run(["project", "terms", "notes", "--home", home]) == 0
    assert "No terms yet. Add one: seehear project terms notes --add TERM" in capsys.readouterr().err
    assert call(capsys, "terms", "notes", "--add", "Kaltenbach", "--add", "a b", "--home", home) == "Kaltenbach\na b\n"
    assert json.loads(call(capsys, "terms", "notes", "--remove", "a b", "--json", "--home", home)) == ["Kaltenbach"]

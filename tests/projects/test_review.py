"""Kept answers: what is kept, in which order it is reviewed, and what becomes of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tiny
from made_projects import add_version, make_project
from seehear.errors import ConflictError, UsageError
from seehear.media import Excerpt
from seehear.projects import Project, kept_answers
from seehear.projects.kept_answers import NamedBytes, NamedFile, Source
from seehear.projects.review import is_blind
from seehear.projects.review_order import order_diverse, usefulness
from seehear.runtime.predictor import Predictor


@pytest.fixture
def project(tmp_path: Path, database: str | None) -> Iterator[Project]:
    with make_project(tmp_path / "home", database) as made:
        for name, brightness in (("dark", 0.1), ("bright", 0.8)):
            made.add([draw(tmp_path / f"{name}.png", brightness)], name)
        made.review.keep(30)
        yield made


def draw(path: Path, brightness: float, stripes: float = 0.0) -> Path:
    picture = tiny.picture(brightness)[:, :, 0].astype(float)
    picture[::2] += 255 * stripes
    picture[1::2] -= 255 * stripes
    Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(path)
    return path


def ask(project: Project, path: Path, version: int | None = None) -> int:
    """Answer a picture, and keep the answer."""
    prediction = Predictor(tiny.bundle()).predict_one(path)
    number = project.review.record(prediction, {"image": path}, version=version, source="api")
    assert number is not None
    return number


def test_nothing_is_kept_by_default(tmp_path: Path) -> None:
    with make_project(tmp_path / "home") as project:
        path = draw(tmp_path / "a.png", 0.5)
        prediction = Predictor(tiny.bundle()).predict_one(path)
        assert project.review.record(prediction, {"image": path}, version=None, source="api") is None
        assert not [each for each in project.place.files.rglob("*") if each.is_file()]
        with pytest.raises(UsageError, match="answers kept for -1 days"):
            project.review.keep(-1)


def test_an_accepted_answer_becomes_an_example_to_learn_from(project: Project, tmp_path: Path) -> None:
    number = ask(project, draw(tmp_path / "new.png", 0.9))
    (tmp_path / "new.png").unlink()
    (kept,) = project.review.queue()
    assert (kept.id, kept.name, kept.cell, kept.state) == (number, "new.png", "bright", "waiting")
    project.review.accept(number)
    kept = project.review.get(number)
    example = project.example(kept.example or 0)
    assert (kept.state, example.answers, example.part) == ("accepted", {"label": "bright"}, "train")
    assert project.history()[0].what == "accepted the answer to 'new.png'"
    assert not project.review.queue()
    with pytest.raises(ConflictError, match="it was changed in the meantime: anna accepted the answer"):
        project.review.skip(number)


def test_a_correction_can_be_undone(project: Project, tmp_path: Path) -> None:
    number = ask(project, draw(tmp_path / "new.png", 0.9))
    project.review.correct(number, "dazzling")
    assert project.review.get(number).state == "corrected"
    assert project.classes() == ["dark", "bright", "dazzling"]
    project.undo()
    assert project.review.get(number).state == "waiting" and project.classes() == ["dark", "bright"]
    assert project.counts().examples == 2
    project.review.correct(number, "dazzling")
    assert project.counts().classes["dazzling"] == 1


def test_none_of_these_is_an_example_without_an_answer(project: Project, tmp_path: Path) -> None:
    number = ask(project, draw(tmp_path / "hand.png", 0.5))
    project.review.none_of_these(number)
    example = project.example(project.review.get(number).example or 0)
    assert not example.answers and example.metadata == {"none_of_these": "yes"}


def test_an_answer_to_what_is_already_an_example_with_another_answer_is_refused(
    project: Project, tmp_path: Path
) -> None:
    number = ask(project, tmp_path / "dark.png")
    with pytest.raises(UsageError, match="already here as example 1, with the label 'dark', not 'bright'"):
        project.review.correct(number, "bright")
    assert project.review.get(number).state == "waiting"
    project.review.accept(number)
    assert project.counts().examples == 2


def test_what_helps_most_comes_first(project: Project, tmp_path: Path) -> None:
    sure, unsure = ask(project, draw(tmp_path / "a.png", 0.95)), ask(project, draw(tmp_path / "b.png", 0.51))
    unlike = ask(project, draw(tmp_path / "c.png", 0.4, stripes=0.35))
    assert [kept.id for kept in project.review.queue()] == [unlike, unsure, sure]
    assert project.review.get(unlike).unfamiliar and not project.review.get(unsure).unfamiliar


def test_answers_that_another_version_disputes_come_first_and_like_ones_are_spread(
    project: Project, tmp_path: Path
) -> None:
    add_version(project, 1)
    add_version(project, 2, tiny.exchanged())
    likes = [ask(project, draw(tmp_path / f"{i}.png", 0.9 + i / 50), 1) for i in range(3)]
    other = ask(project, draw(tmp_path / "other.png", 0.05), 1)
    assert project.review.examine() == 4
    queue = project.review.queue()
    assert {kept.id for kept in queue[:2]} == {likes[0], other}  # rather than two that look the same
    assert queue[0].usefulness == pytest.approx(usefulness(queue[0].confidence, unfamiliar=False, disagreement=True))
    assert project.review.examine() == 0
    first = queue[0].id
    project.review.skip(first)
    others = [each for each in likes if each != first]
    assert project.review.queue()[0].id == (other if first in likes else others[0])


def test_order_takes_one_of_each_kind_before_the_second_of_one() -> None:
    vectors = [np.array(each, np.float32) for each in ([1, 0], [1, 0], [0, 1], [0, 1])]
    assert order_diverse([0.9, 0.8, 0.5, 0.4], vectors, 4) == [0, 2, 1, 3]
    assert order_diverse([0.9, 0.8, 0.5, 0.4], vectors, 4, before=[vectors[0]]) == [2, 0, 1, 3]
    assert order_diverse([0.9, 0.8, 0.5], [None, None, None], 2) == [0, 1]
    assert order_diverse([], [], 5) == []


@pytest.mark.parametrize(("verdict", "expected"), [("better", 0.04), ("not distinguishable", None)])
def test_the_help_of_a_review_is_told_where_it_was_measured(
    project: Project, tmp_path: Path, verdict: str, expected: float | None
) -> None:
    assert project.review.help() is None
    compared = {"with": 1, "verdict": verdict, "n": 50, "difference": 0.16, "interval": [0.02, 0.2], "reviewed": 8}
    add_version(project, 2, figures={"metric": "accuracy", "compared": compared})
    add_version(project, 3, figures={"metric": "accuracy", "compared": compared | {"reviewed": 0}})
    for number in range(2):
        ask(project, draw(tmp_path / f"{number}.png", 0.3 + number / 10))
    found = project.review.help()
    assert found is not None and (found.reviewed, found.difference) == (8, 0.16)
    assert found.expected == (None if expected is None else pytest.approx(expected))


def test_kept_answers_are_deleted_with_their_files(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skipped, reviewed, new = (ask(project, draw(tmp_path / f"{i}.png", 0.3 + i / 10)) for i in range(3))
    project.review.skip(skipped)
    project.review.accept(reviewed)
    assert project.review.delete_kept(expired=True) == 0
    monkeypatch.setattr(kept_answers.time, "time", lambda: time.monotonic() + 1e11)  # type: ignore[attr-defined]
    assert project.review.delete_kept(expired=True) == 2
    with pytest.raises(UsageError, match=f"there is no kept answer {new}"):
        project.review.get(new)
    files = [path for path in project.place.files.rglob("*") if path.is_file()]
    assert len(files) == 3  # those of the examples
    assert project.path(project.example(project.review.get(reviewed).example or 0).inputs["image"]) in files


def test_excerpts_of_recordings_are_kept_as_such(project: Project, tmp_path: Path) -> None:
    path = draw(tmp_path / "long.png", 0.7)
    prediction = Predictor(tiny.bundle()).predict_one(path)
    number = project.review.record(prediction, {"image": Excerpt(path, 1.0, 2.5)}, version=None, source="page")
    assert number is not None and project.review.get(number).span_s == (1.0, 2.5)


def test_only_unsure_answers_are_kept_if_that_is_wanted(project: Project, tmp_path: Path) -> None:
    project.review.keep(7, "unsure")
    assert str(project.review.keeping()) == "unsure answers are kept for 7 days"
    sure, unsure = draw(tmp_path / "sure.png", 0.95), draw(tmp_path / "unsure.png", 0.51)
    predictor = Predictor(tiny.bundle())
    ids = [
        project.review.record(predictor.predict_one(path), {"image": path}, version=None, source="api")
        for path in (sure, unsure)
    ]
    assert ids[0] is None and project.review.get(ids[1] or 0).name == "unsure.png"
    with pytest.raises(UsageError, match="keep 'some'"):
        project.review.keep(7, "some")
    assert project.review.keep(None) and project.review.keep(None) is None
    assert project.review.keeping() == ("nothing", 7)
    project.undo()
    assert project.review.keeping() == ("unsure", 7)


def test_the_same_answer_of_a_version_is_kept_once(project: Project, tmp_path: Path) -> None:
    for number in (1, 2):
        add_version(project, number)
    path = draw(tmp_path / "still.png", 0.51)
    first = ask(project, path, 1)
    project.review.skip(first)
    assert ask(project, path, 1) == first and project.review.get(first).state == "skipped"
    assert ask(project, path, 2) != first


def test_files_are_kept_under_the_names_that_they_came_with(project: Project, tmp_path: Path) -> None:
    path = draw(tmp_path / "upload-1a2b.png", 0.51)
    prediction = Predictor(tiny.bundle()).predict_one(path)
    content = path.read_bytes()
    sources: list[Source] = [NamedBytes("a.PNG", content), NamedFile("b.png", path), NamedBytes("c", content)]
    for version, source in enumerate(sources, 1):
        add_version(project, version)
        number = project.review.record(prediction, {"image": source}, version=version, source="api")
        file = project.review.get(number or 0).inputs["image"]
        assert (file.suffix, file.medium) == (".png", "picture")  # one file, as it came first


def test_what_was_skipped_can_be_shown_again_and_what_was_dismissed_stays_away(
    project: Project, tmp_path: Path
) -> None:
    skipped, dismissed = (ask(project, draw(tmp_path / f"{i}.png", 0.3 + i / 10)) for i in range(2))
    project.review.skip(skipped)
    project.review.dismiss(dismissed)
    assert (project.review.count_skipped(), project.review.count_kept()) == (1, 2)
    assert project.review.show_skipped() and project.review.show_skipped() is None
    assert [each.id for each in project.review.queue()] == [skipped]
    project.undo()
    assert not project.review.queue()


def test_the_last_reviews_of_a_person_come_with_the_change_to_undo(project: Project, tmp_path: Path) -> None:
    numbers = [ask(project, draw(tmp_path / f"{i}.png", 0.3 + i / 10)) for i in range(3)]
    project.review.accept(numbers[0])
    project.as_person("Ben").review.skip(numbers[1])
    change = project.review.dismiss(numbers[2])
    recent = project.review.recent()
    assert [each.kept.id for each in recent] == [numbers[2], numbers[0]]
    assert recent[0].change == change
    project.undo(change)
    assert [each.kept.id for each in project.review.recent()] == [numbers[0]]


def test_progress_counts_from_the_last_training(project: Project, tmp_path: Path) -> None:
    numbers = [ask(project, draw(tmp_path / f"{i}.png", 0.2 + i / 10)) for i in range(5)]
    project.review.accept(numbers[0])
    project.review.skip(numbers[1])
    assert project.review.progress() == (2, 1, 3)
    add_version(project, 1)
    project.review.correct(numbers[2], "dazzling")
    project.review.none_of_these(numbers[3])
    assert project.review.progress() == (2, 1, 1)


def test_agreement_is_counted_apart_for_blind_reviews(project: Project, tmp_path: Path) -> None:
    numbers = [ask(project, draw(tmp_path / f"{i}.png", 0.7 + i / 20)) for i in range(4)]
    for number, cell in zip(numbers[:3], ("bright", "dazzling", "bright"), strict=True):
        project.review.correct(number, cell, blind=True)
    project.review.none_of_these(numbers[3])
    assert project.review.agreement(blind=True) == (2, 3)
    assert project.review.agreement(blind=False) == (0, 1)
    assert 60 <= sum(map(is_blind, range(1000))) <= 140


def test_what_needs_drawing_becomes_an_example_without_an_answer(project: Project, tmp_path: Path) -> None:
    number = ask(project, draw(tmp_path / "new.png", 0.51))
    example = project.example(project.review.open_for_correction(number))
    assert not example.answers and not example.metadata and project.review.get(number).state == "corrected"


def test_an_answer_that_is_not_of_the_projects_kind_is_refused(project: Project, tmp_path: Path) -> None:
    number = ask(project, draw(tmp_path / "new.png", 0.51))
    with pytest.raises(UsageError, match="an empty answer"):
        project.review.correct(number, " ")
    assert project.review.get(number).state == "waiting" and project.counts().examples == 2

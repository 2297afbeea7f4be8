"""Train, Try and Versions of a project, without training: the plan, progress, what answers, and comparing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import seehear
import tiny
from made_projects import add_version, make_dark_and_bright
from pretended_training import pretend_training
from reading_html import get, post, read_html
from seehear.measure import comparison
from seehear.projects import Project
from seehear.projects.job_process import run_job
from seehear.serve import open_projects
from seehear.serve.models import ModelRegistry
from seehear.serve.pages.rendering import render_fragment
from seehear.serve.pages.task_words import WORDS, describe_task
from seehear.serve.pages.training import Progress, draw_curve
from serving import client, picture_file


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """16 pictures, dark or bright; a training is run by `run_job`."""
    pretend_training(monkeypatch)
    with make_dark_and_bright(tmp_path / "home") as made:
        yield made


@pytest.fixture
def models() -> ModelRegistry:
    return ModelRegistry()


@pytest.fixture
def served(project: Project, models: ModelRegistry) -> Iterator[TestClient]:
    with client(models, projects=project.place.folder.parent) as opened:
        yield opened


def train(served: TestClient, project: Project) -> None:
    post(served, "/p/boards/train", minutes="", wrong="10")
    run_job(project, project.jobs.list()[0].id)


def test_before_the_first_version_the_pages_say_what_is_missing(served: TestClient) -> None:
    assert "There is no version yet" in get(served, "/p/boards/try").text
    assert "There is no version yet" in get(served, "/p/boards/versions").text
    page = get(served, "/p/boards/train")
    assert "It learns from 16 examples of 2 kinds." in page.text
    assert "needs 45 aside" in page.text


def test_a_training_is_shown_until_it_is_done(
    served: TestClient, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_projects, "LOOK_EVERY_S", 0.0)
    page = post(served, "/p/boards/train", minutes="3", wrong="")
    assert "It waits for its turn." in page.text
    assert project.jobs.list()[0].options == {"minutes": 3.0}
    assert "Training." in get(served, "/").text
    assert "1 waiting to learn" in get(served, "/p/boards/teach").text
    assert "What it has learned is kept" not in page.text
    for chapter in ("try", "review", "versions"):
        text = get(served, f"/p/boards/{chapter}").text
        assert "The first one answers as soon as it is trained." in text
        assert "Train one first." not in text
    run_job(project, 1)
    events = served.get("/p/boards/train/1/progress").text
    assert "event: done" in events
    assert "Version 1" in get(served, "/p/boards/train").text


def test_a_training_can_be_stopped_and_go_on(served: TestClient, project: Project) -> None:
    post(served, "/p/boards/train", minutes="", wrong="")
    assert "Cancelled." in post(served, "/p/boards/train/1/cancel").text
    assert "It waits for its turn." in post(served, "/p/boards/train/1/resume").text


@pytest.mark.parametrize(("minutes", "wrong"), (("x", ""), ("-1", ""), ("nan", ""), ("", "1e9")))
def test_numbers_that_are_none_are_refused_in_words(served: TestClient, minutes: str, wrong: str) -> None:
    answered = served.post("/p/boards/train", data={"minutes": minutes, "wrong": wrong})
    assert answered.status_code == 400
    assert read_html(answered.text).all("h1")


def test_the_first_version_answers_on_the_page_and_to_programs(served: TestClient, project: Project) -> None:
    train(served, project)
    files = {"file": ("a.png", picture_file(0.9))}
    answered = served.post("/p/boards/try", files=files)
    assert "It says bright" in read_html(answered.text).text
    assert served.post("/predict", files=files).json()["answer"] == {"label": "bright"}
    version = project.versions.get(1)
    page = get(served, "/p/boards/model/1")
    assert f"It learned from {version.learned} examples; {version.held_out} more were put aside" in page.text
    assert "Of 100 new examples it answers about 50" in page.text
    saved = served.get("/p/boards/model/1/file")
    assert saved.content == project.versions.get(1).path.read_bytes()
    assert "boards-1.seehear" in saved.headers["content-disposition"]


def test_what_was_tried_becomes_an_example(served: TestClient, project: Project) -> None:
    train(served, project)
    answered = read_html(served.post("/p/boards/try", files={"file": ("new.png", picture_file(0.55))}).text)
    (form,) = answered.all("form", **{"class": "teaches"})
    assert [each.text for each in form.all("button")] == ["dark", "bright"]
    (kept,) = form.all("input", name="file")
    assert served.get(f"/shown/{kept.attributes['value']}").status_code == 404
    post(served, "/p/boards/try/teach", file=kept.attributes["value"], put="dark")
    assert project.counts().classes == {"dark": 9, "bright": 8}
    assert project.example(project.find()[-1]).name == "new.png"
    assert served.post("/p/boards/try/teach", data={"file": "forgotten", "put": "dark"}).status_code == 404


def test_versions_are_compared_promoted_and_taken_back(
    served: TestClient, project: Project, models: ModelRegistry
) -> None:
    train(served, project)
    train(served, project)
    page = get(served, "/p/boards/versions/compare?first=1&second=2")
    assert "Version 2 is not distinguishable from version 1" in page.text
    assert "Promote version 2 anyway" in page.text
    assert "promoted version 2" in post(served, "/p/boards/versions/promote", version="2").text
    assert models.get("boards").path == project.versions.get(2).path
    assert "rolled back" in post(served, "/p/boards/versions/roll-back").text
    assert models.get("boards").path == project.versions.get(1).path


def test_promoting_a_version_that_is_worse_shows_the_comparison_first(
    served: TestClient, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(served, project)
    train(served, project)
    monkeypatch.setattr(comparison, "WORSE", "not distinguishable")
    page = post(served, "/p/boards/versions/promote", version="2")
    assert "Promote version 2 anyway" in page.text and "One answer takes" in page.text
    assert project.versions.served_number() == 1
    assert "promoted version 2" in post(served, "/p/boards/versions/promote", version="2", sure="yes").text


def test_what_answers_is_served_again_after_a_restart(served: TestClient, project: Project) -> None:
    train(served, project)
    with client(ModelRegistry(), projects=project.place.folder.parent) as again:
        assert again.get("/health/ready").json()["models"] == ["boards"]


def test_how_good_it_is_so_far_is_shown_as_a_number_of_100_and_a_curve(project: Project) -> None:
    job = project.jobs.start(steps=4)
    run_job(project, job.id)
    job = project.jobs.get(job.id)
    assert job.progress["quality"]["value"] == 0.75
    shown = read_html(render_fragment("progress.html", **Progress(project).describe(job))).text
    assert "75 of 100 answers are right so far, measured on 4 examples that it did not learn from" in shown
    assert "from 50 to 75 of 100 answers are right." in shown


def test_versions_and_trainings_say_how_good_they_are_with_an_interval(served: TestClient, project: Project) -> None:
    train(served, project)
    assert "If it has to guess every time, 75 of 100" in get(served, "/p/boards/train").text
    for page in ("versions", "train", "model/1"):
        assert "75 of 100 answers are right (30 to 95)" in get(served, f"/p/boards/{page}").text


def test_a_form_that_is_sent_again_starts_no_second_training(served: TestClient, project: Project) -> None:
    for _ in range(4):
        post(served, "/p/boards/train", minutes="3", wrong="")
    assert [job.options for job in project.jobs.list()] == [{"minutes": 3.0}]


def test_a_version_whose_file_is_gone_is_told_and_answers_no_more(
    served: TestClient, project: Project, models: ModelRegistry
) -> None:
    train(served, project)
    served.get("/p/boards/try")
    project.versions.get(1).path.unlink()
    shown = get(served, "/p/boards/versions").text
    assert "cannot answer" in shown and "job-1.seehear is gone: restore it from a backup" in shown
    assert "answers now" not in shown
    with client(ModelRegistry(), projects=project.place.folder.parent) as again:
        said = again.get("/p/boards/try").text
        assert "job-1.seehear: cannot be read" in said and "restore it from a backup" in said
    (promotion,) = [change for change in project.history() if change.what.startswith("promoted")]
    post(served, "/p/boards/undo", change=str(promotion.id))
    assert not models.list()  # nothing answers for it


def test_undoing_much_asks_first(served: TestClient, project: Project) -> None:
    first = project.history()[-1]
    page = post(served, "/p/boards/undo", change=str(first.id), page="history")
    assert "Undoing it removes the kind of answer, on which 16 answers depend." in page.text
    assert project.answer_column() is not None
    assert "undid: made the project" in post(served, "/p/boards/undo", change=str(first.id), sure="yes").text
    assert project.answer_column() is None


@pytest.mark.parametrize("figures", ({}, {"metric": "accuracy"}, {"coverage": 0.5}, {"metric": None, "value": None}))
def test_a_version_that_was_not_measured_is_shown_without_figures(
    served: TestClient, project: Project, figures: dict[str, object]
) -> None:
    add_version(project, 1, figures=figures)
    for page in ("versions", "train", "model/1", "try", "review"):
        assert "of 100 answers are right" not in get(served, f"/p/boards/{page}").text


def test_a_model_without_results_can_be_added(project: Project) -> None:
    assert project.versions.get(project.versions.add(tiny.bundle(results={}))).figures["metric"] is None


def test_every_task_of_a_training_has_words_for_newcomers() -> None:
    source = Path(seehear.__file__).parent
    rooms = [path for room in ("learn", "check") for path in (source / room).rglob("*.py")]
    tasks = {found for path in rooms for found in re.findall(r'^TASK = "(.+)"', path.read_text("utf-8"), re.MULTILINE)}
    asked_elsewhere = {"measuring how much more examples would help"}  # by a deep check
    assert len(tasks) > 8
    assert tasks - asked_elsewhere <= WORDS.keys()
    assert describe_task("") == "it starts"
    jargon = re.compile("calibrat|export|epoch|batch|fit|head|encoder|graph|validation|loss")
    assert not [words for words in WORDS.values() if jargon.search(words)]


def test_a_curve_has_its_ends_and_stays_small() -> None:
    curve = draw_curve([(step, 2.0 - step / 1000) for step in range(1000)])
    assert curve is not None
    assert (curve.first, round(curve.last, 1)) == (2.0, 1.0)
    assert len(curve.points.split()) <= 201
    assert draw_curve([(1.0, 1.0)]) is None

"""Why an answer is what it is, on Try and Review: where it looked, what it resembles, and what may be true."""

from __future__ import annotations

import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

import cues
import tiny
from made_projects import add_version, make_project
from reading_html import Element, find_inline, get, read_html
from seehear.answers.prediction_sets import EVERY_CLASS
from seehear.api import Recogniser
from seehear.projects import Project
from seehear.projects.schema import version_examples
from seehear.recipe import CoverageCurve
from seehear.runtime.bundle import Bundle, write_bundle
from seehear.runtime.predictor import Predictor
from seehear.serve.models import ModelRegistry
from seehear.serve.pages import explaining, reviewing
from serving import client, picture_file, sound_file

CORNER = (28, 30)


def marked_file(corner: tuple[int, int] | None = CORNER, seed: int = 0) -> bytes:
    file = BytesIO()
    cues.picture(corner, seed).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A version that tells marked pictures from plain ones, and has learned from examples 1 and 2, not from 3."""
    with make_project(tmp_path / "home") as made:
        for number, (kind, corner) in enumerate((("marked", (40, 40)), ("plain", None), ("marked", (5, 5))), 1):
            path = tmp_path / f"{kind}-{number}.png"
            path.write_bytes(marked_file(corner, number))
            made.add([path], kind)
        add_version(made, 1, cues.bundle())
        made.versions.promote(1)
        with made.database.writing() as connection:
            rows = [
                {"number": 1, "example_id": n, "part": part} for n, part in ((1, "train"), (2, "train"), (3, "val"))
            ]
            connection.execute(version_examples.insert(), rows)
        yield made


@pytest.fixture
def served(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setattr(explaining, "AT_ONCE_S", 20.0)
    with client(ModelRegistry(), projects=project.place.folder.parent) as opened:
        yield opened


def ask(served: TestClient, place: str = "/p/boards/try", **files: bytes) -> Element:
    sent = {field: (f"new.{'wav' if content[:4] == b'RIFF' else 'png'}", content) for field, content in files.items()}
    answered = served.post(place, files=sent)
    assert answered.status_code == 200, answered.text
    page = read_html(answered.text)
    assert not find_inline(page)
    return page


def find_why(page: Element) -> str:
    (link,) = [each for each in page.all("a") if each.text == "Where did it look?"]
    assert link.attributes["href"] == link.attributes["hx-get"]
    return link.attributes["href"]


def test_a_press_shows_where_it_looked(served: TestClient) -> None:
    page = get(served, find_why(ask(served, file=marked_file())))
    (section,) = page.all("section", **{"aria-label": "Where it looked"})
    assert "99 of 100 sure of marked." in section.text
    assert "It looked mostly at the centre" in section.text
    assert "Without that part, it would be under 1 of 100 sure, and its answer would be plain." in section.text
    (picture,) = section.all("img")
    drawn = Image.open(BytesIO(served.get(picture.attributes["src"]).content)).convert("RGB")
    red = np.asarray(drawn, np.float32)[..., 0] - np.asarray(drawn, np.float32)[..., 2]
    row, column = np.unravel_index(red[: drawn.width].argmax(), red[: drawn.width].shape)
    scale = drawn.width / cues.SIDE_PX
    assert abs(column / scale - CORNER[0] - 4) < 8 and abs(row / scale - CORNER[1] - 4) < 8


def test_it_names_the_examples_that_it_learned_from_and_that_are_alike(served: TestClient) -> None:
    page = get(served, find_why(ask(served, file=marked_file())))
    (link,) = [each for each in page.all("a") if each.text == "It reminded me of…"]
    shown = get(served, link.attributes["href"])
    (found,) = shown.all("div", **{"class": "reminders"})
    assert {each.attributes["href"] for each in found.all("a")} == {"/p/boards/teach/1", "/p/boards/teach/2"}
    assert "It reminded me of these" in found.text and "marked" in found.text


def test_a_page_does_not_wait_for_an_explanation(served: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explaining, "AT_ONCE_S", 0.0)
    address = find_why(ask(served, file=marked_file()))
    part = read_html(served.get(address, headers={"hx-request": "true"}).text)
    end_s = time.monotonic() + 20
    while not part.all("img") and time.monotonic() < end_s:
        (again,) = part.all("div", **{"hx-trigger": "load delay:600ms"})
        assert "Finding out where it looked." in part.text
        part = read_html(served.get(again.attributes["hx-get"], headers={"hx-request": "true"}).text)
    assert part.all("img") and not part.all("html")


def test_a_model_file_is_explained_too_with_the_share_of_each_sense(tmp_path: Path, served: TestClient) -> None:
    write_bundle(tmp_path / "both.seehear", tiny.bundle("image", "audio"))
    models = ModelRegistry()
    models.promote_loaded("both", tmp_path / "both.seehear", Recogniser(tiny.bundle("image", "audio")))
    with client(models, projects=tmp_path / "none") as opened:
        page = ask(opened, "/models/both/try", image=picture_file(0.9), audio=sound_file(0.9))
        shown = get(opened, find_why(page))
    assert "What each sense contributes, of 100" in shown.text
    assert [each.all("th")[0].text for each in shown.all("tr")] == ["picture", "recording"]


def test_what_was_tried_a_while_ago_cannot_be_explained(served: TestClient) -> None:
    assert served.get("/p/boards/try/why?image=forgotten").status_code == 404
    assert "no longer in memory" in served.get("/p/boards/try/why?image=forgotten").text
    assert served.get("/p/boards/try/why").status_code == 404


def test_what_fails_is_said(served: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    address = find_why(ask(served, file=marked_file()))

    def fail(*_: object) -> None:
        raise MemoryError("no memory")

    monkeypatch.setattr(explaining, "explain", fail)
    page = get(served, address)
    assert "This answer cannot be explained." in page.text and "no memory" in page.text


def test_a_kept_answer_is_explained_unless_it_is_asked_blind(
    served: TestClient, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.review.keep(30)
    path = tmp_path / "kept.png"
    path.write_bytes(marked_file())
    project.review.record(Predictor(cues.bundle()).predict_one(path), {"image": path}, version=1, source="api")
    monkeypatch.setattr(reviewing, "is_blind", lambda number: False)
    shown = get(served, find_why(get(served, "/p/boards/review")))
    assert "It looked mostly at the centre" in shown.text
    (link,) = [each for each in shown.all("a") if each.text == "It reminded me of…"]
    assert "It reminded me of these" in get(served, link.attributes["href"]).text
    monkeypatch.setattr(reviewing, "is_blind", lambda number: True)
    assert "Where did it look?" not in get(served, "/p/boards/review").text


def with_coverage() -> Bundle:
    curve = CoverageCurve(threshold=(0.0, 0.7, 0.99), missed=(0.3, 0.1, 0.05), held_out=60)
    return tiny.bundle(coverage={"image": {EVERY_CLASS: curve}}, results={"image": {"n": 60}})


def test_an_answer_says_what_may_be_true_where_a_coverage_is_promised(tmp_path: Path) -> None:
    models = ModelRegistry()
    models.promote_loaded("promises", tmp_path / "a.seehear", Recogniser(with_coverage()))
    models.promote_loaded("silent", tmp_path / "b.seehear", Recogniser(tiny.bundle()))
    with client(models, projects=tmp_path / "none") as opened:
        unsure = ask(opened, "/models/promises/try", file=picture_file(0.49)).text
        sure = ask(opened, "/models/promises/try", file=picture_file(0.95)).text
        silent = ask(opened, "/models/silent/try", file=picture_file(0.49)).text
    assert "It may be: dark, bright . The truth is among this in 90 of 100 cases." in unsure.replace(
        "bright.", "bright ."
    )
    assert "It may be: bright" in sure
    assert "It may be" not in silent

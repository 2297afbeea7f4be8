"""The demo pictures on the pages: a project of them, and the six that it has never seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from pretended_training import pretend_training
from reading_html import read_html
from seehear.projects import Project, create_demo
from seehear.projects.demonstration import find_unseen
from seehear.projects.job_process import run_job
from seehear.serve.models import ModelRegistry
from serving import client


@pytest.fixture
def served(tmp_path: Path) -> Iterator[TestClient]:
    with client(ModelRegistry(), projects=tmp_path) as opened:
        yield opened


def test_one_press_makes_a_project_and_a_second_one_leads_to_it(served: TestClient, tmp_path: Path) -> None:
    assert "Try it with demo pictures" in served.get("/").text
    for _ in range(2):
        page = read_html(served.post("/demo").text)
        assert "240 examples, 240 of them in 4 kinds" in page.text
        assert "These are demo pictures." in page.text
    with create_demo(tmp_path) as project:
        assert dict(project.counts().classes) == dict.fromkeys(("one", "two", "three", "four"), 60)
        known = {file.sha256 for each in project.examples(limit=None) for file in each.inputs.values()}
        with project.store.staging() as staging:
            assert not known & {staging.add(path).sha256 for path in find_unseen(project)}
    assert "Train, about 1 minute" in served.get("/p/demo-pictures/train").text


def test_the_unseen_pictures_are_answered(served: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served.post("/demo")
    pretend_training(monkeypatch)
    served.post("/p/demo-pictures/train", data={"minutes": "1"})
    with Project.open("demo-pictures", home=tmp_path) as project:
        run_job(project, 1)
    page = read_html(served.get("/p/demo-pictures/train").text)
    assert "Version 1 has learned" in page.text and "It answers now." in page.text
    page = read_html(served.get("/p/demo-pictures/try").text)
    pictures = [each.attributes["src"] for each in page.all("img") if "/unseen/" in each.attributes["src"]]
    assert len(pictures) == 6
    assert all(served.get(address).headers["content-type"].startswith("image/") for address in pictures)
    answered = served.post("/p/demo-pictures/try", files={"unseen": (None, "photo-1.jpg")})
    assert "photo-1.jpg" in answered.text and "It says" in answered.text
    assert served.post("/p/demo-pictures/try", files={"unseen": (None, "../project.db")}).status_code == 404
    assert served.get("/p/demo-pictures/unseen/none.png").status_code == 404

"""The Model chapter: what a version rests on, what it cannot do, and its report, which is measured on request."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from starlette.testclient import TestClient

from made_projects import add_version, make_dark_and_bright, make_project
from pretended_training import dark_or_bright
from reading_html import Element, get, post
from seehear.errors import DataError
from seehear.projects import Project
from seehear.projects.schema import version_examples
from seehear.projects.versions import Versions, summarise
from seehear.serve.models import ModelRegistry
from serving import client

HERE = "/p/boards/model/1"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """16 pictures, dark or bright, of two people; the version that answers learned from 8 of them."""
    with make_dark_and_bright(tmp_path / "home") as made:
        ids = list(made.find())
        made.set_group(ids[::2], "anna")
        made.set_group(ids[1::2], "ben")
        add_version(made, 1, dark_or_bright(), summarise(dark_or_bright().recipe))
        made.versions.promote(1)
        with made.database.writing() as connection:
            rows = [{"number": 1, "example_id": n, "part": "val" if n % 4 < 2 else "train"} for n in ids]
            connection.execute(version_examples.insert(), rows)
        yield made


@pytest.fixture
def served(project: Project) -> Iterator[TestClient]:
    with client(ModelRegistry(), projects=project.place.folder.parent) as opened:
        yield opened


def measure(served: TestClient, **fields: str) -> Element:
    """The page once it is measured."""
    page = post(served, f"{HERE}/measure", **fields)
    end_s = time.monotonic() + 60
    while page.all("progress") and time.monotonic() < end_s:
        time.sleep(0.05)
        page = get(served, HERE)
    return page


def test_the_chapter_shows_the_version_that_answers(served: TestClient, project: Project) -> None:
    add_version(project, 2)
    page = get(served, "/p/boards/model")
    (current,) = page.all("a", **{"aria-current": "page"})
    assert current.text == "6 Model"
    assert page.all("h1")[0].text.endswith(", version 1") and "It answers now." in page.text
    assert "It knows only dark, bright." in page.text
    assert "Before it learned (image)" in page.text
    assert get(served, "/p/boards/model/2").all("h1")[0].text.endswith(", version 2")


def test_before_the_first_version_the_chapter_says_what_is_missing(served: TestClient, project: Project) -> None:
    with (
        make_project(project.place.folder.parent.parent / "other"),
        client(ModelRegistry(), projects=project.place.folder.parent.parent / "other") as other,
    ):
        assert "There is no version yet" in get(other, "/p/boards/model").text


def test_a_version_is_measured_on_request_and_the_report_kept(served: TestClient, project: Project) -> None:
    assert served.get(f"{HERE}/report").status_code == 404
    page = measure(served)
    assert "It was asked about 8 examples" in page.text
    pictures = [each.attributes["src"] for each in page.all("img")]
    assert [address.rpartition("/")[2] for address in pictures] == ["reliability.png", "risk-coverage.png"]
    assert all(Image.open(BytesIO(served.get(address).content)).width > 100 for address in pictures)
    report = served.get(f"{HERE}/report")
    assert "boards-1-report.html" in report.headers["content-disposition"]
    assert report.text.startswith("<!doctype html>") and "accuracy" in report.text.lower()
    with client(ModelRegistry(), projects=project.place.folder.parent) as again:
        assert "It was asked about 8 examples" in get(again, HERE).text
    assert served.get(f"{HERE}/report/0/figures.json").status_code == 404


def test_a_report_says_when_the_examples_have_changed_since(served: TestClient, project: Project) -> None:
    assert "Measure it again to count them" not in measure(served).text
    project.remove(project.find()[:1])
    assert "Measure it again to count them" in get(served, HERE).text
    assert "Measure it again to count them" not in measure(served).text


def test_a_page_does_not_wait_while_a_version_is_measured(served: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on, measured = threading.Event(), Versions.measure

    def wait(self: Versions, number: int, **options: object) -> object:
        goes_on.wait(20)
        return measured(self, number)

    monkeypatch.setattr(Versions, "measure", wait)
    page = post(served, f"{HERE}/measure")
    (part,) = page.all("section", id="measured")
    assert part.attributes["hx-get"] == f"{HERE}/measured"
    assert "the result is kept" in part.text and not part.all("button")
    goes_on.set()


def test_what_cannot_be_measured_is_said(served: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise DataError("there is no example that version 1 did not learn from")

    monkeypatch.setattr(Versions, "measure", fail)
    page = measure(served)
    assert "It could not be measured." in page.text and "there is no example" in page.text
    assert "Measure it" in [each.text for each in page.all("button")]


def test_a_version_whose_file_is_gone_has_a_page(served: TestClient, project: Project) -> None:
    project.versions.get(1).path.unlink()
    page = get(served, HERE)
    assert "restore it from a backup" in page.text
    assert not page.all("section", id="measured")

"""What a check of the examples found, on Train and on its own page."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from starlette.testclient import TestClient

from doubtful_project import doubtful_project
from made_projects import write_pictures
from photos import photo
from reading_html import Element, get, post
from seehear.check import Finding
from seehear.projects import Project
from seehear.serve.pages import checking
from seehear.serve.pages.check_words import describe_finding
from serving import client


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with doubtful_project(tmp_path) as made:
        yield made


@pytest.fixture
def served(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setattr(checking, "AT_ONCE_S", 20.0)
    with client(projects=project.place.folder.parent) as opened:
        yield opened


def headings(page: Element) -> list[str]:
    return [each.all("h3")[0].text for each in page.all("article", **{"class": "finding"})]


def test_train_shows_the_gravest_with_pictures_and_links(served: TestClient) -> None:
    page = get(served, "/p/boards/train")
    assert headings(page) == [
        "✕ put right first 1 example is there with different answers",
        "⚠ look at it 1 example repeats another",
        "⚠ look at it There are few examples of 'crack' (1) and 'knot' (4)",
    ]
    contradiction, repeat, _ = page.all("article", **{"class": "finding"})
    links = [each.attributes["href"] for each in contradiction.all("a")]
    assert set(links) == {"/p/boards/teach/3", "/p/boards/teach/5"}
    assert "Nearly the same as a.png." in repeat.text
    (picture, _) = repeat.all("img")
    assert served.get(picture.attributes["src"]).headers["content-type"] == "image/jpeg"
    assert "Ready to train" in page.text


def test_one_press_puts_right_what_can_be_and_can_be_undone(served: TestClient, project: Project) -> None:
    page = get(served, "/p/boards/train")
    (form,) = page.all("article", **{"class": "finding"})[1].all("form")
    assert form.all("button")[0].text == "Remove 1 example"
    fields = {each.attributes["name"]: each.attributes["value"] for each in form.all("input")}
    page = post(served, form.attributes["action"], **fields)
    assert project.find() == [1, 2, 3, 5]
    (toast,) = page.all("form", **{"class": "toast"})
    assert "removed 1 example (duplicates)" in toast.text
    assert not any("repeats another" in each for each in headings(page))
    undo = {each.attributes["name"]: each.attributes["value"] for each in toast.all("input")}
    page = post(served, "/p/boards/undo", **undo)
    assert any("repeats another" in each for each in headings(page))
    assert served.post(form.attributes["action"], data=fields | {"as_of": "999"}).status_code == 409


def test_what_is_put_aside_and_learned_from_is_said_in_words(served: TestClient, project: Project) -> None:
    project.set_part([1], "val")
    leak = get(served, "/p/boards/train").all("article", **{"class": "finding"})[0]
    assert "1 example that is put aside is also among those it learns from" in leak.text
    assert "Nearly the same as a.png, which is put aside." in leak.text


def test_contradictions_are_left_to_people_unless_most_agree(
    served: TestClient, project: Project, tmp_path: Path
) -> None:
    (contradiction, *_) = get(served, "/p/boards/train").all("article", **{"class": "finding"})
    assert not contradiction.all("form")
    photo(3).resize((40, 30), Image.Resampling.LANCZOS).save(tmp_path / "c-tiny.png")
    project.add([tmp_path / "c-tiny.png"], "crack")
    (contradiction, *_) = get(served, "/p/boards/train").all("article", **{"class": "finding"})
    (form,) = contradiction.all("form")
    assert form.all("button")[0].text == "Correct 1 answer"
    fields = {each.attributes["name"]: each.attributes["value"] for each in form.all("input")}
    post(served, form.attributes["action"], **fields)
    assert project.example(5).answers == {"label": "crack"}
    assert project.history()[0].what == "gave another answer to 1 example (contradicting answers)"


def test_all_that_was_found_has_a_page(served: TestClient) -> None:
    page = get(served, "/p/boards/check")
    assert "What was found in your examples" in page.text
    assert len(headings(page)) == 3
    assert "Faces, voices, names" in page.text
    assert "undid" not in page.text


def test_train_does_not_wait_for_the_check(served: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "AT_ONCE_S", 0.0)
    goes_on, check = threading.Event(), Project.check

    def wait(self: Project, listen: object) -> object:
        goes_on.wait(20)
        return check(self)

    monkeypatch.setattr(Project, "check", wait)
    for address in ("/p/boards/train", "/p/boards/check", "/p/boards/check/gravest"):
        assert "Still looking" in get(served, address).text
    (asked,) = get(served, "/p/boards/train").all("section", id="checked")
    assert asked.attributes["hx-get"] == "/p/boards/check/gravest"
    goes_on.set()
    end_s = time.monotonic() + 20
    while not headings(part := get(served, "/p/boards/check/gravest")) and time.monotonic() < end_s:
        time.sleep(0.02)
    assert len(headings(part)) == 3
    assert "hx-get" not in part.all("section", id="checked")[0].attributes


def test_examples_in_which_nothing_is_wrong_are_said_to_be(
    served: TestClient, project: Project, tmp_path: Path
) -> None:
    project.remove([4, 5])
    for number, kind in enumerate(("knot", "crack")):
        for seed in range(10 * number + 10, 10 * number + 20):
            photo(seed).save(tmp_path / f"{seed}.png")
        project.add([tmp_path / f"{seed}.png" for seed in range(10 * number + 10, 10 * number + 20)], kind)
    assert "✓ Nothing wrong was found in 23 examples." in get(served, "/p/boards/train").text


def test_what_cannot_be_checked_is_said(served: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Project, "check", fail)
    page = get(served, "/p/boards/train")
    assert "The examples could not be checked" in page.text and "No space left on device" in page.text
    assert "Ready to train" in page.text


def test_many_findings_are_shown_without_waiting(served: TestClient, project: Project, tmp_path: Path) -> None:
    project.add(write_pictures(tmp_path / "many", 60), "knot")
    page = get(served, "/p/boards/check")  # 8 by 4 pixels: tiny
    tiny = next(each for each in page.all("article", **{"class": "finding"}) if "are tiny" in each.text)
    assert "60 pictures are tiny" in tiny.text
    assert "30 more are not shown." in tiny.text


@pytest.mark.parametrize(
    ("kind", "sentence", "figures", "heading"),
    (
        ("imbalance", "'a' has 12 times as many examples as 'b': x", {}, "'a' has 12 times as many examples as 'b'"),
        ("classes missing in val", "x", {"a": 0}, "No example of 'a' is put aside"),
        ("classes missing in train", "x", {"a": 0, "b": 0}, "There is nothing to learn 'a' and 'b' from"),
        ("dark picture", "3 pictures are dark: a.png (mean level 3)", {}, "3 pictures are dark"),
        ("shortcut", "the width gives 'ill' away: it is 5 in 1%; a", {}, "The width gives 'ill' away"),
        ("personal data", "3 files with GPS: remove it", {}, "3 files with GPS"),
        ("something new", "there is something: look", {}, "There is something"),
    ),
)
def test_findings_are_in_words_of_the_pages(kind: str, sentence: str, figures: dict[str, float], heading: str) -> None:
    words = describe_finding(Finding(kind, "warning", sentence, figures=figures))
    assert words.heading == heading
    assert words.meaning
    assert "class" not in words.heading + words.meaning

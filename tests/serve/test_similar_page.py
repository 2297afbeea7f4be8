"""Find more like this on the pages: searching, marking, putting into a kind, and files that are only searched."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from starlette.testclient import TestClient

import tiny
from reading_html import Element, find_inline, get, read_html
from seehear.api import Recogniser
from seehear.errors import SeehearError
from seehear.projects import Project, Query
from seehear.projects.features import FeatureCache
from seehear.projects.similar import VersionEncoder
from seehear.serve.pages import finding
from serving import client, picture_file

HERE = "/p/boards/teach/similar"


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one bright picture (1) with an answer and four without: 2 is dark, 5 the brightest. To be copied."""
    home = tmp_path_factory.mktemp("begun")
    with client(projects=home) as opened:
        opened.post("/new", data={"name": "Boards", "answer": "label", "senses": "image"})
        opened.post("/p/boards/teach/kind", data={"name": "bright"})
        send(opened, "bright", 0.9)
        send(opened, "", 0.1, 0.5, 0.8, 0.95)
    return home


@pytest.fixture(scope="module")
def encoders() -> dict[str, VersionEncoder]:
    return {name: VersionEncoder(Recogniser(tiny.bundle(name)), "1" * 64) for name in ("image", "audio")}


@pytest.fixture
def served(
    begun: Path, home: Path, encoders: dict[str, VersionEncoder], monkeypatch: pytest.MonkeyPatch
) -> Iterator[TestClient]:
    sense = ["image"]
    monkeypatch.setattr(finding, "_find_encoder", lambda *_: encoders[sense[0]])
    shutil.copytree(begun, home)
    with client(projects=home) as opened:
        opened.sense = sense  # type: ignore[attr-defined]
        yield opened


def send(served: TestClient, kind: str, *levels: float) -> None:
    files = [("file", (f"{level}.png", picture_file(level))) for level in levels]
    assert served.post("/p/boards/teach/files", data={"put": kind}, files=files).status_code == 200


def found(page: Element) -> list[str]:
    return [each.attributes["value"] for each in page.all("input", name="yes") if each.attributes["type"] == "checkbox"]


def wait_until(served: TestClient, ready: Callable[[Element], bool]) -> Element:
    """The page of the first example once it is ready, or as it is after 20 seconds."""
    end_s = time.monotonic() + 20
    while not ready(page := get(served, f"{HERE}?example=1")) and time.monotonic() < end_s:
        time.sleep(0.05)
    return page


def test_the_most_similar_come_first_and_can_be_looked_at(served: TestClient) -> None:
    page = get(served, f"{HERE}?example=1")
    assert found(page) == ["5", "4", "3", "2"]
    assert "4 examples without an answer were compared" in page.text
    assert not find_inline(page)
    pictures = [each.attributes["src"] for each in page.all("img")]
    assert len(pictures) == 5
    assert all(served.get(each).headers["content-type"] == "image/jpeg" for each in pictures)


def test_what_is_marked_goes_into_a_kind_as_one_change(served: TestClient, home: Path) -> None:
    answered = served.post(f"{HERE}?example=1", data={"yes": ["5", "4"], "no": ["2"], "put": "bright"})
    page = read_html(answered.text)
    (toast,) = page.all("form", role="status")
    assert "put 2 similar examples into 'bright'" in toast.text
    assert found(page) == ["3"]  # the others are in a kind, or were marked with no
    assert [each.attributes["value"] for each in page.all("input", name="taught")] == ["5", "4"]
    (change,) = toast.all("input", name="change")
    served.post("/p/boards/undo", data={"change": change.attributes["value"]})
    with Project.open("boards", home=home) as project:
        assert len(project.find(Query(stratum="bright"))) == 1


def test_a_new_kind_can_be_made_of_what_was_found(served: TestClient, home: Path) -> None:
    served.post(f"{HERE}?example=2", data={"yes": "3", "new": "grey"})
    with Project.open("boards", home=home) as project:
        assert list(project.find(Query(stratum="grey"))) == [3]


def test_marks_are_kept_for_the_next_search(served: TestClient) -> None:
    page = get(served, f"{HERE}?example=1&yes=5&no=4&yes=3&no=3")
    assert found(page) == ["3", "2"]  # marked with both: neither
    hidden = {each.attributes["value"] for each in page.all("input", type="hidden", name="yes")}
    assert hidden == {"5"}


def test_dropped_files_are_searched_and_only_what_is_right_is_added(served: TestClient, home: Path) -> None:
    begun = served.post("/p/boards/arriving", data={}, headers={"Accept": "application/json"}).json()["address"]
    for name, level in (("a/one.png", 0.2), ("b/two.png", 0.85)):
        served.post(f"{begun}/file", data={"path": f"new/{name}"}, files={"file": ("x.png", picture_file(level))})
    key = begun.rpartition("/")[2]
    page = get(served, f"{HERE}?example=1&among={key}")
    assert found(page) == [":b/two.png", ":a/one.png"]
    assert "2 files were compared" in re.sub(r"\s+", " ", page.text)
    assert all(served.get(each.attributes["src"]).status_code == 200 for each in page.all("img"))
    served.post(f"{HERE}?example=1&among={key}", data={"yes": ":b/two.png", "put": "bright"})
    with Project.open("boards", home=home) as project:
        assert [each.name for each in project.examples(Query(stratum="bright"))] == ["0.9.png", "two.png"]
        assert project.counts().examples == 6


def test_without_scripts_a_file_goes_straight_to_the_search(served: TestClient) -> None:
    answered = served.post(
        "/p/boards/arriving", data={"look_for": "example=1"}, files={"file": ("one.png", picture_file(0.3))}
    )
    assert found(read_html(answered.text)) == [":one.png"]


def test_stretches_of_sound_can_be_heard(served: TestClient, tmp_path: Path) -> None:
    served.sense[0] = "audio"  # type: ignore[attr-defined]
    samples = np.full(80_000, 0.05, np.float32)
    samples[32_000:48_000] = 0.9
    soundfile.write(tmp_path / "long.wav", samples, 16_000)
    soundfile.write(tmp_path / "short.wav", samples[32_000:48_000], 16_000)
    served.post("/new", data={"name": "Birds", "answer": "label", "senses": "audio"})
    for name in ("short", "long"):
        content = (tmp_path / f"{name}.wav").read_bytes()
        served.post("/p/birds/teach/files", data={"put": ""}, files={"file": (f"{name}.wav", content)})
    page = get(served, "/p/birds/teach/similar?example=1")
    assert found(page)[0] == "2@2.000-3.000"
    players = [each.attributes["src"] for each in page.all("audio")]
    answered = served.get(players[1])
    assert answered.headers["content-type"] == "audio/wav"
    assert len(answered.content) == 44 + 2 * 16_000
    served.post("/p/birds/teach/similar?example=1", data={"yes": found(page)[0], "new": "wren"})
    assert "wren" in get(served, "/p/birds/teach").text


def test_many_are_compared_in_the_background_with_progress(served: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "AT_ONCE", 0)
    page = get(served, f"{HERE}?example=1")
    (progress,) = page.all("sh-progress")
    assert "Looking for more like this" in page.text
    with served.stream("GET", f"/p/boards/teach/{progress.attributes['data-source']}") as events:
        assert "event: done" in "".join(events.iter_text())
    page = wait_until(served, lambda page: bool(found(page)))
    assert found(page) == ["5", "4", "3", "2"]


def test_a_search_that_fails_says_why_and_can_be_tried_again(
    served: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise SeehearError("the disk is full")

    monkeypatch.setattr(finding, "AT_ONCE", 0)
    with monkeypatch.context() as patched:
        patched.setattr(FeatureCache, "compute", fail)
        page = wait_until(served, lambda page: "stopped" in page.text)
    assert "the disk is full" in page.text
    assert not page.all("sh-progress")
    page = wait_until(served, lambda page: bool(found(page)))
    assert found(page) == ["5", "4", "3", "2"]


@pytest.mark.parametrize(
    "query",
    (
        *("example=x", "example=99", "answer=99", "example=1&box=1,2", "example=1&box=a,b,c,d", "example=1&start=1"),
        *("example=1&yes=nonsense", "example=1&among=AAAAAAAAAAAAAAAA", "example=1&among=../.."),
        "example=1&box=900,0,910,5",
    ),
)
def test_what_is_not_there_is_a_sentence(served: TestClient, query: str) -> None:
    for answered in (served.get(f"{HERE}?{query}"), served.get(f"{HERE}/picture?{query}&of=2@7-8")):
        assert answered.status_code < 500
        assert "Traceback" not in answered.text
    assert served.get(f"{HERE}?{query}").status_code >= 400


def test_nothing_chosen_is_a_sentence(served: TestClient) -> None:
    assert "Open an example on" in get(served, HERE).text
    assert served.post(f"{HERE}?example=1", data={"put": "bright"}).status_code == 400
    assert served.post(f"{HERE}?example=1", data={"yes": "2"}).status_code == 400


@pytest.mark.parametrize("file", (":../../project.db", ":/etc/passwd", ":..%2f..%2fproject.db"))
def test_no_file_outside_of_what_is_searched_is_read(served: TestClient, file: str) -> None:
    begun = served.post("/p/boards/arriving", data={}, headers={"Accept": "application/json"}).json()["address"]
    served.post(f"{begun}/file", data={"path": "a.png"}, files={"file": ("x.png", picture_file(0.5))})
    key = begun.rpartition("/")[2]
    for what in ("picture", "sound"):
        assert 400 <= served.get(f"{HERE}/{what}?example=1&among={key}&of={file}").status_code < 500
    assert 400 <= served.post(f"{HERE}?example=1&among={key}", data={"yes": file, "put": "bright"}).status_code < 500

"""The pages of a project: making one, adding and moving examples, and taking changes back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from reading_html import Element, find_inline, get, post, read_html
from seehear.projects import Project, Query
from serving import client, picture_file, sound_file

HOSTILE = "<img src=x onerror=alert(1)>"
LEVELS = {"dark": (0.1, 0.2), "bright": (0.8, 0.9)}


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a project of two kinds with two pictures each, to be copied."""
    home = tmp_path_factory.mktemp("begun")
    with client(projects=home) as opened:
        post(opened, "/new", name="Boards", answer="label", senses="image")
        for kind, levels in LEVELS.items():
            post(opened, "/p/boards/teach/kind", name=kind)
            files = [("file", (f"{kind}-{level}.png", picture_file(level))) for level in levels]
            assert opened.post("/p/boards/teach/files", data={"put": kind}, files=files).status_code == 200
    return home


@pytest.fixture
def served(begun: Path, home: Path) -> Iterator[TestClient]:
    shutil.copytree(begun, home)
    with client(projects=home) as opened:
        yield opened


def counts(page: Element) -> dict[str, str]:
    return {each.attributes["data-kind"]: each.all("b")[0].text for each in page.all("section") if each.all("b")}


def chosen(page: Element, kind: str) -> list[str]:
    (section,) = [each for each in page.all("section") if each.attributes.get("data-kind") == kind]
    return [each.attributes["value"] for each in section.all("input", name="example")]


def test_a_project_shows_its_kinds_with_counts_and_pictures(served: TestClient) -> None:
    page = get(served, "/p/boards/teach")
    assert counts(page) == {"dark": "2", "bright": "2"}
    assert not find_inline(page)
    pictures = [each.attributes["src"] for each in page.all("img")]
    assert len(pictures) == 4
    answered = served.get(pictures[0])
    assert answered.headers["content-type"] == "image/jpeg"
    assert "immutable" in answered.headers["cache-control"]
    assert served.get(pictures[0]).content == answered.content


def test_examples_are_moved_and_moved_back(served: TestClient) -> None:
    ids = chosen(get(served, "/p/boards/teach"), "dark")
    seen = {f"seen-{number}": "dark" for number in ids}
    page = post(served, "/p/boards/teach/label", example=ids, put="bright", **seen)
    assert counts(page) == {"dark": "0", "bright": "4"}
    (toast,) = page.all("form", role="status")
    assert "put 2 examples into 'bright'" in toast.text
    (change,) = toast.all("input", name="change")
    page = post(served, "/p/boards/undo", change=change.attributes["value"])
    assert counts(page) == {"dark": "2", "bright": "2"}
    assert "undid" in get(served, "/p/boards/history").text


def test_examples_go_out_of_all_kinds_and_into_a_new_one(served: TestClient) -> None:
    (first, second) = chosen(get(served, "/p/boards/teach"), "dark")
    page = post(served, "/p/boards/teach/label", example=[first], put="", **{f"seen-{first}": "dark"})
    assert chosen(page, "") == [first]
    assert "Not in any kind yet: 1" in page.text
    page = post(served, "/p/boards/teach/remove", example=[second])
    assert counts(page)["dark"] == "0"
    assert "3 examples" in page.text


def test_what_somebody_else_changed_meanwhile_is_refused(served: TestClient, home: Path) -> None:
    (first, _) = chosen(get(served, "/p/boards/teach"), "dark")
    with Project.open("boards", home=home, who="Anna") as project:
        project.label([int(first)], "bright")
    answered = served.post("/p/boards/teach/label", data={"example": first, f"seen-{first}": "dark", "put": ""})
    assert answered.status_code >= 400
    assert "Anna" in read_html(answered.text).text
    with Project.open("boards", home=home) as project:
        assert len(project.find(Query(stratum="bright"))) == 3


def test_names_of_kinds_and_files_are_text(served: TestClient) -> None:
    post(served, "/p/boards/teach/kind", name=HOSTILE)
    files = {"file": (f"{HOSTILE}.png", picture_file(0.5))}
    served.post("/p/boards/teach/files", data={"put": HOSTILE}, files=files)
    for address in ("/p/boards/teach", "/p/boards/history", "/"):
        page = get(served, address)
        assert all("onerror" not in each.attributes for each in page.all())
    assert HOSTILE in get(served, "/p/boards/teach").text
    assert (
        "1 example"
        in get(served, str(served.base_url.join("/p/boards/teach").copy_with(params={"kind": HOSTILE}))).text
    )


def test_files_that_are_nothing_are_named_and_the_others_are_in(served: TestClient) -> None:
    files = [("file", ("a.png", picture_file(0.3))), ("file", ("b.txt", b"hello"))]
    answered = served.post("/p/boards/teach/files", data={"put": "dark"}, files=files)
    page = read_html(answered.text)
    assert "1 example added" in page.text
    assert "b.txt" in page.all("div", role="alert")[0].text
    again = served.post(
        "/p/boards/teach/files", data={"put": "dark"}, files=files[:1], headers={"Accept": "application/json"}
    )
    assert again.json() == {"added": 0, "known": 1, "problems": []}


def test_files_of_one_request_are_one_change(served: TestClient, home: Path) -> None:
    files = [("file", (f"{level}.png", picture_file(level))) for level in (0.3, 0.4, 0.5)]
    assert served.post("/p/boards/teach/files", data={"put": "dark"}, files=files).status_code == 200
    with Project.open("boards", home=home) as project:
        assert [change.what for change in project.history(limit=1)] == ["added 3 examples to 'dark'"]


def test_a_damaged_project_does_not_hide_the_others(served: TestClient, home: Path) -> None:
    Project.create("Other", home=home).close()
    (home / "other" / "project.db").write_bytes(b"no database" * 1000)
    page = get(served, "/")
    assert "Boards" in page.text and "It cannot be opened." in page.text


def test_an_empty_home_says_what_to_do(tmp_path: Path) -> None:
    from seehear.serve.models import ModelRegistry

    with client(ModelRegistry(), projects=tmp_path) as opened:
        page = get(opened, "/")
        assert page.all("h1")[0].text == "Teach this computer to see and hear."
        assert not find_inline(page)


@pytest.mark.parametrize("name", ("", "   ", "../..", "con"))
def test_a_project_that_cannot_be_named_so_says_why(served: TestClient, name: str) -> None:
    answered = served.post("/new", data={"name": name, "answer": "label", "senses": "image"})
    assert answered.status_code == 400
    assert read_html(answered.text).all("div", role="alert")


@pytest.mark.parametrize(
    "fields", ({"put": "dark"}, {"example": "x", "put": "dark"}, {"example": "999", "put": "dark"})
)
def test_nothing_chosen_is_a_sentence(served: TestClient, fields: dict[str, str]) -> None:
    answered = served.post("/p/boards/teach/label", data=fields)
    assert 400 <= answered.status_code < 500
    assert read_html(answered.text).all("h1")


def test_a_folder_is_understood_before_it_is_taken_in(served: TestClient, home: Path) -> None:
    begun = served.post("/p/boards/arriving", data={}, headers={"Accept": "application/json"})
    address = begun.json()["address"]
    for name, brightness in (("dark/c.png", 0.3), ("dark/d.png", 0.35), ("grey/e.png", 0.5), ("grey/f.png", 0.55)):
        files = {"file": ("x.png", picture_file(brightness))}
        assert served.post(f"{address}/file", data={"path": f"new/{name}"}, files=files).status_code == 200
    page = get(served, address)
    assert "4 examples of 2 kinds" in page.text
    assert "Nothing has been added to the project yet." in page.text
    assert counts(get(served, "/p/boards/teach")) == {"dark": "2", "bright": "2"}
    assert "4 examples added" in post(served, address).text
    assert counts(get(served, "/p/boards/teach")) == {"dark": "4", "bright": "2", "grey": "2"}
    assert served.get(address).status_code == 404
    assert not list((home / "boards" / "arriving").iterdir())


@pytest.mark.parametrize("path", ("../a.png", "a/../../b.png", "/", "C:/a.png", "a" * 300, "x/" * 30 + "a.png", "a\0b"))
def test_no_file_is_written_outside_of_its_folder(served: TestClient, path: str) -> None:
    address = served.post("/p/boards/arriving", data={}, headers={"Accept": "application/json"}).json()["address"]
    answered = served.post(f"{address}/file", data={"path": path}, files={"file": ("a.png", picture_file())})
    assert answered.status_code == 400


def test_what_cannot_be_understood_says_why_and_can_be_left(served: TestClient) -> None:
    answered = served.post("/p/boards/arriving", files={"file": ("a.zip", b"PK no zip")})
    page = read_html(answered.text)
    assert "This could not be understood" in page.text
    refused = served.post(str(answered.url.path))
    assert refused.status_code == 422 and "a.zip" in refused.text
    (form,) = page.all("form")
    assert "Show it some of each kind" in post(served, form.attributes["action"]).text


def test_transcripts_are_written_beside_the_player(served: TestClient, home: Path) -> None:
    post(served, "/new", name="Notes", answer="text", senses="audio")
    files = [("file", (f"{name}.wav", sound_file(loudness))) for name, loudness in (("a", 0.1), ("b", 0.2))]
    served.post("/p/notes/teach/files", files=files)
    with Project.open("notes", home=home) as project:
        first, second = project.find()
    page = get(served, f"/p/notes/teach/{first}")
    (sound,) = page.all("audio")
    answered = served.get(sound.attributes["src"], headers={"Range": "bytes=0-3"})
    assert (answered.status_code, answered.content) == (206, b"RIFF")
    page = post(served, f"/p/notes/teach/{first}", answer="take two tablets", seen="", next=str(second))
    assert page.all("form", role="status")
    assert "take two tablets" in get(served, "/p/notes/teach").text
    stale = served.post(f"/p/notes/teach/{first}", data={"answer": "x", "seen": ""})
    assert stale.status_code >= 400


@pytest.mark.parametrize(
    ("senses", "asked"),
    (("image", "Pictures"), ("audio", "Recordings"), ("", "Pictures, recordings or videos")),
)
def test_the_files_that_a_project_has_room_for_are_asked_for(home: Path, senses: str, asked: str) -> None:
    with client(projects=home) as opened:
        post(opened, "/new", name="Boards", answer="label" if senses else "", senses=senses)
        (label, *_) = get(opened, "/p/boards/teach").all("label", **{"for": "files"})
    assert label.text == asked


def test_what_was_typed_stays_when_somebody_else_was_quicker(home: Path) -> None:
    with client(projects=home) as opened:
        post(opened, "/new", name="Notes", answer="text", senses="audio")
        opened.post("/p/notes/teach/files", files={"file": ("ward.wav", sound_file(0.5, seconds=2))})
        with Project.open("notes", home=home, who="bert") as project:
            project.label([1], "two tablets")
        answered = opened.post("/p/notes/teach/1", data={"answer": "three tablets", "seen": ""})
        assert answered.status_code == 409
        page = read_html(answered.text)
        assert "What you typed is still in the field." in page.text and "bert" in page.text
        (field,) = page.all("textarea", name="answer")
        assert field.text == "three tablets"
        (seen,) = page.all("input", name="seen")
        assert seen.attributes["value"] == "two tablets"
        post(opened, "/p/notes/teach/1", answer=field.text, seen=seen.attributes["value"])
        with Project.open("notes", home=home) as project:
            assert project.example(1).answers == {"text": "three tablets"}


def test_a_project_without_answers_asks_for_data(served: TestClient) -> None:
    page = post(served, "/new", name="Other", answer="", senses="")
    assert "The project takes its kind of answer from it." in page.text


@pytest.mark.parametrize("number", ["²", "-1", "9" * 25, str(2**63 - 1), "nonsense"])
def test_a_number_that_nothing_has_is_refused_on_a_page(served: TestClient, number: str) -> None:
    for address in ("teach/{}", "teach?done={}", "history?before={}", "model/{}/file", "train/{}/progress"):
        answered = served.get(f"/p/boards/{address.format(number)}")
        assert answered.status_code < 500, address
        assert answered.headers["content-type"].startswith("text/html"), address
    for address, name in (("teach/remove", "example"), ("undo", "change"), ("versions/promote", "version")):
        answered = served.post(f"/p/boards/{address}", data={name: number})
        assert 400 <= answered.status_code < 500, address


def test_an_example_that_somebody_else_moved_is_a_conflict(served: TestClient) -> None:
    answered = served.post("/p/boards/teach/label", data={"example": "1", "put": "bright", "seen-1": "bright"})
    assert answered.status_code == 409
    assert "look at it as it is now" in answered.text


def test_a_browser_is_told_of_an_unknown_address_on_a_page_and_a_program_as_json(served: TestClient) -> None:
    shown = served.get("/nope", headers={"Accept": "text/html"})
    assert (shown.status_code, read_html(shown.text).all("h1")[0].text) == (404, "There is no such page.")
    assert served.get("/nope").json() == {"error": "Not Found"}


@pytest.mark.parametrize("page", ["teach", "teach/1", "train", "try", "versions", "history"])
def test_every_link_on_the_pages_of_a_project_leads_somewhere(served: TestClient, page: str) -> None:
    links = {each.attributes["href"] for each in get(served, f"/p/boards/{page}").all("a")}
    assert "/p/boards" in links
    for link in links:
        assert served.get(link).status_code == 200, link


def test_a_path_that_names_a_file_and_a_folder_is_refused(served: TestClient) -> None:
    address = served.post("/p/boards/arriving", data={}, headers={"Accept": "application/json"}).json()["address"]
    statuses = [
        served.post(f"{address}/file", data={"path": path}, files={"file": ("a.png", b"x")}).status_code
        for path in ("a", "a/b.png", "c/d.png", "c")
    ]
    assert statuses == [200, 400, 200, 400]

"""The pages of recordings: their peaks, and the table in which stretches are marked without a script."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

import scribe
import tiny
from made_projects import add_version
from reading_html import Element, find_inline, read_html
from seehear.errors import UsageError
from seehear.projects import Project
from seehear.serve.pages import proposing_stretches
from seehear.serve.pages.times import format_clock, parse_clock
from serving import burst_file, client, picture_file, sound_file

ADDRESS = "/p/birds/teach/1"


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a project of two kinds with one recording of four seconds, which is in none of them. To be copied."""
    home = tmp_path_factory.mktemp("begun")
    with client(projects=home) as opened:
        opened.post("/new", data={"name": "Birds", "answer": "label", "senses": "audio"})
        for kind in ("wren", "robin"):
            opened.post("/p/birds/teach/kind", data={"name": kind})
        opened.post("/p/birds/teach/files", files={"file": ("pond.wav", sound_file(0.5, seconds=4))})
    return home


@pytest.fixture
def served(begun: Path, home: Path) -> Iterator[TestClient]:
    shutil.copytree(begun, home)
    with client(projects=home) as opened:
        yield opened


def stretches(page: Element) -> list[tuple[str, ...]]:
    """(from, to, what it is) of each row but the last, which is for a new one."""
    found = []
    for row in page.all("tr"):
        if row.attributes.get("data-stretch"):
            times = [each.attributes["value"] for each in row.all("input", type="text")]
            chosen = [each.text for each in row.all("option") if "selected" in each.attributes]
            found.append((*times, *chosen))
    return found


def mark(served: TestClient, **fields: str) -> Element:
    answered = served.post(f"{ADDRESS}/stretches", data=fields)
    assert answered.status_code == 200, answered.text
    return read_html(answered.text)


def test_kinds_are_made_before_anything_is_recorded(home: Path) -> None:
    with client(projects=home) as opened:
        opened.post("/new", data={"name": "Birds", "answer": "label", "senses": "audio"})
        empty = [each.text for each in read_html(opened.get("/p/birds/teach").text).all("h2")]
        opened.post("/p/birds/teach/kind", data={"name": "wren"})
        begun = [each.text for each in read_html(opened.get("/p/birds/teach").text).all("h2")]
    assert empty[:2] == ["New kind", "Record"]
    assert begun[:3] == ["Record", "wren", "New kind"]


def test_a_stretch_is_marked_moved_named_and_removed(served: TestClient) -> None:
    page = mark(served, id="", start="0:01.00", end="2.5", answer="wren")
    assert not find_inline(page)
    assert stretches(page) == [("0:01.00", "0:02.50", "wren")]
    seen = {"seen": "wren", "seen-start": "0:01.00", "seen-end": "0:02.50"}
    page = mark(served, id="2", start="0:01.00", end="0:03.00", answer="wren", **seen)
    assert stretches(page) == [("0:01.00", "0:03.00", "wren")]
    seen = {"seen": "wren", "seen-start": "0:01.00", "seen-end": "0:03.00"}
    page = mark(served, id="3", start="0:01.00", end="0:03.00", answer="robin", **seen)
    assert stretches(page) == [("0:01.00", "0:03.00", "robin")]
    (toast,) = page.all("form", role="status")
    assert "put 1 example into 'robin'" in toast.text
    undo = {each.attributes["name"]: each.attributes["value"] for each in toast.all("input")}
    page = read_html(served.post("/p/birds/undo", data=undo).text)
    assert stretches(page) == [("0:01.00", "0:03.00", "wren")]
    page = read_html(served.post(f"{ADDRESS}/stretches/remove", data={"id": "3"}).text)
    assert stretches(page) == []


@pytest.mark.parametrize(
    ("fields", "words"),
    (
        ({"start": "x", "end": "2"}, "from: 'x'"),
        ({"start": "1", "end": "1:00:00:00"}, "to: '1:00:00:00'"),
        ({"start": "2", "end": "1"}, "a stretch from 2 s to 1 s"),
        ({"start": "1", "end": "99"}, "the excerpt ends at 99.00 s"),
        ({"start": "1", "end": "2", "id": "x"}, "the stretch 'x'"),
    ),
)
def test_what_is_no_stretch_is_refused_in_words(served: TestClient, fields: dict[str, str], words: str) -> None:
    answered = served.post(f"{ADDRESS}/stretches", data=fields)
    assert answered.status_code in (400, 422)
    assert words in read_html(answered.text).text


def test_a_stretch_that_somebody_else_removed_is_told(served: TestClient, home: Path) -> None:
    mark(served, id="", start="1", end="2", answer="wren")
    with Project.open("birds", home=home, who="bert") as project:
        project.remove([2])
    seen = {"seen": "wren", "seen-start": "0:01.00", "seen-end": "0:02.00"}
    answered = served.post(f"{ADDRESS}/stretches", data={"id": "2", "start": "1", "end": "3", "answer": "wren", **seen})
    assert answered.status_code == 409
    assert "bert removed 1 example" in read_html(answered.text).text


def test_peaks_are_one_byte_for_each_hundredth_of_a_second(served: TestClient, home: Path) -> None:
    (wave,) = read_html(served.get(ADDRESS).text).all("sh-wave")
    answered = served.get(wave.attributes["data-peaks"])
    assert answered.content == bytes([128]) * 400
    assert "immutable" in answered.headers["cache-control"]
    (kept,) = (path for path in (home / "birds/waveforms").rglob("*") if path.is_file())
    kept.write_bytes(b"kept")
    assert served.get(wave.attributes["data-peaks"]).content == b"kept"


def test_a_picture_has_no_peaks(served: TestClient) -> None:
    served.post("/p/birds/teach/files", files={"file": ("a.png", picture_file())})
    assert served.get("/p/birds/peaks/99/x").status_code == 400


def test_a_new_recording_is_added_in_pieces(served: TestClient) -> None:
    files = {"file": ("new.wav", sound_file(0.3, seconds=3))}
    form = {"put": "wren", "stretch": ["0-1.2", "1.5-2.75"]}
    answered = served.post("/p/birds/teach/recording", data=form, files=files, headers={"Accept": "application/json"})
    assert answered.json()["added"] == [2, 3]
    page = served.get(answered.json()["address"])
    assert "added 2 examples of new.wav" in read_html(page.text).text
    assert stretches(read_html(served.get("/p/birds/teach/2").text)) == [
        ("0:00.00", "0:01.20", "wren"),
        ("0:01.50", "0:02.75", "wren"),
    ]


def test_a_new_recording_without_pieces_is_one_example(served: TestClient) -> None:
    files = {"file": ("new.wav", sound_file(0.3, seconds=3))}
    answered = served.post("/p/birds/teach/recording", data={"put": "robin"}, files=files)
    assert "added 1 example" in read_html(answered.text).text


@pytest.mark.parametrize(
    ("form", "files", "words"),
    (
        ({"stretch": "0-1"}, {}, "no recording"),
        ({"stretch": "now"}, {"file": ("a.wav", sound_file())}, "the stretch 'now'"),
        ({"stretch": "0-99"}, {"file": ("a.wav", sound_file())}, "ends at 99.00 s"),
        ({"stretch": "0-1"}, {"file": ("a.wav", b"no sound")}, "a.wav"),
        ({"stretch": "0-1"}, {"file": ("a.png", picture_file())}, "not a recording"),
    ),
)
def test_what_cannot_be_added_is_told(
    served: TestClient, form: dict[str, str], files: dict[str, tuple[str, bytes]], words: str
) -> None:
    answered = served.post("/p/birds/teach/recording", data=form, files=files)
    assert answered.status_code in (400, 422)
    assert words in read_html(answered.text).text
    assert "1 example" in read_html(served.get("/p/birds/teach").text).text


@given(st.integers(0, 10_000_000))
def test_times_are_read_as_they_are_written(hundredths: int) -> None:
    assert round(100 * parse_clock(format_clock(hundredths / 100), "from")) == hundredths


@pytest.mark.parametrize("text", ("", "-1", "1:2:3:4", "1e3", "²", "nan", "1 2", ":3"))
def test_other_texts_are_no_times(text: str) -> None:
    with pytest.raises(UsageError, match="a time such as"):
        parse_clock(text, "from")


def serve_words(home: Path, name: str) -> None:
    """The project's version is a handmade one that writes "a b"."""
    with Project.open(name, home=home) as project:
        add_version(project, 1, scribe.bundle())
        project.versions.promote(1)


def test_a_version_proposes_words_that_are_not_stored(home: Path) -> None:
    with client(projects=home) as served:
        served.post("/new", data={"name": "Notes", "answer": "text", "senses": "audio"})
        served.post("/p/notes/teach/files", files={"file": ("ward.wav", sound_file(0.5, seconds=2))})
        assert not read_html(served.get("/p/notes/teach/1").text).all("sh-proposal")
        serve_words(home, "notes")
        (element,) = read_html(served.get("/p/notes/teach/1").text).all("sh-proposal")
        assert "data-auto" in element.attributes
        address = element.attributes["data-address"]
        fragment = read_html(served.get(address, headers={"HX-Request": "true"}).text)
        (said,) = [each for each in fragment.all("div") if "data-text" in each.attributes]
        assert said.attributes["data-text"] == "a b"
        assert "Proposed by version 1" in fragment.text
        (field,) = read_html(served.get(address).text).all("textarea")
        assert field.text == "a b"
        with Project.open("notes", home=home) as project:
            assert project.counts().answered == 0


def test_labels_are_not_proposed_as_words(served: TestClient) -> None:
    assert "there is no version yet" in read_html(served.get(f"{ADDRESS}/proposal").text).text


@pytest.fixture(scope="module")
def able(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a version that tells bright from dark sounds, and a recording with bursts of sound at 1, 5 and 70
    seconds. To be copied."""
    home = tmp_path_factory.mktemp("able")
    with client(projects=home) as opened:
        opened.post("/new", data={"name": "Birds", "answer": "label", "senses": "audio"})
        for kind in ("bright", "dark"):
            opened.post("/p/birds/teach/kind", data={"name": kind})
        file = burst_file(1, 5, 70, seconds=90)
        opened.post("/p/birds/teach/files", files={"file": ("pond.wav", file)})
        with Project.open("birds", home=home) as project:
            add_version(project, 1, tiny.bundle("audio"), {"coverage": 0.9, "accepted_error": 0.04})
            project.versions.promote(1)
    return home


@pytest.fixture
def proposing(able: Path, home: Path) -> Iterator[TestClient]:
    shutil.copytree(able, home)
    with client(projects=home) as opened:
        yield opened


def proposals(page: Element) -> list[tuple[str, ...]]:
    """(from, to, what it is) of each proposed row."""
    found = []
    for row in page.all("tr"):
        if "data-proposed" in row.attributes:
            times = [each.attributes["value"] for each in row.all("input", type="text")]
            found.append((*times, *(each.text for each in row.all("option") if "selected" in each.attributes)))
    return found


def test_a_version_proposes_stretches_that_are_not_stored(proposing: TestClient, home: Path) -> None:
    page = read_html(proposing.get(f"{ADDRESS}?propose=true").text)
    assert not find_inline(page)
    assert proposals(page) == [("0:00.90", "0:01.60", "bright"), ("0:04.90", "0:05.60", "bright")]
    assert "Of 100 stretches that it accepted on recordings that were put aside, about 96 were right" in page.text
    (later,) = (each for each in page.all("a") if "data-later" in each.attributes)
    page = read_html(proposing.get(later.attributes["href"]).text)
    assert proposals(page) == [("1:09.90", "1:10.60", "bright")]
    assert not [each for each in page.all("a") if "data-later" in each.attributes]
    with Project.open("birds", home=home) as project:
        assert not project.recordings.stretches(1)


def test_proposals_are_accepted_corrected_and_rejected(proposing: TestClient, home: Path) -> None:
    rows = {"start": ["0:00.90", "0:04.90"], "end": ["0:01.60", "0:05.60"], "answer": ["bright", "dark"]}
    accepted = proposing.post(f"{ADDRESS}/stretches/accept", data={**rows, "only": "1", "propose": "true"})
    page = read_html(accepted.text)
    assert stretches(page) == [("0:04.90", "0:05.60", "dark")]
    assert proposals(page) == [("0:00.90", "0:01.60", "bright")], "what was accepted is not proposed again"
    refused = proposing.post(f"{ADDRESS}/stretches/accept", data={**rows, "reject": ["0", "1"]})
    assert "no stretch is accepted" in read_html(refused.text).text
    rows = {"start": ["0:00.90", "1:09.90"], "end": ["0:01.60", "1:10.60"], "answer": ["bright", "bright"]}
    proposing.post(f"{ADDRESS}/stretches/accept", data=rows)
    with Project.open("birds", home=home) as project:
        found = project.recordings.stretches(1)
        assert [each.answers["label"] for each in found] == ["bright", "dark", "bright"]
        assert project.history(limit=1)[0].what.startswith("added 2 examples of pond.wav"), "all is one change"


def test_what_it_is_unsure_of_is_only_shown_when_asked_for(proposing: TestClient, home: Path) -> None:
    with Project.open("birds", home=home) as project:
        doubtful = tiny.bundle("audio", ood_threshold={"audio": -1.0})
        add_version(project, 2, doubtful)
        project.versions.promote(2)
    page = read_html(proposing.get(f"{ADDRESS}?propose=true").text)
    assert not proposals(page)
    assert "It is unsure of 2 more stretches" in page.text
    page = read_html(proposing.get(f"{ADDRESS}?propose=true&unsure=true").text)
    assert proposals(page) == [("0:00.90", "0:01.60"), ("0:04.90", "0:05.60")]
    rows = {"start": "0:00.90", "end": "0:01.60", "answer": "", "only": "0"}
    refused = proposing.post(f"{ADDRESS}/stretches/accept", data=rows)
    assert "a stretch without a kind" in read_html(refused.text).text


@pytest.mark.parametrize(
    ("begin", "words"),
    (("x", "begin: 'x'"), ("9:99:99:99", "begin: '9:99:99:99'")),
)
def test_a_script_is_told_what_is_no_time(proposing: TestClient, begin: str, words: str) -> None:
    answered = proposing.get(f"{ADDRESS}/stretches/proposals?begin={begin}", headers={"HX-Request": "true"})
    assert answered.status_code == 400
    assert words in answered.text or words in read_html(answered.text).text


def test_beyond_its_end_a_recording_has_no_proposals(proposing: TestClient) -> None:
    (rows,) = read_html(proposing.get(f"{ADDRESS}/stretches/proposals?begin=5:00").text).all("tbody")
    assert not rows.all("tr")
    assert "data-finished" in rows.attributes


def test_a_slow_model_proposes_a_part_at_a_time(proposing: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proposing_stretches, "PATIENCE_S", -1.0)
    page = read_html(proposing.get(f"{ADDRESS}?propose=true").text)
    assert proposals(page) == [("0:00.90", "0:01.60", "bright")]
    (later,) = (each for each in page.all("a") if "data-later" in each.attributes)
    page = read_html(proposing.get(later.attributes["href"]).text)
    assert proposals(page) == [("0:04.90", "0:05.60", "bright")]


def test_without_a_version_nothing_is_proposed(served: TestClient) -> None:
    page = read_html(served.get(f"{ADDRESS}?propose=true").text)
    assert "Once a version is trained, it can propose stretches" in page.text
    assert served.get(f"{ADDRESS}/stretches/proposals").status_code == 400

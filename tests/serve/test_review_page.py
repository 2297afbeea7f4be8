"""Review: one kept answer at a time, what becomes of it, going back, and the settings that say what is kept."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from starlette.testclient import TestClient

import scribe
import squares
import tiny
from made_projects import add_version, make_dark_and_bright, make_project
from reading_html import Element, get, post, read_html
from seehear.answers.boxes import Boxes
from seehear.answers.boxes.box import Box, parse_boxes
from seehear.projects import Project
from seehear.projects import review as review_module
from seehear.runtime.bundle import Bundle
from seehear.runtime.prediction import ExampleSource, Prediction
from seehear.runtime.predictor import Predictor
from seehear.serve.pages import reviewing
from serving import client, picture_file, registry, sound_file

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """16 pictures, dark or bright, and a version that tells them apart; its answers are kept, and none asked blind."""
    monkeypatch.setattr(reviewing, "is_blind", lambda number: False)
    with make_dark_and_bright(tmp_path / "home") as made:
        add_version(made, 1)
        made.versions.promote(1)
        made.review.keep(30)
        yield made


@pytest.fixture
def served(project: Project) -> Iterator[TestClient]:
    with client(registry(), projects=project.place.folder.parent) as opened:
        yield opened


def ask(project: Project, folder: Path, level: float, name: str = "new", bundle: Bundle | None = None) -> int:
    """Keep the answer to a picture. Returns its id."""
    path = folder / f"{name}.png"
    path.write_bytes(picture_file(level))
    prediction = Predictor(bundle or tiny.bundle()).predict_one(path)
    number = project.review.record(prediction, {"image": path}, version=1, source="api")
    assert number is not None
    return number


def buttons(page: Element) -> dict[str, Element]:
    """Those of the form that reviews, by their text."""
    (form,) = page.all("form", id="review")
    return {each.text: each for each in form.all("button")}


def keys(page: Element) -> list[str]:
    return [each.attributes["data-key"] for each in page.all("button") if "data-key" in each.attributes]


def test_what_is_unsure_is_shown_with_its_candidates_and_a_key_for_each(
    served: TestClient, project: Project, tmp_path: Path
) -> None:
    number = ask(project, tmp_path, 0.51)
    page = get(served, "/p/boards/review")
    assert page.all("h1")[0].text == "What is this?"
    assert "unsure It hesitates between bright (5" in page.text and "and dark (4" in page.text
    assert "asked" in page.text and "by a program" in page.text
    assert keys(page) == ["1", "Enter", "0", "s", "x"]
    (more,) = [each for each in page.all("a") if each.text == "Find more like this"]
    assert "What you are looking for" in get(served, more.attributes["href"]).text
    (picture,) = page.all("img", **{"class": "picture"})
    answered = served.get(picture.attributes["src"])
    assert answered.headers["content-type"] == "image/jpeg" and "immutable" in answered.headers["cache-control"]
    post(served, f"/p/boards/review/{number}", do="accept")
    assert project.counts().classes == {"dark": 8, "bright": 9}
    assert "Nothing to review" in get(served, "/p/boards/review").text


def test_one_press_corrects_says_none_skips_or_dismisses_and_the_next_one_comes(
    served: TestClient, project: Project, tmp_path: Path
) -> None:
    numbers = [ask(project, tmp_path, 0.45 + i / 100, f"{i}") for i in range(4)]
    assert "Review 4" in get(served, "/").text
    states: dict[int, str] = {}
    for pressed in ({"put": "dark"}, {"do": "none"}, {"do": "skip"}, {"do": "dismiss"}):
        page = get(served, "/p/boards/review")
        assert f"{len(states) + 1} of 4" in page.text
        (form,) = page.all("form", id="review")
        number = int(form.attributes["action"].rpartition("/")[2])
        assert served.post(form.attributes["action"], data=pressed).status_code == 200
        states[number] = project.review.get(number).state
    assert set(states) == set(numbers)
    assert list(states.values())[1:] == ["none", "skipped", "dismissed"]
    page = get(served, "/p/boards/review")
    assert "You have reviewed 4 since the last training" in page.text
    assert "train with this one" in page.text
    assert "Review" in page.text and project.review.count_waiting() == 0
    post(served, "/p/boards/review/skipped")
    assert project.review.count_waiting() == 1


def test_back_shows_the_last_answer_again(served: TestClient, project: Project, tmp_path: Path) -> None:
    number = ask(project, tmp_path, 0.51)
    page = post(served, f"/p/boards/review/{number}", do="accept")
    (toast,) = page.all("form", role="status")
    assert "new.png : bright Back Z" in toast.text
    (change,) = toast.all("input", name="change")
    page = post(served, "/p/boards/review/back", change=change.attributes["value"])
    assert buttons(page)
    assert project.review.get(number).state == "waiting"
    assert project.counts().examples == 16
    again = served.post("/p/boards/review/back", data={"change": change.attributes["value"]})
    assert again.status_code == 409


def test_a_class_that_is_new_is_written(served: TestClient, project: Project, tmp_path: Path) -> None:
    post(served, f"/p/boards/review/{ask(project, tmp_path, 0.5)}", do="save", cell=HOSTILE)
    assert project.classes() == ["dark", "bright", HOSTILE]
    ask(project, tmp_path, 0.49, "other")
    page = get(served, "/p/boards/review")
    assert HOSTILE in page.text
    assert all("onerror" not in each.attributes for each in page.all())


def test_what_somebody_else_reviewed_meanwhile_is_said_and_the_next_is_shown(
    served: TestClient, project: Project, tmp_path: Path
) -> None:
    first, second = ask(project, tmp_path, 0.51, "first"), ask(project, tmp_path, 0.4, "second")
    project.as_person("Ben").review.skip(first)
    page = post(served, f"/p/boards/review/{first}", do="accept")
    assert "Your review was not saved. Here is the next answer." in page.text
    assert "Ben skipped the answer to 'first.png'" in page.text
    (form,) = page.all("form", id="review")
    assert form.attributes["action"].endswith(f"/{second}")
    assert project.review.get(first).state == "skipped"


def test_an_answer_to_an_example_with_another_label_is_refused_in_words(
    served: TestClient, project: Project, tmp_path: Path
) -> None:
    number = ask(project, tmp_path, 0.1, "dark-copy")
    page = post(served, f"/p/boards/review/{number}", put="bright")
    assert "is already here as example 1, with the label 'dark', not 'bright'" in page.text
    assert buttons(page)
    post(served, f"/p/boards/review/{number}", do="nothing")
    assert project.review.get(number).state == "waiting"


def test_a_file_that_is_gone_is_said(served: TestClient, project: Project, tmp_path: Path) -> None:
    number = ask(project, tmp_path, 0.51)
    project.path(project.review.get(number).inputs["image"]).unlink()
    page = get(served, f"/p/boards/review/{number}")
    assert "This file is no longer there." in page.text
    assert keys(page) == ["s", "x"]
    post(served, f"/p/boards/review/{number}", do="dismiss")
    assert "Nothing to review" in get(served, "/p/boards/review").text
    get(served, "/p/boards/review/99", 400)


def test_an_answer_that_was_reviewed_leads_to_its_example(served: TestClient, project: Project, tmp_path: Path) -> None:
    number = ask(project, tmp_path, 0.51)
    project.review.accept(number)
    answered = served.get(f"/p/boards/review/{number}", follow_redirects=False)
    assert answered.headers["location"] == f"/p/boards/teach/{project.review.get(number).example}"


def test_one_in_ten_is_asked_blind_and_the_agreement_is_told(
    served: TestClient, project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reviewing, "is_blind", lambda number: number <= 2)
    monkeypatch.setattr(reviewing, "LEAST_COMPARED", 2)
    numbers = [ask(project, tmp_path, 0.51 + i / 100, f"{i}") for i in range(4)]
    page = get(served, f"/p/boards/review/{numbers[0]}")
    assert "without its answer" in page.text and "hesitates" not in page.text
    assert keys(page) == ["1", "2", "0", "s", "x"]
    for number, put in zip(numbers[:3], ("bright", "dark", "bright"), strict=True):
        post(served, f"/p/boards/review/{number}", put=put)
    assert [project.review.get(number).blind for number in numbers[:3]] == [True, True, False]
    shown = get(served, "/p/boards/review").text
    assert "Without seeing it, you agreed on 1 of 2; seeing it, on 1 of 1." in shown


def test_a_transcript_is_corrected_beside_its_sound(tmp_path: Path) -> None:
    with Project.create("Notes", answer="text", senses=["audio"], home=tmp_path) as project:
        add_version(project, 1, scribe.bundle())
        project.versions.promote(1)
        project.review.keep(30)
        (tmp_path / "note.wav").write_bytes(sound_file())
        prediction = Predictor(scribe.bundle()).predict_one(tmp_path / "note.wav")
        number = project.review.record(prediction, {"audio": tmp_path / "note.wav"}, version=1, source="page")
        with client(registry(), projects=tmp_path) as served:
            page = get(served, "/p/notes/review")
            assert page.all("textarea")[0].text == "a b"
            (player,) = page.all("audio")
            assert served.get(player.attributes["src"]).content == sound_file()
            page = post(served, f"/p/notes/review/{number}", do="save", cell="a b bab")
            assert [each.text for each in page.all("button", name="add")] == ["bab"]
            before = served.app.state.models.get("notes")  # type: ignore[attr-defined]
            page = post(served, "/p/notes/settings/terms", add="bab", page="review")
            assert not page.all("button", name="add")
            now = served.app.state.models.get("notes")  # type: ignore[attr-defined]
            assert (before.recogniser.recipe.answer.hotwords, now.recogniser.recipe.answer.hotwords) == ((), ("bab",))
            assert [each.text for each in get(served, "/p/notes/settings").all("button", name="remove")] == ["bab ✕"]
            post(served, "/p/notes/settings/terms", remove="bab")
        assert [each.answers for each in project.examples()] == [{"text": "a b bab"}]
        assert project.terms.list() == []


@pytest.mark.parametrize("promoted", [True, False])
def test_boxes_are_drawn_accepted_or_opened_on_teach(tmp_path: Path, promoted: bool) -> None:
    """The version that answers is loaded; any other is read from its file."""
    found = Boxes((Box("cell", (8, 8, 40, 40), 0.6),), classes=("cell",))
    with Project.create("Smears", answer="boxes", senses=["image"], home=tmp_path) as project:
        add_version(project, 1, squares.bundle(answer=squares.SPEC | {"classes": ("cell",)}))
        if promoted:
            project.versions.promote(1)
        project.review.keep(30)
        numbers = []
        for name, level in (("a", 0.3), ("b", 0.6), ("c", 0.8)):
            path = tmp_path / f"{name}.png"
            path.write_bytes(picture_file(level, (64, 64)))
            prediction = Prediction(ExampleSource(path.name), found, 0.6, False)
            numbers.append(project.review.record(prediction, {"image": path}, version=1, source="api"))
        with client(registry(), projects=tmp_path) as served:
            page = get(served, f"/p/smears/review/{numbers[0]}")
            assert keys(page) == ["Enter", "0", "c", "s", "x"]
            (picture,) = page.all("img", **{"class": "picture"})
            drawn = Image.open(BytesIO(served.get(picture.attributes["src"]).content)).convert("RGB")
            assert len(drawn.getcolors(1 << 20) or ()) > 10  # of a grey picture
            post(served, f"/p/smears/review/{numbers[0]}", do="accept")
            answered = served.post(f"/p/smears/review/{numbers[1]}", data={"do": "open"}, follow_redirects=False)
            assert answered.headers["location"].startswith("/p/smears/teach/")
            assert served.get(answered.headers["location"]).status_code == 200
            post(served, f"/p/smears/review/{numbers[2]}", do="empty")
        first, second, third = project.examples()
        assert parse_boxes(first.answers["boxes"])[0].label == "cell" and not second.answers
        assert third.answers == {"boxes": "[]"}


def test_several_classes_are_ticked(tmp_path: Path) -> None:
    bundle = tiny.bundle(answer={"classes": tiny.CLASSES, "several": True, "counts": (10, 10)})
    with make_project(tmp_path / "home") as project:
        for name in tiny.CLASSES:
            project.add_class(name)
        add_version(project, 1, bundle)
        project.review.keep(30)
        number = ask(project, tmp_path, 0.9, bundle=bundle)
        with client(registry(), projects=tmp_path / "home") as served:
            page = get(served, "/p/boards/review")
            assert [each.attributes["value"] for each in page.all("input", name="has")] == list(tiny.CLASSES)
            post(served, f"/p/boards/review/{number}", do="classes", has=["dark", "bright"])
        assert project.examples()[0].answers == {"label": '["dark", "bright"]'}


def test_pages_say_when_nothing_is_kept_and_when_there_is_no_version(tmp_path: Path) -> None:
    with make_project(tmp_path / "home") as project, client(registry(), projects=tmp_path / "home") as served:
        assert "There is no version yet" in get(served, "/p/boards/review").text
        add_version(project, 1)
        project.versions.promote(1)
        assert "No answers are kept" in get(served, "/p/boards/review").text


def test_the_name_of_a_project_leads_to_what_is_next(tmp_path: Path) -> None:
    with make_project(tmp_path / "home") as project, client(registry(), projects=tmp_path / "home") as opened:

        def chapter() -> str:
            return str(opened.get("/p/boards", follow_redirects=False).headers["location"])

        assert chapter() == "/p/boards/teach"
        add_version(project, 1)
        project.versions.promote(1)
        assert chapter() == "/p/boards/try"
        project.review.keep(30)
        ask(project, tmp_path, 0.5)
        assert chapter() == "/p/boards/review"
        (count,) = get(opened, "/p/boards/try").all("span", **{"class": "count"})
        assert count.text == "1"


def test_what_is_kept_is_chosen_changed_back_and_deleted(served: TestClient, project: Project, tmp_path: Path) -> None:
    page = post(served, "/p/boards/settings/keep", what="unsure", days="7")
    assert str(project.review.keeping()) == "unsure answers are kept for 7 days"
    (toast,) = page.all("form", role="status")
    assert "decided that unsure answers are kept for 7 days" in toast.text
    (change,) = toast.all("input", name="change")
    assert page.all("input", type="radio", value="unsure")[0].attributes.get("checked") is not None
    page = post(served, "/p/boards/undo", change=change.attributes["value"], page="settings")
    assert str(project.review.keeping()) == "answers are kept for 30 days"
    for level in (0.4, 0.5, 0.6):
        ask(project, tmp_path, level, str(level))
    assert "Delete 3 answers…" in get(served, "/p/boards/settings").text
    assert "Answers are kept for 30 days." in get(served, "/settings").text
    assert "3 kept answers deleted" in post(served, "/p/boards/settings/delete-kept").text
    assert project.review.count_kept() == 0
    post(served, "/p/boards/settings/keep", what="nothing", days="")
    assert "Keep nothing" in get(served, "/p/boards/settings").text
    assert str(project.review.keeping()) == "nothing is kept"


@pytest.mark.parametrize(("what", "days"), (("everything", "0"), ("unsure", "x"), ("unsure", "inf"), ("all", "3")))
def test_settings_that_are_none_are_refused_in_words(served: TestClient, what: str, days: str) -> None:
    refused = served.post("/p/boards/settings/keep", data={"what": what, "days": days})
    assert refused.status_code == 400
    page = read_html(refused.text)
    assert "That did not work." in page.text and "llowed: " in page.text


def test_what_could_not_be_kept_is_told_on_the_page(
    served: TestClient, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no space left on the device")

    monkeypatch.setattr(review_module, "record", refuse)
    served.post("/p/boards/try", files={"file": ("a.png", picture_file(0.5))})
    assert served.app.state.keeper.wait(10)  # type: ignore[attr-defined]
    for address in ("/p/boards/review", "/p/boards/settings"):
        assert "No space left on the device." in get(served, address).text

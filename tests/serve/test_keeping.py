"""Answers that a server keeps for review: which, without slowing or failing any, and when they are deleted."""

from __future__ import annotations

import base64
import shutil
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from tempfile import gettempdir
from threading import Event
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

import scribe
import tiny
from made_projects import add_version, make_project
from seehear.answers.text import spec as text_spec
from seehear.errors import SeehearError
from seehear.projects import Project, kept_answers
from seehear.projects import review as review_module
from seehear.serve import keeping
from seehear.serve.keeping import Keeper
from serving import client, picture_file, registry, sound_file


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Its version tells dark from bright."""
    with make_project(tmp_path / "home") as made:
        add_version(made, 1)
        made.versions.promote(1)
        yield made


@pytest.fixture
def served(project: Project) -> Iterator[TestClient]:
    """The project, and a model file."""
    with client(registry(), projects=project.place.folder.parent) as opened:
        yield opened


def ask(served: TestClient, content: bytes, model: str = "boards", name: str = "a.png") -> None:
    answered = served.post("/predict", files={"file": (name, content)}, data={"model": model})
    assert answered.status_code == 200, answered.text


def keeper(served: TestClient) -> Keeper:
    found: Keeper = served.app.state.keeper  # type: ignore[attr-defined]
    assert found.wait(10)
    return found


def count(served: TestClient, outcome: str) -> float:
    line = f'seehear_answers_kept_total{{outcome="{outcome}",project="boards"}} '
    found = [each for each in served.get("/metrics").text.splitlines() if each.startswith(line)]
    return float(found[0].removeprefix(line)) if found else 0.0


def test_nothing_is_kept_unless_the_project_says_so(served: TestClient, project: Project) -> None:
    ask(served, picture_file(0.5))
    keeper(served)
    assert not project.review.queue()
    assert not list(project.place.files.rglob("*.png"))


def test_answers_of_a_version_are_kept_with_their_files_and_those_of_a_model_file_are_not(
    served: TestClient, project: Project
) -> None:
    project.review.keep(30)
    ask(served, picture_file(0.9), "bright")
    ask(served, picture_file(0.9))
    served.post("/p/boards/try", files={"file": ("b.png", picture_file(0.1))})
    keeper(served)
    kept = {each.source: each for each in project.review.queue()}
    assert {source: (each.name, each.version, each.cell) for source, each in kept.items()} == {
        "api": ("a.png", 1, "bright"),
        "page": ("b.png", 1, "dark"),
    }
    assert project.path(kept["api"].inputs["image"]).read_bytes() == picture_file(0.9)
    assert count(served, "kept") == 2


def test_only_unsure_answers_are_kept_if_that_is_wanted(served: TestClient, project: Project) -> None:
    project.review.keep(30, "unsure")
    for level in (0.9, 0.5, 0.9, 0.5):  # the same twice
        ask(served, picture_file(level))
    keeper(served)
    (kept,) = project.review.queue()
    assert not kept.accepted


def test_a_large_file_is_kept_and_nothing_of_it_stays_in_the_temporary_folder(
    served: TestClient, project: Project
) -> None:
    project.review.keep(30)
    noise = np.random.default_rng(0).integers(0, 255, (800, 800, 3), np.uint8)
    file = BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    assert len(file.getvalue()) > 1 << 20
    ask(served, file.getvalue(), name="large.png")
    keeper(served)
    (kept,) = project.review.queue()
    assert (kept.name, kept.inputs["image"].suffix) == ("large.png", ".png")
    assert project.path(kept.inputs["image"]).read_bytes() == file.getvalue()
    assert not list(Path(gettempdir()).glob("seehear-kept-*"))


def test_files_of_the_inference_protocol_are_kept_and_arrays_are_not(served: TestClient, project: Project) -> None:
    project.review.keep(30)
    encoded = base64.b64encode(picture_file(0.9)).decode()
    array = {"name": "image", "datatype": "UINT8", "shape": [8, 8, 3], "data": [200] * 192}
    for tensor in ({"name": "image", "datatype": "BYTES", "shape": [1], "data": [encoded]}, array):
        assert served.post("/v2/models/boards/infer", json={"inputs": [tensor]}).status_code == 200
    keeper(served)
    (kept,) = project.review.queue()
    assert kept.inputs["image"].medium == "picture"  # its name says nothing
    project.review.accept(kept.id)
    assert project.counts().classes == {"bright": 1}


def test_transcripts_are_kept_and_translations_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_spec, "with_task", lambda spec, *_: spec)  # as for a model that can translate
    with Project.create("Notes", answer="text", senses=["audio"], home=tmp_path) as project:
        add_version(project, 1, scribe.bundle())
        project.versions.promote(1)
        project.review.keep(30)
        encoded = base64.b64encode(sound_file(0.4)).decode()  # the same file would not be kept twice
        tensor = {"name": "audio", "datatype": "BYTES", "shape": [1], "data": [encoded]}
        translated = {"model": "notes", "translate": "true"}
        with client(registry(), projects=tmp_path) as served:
            answers = [
                served.post(f"/v1/audio/{task}", data={"model": "notes"}, files={"file": (f"{task}.wav", content)})
                for task, content in (("transcriptions", sound_file(0.9)), ("translations", sound_file(0.8)))
            ]
            answers += [
                served.post("/predict", data=translated, files={"file": ("predict.wav", sound_file(0.6))}),
                served.post("/v2/models/notes/infer", json={"inputs": [tensor], "parameters": {"translate": True}}),
            ]
            assert all(each.is_success for each in answers), [each.text for each in answers]
            keeper(served)
        (kept,) = project.review.queue()
        assert (kept.name, kept.cell) == ("transcriptions.wav", "a b")


def test_what_finds_no_room_is_dropped_and_counted_while_answers_go_on(
    served: TestClient, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, record = Event(), kept_answers.record
    monkeypatch.setattr(keeping, "MOST_WAITING", 3)
    monkeypatch.setattr(review_module, "record", lambda *args, **named: (go.wait(10), record(*args, **named))[1])
    project.review.keep(30)
    for number in range(12):
        ask(served, picture_file(0.3 + number / 40))
    dropped = count(served, "dropped")
    assert dropped >= 8
    go.set()
    keeper(served)
    assert count(served, "kept") == 12 - dropped == project.review.count_waiting()


@pytest.mark.parametrize("error", (SeehearError("cannot be written: No space left"), ZeroDivisionError("a fault")))
def test_a_disk_that_refuses_fails_no_answer(
    served: TestClient, project: Project, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise error

    project.review.keep(30)
    with monkeypatch.context() as patched:
        patched.setattr(review_module, "record", refuse)
        ask(served, picture_file())
        assert keeper(served).problem("boards") == str(error)
    assert count(served, "failed") == 1
    ask(served, picture_file())
    assert not keeper(served).problem("boards")
    assert project.review.count_waiting() == 1


def drop_table(project: Project) -> None:
    with project.database.writing() as connection:
        connection.exec_driver_sql("DROP TABLE prediction_inputs")


def block_folder(project: Project) -> None:
    shutil.rmtree(project.place.files)
    project.place.files.write_text("no folder")


@pytest.mark.parametrize("damage", (drop_table, block_folder))
def test_a_damaged_project_fails_no_answer_and_says_why(
    served: TestClient, project: Project, damage: Callable[[Project], None]
) -> None:
    project.review.keep(30)
    damage(project)
    ask(served, picture_file())
    assert str(project.place.folder) in keeper(served).problem("boards")
    assert count(served, "failed") == 1
    assert not list(Path(gettempdir()).glob("seehear-kept-*"))


def test_what_was_kept_is_examined_while_nobody_asks(
    served: TestClient, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_version(project, 2, tiny.exchanged())
    project.review.keep(30)
    monkeypatch.setattr(keeping, "EXAMINE_EVERY_S", 0.05)
    ask(served, picture_file(0.9))
    keeper(served)
    assert project.review.queue()[0].other is None  # somebody has just asked
    monkeypatch.setattr(keeping, "IDLE_S", 0.0)
    ask(served, picture_file(0.1))
    end_s = time.monotonic() + 20
    while any(each.other is None for each in project.review.queue()) and time.monotonic() < end_s:
        time.sleep(0.02)
    assert {each.other for each in project.review.queue()} == {(2, "dark"), (2, "bright")}


def test_what_waits_is_written_when_the_server_stops(project: Project) -> None:
    project.review.keep(30)
    with client(registry(), projects=project.place.folder.parent) as served:
        for number in range(5):
            ask(served, picture_file(0.3 + number / 10))
    assert project.review.count_waiting() == 5


def test_answers_are_deleted_after_their_days_also_when_nothing_more_is_kept(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.review.keep(30)
    for days, left in ((29, 1), (31, 0)):
        with client(registry(), projects=project.place.folder.parent) as served:
            if days == 29:
                ask(served, picture_file(0.5))
            keeper(served)
        project.review.keep(None)
        now_s = time.time() + days * 86_400
        monkeypatch.setattr(kept_answers.time, "time", lambda now_s=now_s: now_s)  # type: ignore[attr-defined]
        with client(registry(), projects=project.place.folder.parent) as served:
            keeper(served)
        assert project.review.count_waiting() == left
        monkeypatch.undo()

"""A disk that is full or may not be written to: people are told, and nothing that was there is lost."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from reading_html import get, post, read_html
from seehear.errors import DiskError
from seehear.projects import Project, content_store
from seehear.serve import resumable_uploads
from serving import client, picture_file

REFUSALS = (errno.ENOSPC, errno.EROFS)


@pytest.fixture
def served(home: Path) -> Iterator[TestClient]:
    with client(projects=home) as opened:
        post(opened, "/new", name="Boards", answer="label", senses="image")
        post(opened, "/p/boards/teach/kind", name="knot")
        opened.post("/p/boards/teach/files", data={"put": "knot"}, files={"file": ("a.png", picture_file(0.2))})
        yield opened


@pytest.mark.parametrize("code", REFUSALS)
def test_a_file_that_finds_no_room_is_refused_in_words(
    served: TestClient, home: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(content_store, "_write_all", refuse)
    answered = served.post("/p/boards/teach/files", files={"file": ("b.png", picture_file(0.8))})
    assert answered.status_code == 507
    page = read_html(answered.text)
    assert "This could not be saved." in page.text and os.strerror(code) in page.text
    monkeypatch.undo()
    assert "1 example" in get(served, "/p/boards/teach").text
    answered = served.post("/p/boards/teach/files", files={"file": ("b.png", picture_file(0.8))})
    assert answered.status_code == 200
    with Project.open("boards", home=home) as project:
        assert project.counts().examples == 2


def test_a_database_that_finds_no_room_keeps_what_it_had(served: TestClient, home: Path) -> None:
    with sqlite3.connect(home / "boards" / "project.db") as database:
        (pages,) = database.execute("PRAGMA page_count").fetchone()
    with Project.open("boards", home=home) as project:
        with pytest.raises(Exception, match="disk is full"), project.database.writing() as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
            connection.exec_driver_sql("CREATE TABLE filling (bytes BLOB)")
            connection.exec_driver_sql("INSERT INTO filling VALUES (zeroblob(1000000))")
        assert project.counts().classes == {"knot": 1}
    assert "1 example" in get(served, "/p/boards/teach").text


@pytest.mark.parametrize("code", REFUSALS)
def test_an_upload_goes_on_once_there_is_room(
    served: TestClient, home: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    content = picture_file(0.8)
    versioned = {"Tus-Resumable": "1.0.0"}
    created = served.post("/p/boards/uploads", headers={**versioned, "Upload-Length": str(len(content))})
    sent = {**versioned, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}

    def refuse(*_: Any) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(resumable_uploads, "_write", refuse)
        answered = served.patch(created.headers["location"], content=content, headers=sent)
    assert answered.status_code == 507
    assert "try again" in answered.json()["error"]
    assert served.get(created.headers["location"]).json()["offset"] == 0
    assert served.patch(created.headers["location"], content=content, headers=sent).status_code == 204


def test_other_errors_of_the_system_say_nothing_of_the_disk() -> None:
    assert DiskError.of(FileNotFoundError(errno.ENOENT, "No such file or directory")) is None
    assert DiskError.of(ValueError("x")) is None

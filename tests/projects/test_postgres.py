"""Projects on a PostgreSQL database that a team shares: the same as on SQLite, against a real server."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from made_projects import make_project, write_pictures
from postgres import find_programs
from seehear.errors import ConflictError, SeehearError
from seehear.projects import Project, Query
from seehear.projects.schema import metadata

pytest.importorskip("psycopg")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(find_programs() is None, reason="PostgreSQL is not installed")]


@pytest.fixture
def project(postgres_url: str, tmp_path: Path) -> Iterator[Project]:
    with make_project(tmp_path / "home", postgres_url) as made:
        yield made


def test_a_project_on_a_shared_database(project: Project, tmp_path: Path) -> None:
    ids = project.add(write_pictures(tmp_path, 4), "knot").ids
    project.label(ids[:2], "crack")
    with Project.open("boards", home=tmp_path / "home", who="ben") as again:
        assert again.counts().classes == {"knot": 2, "crack": 2}
        assert again.find(Query(search="CRACK")) == list(ids[:2])
        again.remove(ids[3:])
        with pytest.raises(ConflictError, match="anna put 2 examples into 'crack'"):
            again.label(ids[:1], "clear", expected={ids[0]: "knot"})
    project.undo()
    assert project.counts().classes == {"knot": 3}
    assert [entry.problem for entry in Project.list(tmp_path / "home")] == [""]


def test_the_migrations_make_the_schema(project: Project) -> None:
    with project.database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_projects_in_one_database_do_not_see_each_other(project: Project, postgres_url: str, tmp_path: Path) -> None:
    with Project.create("Other", answer="label", home=tmp_path / "home", database=postgres_url) as other:
        project.add(write_pictures(tmp_path, 2), "knot")
        assert other.counts().examples == 0


def test_people_who_write_at_once_wait_for_each_other(project: Project, tmp_path: Path) -> None:
    ids = project.add(write_pictures(tmp_path, 8), "knot").ids

    def work(number: int) -> None:
        with Project.open("boards", home=tmp_path / "home", who=f"person {number}") as mine:
            for example in ids:
                mine.set_group([example], f"group {number}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert len({each.group for each in project.examples()} - {f"group {number}" for number in range(4)}) == 0
    for change in project.history(limit=100)[:-2]:
        if not change.undone and change.undoes is None:
            project.undo(change.id)
    assert {each.group for each in project.examples()} == {""}


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SeehearError, match="its database cannot be opened"):
        Project.create("Gone", home=tmp_path, database="postgresql+psycopg://team@/postgres?host=/nowhere")

"""The schema and its migrations, and how SQLite is opened."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from made_projects import make_project
from seehear.projects import database
from seehear.projects.kept_answers import read_kept
from seehear.projects.schema import metadata


def test_the_migrations_make_the_schema(tmp_path: Path) -> None:
    with make_project(tmp_path) as project, project.database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_the_newest_migration_is_the_one_that_is_expected() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [database.NEWEST]


def test_what_is_committed_is_on_the_disk(tmp_path: Path) -> None:
    with make_project(tmp_path) as project, project.database.reading() as connection:
        pragmas = ("journal_mode", "synchronous", "foreign_keys")
        found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas]
    assert found == ["truncate", 2, 1]


def test_an_older_project_is_brought_up_to_the_newest_schema_with_what_it_holds(tmp_path: Path) -> None:
    url = database.sqlite_url(tmp_path / "old.db")
    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        columns = "at_s, source, name, answer, cell, confidence, accepted, state"
        values = "1.0, 'api', 'a.png', '{}', 'knot', 0.5, 0, 'waiting'"
        connection.exec_driver_sql(f"INSERT INTO predictions ({columns}) VALUES ({values})")
    engine.dispose()
    with closing(database.open_database(url, schema="", where="old.db")) as opened, opened.reading() as connection:
        (kept,) = read_kept(connection, [1])
    assert (kept.cell, kept.other, kept.blind) == ("knot", None, False)

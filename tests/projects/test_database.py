"""The schema and its migrations, and how SQLite is opened."""

from __future__ import annotations

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from made_projects import make_project
from seehear.projects import database
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

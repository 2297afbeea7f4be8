"""New databases for tests: made by the statements that the migrations amount to, in a sixth of their time."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy.engine import Engine

from seehear.projects import database

run_migrations = database._migrate


def migrate(engine: Engine, before: str | None, where: str) -> None:
    """Stands in for `database._migrate`. Whatever is not a new SQLite database is migrated as ever."""
    if before is not None or engine.dialect.name != "sqlite":
        run_migrations(engine, before, where)
        return
    with engine.connect().execution_options(**{database._WRITE: True}) as connection, connection.begin():
        if database._find_version(connection) is None:  # and no other process was faster
            for statement in _dump_migrated():
                connection.exec_driver_sql(statement)


@cache
def _dump_migrated() -> list[str]:
    """The statements that make a database as the migrations leave it, which run once for this."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "new.db"
        engine = database._make_engine(database.sqlite_url(path), "")
        run_migrations(engine, None, str(path))
        engine.dispose()
        with closing(sqlite3.connect(path)) as connection:
            begin, *statements, commit = connection.iterdump()
    assert (begin, commit) == ("BEGIN TRANSACTION;", "COMMIT;")
    return statements

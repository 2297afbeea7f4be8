"""A project's database: transactions that survive a crash, and errors that name the project.

SQLite is opened with `journal_mode=TRUNCATE` and `synchronous=FULL`: what was committed is on the disk. Writers take
turns, on PostgreSQL too, so that what a change saw cannot be changed by another before it is written.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, OperationalError, SQLAlchemyError

from seehear.errors import DataError, DiskError, SeehearError, UsageError

NEWEST = "0002"  # the newest migration
PATIENCE_S = 30.0  # to wait for another writer
_WRITE = "seehear_write"
_DIALECTS = ("sqlite", "postgresql")


class Database:
    """One project's database. It may be used from several threads.

    where   how messages name it: the path, or the URL without its password
    """

    def __init__(self, engine: Engine, where: str) -> None:
        self._engine, self.where = engine, where
        self._writer = threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database. Keep it short: on SQLite, writers wait for it."""
        with self._explaining(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that may write, one at a time; it is committed at the end, or rolled back on an error.

        Raises SeehearError if another writer holds the database for too long.
        """
        with self._explaining(), self._taking_turns(), self._engine.connect() as connection:
            connection = connection.execution_options(**{_WRITE: True})
            with connection.begin():
                if connection.dialect.name != "sqlite":
                    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(self._schema()))))
                yield connection

    def close(self) -> None:
        self._engine.dispose()

    def _schema(self) -> str:
        return str(self._engine.get_execution_options().get("schema_name", ""))

    @contextmanager
    def _taking_turns(self) -> Iterator[None]:
        """Threads of this process queue here, in order; SQLite's own waiting is by polling."""
        if not self._writer.acquire(timeout=PATIENCE_S):
            raise _busy(self.where)
        try:
            yield
        finally:
            self._writer.release()

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        """Errors of the database become errors that name the project."""
        try:
            yield
        except SQLAlchemyError as error:
            raise explain(error, self.where) from error
        except OverflowError as error:  # from SQLite's driver, which SQLAlchemy lets pass
            if "SQLite INTEGER" not in str(error):
                raise
            raise _unknown_number() from error


def open_database(url: URL, *, schema: str, where: str) -> Database:
    """Open a database, bring it to the newest schema, and return it.

    schema   the PostgreSQL schema that holds the project's tables; made if it is missing

    Raises DataError for one that is damaged or was made by a newer version, SeehearError if it cannot be reached.
    """
    engine = _make_engine(url, schema)
    try:
        with engine.connect() as connection:
            if connection.dialect.name != "sqlite":
                connection.execute(sa.schema.CreateSchema(schema, if_not_exists=True))
                connection.commit()
            before = _find_version(connection)
        if before != NEWEST:
            _migrate(engine, before, where)
    except SQLAlchemyError as error:
        engine.dispose()
        raise explain(error, where) from error
    except BaseException:
        engine.dispose()
        raise
    return Database(engine, where)


def sqlite_url(path: Path) -> URL:
    return URL.create("sqlite", database=str(path))


def parse_url(url: str) -> URL:
    """The URL of a team's database.

    Raises UsageError for another dialect, and for a password, which would be stored in the project's folder.
    """
    try:
        parsed = make_url(url)
        dialect = parsed.get_dialect().name
    except (SQLAlchemyError, NoSuchModuleError, ValueError):
        dialect = ""
        parsed = URL.create("none")
    if dialect != "postgresql":
        raise UsageError(f"not the URL of a database that works: {url!r}", allowed="postgresql+psycopg://HOST/DATABASE")
    if parsed.password:
        hint = "leave it out of the URL, and put it into ~/.pgpass or the variable PGPASSWORD"
        raise UsageError("the URL has a password, which would be stored in the project's folder", hint=hint)
    return parsed


def explain(error: SQLAlchemyError, where: str) -> SeehearError:
    """The error to raise for an error of the database."""
    said = str(error.orig if isinstance(error, DBAPIError) else error).strip().splitlines()[0]
    if "integer out of range" in said or "bigint out of range" in said:
        return _unknown_number()
    if "locked" in said or "busy" in said:
        return _busy(where)
    if "not a database" in said or "malformed" in said:
        hint = "restore it from a backup; the files of the project are whole"
        return DataError(f"its database is damaged: {said}", where=where, hint=hint)
    if "disk is full" in said or "readonly" in said:
        return DiskError(f"cannot be written: {said}", where=where, hint="make room, or check its permissions")
    if isinstance(error, OperationalError):
        return SeehearError(f"its database cannot be opened: {said}", where=where, hint="is it there, and running?")
    return DataError(f"its database refused: {said}", where=where, hint="restore it from a backup")


def _unknown_number() -> UsageError:
    return UsageError("a number that nothing in a project can have", hint="see the examples, versions or the history")


def _busy(where: str) -> SeehearError:
    return SeehearError(f"another program has been writing for {PATIENCE_S:.0f} seconds", where=where, hint="try again")


def _make_engine(url: URL, schema: str) -> Engine:
    if url.get_dialect().name == "sqlite":
        engine = sa.create_engine(url, connect_args={"timeout": PATIENCE_S})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    options = {"options": f"-csearch_path={schema}", "connect_timeout": int(PATIENCE_S)}
    engine = sa.create_engine(url, connect_args=options, pool_pre_ping=True)
    return engine.execution_options(schema_name=schema)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where we say so
    for pragma in ("journal_mode=TRUNCATE", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITE)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _find_version(connection: Connection) -> str | None:
    """The migration that the database is at; None for an empty one."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return found


def _migrate(engine: Engine, before: str | None, where: str) -> None:
    """Bring it to the newest schema, in one transaction, and only once if several processes open it."""
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    known = {revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()}
    if before is not None and before not in known:
        hint = "install the newest seehear: pip install --upgrade seehear"
        raise DataError(f"made by a newer version of seehear (schema {before})", where=where, hint=hint)
    with engine.connect().execution_options(**{_WRITE: True}) as connection, connection.begin():
        if connection.dialect.name != "sqlite":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(0)))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

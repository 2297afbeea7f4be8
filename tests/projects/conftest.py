"""The databases that a project may have: tests with the fixture `database` run on each."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from postgres import find_programs, running_server

_INSTALLED = find_spec("psycopg") is not None and find_programs() is not None
_MARKS = (pytest.mark.slow, pytest.mark.skipif(not _INSTALLED, reason="PostgreSQL is not installed"))


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server of our own."""
    programs = find_programs()
    assert programs is not None
    with running_server(programs) as address:
        yield address


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=_MARKS)])
def database(request: pytest.FixtureRequest) -> str | None:
    """The URL of the database of a project; None for the one in its folder."""
    return None if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))

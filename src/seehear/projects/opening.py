"""Making, opening and listing projects."""

from __future__ import annotations

import getpass
import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from seehear.errors import SeehearError, UsageError
from seehear.folders import delete
from seehear.projects import history, places
from seehear.projects.columns import ANSWER, SENSES, find_answer_column, parse_answer_column
from seehear.projects.database import Database, open_database, parse_url, sqlite_url
from seehear.projects.editing import check_text
from seehear.projects.fields import Edit
from seehear.projects.places import Place
from seehear.senses import SENSES as KNOWN_SENSES

_LONGEST_PERSON = 100  # characters


@dataclass(frozen=True, slots=True)
class ProjectEntry:
    """A project in the list of a home. `problem` says why it cannot be opened; "" if it can."""

    slug: str
    name: str
    folder: Path
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"slug": self.slug, "name": self.name, "folder": str(self.folder), "problem": self.problem}


class Opened(NamedTuple):
    """An open project: its folder, its name, its database, and the person who works on it."""

    place: Place
    name: str
    database: Database
    who: str


def create(
    home: Path, name: str, *, answer: str | None, senses: Sequence[str] | None, database: str | None, who: str | None
) -> Opened:
    """See `Project.create`."""
    column = None if answer is None else parse_answer_column(answer)
    _check_senses(senses or ())
    person = check_person(who)
    url = None if database is None else str(parse_url(database))
    place, description = places.make_place(home, name, url)
    try:
        with closing(_open_database(place, description)) as opened, opened.writing() as connection:
            change = history.begin_change(connection, person, f"made the project {name!r}")
            edits = [] if column is None else [Edit("setting", None, ANSWER, None, column.to_setting())]
            edits += [] if senses is None else [Edit("setting", None, SENSES, None, json.dumps(list(senses)))]
            history.make_edits(connection, change, edits)
        place = places.publish(place, description)
    except BaseException:
        delete(place.folder)
        raise
    return open_place(place, person)


def open_place(place: Place, who: str | None) -> Opened:
    """See `Project.open`."""
    description = place.read()
    return Opened(place, description.name, _open_database(place, description), check_person(who))


def describe(place: Place) -> ProjectEntry:
    """A line of the list, also for a project that cannot be opened."""
    name = place.slug
    try:
        description = place.read()
        name = description.name
        with closing(_open_database(place, description)) as database, database.reading() as connection:
            find_answer_column(connection)
    except SeehearError as error:
        return ProjectEntry(place.slug, name, place.folder, str(error))
    return ProjectEntry(place.slug, name, place.folder)


def _open_database(place: Place, description: places.Description) -> Database:
    if description.database is None:
        return open_database(sqlite_url(place.database), schema="", where=str(place.database))
    url = parse_url(description.database)
    return open_database(url, schema=description.schema, where=f"{url}, schema {description.schema}")


def check_person(who: str | None) -> str:
    """The name for the history: the account's, unless one is given."""
    if who is None:
        try:
            who = getpass.getuser()
        except (OSError, KeyError):  # an account without a name, as in some containers
            who = "somebody"
    if not who.strip() or len(who) > _LONGEST_PERSON:
        raise UsageError(f"not a name for a person: {who!r}", allowed=f"1 to {_LONGEST_PERSON} characters")
    return check_text(who.strip())


def _check_senses(senses: Sequence[str]) -> None:
    if unknown := [name for name in senses if name not in KNOWN_SENSES]:
        raise UsageError(f"no sense {unknown[0]!r}", allowed=", ".join(KNOWN_SENSES))

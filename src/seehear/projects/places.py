"""Where projects are stored: a home with a folder for each: `project.json`, the database, `files/` and `models/`."""

from __future__ import annotations

import json
import re
import secrets
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from seehear.errors import DataError, SeehearError, UsageError
from seehear.files import PROJECTS_FOLDER, write_atomically
from seehear.folders import delete
from seehear.strict_json import from_json

HOME = Path(PROJECTS_FOLDER)
DESCRIPTION, DATABASE = "project.json", "project.db"
FILES, MODELS = "files", "models"
_FORMAT = 1
_LONGEST_NAME, _LONGEST_SLUG = 200, 60
_NEW = ".new-"
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")  # by Windows


class Description(NamedTuple):
    """The content of `project.json`.

    id        says which project a shared database belongs to
    database  the URL of a shared database; None for SQLite in the folder
    """

    name: str
    id: str
    database: str | None

    @property
    def schema(self) -> str:
        """The PostgreSQL schema with its tables."""
        return f"seehear_{self.id}"


class Place(NamedTuple):
    """A project's folder. Its name is how the project is called in commands and addresses."""

    folder: Path

    @property
    def slug(self) -> str:
        return self.folder.name

    @property
    def database(self) -> Path:
        return self.folder / DATABASE

    @property
    def files(self) -> Path:
        return self.folder / FILES

    @property
    def models(self) -> Path:
        return self.folder / MODELS

    def read(self) -> Description:
        """Raises DataError if the project's description is missing or damaged."""
        path = self.folder / DESCRIPTION
        try:
            stored = from_json(path.read_bytes())
            if stored["format"] > _FORMAT:
                hint = "install the newest seehear: pip install --upgrade seehear"
                raise DataError("made by a newer version of seehear", where=str(self.folder), hint=hint)
            name, key, url = stored["name"], stored["id"], stored["database"]
            if not (_is_name(name) and re.fullmatch("[0-9a-f]{12}", key) and isinstance(url, str | None)):
                raise ValueError("an entry is wrong")
        except OSError as error:
            raise DataError(f"cannot be opened: {error.strerror}", where=str(path)) from None
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"is damaged: {error}", where=str(path), hint="restore it from a backup") from None
        return Description(name, key, url)

    def write(self, description: Description) -> None:
        stored = {"format": _FORMAT, **description._asdict()}
        write_atomically(self.folder / DESCRIPTION, json.dumps(stored, ensure_ascii=False, indent=2).encode() + b"\n")


def find_places(home: Path) -> Iterator[Place]:
    """The projects in a home, by name of their folders."""
    if home.is_dir():
        for folder in sorted(home.iterdir()):
            if not folder.name.startswith(".") and (folder / DESCRIPTION).exists():
                yield Place(folder)


def find_place(home: Path, name: str) -> Place:
    """The project with this name, as a person or an address writes it. Raises UsageError if there is none."""
    places = list(find_places(home))
    for place in places:
        if place.slug in (name, make_slug(name)):
            return place
    allowed = ", ".join(place.slug for place in places[:20])
    hint = "seehear project new NAME" if not places else ""
    raise UsageError(f"there is no project {name!r}", where=str(home), allowed=allowed, hint=hint)


def make_place(home: Path, name: str, database: str | None) -> tuple[Place, Description]:
    """A new folder that nobody sees yet, for a project that will be called `name`; `publish` shows it.

    Raises UsageError for a name that cannot be a folder or is taken, SeehearError if it cannot be written.
    """
    if not _is_name(name):
        raise UsageError(f"not a name for a project: {name!r}", allowed=f"1 to {_LONGEST_NAME} printable characters")
    slug = make_slug(name)
    if not slug or _RESERVED.fullmatch(slug):
        raise UsageError(f"not a name for a project: {name!r}", allowed="at least one letter, digit or symbol")
    _refuse_taken(home / slug)
    temporary = home / f"{_NEW}{secrets.token_hex(6)}"
    description = Description(name, secrets.token_hex(6), database)
    try:
        home.mkdir(parents=True, exist_ok=True)
        for folder in (temporary, temporary / FILES, temporary / MODELS):
            folder.mkdir()
    except OSError as error:
        raise SeehearError(f"no project can be made here: {error.strerror}", where=str(home)) from None
    return Place(temporary), description


def publish(place: Place, description: Description) -> Place:
    """Show a folder that is complete, under its name. Raises UsageError if the name was taken meanwhile."""
    place.write(description)
    final = place.folder.with_name(make_slug(description.name))
    try:
        place.folder.rename(final)
    except OSError:
        delete(place.folder)
        _refuse_taken(final)
        raise
    return Place(final)


def make_slug(name: str) -> str:
    """The name of a folder: "Pond birds" -> pond-birds. Letters of all scripts are kept.

    A name without letters and digits is spelled out, by what Unicode calls its symbols, as emoji are.
    """
    plain = unicodedata.normalize("NFC", name)
    symbols = (each for each in plain if unicodedata.category(each).startswith("S"))
    return _to_slug(plain) or _to_slug(" ".join(unicodedata.name(each, "") for each in symbols))


def _to_slug(text: str) -> str:
    return re.sub(r"[^\w.]+", "-", text.lower()).strip("-._")[:_LONGEST_SLUG].strip("-._")


def _refuse_taken(folder: Path) -> None:
    if folder.exists():
        raise UsageError(f"there is a project {folder.name!r} already", where=str(folder), hint="choose another name")


def _is_name(name: object) -> bool:
    return isinstance(name, str) and 0 < len(name.strip()) <= _LONGEST_NAME and name.isprintable()

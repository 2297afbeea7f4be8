"""Writes the examples of a project as a table beside a folder of files, which training and other programs read."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from seehear.amounts import format_count
from seehear.errors import DataError, SeehearError, UsageError
from seehear.events import Advanced, Finished, Listener, Started
from seehear.files import HINT
from seehear.folders import delete
from seehear.projects.examples import Query
from seehear.projects.training_data import write_table

if TYPE_CHECKING:
    from seehear.projects.project import Project

TABLE, FILES = "examples.csv", "files"
_COPYING = "exporting"


def export(project: Project, folder: Path, listen: Listener) -> int:
    """See `Project.export`."""
    if folder.exists():
        raise UsageError("there is something already", where=str(folder), hint="name a new folder")
    examples = project.examples(Query(answered=True), limit=None)
    if not examples:
        raise DataError("no example has an answer yet", where=project.slug, hint="add examples with answers")
    temporary = folder.with_name(f".{folder.name[:40]}-{secrets.token_hex(4)}")
    listen(Started(_COPYING, len(examples), "examples"))
    try:
        (temporary / FILES).mkdir(parents=True)
        for done, each in enumerate(examples, 1):
            for file in each.inputs.values():
                place = temporary / FILES / file.place
                if not place.exists():
                    place.parent.mkdir(exist_ok=True)
                    shutil.copyfile(project.path(file), place)
            listen(Advanced(_COPYING, done))
        write_table(project, examples, {}, temporary / TABLE, lambda file: f"{FILES}/{file.place}")
        temporary.rename(folder)
    except OSError as error:
        raise SeehearError(f"cannot be written: {error.strerror}", where=str(folder), hint=HINT) from None
    finally:
        delete(temporary)
    listen(Finished(_COPYING, format_count(len(examples), "example")))
    return len(examples)

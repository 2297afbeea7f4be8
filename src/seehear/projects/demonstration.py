"""A project with demo pictures, for a first try without examples of one's own."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from seehear.errors import UsageError
from seehear.events import Listener, ignore_events
from seehear.folders import temporary_folder
from seehear.projects.places import HOME, make_slug
from seehear.projects.project import Project

NAME = "Demo pictures"
UNSEEN = "unseen"  # a folder of the project


def create_demo(home: str | Path = HOME, *, who: str | None = None, listen: Listener = ignore_events) -> Project:
    """Make a project of 240 handwritten digits in four classes, with six more pictures to try; or open the one there.

    Needs scikit-learn, which has the pictures. Raises UsageError without it.
    """
    if (Path(home) / make_slug(NAME)).exists():
        return Project.open(NAME, home=home, who=who)
    if find_spec("sklearn") is None:
        raise UsageError("the demo pictures are part of scikit-learn", hint="pip install 'seehear[train]'")
    from seehear.demo.pictures import ANSWER, CLASSES, SENSES, make_pictures

    with temporary_folder() as folder:
        made = make_pictures(folder)
        project = Project.create(NAME, answer=ANSWER, senses=SENSES, home=home, who=who)
        for name in CLASSES:
            project.add_class(name)
        project.import_data(made.examples, listen=listen)
        shutil.copytree(made.unseen, project.place.folder / UNSEEN)
    return project


def find_unseen(project: Project) -> Sequence[Path]:
    """The pictures of a demo project that are not among its examples; () for other projects."""
    folder = project.place.folder / UNSEEN
    return sorted(folder.iterdir()) if folder.is_dir() else ()

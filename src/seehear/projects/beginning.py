"""A project that begins from a model file: for the same answers, with the model as its first version."""

from __future__ import annotations

from pathlib import Path

from seehear.errors import UsageError
from seehear.projects.editing import check_class
from seehear.projects.examples import edit_new_classes
from seehear.projects.history import begin_change, discard_if_empty, make_edits, shorten
from seehear.projects.places import HOME
from seehear.projects.project import Project


def begin_from_model(name: str, model: str | Path, *, home: str | Path = HOME, who: str | None = None) -> Project:
    """Make a project with the answer, the senses and the classes of a model file, which answers from then on.

    Later versions are trained on the project's examples alone. Raises BundleError for a file that is refused,
    UsageError for one whose quality was never measured, or for a name that is taken.
    """
    from seehear import api

    bundle = api.read_model(model)
    recipe = bundle.recipe
    if not recipe.results:
        raise UsageError("no project can begin from it: its quality was never measured", where=str(model))
    project = Project.create(name, answer=recipe.kind, senses=tuple(recipe.senses), home=home, who=who)
    with project.database.writing() as connection:
        change = begin_change(connection, project.who, f"began from {shorten(Path(model).name)}")
        names = [check_class(each) for each in getattr(recipe.answer, "classes", ())]
        make_edits(connection, change, edit_new_classes(connection, names))
        discard_if_empty(connection, change)
    project.versions.add(bundle)
    return project

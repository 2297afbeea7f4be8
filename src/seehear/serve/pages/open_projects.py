"""The projects that pages show, each opened once and kept open, and their versions that answer."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock

from fastapi import Request

from seehear.errors import SeehearError, UsageError
from seehear.projects import Project, ProjectEntry
from seehear.serve.models import ModelRegistry, ServedModel
from seehear.serve.pages.rendering import to_path_segment


class OpenProjects:
    """The projects of one home. Safe to use from several threads.

    models   where the versions that answer are served, under the names of their folders
    """

    def __init__(self, home: Path, models: ModelRegistry) -> None:
        self.home, self._models = home, models
        self._open: dict[str, Project] = {}
        self._lock, self._serving = Lock(), Lock()

    def list(self) -> Sequence[ProjectEntry]:
        return Project.list(self.home)

    def get(self, slug: str, person: str = "") -> Project:
        """A project for the changes of a person; "" for the account that runs the server.

        Raises UsageError if there is none, DataError if it is damaged.
        """
        with self._lock:
            project = self._open.get(slug)
            if project is not None and not project.place.folder.is_dir():
                self._open.pop(slug).close()
                project = None
            if project is None:
                project = Project.open(slug, home=self.home)
                self._open[slug] = project
        return project.as_person(person) if person else project

    def start(self) -> None:
        """Serve the versions that answer, and restart trainings whose process is gone. Damaged projects are skipped."""
        for entry in self.list():
            with suppress(SeehearError):  # the list of projects shows it
                project = self.get(entry.slug)
                self.serve(project)
                project.jobs.restart()

    def serve(self, project: Project) -> ServedModel | None:
        """Serve the version that answers from the next request on; None while a project has none.

        Raises BundleError if its file is damaged: what was served goes on being served.
        """
        version = project.versions.served()
        with self._serving:
            now = next((each for each in self._models.list() if each.name == project.slug), None)
            if version is None or (now is not None and now.path == version.path):
                return now
            return self._models.promote_loaded(project.slug, version.path, project.versions.load(version.number))

    def close(self) -> None:
        with self._lock:
            for project in self._open.values():
                project.close()
            self._open.clear()


def find_project(request: Request, slug: str) -> Project:
    """The project that a page is about, with the name of who asks. Raises UsageError, DataError."""
    projects: OpenProjects = request.app.state.projects
    return projects.get(slug, getattr(request.state, "person", ""))


def find_served(request: Request, project: Project) -> ServedModel:
    """The version that answers, loaded. Raises UsageError while there is none, BundleError if its file is damaged."""
    projects: OpenProjects = request.app.state.projects
    served = projects.serve(project)
    if served is None:
        raise UsageError("there is no version yet", where=project.name, hint="train one first")
    return served


def project_address(slug: str) -> str:
    return f"/p/{to_path_segment(slug)}"

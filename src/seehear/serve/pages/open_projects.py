"""The projects that pages show, each opened once and kept open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from fastapi import Request

from seehear.projects import Project, ProjectEntry
from seehear.serve.pages.rendering import to_path_segment


class OpenProjects:
    """The projects of one home. Safe to use from several threads."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._open: dict[str, Project] = {}
        self._lock = Lock()

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

    def close(self) -> None:
        with self._lock:
            for project in self._open.values():
                project.close()
            self._open.clear()


def find_project(request: Request, slug: str) -> Project:
    """The project that a page is about, with the name of who asks. Raises UsageError, DataError."""
    projects: OpenProjects = request.app.state.projects
    return projects.get(slug, getattr(request.state, "person", ""))


def project_address(slug: str) -> str:
    return f"/p/{to_path_segment(slug)}"

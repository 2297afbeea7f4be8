"""The project that a page is about, and its address."""

from __future__ import annotations

from fastapi import Request

from seehear.errors import UsageError
from seehear.projects import Project
from seehear.serve.models import ServedModel
from seehear.serve.open_projects import OpenProjects
from seehear.serve.pages.rendering import to_path_segment


def find_project(request: Request, slug: str) -> Project:
    """The project that a page is about, with the name of who asks. Raises UsageError, DataError."""
    projects: OpenProjects = request.app.state.projects
    return projects.get(slug, find_person(request))


def find_person(request: Request) -> str:
    """The name of who asks; "" for the account that runs the server."""
    return getattr(request.state, "person", "")


def find_served(request: Request, project: Project) -> ServedModel:
    """The version that answers, loaded. Raises UsageError while there is none, BundleError if its file is damaged."""
    projects: OpenProjects = request.app.state.projects
    served = projects.serve(project)
    if served is None:
        raise UsageError("there is no version yet", where=project.name, hint="train one first")
    return served


def project_address(slug: str) -> str:
    return f"/p/{to_path_segment(slug)}"

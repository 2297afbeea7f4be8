"""The demo pictures: a project made of them, and the pictures to try that are not among its examples."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, RedirectResponse, Response

from seehear.projects import Project, create_demo
from seehear.projects.demonstration import find_unseen
from seehear.senses.input_file import FileBytes
from seehear.serve.open_projects import OpenProjects
from seehear.serve.pages.open_projects import find_person, find_project, project_address
from seehear.serve.pages.routing import page_router
from seehear.serve.uploads import Form, Upload

router = page_router()


@router.post("/demo")
async def create(request: Request) -> Response:
    """Make the demo project, or go to the one that is there."""
    projects: OpenProjects = request.app.state.projects
    person = find_person(request) or None
    project = await asyncio.to_thread(create_demo, projects.home, who=person)
    slug = project.slug
    project.close()
    return RedirectResponse(f"{project_address(slug)}/teach", 303)


@router.get("/p/{slug}/unseen/{name}")
def show(request: Request, slug: str, name: str) -> Response:
    """One of the pictures to try."""
    return FileResponse(_find(find_project(request, slug), name))


def add_unseen(project: Project, form: Form) -> None:
    """Add the picture that the field `unseen` names, as if it had been sent."""
    for name in form.values.get("unseen", ()):
        content = FileBytes(_find(project, name).read_bytes())
        content.name = name
        form.files["file"] = Upload(name, content, len(content))


def _find(project: Project, name: str) -> Path:
    found = next((path for path in find_unseen(project) if path.name == name), None)
    if found is None:
        raise HTTPException(404, "there is no such picture to try")
    return found
